/* SPDX-License-Identifier: MIT */
/* Text for people: one-sentence messages, and output without stdio. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COLD __attribute__((noinline, cold))

/* Between these, functions are compiled for size: what runs a few times, not once for each token. */
#ifdef __clang__
#define SMALL_BEGIN _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define SMALL_END _Pragma("clang attribute pop")
#else
#define SMALL_BEGIN
#define SMALL_END
#endif

/* Why something cannot be done, in one sentence. The first sentence stays: callers add no second one. */
struct message {
    char text[320];
    unsigned length;
};

/* %s: const char *. %u: uint64_t. %q: const char * and size_t, shown in quotes, unprintable bytes as '?'.
 * Always returns false, so that a check can end in `return refuse(...)`. */
bool refuse(struct message *why, const char *format, ...);

/* Writes all bytes; false if the descriptor takes no more. */
bool write_all(int fd, const void *bytes, size_t count);
bool write_text(int fd, const char *text);

/* Formats as `refuse` does and writes to a descriptor. %t: uint64_t tenths, shown with one decimal. */
void print(int fd, const char *format, ...);

#endif
