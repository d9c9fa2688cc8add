/* SPDX-License-Identifier: MIT */
/* Large memory in 2 MiB pages, cut from the front and never given back. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define ALIGNMENT 64 /* a cache line, and the widest vector */

/* A size as it is cut: rounded up to whole lines. */
static inline size_t lines(size_t bytes) {
    return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

struct arena {
    unsigned char *next, *end;
};

/* Makes an arena of at least `bytes`, zeroed, aligned to 2 MiB. `purpose` completes "memory for ...". */
bool arena_make(struct arena *arena, size_t bytes, const char *purpose, struct message *why);

/* Cuts `bytes`, aligned to ALIGNMENT. The arena MUST have been made large enough: this traps if not. */
void *arena_take(struct arena *arena, size_t bytes);

/* Touches what is left, so that no page is missing later. */
void arena_touch(struct arena *arena);

#endif
