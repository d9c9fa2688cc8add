/* SPDX-License-Identifier: MIT */
/* Text for people on COM1. Marks on the wire tell a host which bytes were not the workload's standard output.
 */
#include "kernel.h"
#include "x86.h"

#define END_OF_INPUT 4 /* Ctrl-D */

static uint64_t written;
static struct text_mark mark; /* not sent yet, so that neighbours become one */
static int waiting;           /* an input byte that was looked at; -1: none */

void console_init(void) {
    const uint8_t begin[] = {CONSOLE_MARK >> 16 & 255, CONSOLE_MARK >> 8 & 255, CONSOLE_MARK & 255};
    waiting = -1;
    serial_put(boot.com1, begin, sizeof begin);
}

void console_flush(void) {
    if (mark.length)
        wire_send(FRAME_TEXT_MARK, &mark, sizeof mark, NULL, 0);
    mark.length = 0;
}

void console_write(const void *bytes, size_t count, unsigned stream) {
    const uint8_t *next = bytes;
    if (stream != mark.stream || mark.offset + mark.length != written)
        console_flush();
    if (stream != TEXT_STDOUT && !mark.length)
        mark = (struct text_mark){written, 0, stream};
    for (; count--; next++, written++) {
        serial_put(boot.com1, next, 1);
        mark.length += stream != TEXT_STDOUT;
    }
}

bool console_ready(void) {
    if (waiting < 0)
        waiting = serial_get(boot.com1);
    return waiting >= 0;
}

/* Waits for the first byte, then takes what has arrived. 0: end of input. */
int64_t console_read(uint8_t *bytes, uint64_t count) {
    uint64_t done = 0;
    console_flush();
    while (count && !console_ready())
        pause();
    for (; done < count && console_ready(); done++) {
        if (waiting == END_OF_INPUT && done)
            break; /* the next call says so */
        const int byte = waiting;
        waiting = -1;
        if (byte == END_OF_INPUT)
            return 0;
        bytes[done] = (uint8_t)byte;
    }
    return (int64_t)done;
}

void say(const char *text) {
    console_write(text, strlen(text), TEXT_KERNEL);
}

static void say_in_base(uint64_t value, unsigned base) {
    char digits[21], *at = digits + sizeof digits;
    *--at = 0;
    do
        *--at = "0123456789abcdef"[value % base];
    while (value /= base);
    say(at);
}

void say_number(uint64_t value) {
    say_in_base(value, 10);
}

void say_hex(uint64_t value) {
    say("0x");
    say_in_base(value, 16);
}
