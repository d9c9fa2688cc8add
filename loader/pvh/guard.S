/* SPDX-License-Identifier: MIT */
/* The PVH entry itself, behind the ELF head: checks the loader, of which a half-written image may have nothing or a
 * part, before it goes there. It lies in the second sector, which such an image has if it is started at all. */
#include "bareflow/gen/boot.h"
#include "bareflow/gen/memmap.h"
#include "bareflow/gen/verdict.h"

#define COM1 0x3f8
#define LOADER (MEM_DISK_PHYS + RAMDISK_PVH)

    .section .text.start, "ax"
    .code32
    .globl guard
guard:
    .long 0, 0 /* the loader's size and its CRC-32 as it lies on the disk, from bareflow/image/pvh.py */

    /* Flat segments, paging off, ebx = start info for the loader. One bit at a time: few bytes matter, not speed. */
    .globl guard_entry
guard_entry:
    cld
    mov $LOADER, %esi
    mov guard, %ecx
    or $-1, %eax
1:  xor (%esi), %al
    inc %esi
    mov $8, %dl
2:  shr $1, %eax
    jnc 3f
    xor $0xedb88320, %eax
3:  dec %dl
    jnz 2b
    loop 1b
    not %eax
    cmp guard + 4, %eax
    jne 4f
    jmp *LOADER + PVH_HEADER_ENTRY_OFFSET

4:  mov $COM1 + 3, %edx /* 115200 baud, 8N1 */
    mov $0x83, %al
    outb %al, %dx
    mov $COM1, %edx
    mov $1, %eax
    outw %ax, %dx
    mov $COM1 + 3, %edx
    mov $3, %al
    outb %al, %dx
    mov $message, %esi
5:  lodsb
    test %al, %al
    jz 7f
    mov $COM1, %edx
    outb %al, %dx
    mov $COM1 + 5, %edx
    mov $0x100000, %ecx /* a port may never get ready, but then not for ever */
6:  inb %dx, %al
    test $0x40, %al
    loopz 6b
    jmp 5b
7:  mov $VERDICT_BOOT_FAILED, %al
    outb %al, $DEBUG_EXIT_PORT
8:  cli
    hlt
    jmp 8b

message:
    .asciz "bareflow: boot failure C: checksum of the PVH loader\r\n"
    .org PVH_GUARD_SIZE
