/* SPDX-License-Identifier: MIT */
/* Anonymous mappings aligned to 2 MiB: Linux then uses huge pages if asked, our kernel does so by itself. */

#include "memory.h"

#include <stdint.h>
#include <sys/mman.h>

SMALL_BEGIN

#define LARGE_PAGE ((size_t)2 << 20)

static void *map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* A mapping that is not aligned is made again with room to cut at both ends. */
static unsigned char *map_aligned(size_t bytes) {
    unsigned char *at = map(bytes);
    if (!at || (uintptr_t)at % LARGE_PAGE == 0)
        return at;
    munmap(at, bytes);
    at = map(bytes + LARGE_PAGE);
    if (!at)
        return NULL;
    const size_t before = -(uintptr_t)at % LARGE_PAGE;
    if (before)
        munmap(at, before);
    munmap(at + before + bytes, LARGE_PAGE - before);
    return at + before;
}

bool arena_make(struct arena *arena, size_t bytes, const char *purpose, struct message *why) {
    const size_t size = (bytes + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    unsigned char *at = size < bytes ? NULL : map_aligned(size);
    if (!at)
        return refuse(why, "There is not enough memory for %s: it takes %u MiB more.", purpose,
                      (uint64_t)(bytes >> 20) + 1);
    madvise(at, size, MADV_HUGEPAGE); /* a wish: without huge pages it is only slower */
    *arena = (struct arena){at, at + size};
    return true;
}

void *arena_take(struct arena *arena, size_t bytes) {
    unsigned char *at = arena->next;
    if (lines(bytes) > (size_t)(arena->end - at))
        __builtin_trap(); /* abort would bring its locks and signals along */
    arena->next += lines(bytes);
    return at;
}

void arena_touch(struct arena *arena) {
    for (volatile unsigned char *at = arena->next; at < arena->end; at += 4096)
        *at = 0;
}

SMALL_END
