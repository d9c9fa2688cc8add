/* SPDX-License-Identifier: MIT */
/* The way to long mode, for assembly of 16 and 32 bits alike. Source: SDM volume 3, 10.8.5. */
/* clang-format off */
#ifndef LOADER_LONG_MODE_H
#define LOADER_LONG_MODE_H

#define CR0_PE 0x00000001
#define CR0_WP 0x00010000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define EFER_LMA 0x400
#define PAGE_TABLE 3    /* present, writable */
#define PAGE_LARGE 0x83 /* the same, of 2 MiB */

/* Goes to `fail` with the sentence's address in `text` unless the processor has long mode and no-execute pages, which
 * the kernel rests on. Changes eax to edx. */
    .macro require_long_mode text, fail
    movl $0x80000000, %eax
    cpuid
    mov $not_64_bit, \text
    cmpl $0x80000001, %eax
    jb \fail
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc \fail
    btl $20, %edx
    jnc \fail
    .endm

/* The sentence. */
    .macro not_64_bit_text
not_64_bit:
    .asciz "L: no 64-bit processor with NX"
    .endm

/* Descriptors of flat segments, the accessed bits set. */
#define CODE64_DESCRIPTOR 0x00af9b000000ffff
#define DATA_DESCRIPTOR 0x00cf93000000ffff

#endif
