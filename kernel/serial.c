/* SPDX-License-Identifier: MIT */
/* 16550 UARTs, polled. The line status is read before every byte: QEMU and real ports alike drop what comes
 * too early. Source: National Semiconductor PC16550D data sheet. */
#include "grow.h"
#include "x86.h"

enum { DATA, INTERRUPTS, FIFO, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, SCRATCH = 7 };
enum { DATA_READY = 0x01, HOLDING_EMPTY = 0x20, ALL_SENT = 0x40 };

static void write_register(uint16_t port, unsigned which, uint8_t value) {
    outb((uint16_t)(port + which), value);
}

static uint8_t status(uint16_t port) {
    return inb((uint16_t)(port + LINE_STATUS));
}

/* The port, or 0 where its scratch register does not keep what is written: there is no UART. */
static uint16_t uart_init(uint16_t port) {
    write_register(port, SCRATCH, 0x5a);
    if (!port || inb((uint16_t)(port + SCRATCH)) != 0x5a)
        return 0;
    write_register(port, INTERRUPTS, 0);
    write_register(port, LINE_CONTROL, 0x80);
    write_register(port, DATA, 1); /* 115200 baud */
    write_register(port, INTERRUPTS, 0);
    write_register(port, LINE_CONTROL, 3);  /* 8 data bits, no parity, 1 stop bit */
    write_register(port, FIFO, 1);          /* keep what arrives until it is read */
    write_register(port, MODEM_CONTROL, 3); /* DTR, RTS */
    return port;
}

void serial_init(void) {
    boot.com1 = uart_init(boot.com1);
    boot.com2 = uart_init(boot.com2);
#ifdef CONFIG_GROW
#ifndef CONFIG_ONE_PORT
    if (boot.com2)
        return;
#endif
    boot.com2 = boot.com1; /* frames, and text within them */
    boot.com1 = 0;
    text_wanted();
#endif
}

void serial_put(uint16_t port, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    while (port && count--) {
        const uint8_t byte = *next++; /* may fault: before the port is touched */
        while (!(status(port) & HOLDING_EMPTY))
            pause();
        outb(port, byte);
    }
}

int serial_get(uint16_t port) {
    return port && status(port) & DATA_READY ? inb(port) : -1;
}

void serial_drain(uint16_t port) {
    while (port && !(status(port) & ALL_SENT))
        pause();
}
