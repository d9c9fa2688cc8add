/* SPDX-License-Identifier: MIT */
/* How stage 2 says what went wrong: on screen and on COM1, then it ends the machine. */
#ifndef LOADER_REPORT_H
#define LOADER_REPORT_H

#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* Ports of the two serial lines as the firmware found them; 0: none. */
uint16_t serial_port(uint32_t bios_data, uint16_t usual);

/* `sentence` begins with its letter. Ends QEMU with VERDICT_BOOT_FAILED; a real machine halts. */
_Noreturn void fail(const char *sentence);

#endif
