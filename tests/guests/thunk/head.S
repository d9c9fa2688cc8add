/* SPDX-License-Identifier: MIT */
/* The head that stage 2 looks for, before a kernel in C. */
#include "bareflow/gen/boot.h"

    .section .head, "a"
    .long KERNEL_MAGIC, KERNEL_ABI_VERSION, 0, 0x10000, KERNEL_HEADER_SIZEOF, 0, 0, 0
    .section .text.entry, "ax"
    .code64
    .globl entry
entry:
    jmp start
