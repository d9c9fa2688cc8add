/* SPDX-License-Identifier: MIT */
/* Physical memory: 4 KiB pages cut from the low end of what was never used, 2 MiB pages from the high end, so
 * that nothing is touched before it is wanted. Pages given back are linked through their own first words. */
#include "kernel.h"

#define DIRECT_MAP_ENTRY (1ull << 30)
#define DIRECT_MAP_READY (1ull << 32) /* entry.S has made so much of it */
#define DIRECT_MAP_LIMIT (1ull << 39)

enum { COVERED = 1, USABLE = 2, DENIED = 4 };

static uint64_t low, high; /* [low, high) was never handed out */
static uint64_t used, most_used, total;

static const struct memory_range *ranges(void) {
    return direct(boot.memory_map);
}

/* What the memory map says of [at, at + size): whether usable memory covers it, is in it, whether other is in
 * it. */
static unsigned classify(uint64_t at, uint64_t size) {
    const struct memory_range *range = ranges();
    unsigned found = 0;
    for (uint32_t i = boot.memory_count; i; i--, range++) {
        const uint64_t end = range->base + range->length;
        if (at >= end || range->base >= at + size)
            continue;
        found |= range->kind != MEMORY_USABLE            ? DENIED
                 : range->base <= at && at + size <= end ? COVERED | USABLE
                                                         : USABLE;
    }
    return found;
}

#ifdef CONFIG_MEMORY
static uint64_t free_list[2]; /* first free small page, first free large page; 0: none */

void page_free(uint64_t physical, bool large) {
    *(uint64_t *)direct(physical) = free_list[large];
    free_list[large] = physical;
    used -= large ? LARGE_PAGE_SIZE : PAGE_SIZE;
}

static uint64_t list_take(bool large) {
    const uint64_t page = free_list[large];
    if (page)
        free_list[large] = *(uint64_t *)direct(page);
    return page;
}

/* Gives a block's usable pages to the list of small ones. */
static void donate(uint64_t block) {
    for (uint64_t at = block; at < block + LARGE_PAGE_SIZE; at += PAGE_SIZE)
        if (classify(at, PAGE_SIZE) == (COVERED | USABLE)) {
            used += PAGE_SIZE;
            page_free(at, false);
        }
}
#else
/* Without mmap nothing is given back, and a machine that asks for so little has memory to lose. */
static uint64_t list_take(bool large) {
    (void)large;
    return 0;
}

static void donate(uint64_t block) {
    (void)block;
}
#endif

/* Cuts a block from the high end; those that are not whole are donated on the way. 0: there is none. */
static uint64_t block_take(void) {
    while (high - LARGE_PAGE_SIZE >= low) {
        high -= LARGE_PAGE_SIZE;
        const unsigned found = classify(high, LARGE_PAGE_SIZE);
        if (found == (COVERED | USABLE))
            return high;
        if (found & USABLE)
            donate(high);
    }
    return 0;
}

/* Cuts a page from the low end. 0: there is none. */
static uint64_t page_take(void) {
    while (low < high) {
        const uint64_t at = low, block = LARGE_PAGE_SIZE - at % LARGE_PAGE_SIZE;
        const bool barren = !(classify(at, block) & USABLE);
        low += barren ? block : PAGE_SIZE;
        if (!barren && classify(at, PAGE_SIZE) == (COVERED | USABLE))
            return at;
    }
    return 0;
}

uint64_t page_alloc(bool large) {
    const uint64_t size = large ? LARGE_PAGE_SIZE : PAGE_SIZE;
    uint64_t page = list_take(large);
    if (!page)
        page = large ? block_take() : page_take();
    if (!page && !large) { /* a large page given back, or the last blocks' remains */
        page = list_take(true);
        if (page)
            donate(page);
        page = list_take(false);
    }
    if (!page)
        return 0;
    used += size;
    if (most_used < used)
        most_used = used;
    memset(direct(page), 0, size);
    return page;
}

void memory_init(void) {
    const struct memory_range *range = ranges();
    uint64_t end = 0;
    for (uint32_t i = boot.memory_count; i; i--, range++) {
        if (range->kind != MEMORY_USABLE)
            continue;
        total += range->length;
        if (end < range->base + range->length)
            end = range->base + range->length;
    }
    if (end > DIRECT_MAP_LIMIT)
        end = DIRECT_MAP_LIMIT;
    high = (end + LARGE_PAGE_SIZE - 1) & -LARGE_PAGE_SIZE;
    low = 0x100000; /* the first MiB is the loader's */
    for (uint64_t at = DIRECT_MAP_READY; at < end; at += DIRECT_MAP_ENTRY) {
        const uint64_t table = page_alloc(false);
        uint64_t entry = at | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
        for (unsigned i = 0; i < 512; i++, entry += LARGE_PAGE_SIZE)
            ((uint64_t *)direct(table))[i] = entry;
        direct_pdpt[at / DIRECT_MAP_ENTRY] = table | PTE_PRESENT | PTE_WRITE;
    }
}

uint64_t memory_free(void) {
    return total - used;
}

uint64_t memory_total(void) {
    return total;
}

uint64_t memory_peak(void) {
    return most_used;
}
