/* SPDX-License-Identifier: MIT */
/* The address space. The page tables are the only record of it: an entry is zero (free), present, or only has
 * PTE_NX and perhaps memory behind it (in use without access). Source: SDM volume 3, 4.5. */
#include "kernel.h"
#include "x86.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE)
#define FIRMWARE_PAGES (MEM_LOADER_STACK_TOP / PAGE_SIZE)
#define SMALL 12 /* a page's address bits below its table index */
#define LARGE 21

static uint64_t low_pt[512] __attribute__((aligned(4096), section(".bss.pages")));

static uint64_t *table_of(uint64_t entry) {
    return direct(entry & PTE_ADDRESS);
}

/* Replaces an empty entry or a large page by a table; the large page's memory and access stay the same. */
static bool table_make(uint64_t *entry) {
    const uint64_t table = page_alloc(false), step = *entry & PTE_ADDRESS ? PAGE_SIZE : 0;
    uint64_t child = *entry & ~PTE_LARGE;
    for (unsigned i = 0; table && child && i < 512; i++, child += step)
        table_of(table)[i] = child;
    if (table)
        *entry = table | TABLE_FLAGS;
    return table;
}

/* The entry for `address` in the table of the level that SMALL or LARGE names. Null: a table is missing and
 * not to be made, or there is no memory for it. */
static uint64_t *walk(uint64_t address, unsigned level, bool make) {
    uint64_t *table = pml4;
    for (unsigned shift = 39;; shift -= 9) {
        uint64_t *const entry = &table[address >> shift & 511];
        if (shift == level)
            return entry;
        if ((!*entry || *entry & PTE_LARGE) && !(make && table_make(entry)))
            return NULL;
        table = table_of(*entry);
    }
}

static uint64_t entry_make(uint64_t page, bool large, unsigned access) {
    return page | (access & (PTE_PRESENT | PTE_WRITE)) | (large ? PTE_LARGE : 0) |
           (access & ACCESS_EXECUTE ? 0 : PTE_NX);
}

/* Changes one page, or an empty entry that is to become one. */
static int64_t change_page(uint64_t *entry, bool large, unsigned change, unsigned access) {
    uint64_t page = *entry & PTE_ADDRESS;
#ifdef CONFIG_MEMORY
    if (change == CHANGE_CHECK)
        return *entry ? -EEXIST : 0;
    if (change == CHANGE_ZERO) {
        if (page)
            memset(direct(page), 0, large ? LARGE_PAGE_SIZE : PAGE_SIZE);
        return 0;
    }
#endif
    if (change == CHANGE_UNMAP) {
        if (page)
            page_free(page, large);
        *entry = 0;
        return 0;
    }
    if (change == CHANGE_PROTECT && !*entry)
        return -ENOMEM;
    if (!page && access && !(page = page_alloc(large)))
        return -ENOMEM;
    *entry = entry_make(page, large, access);
    return 0;
}

/* Changes [at, end) of one 2 MiB block. */
static int64_t change_block(uint64_t at, uint64_t end, unsigned change, unsigned access) {
    const bool setting = change == CHANGE_SET, whole = end - at == LARGE_PAGE_SIZE;
    uint64_t *const block = walk(at, LARGE, setting);
    if (!setting && (!block || !*block))
        return change == CHANGE_PROTECT ? -ENOMEM : 0;
    if (!block)
        return -ENOMEM;
    if (whole && (!*block || *block & PTE_LARGE) && !change_page(block, true, change, access))
        return 0; /* else it is denied, which the small pages will say too, or no large page is left */
    int64_t result = 0;
    for (; at < end && !result; at += PAGE_SIZE) {
        uint64_t *const entry = walk(at, SMALL, change != CHANGE_CHECK);
        result = entry ? change_page(entry, false, change, access) : -ENOMEM;
    }
    if (whole && change == CHANGE_UNMAP && !result) {
        page_free(*block & PTE_ADDRESS, false);
        *block = 0;
    }
    return result;
}

int64_t space_change(uint64_t at, uint64_t end, unsigned change, unsigned access) {
    int64_t result = 0;
    while (at < end && !result) {
        uint64_t next = (at | (LARGE_PAGE_SIZE - 1)) + 1;
        if (next > end)
            next = end;
        result = change_block(at, next, change, access);
        at = next;
    }
    flush_translations();
    return result;
}

/* The page's entry and its size's mask; 0 where nothing is. */
static uint64_t lookup(uint64_t address, uint64_t *mask) {
    const uint64_t *entry = walk(address, LARGE, false);
    *mask = LARGE_PAGE_SIZE - 1;
    if (entry && *entry & PTE_LARGE)
        return *entry;
    *mask = PAGE_SIZE - 1;
    entry = walk(address, SMALL, false);
    return entry ? *entry : 0;
}

uint64_t space_physical(uint64_t address) {
    uint64_t mask;
    const uint64_t entry = lookup(address, &mask);
    return entry & PTE_PRESENT ? (entry & PTE_ADDRESS) + (address & mask) : 0;
}

#if defined(CONFIG_MEMORY) || defined(CONFIG_SIGNALS)
int space_access(uint64_t address) {
    uint64_t mask;
    const uint64_t entry = lookup(address, &mask);
    if (!entry)
        return -EFAULT;
    return (int)(entry & (PTE_PRESENT | PTE_WRITE)) | (entry & PTE_NX ? 0 : ACCESS_EXECUTE);
}
#endif

#ifdef CONFIG_MEMORY
/* Moves `length` bytes of mappings without copying. The target MUST be free. */
int64_t space_move(uint64_t from, uint64_t to, uint64_t length) {
    const bool alike = (from ^ to) % LARGE_PAGE_SIZE == 0;
    if (memory_free() < (length / LARGE_PAGE_SIZE + 8) * PAGE_SIZE * 2)
        return -ENOMEM; /* more than all tables that can be needed */
    for (uint64_t done = 0; done < length;) {
        const bool large = alike && (from + done) % LARGE_PAGE_SIZE == 0 && length - done >= LARGE_PAGE_SIZE;
        uint64_t *const source = walk(from + done, large ? LARGE : SMALL, true);
        uint64_t *const target = walk(to + done, large ? LARGE : SMALL, true);
        if (!source || !target)
            return -ENOMEM;
        *target = *source; /* a page, or a whole table of pages */
        *source = 0;
        done += large ? LARGE_PAGE_SIZE : PAGE_SIZE;
    }
    return space_change(from, from + length, CHANGE_UNMAP, 0);
}
#endif

/* W^X holds for the firmware's memory too: stage 2 is code, the rest data; page 0 is neither. */
void paging_init(void) {
    for (uint64_t i = 1; i < FIRMWARE_PAGES; i++)
        low_pt[i] =
            entry_make(i * PAGE_SIZE, false,
                       i - MEM_STAGE2 / PAGE_SIZE < MEM_STAGE2_MAX / PAGE_SIZE ? ACCESS_CODE : ACCESS_DATA);
    for (unsigned i = 0; i < STACK_COUNT; i++)
        kernel_pt[(uint32_t)(stacks - kernel_start) / PAGE_SIZE + i * (STACK_STRIDE / PAGE_SIZE)] = 0;
    pml4[0] = 0;
    flush_translations();
}

void low_memory_map(bool mapped) {
    uint64_t *const entry = walk(0, LARGE, true);
    if (entry)
        *entry = mapped ? (uint32_t)((uint8_t *)low_pt - kernel_start) + boot.kernel_phys + TABLE_FLAGS : 0;
    flush_translations();
}
