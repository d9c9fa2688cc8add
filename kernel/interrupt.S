/* SPDX-License-Identifier: MIT */
/* The way in and out of interrupts. They come only while the workload runs, on the stack of traps: the red zone of the
 * workload's own stays untouched, and no trap can be under way. */
#ifdef CONFIG_GROW
#include "frame.h"
#include "grow.h"

    .section .text.entry, "ax"

/* State: rip, cs, rflags, rsp, ss pushed by the CPU. */
    .globl  interrupt_timer, interrupt_spurious
interrupt_timer:
    push    $0
    push    $VECTOR_TIMER
    cld
    call    frame_push
    mov     %rsp, %rdi
    call    timer_interrupt
    jmp     frame_resume

interrupt_spurious:
    iretq
#endif
