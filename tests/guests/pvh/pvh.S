/* SPDX-License-Identifier: MIT */
/* A throw-away PVH loader for tests without firmware: 32-bit entry to long mode with the low 4 GiB mapped 1:1.
 * Source: Xen's docs/misc/pvh. State: ebx = hvm_start_info, protected mode, paging off. */
    .section .note, "a", @note
    .long   4, 4, 18                    /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .long   start32

    .section .text.start, "ax"
    .code32
    .globl  start32
start32:
    cli
    mov     %ebx, %ebp
    movl    $pdpt+3, pml4
    movl    $pd+3, pdpt
    movl    $pd+0x1003, pdpt+8
    movl    $pd+0x2003, pdpt+16
    movl    $pd+0x3003, pdpt+24
    mov     $pd, %edi
    mov     $0x83, %eax
    mov     $2048, %ecx
1:  mov     %eax, (%edi)
    add     $8, %edi
    add     $0x200000, %eax
    loop    1b
    mov     $pml4, %eax
    mov     %eax, %cr3
    mov     $0x20, %eax                 /* PAE */
    mov     %eax, %cr4
    mov     $0xc0000080, %ecx
    rdmsr
    or      $0x100, %eax                /* long mode */
    wrmsr
    mov     $0x80000001, %eax
    mov     %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $8, $start64
    .code64
start64:
    mov     $16, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    mov     $stack_top, %esp
    mov     %ebp, %edi
    call    pvh_main
    ud2
    .balign 8
gdt: .quad  0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
    .short  23
    .long   gdt

    .section .bss, "aw", @nobits
    .balign 4096
pml4: .skip 4096
pdpt: .skip 4096
pd:   .skip 4 * 4096
    .skip   8192
stack_top:
