/* SPDX-License-Identifier: MIT */
/* The registers saved on a trap or system call, and numbers that entry.S shares with C. */
#ifndef KERNEL_FRAME_H
#define KERNEL_FRAME_H

/* Vectors 0 to 21 are defined (SDM volume 3, 6.3.1); a higher one ends as a general protection fault. */
#define TRAP_VECTORS 22
#define VECTOR_PAGE_FAULT 14
#define VECTOR_SYSCALL 32

/* Segment selectors; the workload runs in ring 0. */
#define KERNEL_CS 0x08
#define KERNEL_SS 0x10
#define TSS_SELECTOR 0x18
#define WORKLOAD_CS KERNEL_CS
#define WORKLOAD_SS KERNEL_SS

/* Stacks, each a guard page and then its memory: system calls, traps, and traps while handling those. */
#define STACK_STRIDE 0x4000
#define STACK_COUNT 3

#define FRAME_RAX_OFFSET 0
#define FRAME_SIZEOF 184

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct frame {
    uint64_t rax, rcx, rdx, rbx, self, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
_Static_assert(offsetof(struct frame, rax) == FRAME_RAX_OFFSET, "rax");
_Static_assert(sizeof(struct frame) == FRAME_SIZEOF, "frame");
#endif

#endif
