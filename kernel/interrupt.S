/* SPDX-License-Identifier: MIT */
/* The way in and out of interrupts. They come only while the workload runs, on the stack of traps: the red zone of the
 * workload's own stays untouched, and no trap can be under way. */
#ifdef CONFIG_SIGNALS
#include "frame.h"
#include "grow.h"

    .section .text.entry, "ax"

/* State: rip, cs, rflags, rsp, ss pushed by the CPU. */
    .globl  interrupt_timer, interrupt_spurious
#ifdef CONFIG_GROW
    .globl  interrupt_wire
interrupt_wire:
    push    $0
    push    $VECTOR_WIRE
    jmp     1f
#endif
interrupt_timer:
    push    $0
    push    $VECTOR_TIMER
1:  cld
    call    frame_push
    mov     %rsp, %rdi
    call    interrupt_handle
    jmp     frame_resume

interrupt_spurious:
    iretq
#endif
