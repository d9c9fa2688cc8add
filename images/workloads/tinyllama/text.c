/* SPDX-License-Identifier: MIT */
/* Formatting and output. printf would be a third of the program. */

#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

SMALL_BEGIN

static void put(struct message *out, char letter) {
    if (out->length + 1 < sizeof out->text)
        out->text[out->length++] = letter;
}

static void put_number(struct message *out, uint64_t value) {
    char digits[20];
    unsigned count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count)
        put(out, digits[--count]);
}

static void put_quoted(struct message *out, const char *text, size_t length) {
    const size_t shown = length < 64 ? length : 64;
    put(out, '"');
    for (size_t i = 0; i < shown; i++)
        put(out, text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    for (int i = 0; shown < length && i < 3; i++)
        put(out, '.');
    put(out, '"');
}

static COLD void format_list(struct message *out, const char *format, va_list *list) {
    for (; *format; format++) {
        if (*format != '%') {
            put(out, *format);
            continue;
        }
        const char kind = *++format;
        if (kind == 's') {
            for (const char *text = va_arg(*list, const char *); *text; text++)
                put(out, *text);
        } else if (kind == 'q') {
            const char *text = va_arg(*list, const char *);
            put_quoted(out, text, va_arg(*list, size_t));
        } else {
            const uint64_t value = va_arg(*list, uint64_t);
            put_number(out, kind == 't' ? value / 10 : value);
            if (kind == 't') {
                put(out, '.');
                put(out, (char)('0' + value % 10));
            }
        }
    }
    out->text[out->length] = 0;
}

COLD bool refuse(struct message *why, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (!why->length)
        format_list(why, format, &list);
    va_end(list);
    return false;
}

bool write_all(int fd, const void *bytes, size_t count) {
    const char *at = bytes;
    while (count) {
        const ssize_t done = write(fd, at, count);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        count -= (size_t)done;
    }
    return true;
}

bool write_text(int fd, const char *text) {
    return write_all(fd, text, strlen(text));
}

COLD void print(int fd, const char *format, ...) {
    struct message line = {.length = 0};
    va_list list;
    va_start(list, format);
    format_list(&line, format, &list);
    va_end(list);
    write_all(fd, line.text, line.length);
}

SMALL_END
