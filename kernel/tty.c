/* SPDX-License-Identifier: MIT */
/* COM2 as the file /dev/ttyS1, which never waits: the wire of a program that grows. Bytes wait in two rings;
 * the UART interrupts for them while interrupts are on, and every call looks after it where they are off. The
 * kernel's own frames share the line. Sources: PC16550D data sheet; Intel 82093AA (IOAPIC) data sheet. */
#ifdef CONFIG_GROW
#include "grow.h"
#include "x86.h"

enum { DATA, INTERRUPTS, IDENTIFICATION, FIFO = 2, MODEM_CONTROL = 4, LINE_STATUS };
enum { DATA_READY = 0x01, HOLDING_EMPTY = 0x20 };
enum { WANT_RECEIVED = 1, WANT_EMPTY = 2, NO_INTERRUPT = 1 };

#define FIFO_SIZE 16
#define FIFO_ON 0xc1        /* interrupt at 14 bytes, or when no more come; QEMU brings that many at once */
#define LINES_AND_OUT2 0x0b /* DTR, RTS, and the gate of the interrupt line */
#define RECEIVE_SIZE 16384u /* powers of two */
#define TRANSMIT_SIZE 4096u
#define BURST 512 /* most bytes written without the workload going on */

static uint8_t received[RECEIVE_SIZE], waiting[TRANSMIT_SIZE];
static uint32_t received_in, received_out, waiting_in, waiting_out;
static uint8_t last_written;   /* 0 ends a frame */
static uint8_t interrupts;     /* that the UART is to make */
static bool opened, announced; /* a signal is wanted when a frame has come */

bool tty_named(const char *path) {
    static const char name[] = "/dev/ttyS1";
    return boot.com2 && strlen(path) + 1 == sizeof name && !memcmp(path, name, sizeof name);
}

static uint8_t read_register(unsigned which) {
    return inb((uint16_t)(boot.com2 + which));
}

static void write_register(unsigned which, uint8_t value) {
    outb((uint16_t)(boot.com2 + which), value);
}

static void transmit(uint32_t most) {
    while (most && waiting_in != waiting_out && read_register(LINE_STATUS) & HOLDING_EMPTY)
        for (unsigned i = 0; i < FIFO_SIZE && waiting_in != waiting_out && most; i++, most--) {
            last_written = waiting[waiting_out++ % TRANSMIT_SIZE];
            write_register(DATA, last_written);
        }
}

/* Whether a frame came to its end. */
static bool receive(void) {
    bool ended = false;
    while (received_in - received_out < RECEIVE_SIZE && read_register(LINE_STATUS) & DATA_READY) {
        const uint8_t byte = read_register(DATA);
        received[received_in++ % RECEIVE_SIZE] = byte;
        ended |= !byte;
    }
    return ended;
}

static void want(void) {
    const bool full = received_in - received_out == RECEIVE_SIZE;
    const uint8_t wanted =
        (uint8_t)((full ? 0 : WANT_RECEIVED) | (waiting_in != waiting_out ? WANT_EMPTY : 0));
    if (interrupts && interrupts != wanted)
        write_register(INTERRUPTS, interrupts = wanted);
}

void tty_interrupt(void) {
    bool ended = false;
    for (unsigned i = 0; i < 4 && !(read_register(IDENTIFICATION) & NO_INTERRUPT); i++) {
        ended |= receive();
        transmit(FIFO_SIZE);
    }
    if (ended && announced)
        signal_raise(SIGIO);
    want();
}

void tty_pause(bool paused) {
    if (!interrupts)
        return;
    write_register(INTERRUPTS, paused ? 0 : interrupts);
    read_register(IDENTIFICATION);
}

/* Called when interrupts can be served: at the first timer. */
void tty_interrupts_on(void) {
    if (!opened || interrupts || !ioapic_route(TTY_LINE, VECTOR_WIRE))
        return;
    interrupts = WANT_RECEIVED;
    write_register(MODEM_CONTROL, LINES_AND_OUT2);
    write_register(INTERRUPTS, interrupts);
}

void tty_open(void) {
    opened = true;
    write_register(FIFO, FIFO_ON);
}

void tty_announce(bool on) {
    announced = on;
}

int64_t tty_read(uint8_t *bytes, uint64_t count) {
    uint64_t done = 0;
    receive();
    for (; done < count && received_in != received_out; done++)
        bytes[done] = received[received_out++ % RECEIVE_SIZE];
    want();
    return done || !count ? (int64_t)done : -EAGAIN;
}

int64_t tty_write(const uint8_t *bytes, uint64_t count) {
    uint64_t done = 0;
    for (; done < count && waiting_in - waiting_out < TRANSMIT_SIZE; done++)
        waiting[waiting_in++ % TRANSMIT_SIZE] = bytes[done];
    transmit(BURST);
    want();
    return done || !count ? (int64_t)done : -EAGAIN;
}

void tty_break(void) {
    static const uint8_t end = 0;
    while (waiting_in != waiting_out)
        transmit(FIFO_SIZE);
    if (last_written)
        serial_put(boot.com2, &end, 1);
    last_written = 0;
}
#endif
