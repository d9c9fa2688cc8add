/* SPDX-License-Identifier: MIT
 * The floor of every boot time: a boot sector whose one instruction ends the machine.
 */
#include <bareflow/gen/verdict.h>

    .code16
    .globl _start
_start:
    out %al, $DEBUG_EXIT_PORT
    .org 510
    .word 0xaa55
