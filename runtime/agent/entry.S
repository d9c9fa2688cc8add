/* SPDX-License-Identifier: MIT */
/* Where stubs go when their counter is used up, and where timed calls return to. Every register that may hold
 * an argument or a result is kept; vector registers are kept by never being touched (-mgeneral-regs-only).
 * r11 is free at a call by every calling convention. */
#include "bareflow/gen/growth.h"

        .text
        .globl bf_slow, bf_timing_return, bf_signal_return

/* r11d: function's index, GROWTH_SELF set for a call to itself. 0(%rsp): its return address. */
        .p2align 4
        .type bf_slow, @function
bf_slow:
        push %rax                       /* number of vector arguments of a variadic call */
        push %rdi
        push %rsi
        push %rdx
        push %rcx
        push %r8
        push %r9
        push %r10                       /* static chain */
        push %r11
        mov %r11d, %edi
        lea 72(%rsp), %rsi
        call bf_slow_path
        test %rax, %rax
        jz 1f
        mov %rax, %rcx
        rdtsc
        shl $32, %rdx
        or %rdx, %rax
        mov %rax, (%rcx)                /* bf_timed_call.start: as late as can be */
1:      pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rcx
        pop %rdx
        pop %rsi
        pop %rdi
        pop %rax
        and $~GROWTH_SELF, %r11d
        shl $5, %r11
        jmp *bf_slots(%r11)
        .size bf_slow, . - bf_slow
        .if SLOT_SIZEOF - 32
        .error "a slot is not 32 bytes"
        .endif

        .p2align 4
        .type bf_timing_return, @function
bf_timing_return:
        sub $8, %rsp                    /* the return address stood here */
        push %rax
        push %rdx
        rdtsc
        shl $32, %rdx
        or %rdx, %rax
        push %rdi
        push %rsi
        push %rcx
        push %r8
        push %r9
        push %r10
        push %r11
        mov %rax, %rdi
        lea 72(%rsp), %rsi
        call bf_timed_return
        mov %rax, 72(%rsp)
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rcx
        pop %rsi
        pop %rdi
        pop %rdx
        pop %rax
        ret
        .size bf_timing_return, . - bf_timing_return

        .p2align 4
        .type bf_signal_return, @function
bf_signal_return:
        mov $15, %eax                   /* rt_sigreturn */
        syscall
        .size bf_signal_return, . - bf_signal_return

        .section .note.GNU-stack, "", @progbits
