/* SPDX-License-Identifier: MIT */
/* Text for people on COM1. Marks on the wire tell a host which bytes were not the workload's standard output.
 */
#include "grow.h"
#include "x86.h"

#define END_OF_INPUT 4 /* Ctrl-D */

static uint64_t written;
static struct text_mark mark; /* not sent yet, so that neighbours become one */

void console_init(void) {
    static const uint8_t begin[] = {CONSOLE_MARK >> 16 & 255, CONSOLE_MARK >> 8 & 255, CONSOLE_MARK & 255};
    serial_put(boot.com1, begin, sizeof begin);
    serial_put(boot.com2, begin, 1); /* parts the first frame from what firmware wrote there */
    framebuffer_init();
    vga_init();
}

void console_flush(void) {
    if (!mark.length || ONE_PORT)
        return;
    wire_payload->mark = mark;
    wire_send(FRAME_TEXT_MARK, sizeof mark);
    mark.length = 0;
}

void console_write(const void *bytes, size_t count, unsigned stream) {
    const uint8_t *next = bytes;
    if (stream != mark.stream || mark.offset + mark.length != written)
        console_flush();
    if (!mark.length) {
        mark.offset = written;
        mark.stream = stream;
    }
    for (; count--; next++) {
        serial_put(boot.com1, next, 1); /* may fault, and then nothing is counted that was not written */
        framebuffer_put(*next);
        vga_put(*next);
        text_keep(*next, stream);
        written++;
        mark.length += stream != TEXT_STDOUT;
    }
}

static int waiting; /* an input byte that was looked at, plus one; 0: none */

bool console_ready(void) {
    if (!waiting)
        waiting = text_typed() + 1;
    if (!waiting)
        waiting = serial_get(boot.com1) + 1;
    return waiting;
}

/* Waits for the first byte, then takes what has arrived. 0: end of input. */
int64_t console_read(uint8_t *bytes, uint64_t count) {
    uint64_t done = 0;
    console_flush();
    while (count && !console_ready())
        pause();
    for (; done < count && console_ready(); done++) {
        const int byte = waiting - 1;
        if (byte == END_OF_INPUT && done)
            break; /* the next call says so */
        waiting = 0;
        if (byte == END_OF_INPUT)
            return 0;
        bytes[done] = (uint8_t)byte;
    }
    return (int64_t)done;
}

static void say_bytes(const char *text, size_t count) {
    console_write(text, count, TEXT_KERNEL);
}

static void say_number(uint64_t value, unsigned base) {
    char digits[20];
    unsigned at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[value % base];
    while (value /= base);
    say_bytes(digits + at, sizeof digits - at);
}

void say_values(const char *text, uint64_t first, uint64_t second) {
    for (; *text; text++) {
        if (*text != '%' && *text != '#') {
            say_bytes(text, 1);
            continue;
        }
        if (*text == '#')
            say_bytes("0x", 2);
        say_number(first, *text == '#' ? 16 : 10);
        first = second;
    }
}

void say(const char *text) {
    say_values(text, 0, 0);
}
