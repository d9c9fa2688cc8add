/* SPDX-License-Identifier: MIT */
/* Physical memory: 4 KiB and 2 MiB pages from the loader's memory map.
 *
 * Memory never used yet is a list of regions, cut from the front for small pages and from the end for large
 * ones. Pages given back are linked through their own first words. So nothing is touched before it is used.
 */
#include "kernel.h"

#define MAX_RANGES 192
#define LOW_MEMORY 0x100000u /* the loader's, always */

static struct {
    uint64_t start, end;
} regions[3 * MAX_RANGES];
static unsigned region_count;
static struct memory_range ranges[MAX_RANGES];
static unsigned range_count;
static uint64_t free_list[2]; /* first free small page, first free large page; 0: none */
static uint64_t free_bytes, total_bytes, least_free;

static void region_add(uint64_t start, uint64_t end) {
    if (start >= end)
        return;
    regions[region_count].start = start;
    regions[region_count++].end = end;
    free_bytes += end - start;
}

/* Splits usable memory so that large pages can be cut from the end of the middle piece. */
static void region_split(uint64_t start, uint64_t end) {
    start = page_ceiling(start);
    end = page_floor(end);
    const uint64_t first = (start + LARGE_PAGE_SIZE - 1) & -LARGE_PAGE_SIZE, last = end & -LARGE_PAGE_SIZE;
    if (first >= last) {
        region_add(start, end);
        return;
    }
    region_add(start, first);
    region_add(last, end);
    region_add(first, last);
}

/* Adds what no other range denies: less usable ranges, and usable ones that were added already. */
static void range_add(uint64_t start, uint64_t end, unsigned self, unsigned from) {
    for (unsigned i = from; i < range_count; i++) {
        const struct memory_range *other = &ranges[i];
        const uint64_t other_end = other->base + other->length;
        if (i == self || (other->kind == MEMORY_USABLE && i > self) || other->base >= end ||
            other_end <= start)
            continue;
        if (other->base > start)
            range_add(start, other->base, self, i + 1);
        if (other_end >= end)
            return;
        start = other_end;
    }
    region_split(start, end);
}

static void range_deny(uint64_t base, uint64_t length) {
    ranges[range_count++] =
        (struct memory_range){page_floor(base), page_ceiling(length + base % PAGE_SIZE), MEMORY_LOADER, 0};
}

/* Extends the direct map, of which entry.S has made the first 4 GiB. */
static void direct_map(uint64_t end) {
    static uint64_t done;
    for (uint64_t at = (1ull << 32) + done; at < end; at += 1ull << 30, done += 1ull << 30) {
        const uint64_t table = page_alloc(false);
        uint64_t *entries = direct(table);
        if (!table)
            panic("no memory for the direct map");
        for (unsigned i = 0; i < 512; i++)
            entries[i] = (at + i * LARGE_PAGE_SIZE) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
        direct_pdpt[at >> 30] = table | PTE_PRESENT | PTE_WRITE;
    }
}

/* Hands out memory below 4 GiB first, since what maps the rest must lie there. */
static void usable_add(bool high) {
    const uint64_t line = 1ull << 32, top = 1ull << 39; /* the direct map has 512 GiB */
    for (unsigned i = 0; i < range_count; i++) {
        if (ranges[i].kind != MEMORY_USABLE)
            continue;
        uint64_t start = ranges[i].base, end = start + ranges[i].length;
        if (high && start < line)
            start = line;
        if (end > (high ? top : line))
            end = high ? top : line;
        if (start >= end)
            continue;
        if (high)
            direct_map(end);
        range_add(start, end, i, 0);
    }
}

void memory_init(void) {
    if (boot.memory_count > MAX_RANGES - 4)
        panic("the memory map has too many ranges");
    range_count = boot.memory_count;
    memcpy(ranges, direct(boot.memory_map), range_count * sizeof ranges[0]);
    range_deny(0, LOW_MEMORY);
    range_deny(boot.kernel_phys, (uint64_t)(kernel_end - kernel_start));
    range_deny(boot.ramdisk_phys, boot.ramdisk_size);
    range_deny(boot.snapshot_phys, boot.snapshot_size);
    usable_add(false);
    usable_add(true);
    total_bytes = free_bytes;
    least_free = free_bytes;
}

static uint64_t region_take(bool large) {
    const uint64_t size = large ? LARGE_PAGE_SIZE : PAGE_SIZE;
    for (unsigned i = 0; i < region_count; i++) {
        if (regions[i].end - regions[i].start < size || (large && regions[i].end % LARGE_PAGE_SIZE))
            continue;
        if (large)
            return regions[i].end -= size;
        regions[i].start += size;
        return regions[i].start - size;
    }
    return 0;
}

/* A large page given back, used for small ones from now on. */
static uint64_t large_page_split(void) {
    const uint64_t page = free_list[true];
    if (!page)
        return 0;
    free_list[true] = *(uint64_t *)direct(page);
    region_count = 0; /* region_take found every region empty */
    region_add(page + PAGE_SIZE, page + LARGE_PAGE_SIZE);
    free_bytes -= LARGE_PAGE_SIZE - PAGE_SIZE;
    return page;
}

uint64_t page_alloc(bool large) {
    const uint64_t size = large ? LARGE_PAGE_SIZE : PAGE_SIZE;
    uint64_t page = free_list[large];
    if (page)
        free_list[large] = *(uint64_t *)direct(page);
    else
        page = region_take(large);
    if (!page && !large)
        page = large_page_split();
    if (!page)
        return 0;
    free_bytes -= size;
    if (free_bytes < least_free)
        least_free = free_bytes;
    memset(direct(page), 0, size);
    return page;
}

void page_free(uint64_t physical, bool large) {
    *(uint64_t *)direct(physical) = free_list[large];
    free_list[large] = physical;
    free_bytes += large ? LARGE_PAGE_SIZE : PAGE_SIZE;
}

uint64_t memory_free(void) {
    return free_bytes;
}

uint64_t memory_total(void) {
    return total_bytes;
}

uint64_t memory_peak(void) {
    return total_bytes - least_free;
}
