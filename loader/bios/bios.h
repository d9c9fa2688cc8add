/* SPDX-License-Identifier: MIT */
/* What the boot sector, stage 2's assembly and stage 2's C agree on. */
#ifndef LOADER_BIOS_H
#define LOADER_BIOS_H

#include "bareflow/gen/memmap.h"
#include "bareflow/gen/verdict.h"

/* At MEM_HANDOVER. */
#define HANDOVER_TSC 0 /* u64: time stamp of the first instruction */
#define HANDOVER_FAIL                                                                                        \
    8 /* u32: segment:offset of the boot sector's routine that says ds:si and ends the machine */
#define HANDOVER_DRIVE 12 /* u8: BIOS number of the boot drive */

/* The serial ports' addresses in the BIOS data area. */
#define BDA_COM1 0x400
#define BDA_COM2 0x402

/* bios_registers, as popal and pushal have them. */
#define REGISTERS_SIZE 32

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

/* What bios_call takes for a vector to call the real-mode routine whose segment:offset lies at `address`. */
#define BIOS_VECTOR_AT(address) ((address) / 4)
#endif

#endif
