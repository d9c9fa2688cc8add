/* SPDX-License-Identifier: MIT
 * A boot sector that plays a script, so that a test can have a machine say and do exactly what it wants.
 *
 * The script is on the disk from sector 1 on, SCRIPT_SECTORS of it. Entries: port u16, length u16, bytes: written
 * to that UART as it takes them. Port 0 ends the bytes; the letter in the length's place says what to do:
 *   'e' n  write the byte n to the debug-exit port     'h'  halt with interrupts off
 *   't'    triple fault                                's'  spin
 *   'p'    power off through ACPI (pc machine)         'c'  copy COM1's input to COM1 until 0x04, then go on
 *   'l'    count in a loop for ever, registers changing
 */
#include <bareflow/gen/verdict.h>

#define SCRIPT 0x8000
#define SCRIPT_SECTORS 64
#define LINE_STATUS 5 /* of a 16550: bit 0 a byte came, bit 5 room for one */

    .code16
    .globl _start
_start:                         /* real mode, dl = drive */
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    cld
    mov $packet, %si
    mov $0x42, %ah              /* INT 13h extended read */
    int $0x13
    jc halt
    mov $SCRIPT, %si

entry:
    lodsw
    mov %ax, %dx                /* port */
    lodsw
    mov %ax, %cx                /* length, or what to do */
    test %dx, %dx
    jz act
    jcxz entry
byte:
    add $LINE_STATUS, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    sub $LINE_STATUS, %dx
    lodsb
    out %al, %dx
    loop byte
    jmp entry

act:
    cmp $'c', %cl
    je copy
    mov $0x3fd, %dx             /* whatever follows, COM1 has said everything */
1:  in %dx, %al
    test $0x40, %al
    jz 1b
    cmp $'e', %cl
    je leave
    cmp $'t', %cl
    je triple
    cmp $'p', %cl
    je power_off
    cmp $'s', %cl
    je spin
    cmp $'l', %cl
    je count
halt:
    cli
    hlt
    jmp halt

leave:
    lodsb
    out %al, $DEBUG_EXIT_PORT
    jmp halt

triple:                         /* no vector table, so the exception has no handler, nor has that one */
    lidt empty
    int3

power_off:                      /* SeaBIOS puts the PIIX4's PM1 control register here */
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
    jmp halt

spin:
    jmp spin

count:
    inc %eax
    rdtsc
    jmp count

copy:
    mov $0x3fd, %dx
1:  in %dx, %al
    test $1, %al
    jz 1b
    mov $0x3f8, %dx
    in %dx, %al
    cmp $4, %al
    je entry
    mov %al, %bl
    mov $0x3fd, %dx
2:  in %dx, %al
    test $0x20, %al
    jz 2b
    mov $0x3f8, %dx
    mov %bl, %al
    out %al, %dx
    jmp copy

    .balign 4
packet:
    .byte 16, 0
    .word SCRIPT_SECTORS, SCRIPT, 0
    .quad 1
empty:
    .word 0
    .long 0

    .org 510
    .word 0xaa55
