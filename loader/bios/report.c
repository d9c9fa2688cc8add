/* SPDX-License-Identifier: MIT */
/* Stage 2's words: a sentence on screen through INT 10h and on COM1, then the debug exit, then a halt. */
#include "report.h"

#include "bios.h"

#define UART_LINE_CONTROL 3
#define UART_LINE_STATUS 5
#define UART_SCRATCH 7
#define LINE_EMPTY 0x40
#define LONG_ENOUGH 1000000 /* polls; a byte at 115200 baud takes about 100 */

uint16_t serial_port(uint32_t bios_data, uint16_t usual) {
    uint16_t port = *(volatile uint16_t *)(uintptr_t)bios_data;
    if (port != 0)
        return port;
    out8(usual + UART_SCRATCH, 0x5a); /* firmware without a data area: is there a UART that remembers? */
    return in8(usual + UART_SCRATCH) == 0x5a ? usual : 0;
}

/* 115200 baud, 8N1. */
static void open_port(uint16_t port) {
    out8(port + UART_LINE_CONTROL, 0x83);
    out8(port, 1);
    out8(port + 1, 0);
    out8(port + UART_LINE_CONTROL, 3);
}

static void put(uint16_t port, char byte) {
    bios_registers.eax = 0x0e00 | (uint8_t)byte;
    bios_registers.ebx = 7;
    bios_call(0x10);
    if (port == 0)
        return;
    out8(port, (uint8_t)byte);
    for (int i = 0; i < LONG_ENOUGH && !(in8(port + UART_LINE_STATUS) & LINE_EMPTY); i++) {
    }
}

static void say(uint16_t port, const char *text) {
    while (*text)
        put(port, *text++);
}

_Noreturn void fail(const char *sentence) {
    uint16_t port = serial_port(BDA_COM1, 0x3f8);
    if (port != 0)
        open_port(port);
    say(port, "bareflow: boot failure ");
    say(port, sentence);
    say(port, "\r\n");
    out8(DEBUG_EXIT_PORT, VERDICT_BOOT_FAILED);
    for (;;)
        __asm__ volatile("cli; hlt");
}
