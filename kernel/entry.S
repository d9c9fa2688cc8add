/* SPDX-License-Identifier: MIT */
/* The kernel's header, its 64-bit entry, and the one way in and out of traps and system calls. */
#include "bareflow/gen/boot.h"
#include "bareflow/gen/memmap.h"
#include "frame.h"

    .section .header, "ax"
kernel_header:
    .long KERNEL_MAGIC, KERNEL_ABI_VERSION
    .long 0                             /* file_size and crc32 are filled in after linking */
    .long kernel_memory_size
    .long kernel_entry - kernel_header
    .long 0, 0, 0

/* State: long mode, rdi = boot info (physical), low 4 GiB mapped 1:1, data after the file zeroed. We run at a
 * physical address, so only rip-relative addresses are right until the jump to `high`. */
    .globl kernel_entry
kernel_entry:
    cli
    cld
    mov     %rdi, %rsi
    mov     $0xc0000080, %ecx           /* EFER */
    rdmsr
    or      $0x801, %eax                /* NXE: our tables use it. SCE: the syscall instruction */
    wrmsr
    lea     kernel_header(%rip), %rbx

    lea     kernel_pt(%rip), %rdi       /* code and constants: readable and executable */
    lea     1(%rbx), %rax
    mov     $kernel_text_pages, %ecx
1:  stosq
    add     $0x1000, %rax
    loop    1b
    or      $2, %al                     /* data: writable, never executable */
    bts     $63, %rax
    mov     $kernel_data_pages, %ecx
1:  stosq
    add     $0x1000, %rax
    loop    1b

    lea     direct_pd(%rip), %rdi       /* the low 4 GiB in 2 MiB pages */
    mov     $0x83, %eax
    mov     $2048, %ecx
1:  stosq
    add     $0x200000, %rax
    loop    1b
    lea     direct_pdpt(%rip), %rdi
    lea     direct_pd+3(%rip), %rax
    mov     $4, %cl
1:  stosq
    add     $0x1000, %rax
    loop    1b

    lea     kernel_pt+3(%rip), %rax
    mov     %rax, kernel_pd(%rip)
    lea     kernel_pd+3(%rip), %rax
    mov     %rax, kernel_pdpt+510*8(%rip)
    lea     kernel_pdpt+3(%rip), %rax
    mov     %rax, pml4+511*8(%rip)
    lea     direct_pdpt+3(%rip), %rax
    mov     %rax, pml4(%rip)            /* 1:1 until kernel_main has copied what it needs */
    bts     $63, %rax
    mov     %rax, pml4+256*8(%rip)
    lea     pml4(%rip), %rax
    mov     %rax, %cr3
    mov     $high, %rax
    jmp     *%rax
high:
    lea     syscall_stack_top(%rip), %rsp
    mov     %rsi, %rdi
    call    kernel_main
    ud2

/* Every vector pushes its number; four bytes each, which cpu.c relies on. Interrupt stacks start 16-byte aligned,
 * so the alignment here tells whether the CPU has pushed an error code. */
    .section .text.entry, "ax"
    .globl trap_stubs
trap_stubs:
    .set    vector, 0
    .rept   TRAP_VECTORS
    push    $vector
    jmp     trap_entry
    .set    vector, vector + 1
    .endr
trap_entry:
    testb   $8, %spl
    jnz     trap_common
    push    (%rsp)
    movq    $0, 8(%rsp)

/* Stack: vector, error code, rip, cs, rflags, rsp, ss: what struct frame ends with. */
trap_common:
    cld
    push    %r15
    push    %r14
    push    %r13
    push    %r12
    push    %r11
    push    %r10
    push    %r9
    push    %r8
    push    %rdi
    push    %rsi
    push    %rbp
    push    %rsp
    push    %rbx
    push    %rdx
    push    %rcx
    push    %rax
    mov     %rsp, %rdi
    call    trap_handle
trap_return:
    pop     %rax
    pop     %rcx
    pop     %rdx
    pop     %rbx
    pop     %rbp                        /* the frame's own rsp: skipped */
    pop     %rbp
    pop     %rsi
    pop     %rdi
    pop     %r8
    pop     %r9
    pop     %r10
    pop     %r11
    pop     %r12
    pop     %r13
    pop     %r14
    pop     %r15
    add     $16, %rsp
    iretq

/* State: rcx = return address, r11 = flags, the workload's stack with its red zone, which stays untouched. */
    .globl syscall_entry
syscall_entry:
    mov     %rsp, syscall_user_rsp(%rip)
    lea     syscall_stack_top(%rip), %rsp
    push    $WORKLOAD_SS
    push    syscall_user_rsp(%rip)
    push    %r11
    push    $WORKLOAD_CS
    push    %rcx
    push    $0
    push    $VECTOR_SYSCALL
    jmp     trap_common

/* A system call that touched a bad address of the workload's is resumed here: rsp = its frame. */
    .globl syscall_fault
syscall_fault:
    movq    $-14, FRAME_RAX_OFFSET(%rsp) /* -EFAULT */
    jmp     trap_return

/* void resume(struct frame *): leaves the kernel for the workload. */
    .globl resume
resume:
    mov     %rdi, %rsp
    jmp     trap_return

    .section .bss.pages, "aw", @nobits
    .balign 4096
    .globl pml4, direct_pdpt, kernel_pt
pml4:        .skip 4096
direct_pdpt: .skip 4096
direct_pd:   .skip 4 * 4096
kernel_pdpt: .skip 4096
kernel_pd:   .skip 4096
kernel_pt:   .skip 4096
syscall_user_rsp: .skip 8

/* A guard page, which memory.c takes out of the page table, lies below each stack. */
    .section .bss_stacks, "aw", @nobits
    .balign 4096
    .globl stacks, syscall_stack_top
stacks:
    .skip   STACK_STRIDE
syscall_stack_top:
    .skip   2 * STACK_STRIDE
