/* SPDX-License-Identifier: MIT */
/* COM2 as the file /dev/ttyS1, which never waits: the wire of a program that grows. The kernel's own frames
 * share the line; a frame that the workload has not finished yet is then damaged, and its sender sends it
 * again. */
#ifdef CONFIG_GROW
#include "grow.h"
#include "x86.h"

enum { DATA, FIFO = 2, LINE_STATUS = 5 };
enum { DATA_READY = 0x01, HOLDING_EMPTY = 0x20 };

#define FIFO_SIZE 16
#define BURST 256 /* most bytes written in one stretch of BURST_TICKS: the workload is to run, too */
#define BURST_TICKS (1u << 20)
#define PATIENCE 4000 /* TSC ticks to look for the next bytes of what is arriving */

static bool in_frame;

bool tty_named(const char *path) {
    static const char name[] = "/dev/ttyS1";
    return boot.com2 && strlen(path) + 1 == sizeof name && !memcmp(path, name, sizeof name);
}

static uint8_t status(void) {
    return inb((uint16_t)(boot.com2 + LINE_STATUS));
}

/* Gives another processor, or QEMU's other threads, the time to bring the next bytes. */
static bool arriving(void) {
    const uint64_t start = rdtsc();
    do {
        if (status() & DATA_READY)
            return true;
        pause();
    } while (rdtsc() - start < PATIENCE);
    return false;
}

int64_t tty_read(uint8_t *bytes, uint64_t count) {
    uint64_t done = 0;
    if (!(status() & DATA_READY))
        return -EAGAIN;
    while (done < count && arriving())
        bytes[done++] = inb(boot.com2);
    return (int64_t)done;
}

int64_t tty_write(const uint8_t *bytes, uint64_t count) {
    static uint64_t stretch, written;
    uint64_t done = 0;
    if (rdtsc() - stretch >= BURST_TICKS) {
        stretch = rdtsc();
        written = 0;
    }
    while (done < count && written < BURST && status() & HOLDING_EMPTY)
        for (unsigned i = 0; i < FIFO_SIZE && done < count; i++, written++) {
            const uint8_t byte = bytes[done++];
            outb(boot.com2, byte);
            in_frame = byte;
        }
    return done || !count ? (int64_t)done : -EAGAIN;
}

void tty_break(void) {
    static const uint8_t end = 0;
    if (in_frame)
        serial_put(boot.com2, &end, 1);
    in_frame = false;
}
#endif
