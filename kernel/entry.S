/* SPDX-License-Identifier: MIT */
/* The kernel's header, its 64-bit entry up to C, and the one way in and out of traps and system calls. */
#include "bareflow/gen/boot.h"
#include "bareflow/gen/memmap.h"
#include "frame.h"

#define TABLE 3                         /* page-table flags: present, writable */
#define CR0_READY 0x80000033            /* paging, numeric error, monitor coprocessor, protection */
#define CR0_WRITE_PROTECT_BIT 16
#define MSR_EFER 0xc0000080
#define EFER_SCE_NXE 0x801              /* the syscall instruction; no-execute, which our tables use */

    .section .header, "ax"
kernel_header:
    .long   KERNEL_MAGIC, KERNEL_ABI_VERSION
    .long   0                           /* file_size and crc32 are filled in after linking */
    .long   kernel_memory_size
    .long   kernel_entry - kernel_header
    .long   0, 0
    .long   kernel_scratch              /* for the packer, whose own header has zero here */

/* State: long mode, rdi = boot info (physical), low 4 GiB mapped 1:1, memory behind the file zeroed. We run at a
 * physical address, so only rip-relative addresses are right until the jump to `high`. */
    .globl  kernel_entry
kernel_entry:
    cli
    cld
    mov     %rdi, %rsi
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $EFER_SCE_NXE, %eax
    wrmsr

    lea     kernel_header+1(%rip), %rax
    lea     kernel_pt(%rip), %rdi
    mov     $kernel_text_pages, %ecx    /* code and constants: readable and executable */
    call    entry_fill_small
    or      $2, %al
    bts     $63, %rax
    mov     $kernel_data_pages, %ecx    /* data: writable, never executable */
    call    entry_fill_small
    lea     direct_pd(%rip), %rdi
    mov     $0x83, %eax
    mov     $2048, %ecx
    mov     $0x200000, %edx             /* the low 4 GiB in 2 MiB pages */
    call    entry_fill
    lea     direct_pd+TABLE(%rip), %rax
    mov     $4, %ecx
    lea     direct_pdpt(%rip), %rdi
    call    entry_fill_small

    lea     kernel_pt+TABLE(%rip), %rax
    mov     %rax, kernel_pd(%rip)
    lea     kernel_pd+TABLE(%rip), %rax
    mov     %rax, kernel_pdpt+510*8(%rip)
    lea     kernel_pdpt+TABLE(%rip), %rax
    mov     %rax, pml4+511*8(%rip)
    lea     direct_pdpt+TABLE(%rip), %rax
    mov     %rax, pml4(%rip)            /* 1:1 until kernel_main drops it */
    bts     $63, %rax
    mov     %rax, pml4+256*8(%rip)
    lea     pml4(%rip), %rax
    mov     %rax, %cr3
    mov     $high, %rax
    jmp     *%rax

entry_fill_small:
    mov     $0x1000, %edx
entry_fill:
    stosq
    add     %rdx, %rax
    loop    entry_fill
    ret

/* State: our page tables. The descriptor tables' addresses are right from here on. */
high:
    lea     syscall_stack_top(%rip), %rsp
    lea     idt(%rip), %rdi             /* interrupt gates, trap_stubs' addresses 4 apart, first interrupt stack */
    mov     $KERNEL_CS << 16 | (trap_stubs - kernel_header), %eax
    mov     $TRAP_VECTORS, %ecx
1:  mov     %eax, (%rdi)
    movl    $0x80008e01, 4(%rdi)
    movl    $-1, 8(%rdi)
    add     $16, %rdi
    add     $4, %eax
    loop    1b
    lea     idt+4(%rip), %rdi           /* NMI, double fault, machine check can interrupt a trap: second stack */
    incl    2*16(%rdi)
    incl    8*16(%rdi)
    incl    18*16(%rdi)
    lidt    idt_pointer(%rip)
    lgdt    gdt_pointer(%rip)
    mov     $CR0_READY, %eax            /* loading the task register marks its descriptor, which lies in our code */
    mov     %rax, %cr0
    push    $TSS_SELECTOR
    ltr     (%rsp)
    bts     $CR0_WRITE_PROTECT_BIT, %eax
    mov     %rax, %cr0
    push    $KERNEL_CS
    push    $1f
    lretq
1:  mov     $KERNEL_SS, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    xor     %eax, %eax
    mov     %eax, %fs
    mov     %eax, %gs
    mov     %rsi, %rdi
    call    kernel_main

    .balign 4
idt_pointer:
    .short  16 * TRAP_VECTORS - 1
    .quad   idt
gdt_pointer:
    .short  gdt_end - gdt - 1
    .quad   gdt
gdt:                                    /* SDM volume 3, 3.4.5 and 7.2.3; the first entry is never used */
    .quad   0
    .quad   0x00af9b000000ffff          /* 64-bit code */
    .quad   0x00cf93000000ffff          /* data */
    .short  103, tss - kernel_header    /* task state; the kernel's base ends in 31 zeros after its highest bit */
    .long   0x80008900, -1, 0
gdt_end:
    .set    tss, . - 36                 /* only its interrupt stacks are read (7.7): the rest is what lies around */
    .quad   syscall_stack_top + STACK_STRIDE
    .quad   syscall_stack_top + 2 * STACK_STRIDE

/* Every vector pushes its number, in four bytes. Interrupt stacks start 16-byte aligned, so the alignment here tells
 * whether the CPU has pushed an error code. */
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

trap_common:
    cld
    call    frame_push
    mov     %rsp, %rdi
    call    trap_handle

/* Leaves the kernel through the frame at rsp. */
    .globl  frame_resume
frame_resume:
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

/* void resume(struct frame *) */
    .globl  resume
resume:
    mov     %rdi, %rsp
    jmp     frame_resume

/* Completes the frame below vector, error code, rip, cs, rflags, rsp, ss. Every register but rsp keeps its value. */
    .globl  frame_push
frame_push:
    xchg    %r15, (%rsp)                /* the return address for r15, whose place this is */
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
    jmp     *%r15

    .section .bss.pages, "aw", @nobits
    .balign 4096
    .globl  pml4, direct_pdpt, kernel_pt
pml4:        .skip 4096
direct_pdpt: .skip 4096
direct_pd:   .skip 4 * 4096
kernel_pdpt: .skip 4096
kernel_pd:   .skip 4096
kernel_pt:   .skip 4096
idt:         .skip 16 * TRAP_VECTORS

/* System calls, traps, and traps while handling those. paging.c takes a guard page below each out of the table. */
    .section .bss_stacks, "aw", @nobits
    .balign 4096
    .globl  stacks, syscall_stack_top
stacks:
    .skip   STACK_STRIDE
syscall_stack_top:
    .skip   2 * STACK_STRIDE
