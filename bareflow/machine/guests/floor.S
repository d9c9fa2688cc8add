/* SPDX-License-Identifier: MIT
 * The floor of every boot time: a boot sector that does nothing but end the machine, saying FLOOR_REACHED.
 */
#include <bareflow/gen/verdict.h>

    .code16
    .globl _start
_start:
    mov $FLOOR_REACHED, %al
    out %al, $DEBUG_EXIT_PORT
    .org 510
    .word 0xaa55
