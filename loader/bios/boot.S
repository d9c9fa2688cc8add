/* SPDX-License-Identifier: MIT */
/* Boot sector: reads stage 2, checks it and itself, and goes there. A failure is one letter on screen and COM1:
 * E no disk extensions, R read error, P partition table, C checksum (docs/boot.md). */
#include "bios.h"

    .code16
    .section .text.boot, "ax"
    .globl boot
boot:
    jmp 1f
    .org BOOT_HEAD_SIZE

    /* Real mode at 0000:7c00 or 07c0:0000, dl = boot drive, everything else unknown. */
1:  cli
    ljmp $0, $2f
2:  xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw $MEM_REAL_STACK >> 4, %ax
    movw %ax, %ss
    movw $0xfff0, %sp
    sti
    cld
    movb %dl, MEM_HANDOVER + HANDOVER_DRIVE
    movl $fail_text, MEM_HANDOVER + HANDOVER_FAIL
    rdtsc
    movl %eax, MEM_HANDOVER + HANDOVER_TSC
    movl %edx, MEM_HANDOVER + HANDOVER_TSC + 4

    /* The partition must be where stage 2 and the kernel look for it. */
    movb $'P', %al
    cmpb $DISK_PARTITION_TYPE, boot + BOOT_PARTITION_OFFSET + 4
    jne fail
    cmpl $DISK_PARTITION_LBA, boot + BOOT_PARTITION_OFFSET + 8
    jne fail

    /* INT 13h extensions: we never count cylinders. */
    movb $0x41, %ah
    movw $0x55aa, %bx
    movb MEM_HANDOVER + HANDOVER_DRIVE, %dl
    int $0x13
    movb $'E', %al
    jc fail
    cmpw $0xaa55, %bx
    jne fail
    testb $1, %cl
    jz fail

    /* Three tries; a failed one may have changed the packet's count. */
    movw $3, %di
4:  movw boot + BOOT_STAGE2_SIZE_OFFSET, %ax
    addw $DISK_SECTOR_SIZE - 1, %ax
    shrw $9, %ax
    movw %ax, packet + 2
    movw $packet, %si
    movb $0x42, %ah
    movb MEM_HANDOVER + HANDOVER_DRIVE, %dl
    int $0x13
    jnc 5f
    decw %di
    jnz 4b
    movb $'R', %al
    jmp fail

5:  movw $0, packet + 2 /* as it was when the checksum was made */
    orl $-1, %eax
    movw $boot, %si
    movw $BOOT_CRC_OFFSET, %cx
    call crc
    movw $MEM_STAGE2, %si
    movw boot + BOOT_STAGE2_SIZE_OFFSET, %cx
    call crc
    notl %eax
    cmpl boot + BOOT_CRC_OFFSET, %eax
    movb $'C', %al
    jne fail
    ljmp $0, $MEM_STAGE2

    /* eax: CRC-32 so far (inverted), si: bytes, cx: how many. One bit at a time: few bytes matter, not speed. */
crc:
    xorb (%si), %al
    incw %si
    movb $8, %dl
6:  shrl $1, %eax
    jnc 7f
    xorl $0xedb88320, %eax
7:  decb %dl
    jnz 6b
    loop crc
    ret

    /* al: the letter. */
fail:
    movb %al, letter
    movw $letter, %si

    /* si: the letter and a sentence. Stage 2 comes here too, in real mode with ds = 0 and cs = 0. */
fail_text:
    pushw %si
    call open_port
    movw $message, %si
    call say
    popw %si
    call say
    movw $newline, %si
    call say
    movb $VERDICT_BOOT_FAILED, %al
    outb %al, $DEBUG_EXIT_PORT
    cli
8:  hlt
    jmp 8b

say:
    lodsb
    testb %al, %al
    jz 12f
    call put
    jmp say

    /* COM1 to 115200 baud, 8N1: the firmware may have left it at anything, or may have none. */
open_port:
    movw BDA_COM1, %dx
    testw %dx, %dx
    jz 12f
    addw $3, %dx
    movb $0x83, %al
    outb %al, %dx
    subw $3, %dx
    movw $1, %ax
    outw %ax, %dx
    addw $3, %dx
    movb $3, %al
    outb %al, %dx
12: ret

    /* al to the screen and to COM1, waiting until it is out, or for about a tenth of a second. */
put:
    pushw %ax
    movb $0x0e, %ah
    movw $7, %bx
    int $0x10
    popw %ax
    movw BDA_COM1, %dx
    testw %dx, %dx
    jz 12b
    outb %al, %dx
    addw $5, %dx
    xorw %cx, %cx
13: inb %dx, %al
    testb $0x40, %al
    loopz 13b
    ret

message:
    .asciz "bareflow: boot failure "
newline:
    .asciz "\r\n"
letter:
    .asciz "?"

    /* Disk address packet: EDD-3, 3.2. */
    .balign 4
packet:
    .byte 16, 0
    .word 0
    .word MEM_STAGE2, 0
    .quad DISK_STAGE2_LBA

    .org BOOT_STAGE2_SIZE_OFFSET
    .word 0
    .long 0
