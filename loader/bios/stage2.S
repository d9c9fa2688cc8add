/* SPDX-License-Identifier: MIT */
/* Stage 2: from real mode to 64-bit C, and back for each call of the firmware. */
#include "bios.h"
#include "long_mode.h"

#define CODE64 0x08
#define CODE32 0x10
#define DATA 0x18
#define CODE16 0x20
#define DATA16 0x28

#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101

    .section .text.start, "ax"
    .code16
    .globl stage2
    /* Real mode, cs = ds = es = 0, a stack of 64 KiB, dl = boot drive, checked by the boot sector. */
stage2:
    cld
    call a20_is_on
    jne 1f
    movw $0x2401, %ax /* the firmware's way */
    int $0x15
    call a20_is_on
    jne 1f
    inb $0x92, %al /* the chipset's way; bit 0 would reset the machine */
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    call a20_is_on
    movw $no_a20, %si
    je fail

1:  require_long_mode %si, fail

    /* The tables and stage 2's variables lie side by side. */
    xorl %eax, %eax
    movw $MEM_LOADER_TABLES, %di
    movw $(MEM_HANDOVER - MEM_LOADER_TABLES) / 4, %cx
    rep stosl

    /* One page of each upper level, four of 2 MiB pages: the low 4 GiB 1:1. The kernel makes its own
     * at once, with nothing both writable and executable. */
    movw $MEM_LOADER_TABLES + 0x1000 + PAGE_TABLE, MEM_LOADER_TABLES
    movw $MEM_LOADER_TABLES + 0x1000, %di
    movw $MEM_LOADER_TABLES + 0x2000 + PAGE_TABLE, %ax
2:  stosw
    addw $6, %di
    addw $0x1000, %ax
    cmpw $MEM_LOADER_TABLES + 0x6000 + PAGE_TABLE, %ax
    jne 2b
    movw $MEM_LOADER_TABLES + 0x2000, %di
    movl $PAGE_LARGE, %eax
3:  stosl
    addw $4, %di
    addl $0x200000, %eax
    jnc 3b

    movl %cr4, %eax
    movl %eax, firmware_cr4
    movl $MEM_LOADER_TABLES, %ebx
    movl $EFER_LME, %edi
    movl %cr0, %ebp
    orl $CR0_PG | CR0_WP | CR0_PE, %ebp
    movl $first64, %esi
    jmp to_long_mode

fail:
    jmp *MEM_HANDOVER + HANDOVER_FAIL
no_a20:
    .asciz "A: address line 20"
    not_64_bit_text

    /* ZF = 0 if a word above 1 MiB is not the one 1 MiB below it. */
a20_is_on:
    movw $0xffff, %ax
    movw %ax, %fs
    movw $0x500, %di
    movw (%di), %ax
    pushw %ax
    notw %ax
    movw %ax, %fs:0x10(%di)
    cmpw %ax, (%di)
    popw (%di)
    ret

    .code64
first64:
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl $MEM_LOADER_STACK_TOP, %esp
    call stage2_main
    ud2

    /* void bios_call(uint32_t vector): see bios.h. Writes only to its caller's stack and the loader's data. */
    .globl bios_call
bios_call:
    pushfq
    cli
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movl $MSR_FS_BASE, %ecx
    rdmsr
    pushq %rdx
    pushq %rax
    incl %ecx
    rdmsr
    pushq %rdx
    pushq %rax
    movl %ds, %eax
    pushq %rax
    movl %es, %eax
    pushq %rax
    movl %ss, %eax
    pushq %rax
    pushq %fs
    pushq %gs
    movl %cs, %eax
    pushq %rax
    movq %cr4, %rax
    pushq %rax
    subq $32, %rsp
    sgdt (%rsp)
    sidt 16(%rsp)
    movq %rsp, saved_rsp(%rip)
    movq %cr3, %rax
    movl %eax, saved_cr3(%rip)
    movq %cr0, %rax
    movl %eax, saved_cr0(%rip)
    movl $MSR_EFER, %ecx
    rdmsr
    andl $~EFER_LMA, %eax
    movl %eax, saved_efer(%rip)
    shll $2, %edi
    movl %edi, handler(%rip)
    lgdt gdt_pointer(%rip)
    pushq $CODE32
    pushq $4f
    lretq

    .code32
4:  movl %cr0, %eax /* paging off: leaves long mode; we run where virtual and physical are the same */
    andl $~CR0_PG, %eax
    movl %eax, %cr0
    movl $MSR_EFER, %ecx
    rdmsr
    andl $~EFER_LME, %eax
    wrmsr
    movl firmware_cr4, %eax
    movl %eax, %cr4
    movl $DATA16, %eax /* 64 KiB limits, as real mode wants them */
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    ljmp $CODE16, $5f

    .code16
5:  movl %cr0, %eax
    andb $~CR0_PE, %al
    movl %eax, %cr0
    ljmp $0, $6f
6:  xorl %eax, %eax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    lidtl real_idt
    movw handler, %bx /* from the vector's place to what lies there */
    movl (%bx), %eax
    movl %eax, handler
    movl $bios_registers, %esp
    popal
    lssl %cs:real_stack, %esp
    sti /* timer ticks and disks that waited are served here */
    pushfw
    cli /* what an int instruction does */
    lcallw *%cs:handler
    cli
    cld
    lssl %cs:registers_end, %esp
    pushfl
    pushal

    xorw %ax, %ax
    movw %ax, %ds
    movl saved_cr3, %ebx
    movl saved_efer, %edi
    movl saved_cr0, %ebp
    movl $back64, %esi

    /* Real mode, ds = 0, interrupts off. ebx, edi, ebp: CR3, EFER, CR0 to load; esi: 64-bit code to go to. */
to_long_mode:
    cli
    lgdtl gdt_pointer
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl %ebx, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    movl %edi, %eax
    wrmsr
    movl %ebp, %cr0
    ljmpl $CODE64, $7f
    .code64
7:  jmp *%rsi

back64:
    movq saved_rsp(%rip), %rsp
    lgdt (%rsp)
    lidt 16(%rsp)
    addq $32, %rsp
    popq %rax
    movq %rax, %cr4
    pushq $8f
    lretq /* the caller's cs lies above */
8:  popq %gs
    popq %fs
    popq %rax
    movl %eax, %ss
    popq %rax
    movl %eax, %es
    popq %rax
    movl %eax, %ds
    movl $MSR_GS_BASE, %ecx
    popq %rax
    popq %rdx
    wrmsr
    decl %ecx
    popq %rax
    popq %rdx
    wrmsr
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popfq
    ret

    /* The accessed bits are set already, so that the processor never writes here: the pages may be read-only. */
    .balign 8
gdt:
    .quad 0
    .quad CODE64_DESCRIPTOR
    .quad 0x00cf9b000000ffff /* CODE32 */
    .quad DATA_DESCRIPTOR
    .quad 0x00009b000000ffff /* CODE16 */
    .quad 0x000093000000ffff /* DATA16 */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
real_idt:
    .word 0x3ff
    .long 0
real_stack:
    .long 0xfff0
    .word MEM_REAL_STACK >> 4
registers_end:
    .long bios_registers + REGISTERS_SIZE + 4
    .word 0

    .section .bss
    .balign 8
saved_rsp:
    .skip 8
    .globl bios_registers
bios_registers:
    .skip REGISTERS_SIZE + 4
saved_cr3:
    .skip 4
saved_cr0:
    .skip 4
saved_efer:
    .skip 4
firmware_cr4:
    .skip 4
handler:
    .skip 4 /* segment:offset */
