/* SPDX-License-Identifier: MIT */
/* The doors between native code and bytecode, for the System V AMD64 ABI. */
#include <bareflow/interp.h>

    .text

/* Native code calls an interpreted function: its thunk put the function's number in eax and jumped here.
 * All argument registers and the stack are as the caller left them, so al, the number of vector registers
 * in a variadic call, is lost; all eight are saved always. */
    .globl bf_interp_entry
    .type bf_interp_entry, @function
    .balign 16
bf_interp_entry:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    subq $INTERP_REGS_SIZEOF, %rsp
    movq %rdi, 0(%rsp)
    movq %rsi, 8(%rsp)
    movq %rdx, 16(%rsp)
    movq %rcx, 24(%rsp)
    movq %r8, 32(%rsp)
    movq %r9, 40(%rsp)
    movaps %xmm0, INTERP_REGS_XMM+0(%rsp)
    movaps %xmm1, INTERP_REGS_XMM+16(%rsp)
    movaps %xmm2, INTERP_REGS_XMM+32(%rsp)
    movaps %xmm3, INTERP_REGS_XMM+48(%rsp)
    movaps %xmm4, INTERP_REGS_XMM+64(%rsp)
    movaps %xmm5, INTERP_REGS_XMM+80(%rsp)
    movaps %xmm6, INTERP_REGS_XMM+96(%rsp)
    movaps %xmm7, INTERP_REGS_XMM+112(%rsp)
    leaq 16(%rbp), %rcx
    movq %rcx, INTERP_REGS_STACK(%rsp)
    movl %eax, %edi
    movq %rsp, %rsi
    call bf_interp_enter
    movq INTERP_REGS_RESULT+0(%rsp), %rax
    movq INTERP_REGS_RESULT+8(%rsp), %rdx
    movups INTERP_REGS_RESULT+INTERP_RESULT_XMM+0(%rsp), %xmm0
    movups INTERP_REGS_RESULT+INTERP_RESULT_XMM+16(%rsp), %xmm1
    cmpl $1, INTERP_REGS_RESULT+INTERP_RESULT_X87S(%rsp)
    jb 2f
    je 1f
    fldt INTERP_REGS_RESULT+INTERP_RESULT_X87+16(%rsp)
1:  fldt INTERP_REGS_RESULT+INTERP_RESULT_X87+0(%rsp)
2:  leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size bf_interp_entry, . - bf_interp_entry

/* Bytecode calls native code: rdi points to a struct interp_out. */
    .globl bf_interp_native
    .type bf_interp_native, @function
    .balign 16
bf_interp_native:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    .cfi_offset %rbx, -24
    subq $8, %rsp
    movq %rdi, %rbx
    movq INTERP_OUT_STACK_WORDS(%rbx), %rcx
    movq INTERP_OUT_STACK(%rbx), %rsi
    leaq (,%rcx,8), %rax
    subq %rax, %rsp
    andq $-64, %rsp                             /* structs passed in memory are aligned by up to 64 bytes */
    movq %rsp, %rdi
    rep movsq
    movups INTERP_OUT_XMM+0(%rbx), %xmm0
    movups INTERP_OUT_XMM+16(%rbx), %xmm1
    movups INTERP_OUT_XMM+32(%rbx), %xmm2
    movups INTERP_OUT_XMM+48(%rbx), %xmm3
    movups INTERP_OUT_XMM+64(%rbx), %xmm4
    movups INTERP_OUT_XMM+80(%rbx), %xmm5
    movups INTERP_OUT_XMM+96(%rbx), %xmm6
    movups INTERP_OUT_XMM+112(%rbx), %xmm7
    movq INTERP_OUT_GPR+0(%rbx), %rdi
    movq INTERP_OUT_GPR+8(%rbx), %rsi
    movq INTERP_OUT_GPR+16(%rbx), %rdx
    movq INTERP_OUT_GPR+24(%rbx), %rcx
    movq INTERP_OUT_GPR+32(%rbx), %r8
    movq INTERP_OUT_GPR+40(%rbx), %r9
    movl INTERP_OUT_VECTORS(%rbx), %eax
    call *(%rbx)
    movq %rax, INTERP_OUT_RESULT+0(%rbx)
    movq %rdx, INTERP_OUT_RESULT+8(%rbx)
    movups %xmm0, INTERP_OUT_RESULT+INTERP_RESULT_XMM+0(%rbx)
    movups %xmm1, INTERP_OUT_RESULT+INTERP_RESULT_XMM+16(%rbx)
    cmpl $1, INTERP_OUT_RESULT+INTERP_RESULT_X87S(%rbx)
    jb 1f
    fstpt INTERP_OUT_RESULT+INTERP_RESULT_X87+0(%rbx)
    je 1f                                       /* fstpt leaves the flags alone */
    fstpt INTERP_OUT_RESULT+INTERP_RESULT_X87+16(%rbx)
1:  movq -8(%rbp), %rbx
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size bf_interp_native, . - bf_interp_native

/* Bytecode calls setjmp: rdi points to a struct interp_twice. What longjmp brings back is the registers of the
 * call of setjmp, and the stack pointer; the stack below the caller's frame has been used for other things by
 * then, so all that is needed behind it lies in rbx and r12 and in the struct. */
    .globl bf_interp_twice
    .type bf_interp_twice, @function
    .balign 16
bf_interp_twice:
    .cfi_startproc
    .cfi_undefined %rip
    popq INTERP_TWICE_BACK(%rdi)
    movq %rsp, INTERP_TWICE_SAVED+0(%rdi)
    movq %rbx, INTERP_TWICE_SAVED+8(%rdi)
    movq %rbp, INTERP_TWICE_SAVED+16(%rdi)
    movq %r12, INTERP_TWICE_SAVED+24(%rdi)
    movq %r13, INTERP_TWICE_SAVED+32(%rdi)
    movq %r14, INTERP_TWICE_SAVED+40(%rdi)
    movq %r15, INTERP_TWICE_SAVED+48(%rdi)
    movq %rdi, %rbx
    movq INTERP_TWICE_SITE(%rbx), %r12
    movq INTERP_TWICE_ARGUMENT+0(%rbx), %rdi
    movq INTERP_TWICE_ARGUMENT+8(%rbx), %rsi
    call *INTERP_TWICE_TARGET(%rbx)             /* rsp is aligned, as before the call of this function */
    movq %r12, INTERP_TWICE_SITE(%rbx)
    movl %eax, %eax
    movq %rax, INTERP_TWICE_CAME(%rbx)
    movq %rbx, %rdi
    movq INTERP_TWICE_SAVED+0(%rdi), %rsp
    movq INTERP_TWICE_SAVED+8(%rdi), %rbx
    movq INTERP_TWICE_SAVED+16(%rdi), %rbp
    movq INTERP_TWICE_SAVED+24(%rdi), %r12
    movq INTERP_TWICE_SAVED+32(%rdi), %r13
    movq INTERP_TWICE_SAVED+40(%rdi), %r14
    movq INTERP_TWICE_SAVED+48(%rdi), %r15
    jmp *INTERP_TWICE_BACK(%rdi)
    .cfi_endproc
    .size bf_interp_twice, . - bf_interp_twice

    .section .note.GNU-stack,"",@progbits
