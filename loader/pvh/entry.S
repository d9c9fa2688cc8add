/* SPDX-License-Identifier: MIT */
/* PVH entry: a machine monitor has put the image's beginning at MEM_DISK_PHYS and comes here in 32-bit protected
 * mode. To long mode and into C. Source: Xen, docs/misc/pvh. */
#include "bareflow/gen/boot.h"
#include "bareflow/gen/memmap.h"
#include "bareflow/gen/verdict.h"
#include "long_mode.h"

#define CODE64 0x08
#define DATA 0x10
#define COM1 0x3f8

    .section .text.start, "ax"
    .globl pvh_header, pvh_entry
pvh_header: /* filled in by bareflow/image/pvh.py */
    .long PVH_MAGIC, 0, 0, 0
    .quad 0
    .quad pvh_entry

    .code32
    /* Flat segments, paging off, ebx = start info, everything else unknown. */
pvh_entry:
    cli
    cld
    mov $stack_top, %esp
    push %ebx
    rdtsc
    push %edx
    push %eax

    require_long_mode %esi, pvh_fail

    mov $bss_start, %edi
    mov $bss_end, %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    rep stosl

    /* One page of each upper level, four of 2 MiB pages: the low 4 GiB 1:1, until the kernel makes its own. */
    movl $pdpt + PAGE_TABLE, pml4
    mov $pdpt, %edi
    mov $pd + PAGE_TABLE, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x1000, %eax
    cmp $pd + 0x4000 + PAGE_TABLE, %eax
    jne 1b
    mov $pd, %edi
    mov $PAGE_LARGE, %eax
2:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    jnc 2b

    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $pml4, %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
    mov $CR0_PG | CR0_WP | CR0_PE, %eax
    mov %eax, %cr0
    lgdt gdt_pointer
    pop %esi
    pop %edx
    pop %edi
    ljmp $CODE64, $3f

    .code64
3:  mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    shl $32, %rdx
    or %rdx, %rsi
    call pvh_main
    ud2

    /* (r)si: a sentence. Says it on COM1 and ends the machine. These instructions mean the same in 32 and in 64
     * bits, so both come here. */
    .code32
    .globl pvh_fail
pvh_fail:
    mov %esi, %ebp
    mov $COM1 + 3, %edx /* 115200 baud, 8N1 */
    mov $0x83, %al
    outb %al, %dx
    mov $COM1, %edx
    mov $1, %eax
    outw %ax, %dx
    mov $COM1 + 3, %edx
    mov $3, %al
    outb %al, %dx
    mov $message, %esi
    call say
    mov %ebp, %esi
    call say
    mov $newline, %esi
    call say
    mov $VERDICT_BOOT_FAILED, %al
    outb %al, $DEBUG_EXIT_PORT
4:  cli
    hlt
    jmp 4b

say:
    lodsb
    test %al, %al
    jz 6f
    mov $COM1, %edx
    outb %al, %dx
    mov $COM1 + 5, %edx
    mov $0x100000, %ecx /* a port may never get ready, but then not for ever */
5:  inb %dx, %al
    test $0x40, %al
    jnz say
    sub $1, %ecx
    jnz 5b
    jmp say
6:  ret

message:
    .asciz "bareflow: boot failure "
newline:
    .asciz "\r\n"
    not_64_bit_text

    .balign 8
gdt:
    .quad 0
    .quad CODE64_DESCRIPTOR
    .quad DATA_DESCRIPTOR
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt

    .section .bss.tables, "aw", @nobits
    .balign 4096
pml4:
    .skip 4096
pdpt:
    .skip 4096
pd: .skip 4 * 4096
