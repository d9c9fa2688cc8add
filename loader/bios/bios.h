/* SPDX-License-Identifier: MIT */
/* What the boot sector, stage 2's assembly and stage 2's C agree on. */
#ifndef LOADER_BIOS_H
#define LOADER_BIOS_H

#include "bareflow/gen/memmap.h"
#include "bareflow/gen/verdict.h"

/* At MEM_HANDOVER. */
#define HANDOVER_TSC 0    /* u64: time stamp of the first instruction */
#define HANDOVER_FAIL 8   /* u16: routine of the boot sector that never returns; al = failure letter */
#define HANDOVER_DRIVE 10 /* u8: BIOS number of the boot drive */

/* First serial port's address in the BIOS data area. */
#define BDA_COM1 0x400
#define BDA_COM2 0x402

/* bios_registers, as popal and pushal have them. */
#define REGISTERS_SIZE 32
#define PAGE_NX_HIGH 0x80000000 /* bit 63 of a table entry, in its upper half */

#ifndef __ASSEMBLER__
#include <stdint.h>

struct bios_registers {
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
    uint32_t flags; /* out only */
};

extern struct bios_registers bios_registers;

/* Calls real-mode interrupt `vector` with `bios_registers` (DS = ES = 0) and puts what comes back there. May
 * be called from 64-bit code under any page tables below 4 GiB that map the low 1 MiB to itself: 0x8000 and
 * on executable, the loader's data writable. Control registers, descriptor tables, segments and flags are
 * kept. */
void bios_call(uint32_t vector);
#endif

#endif
