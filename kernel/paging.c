/* SPDX-License-Identifier: MIT */
/* The address space. The page tables are the only record of it: an entry is zero (free), present, or
 * PTE_TAKEN (in use without access; its address is zero where no memory was ever needed). Entries of levels 2
 * and 3 that have PTE_LARGE are leaves of 2 MiB and 1 GiB; a 1 GiB leaf is only ever a reservation. Source:
 * SDM volume 3, 4.5. */
#include "kernel.h"
#include "x86.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE)
#define FIRMWARE_PAGES (MEM_LOADER_STACK_TOP / PAGE_SIZE)

struct order {
    enum change change;
    uint64_t access;
};

static uint64_t low_pt[512] __attribute__((aligned(4096), section(".bss.pages")));

static int64_t change_table(uint64_t *table, unsigned level, uint64_t at, uint64_t end,
                            const struct order *order);

static uint64_t entry_size(unsigned level) {
    return 1ull << (3 + 9 * level);
}

static uint64_t *entry_of(uint64_t *table, unsigned level, uint64_t address) {
    return &table[address >> (3 + 9 * level) & 511];
}

static bool is_leaf(uint64_t entry, unsigned level) {
    return level == 1 || entry & PTE_LARGE;
}

static uint64_t *table_of(uint64_t entry) {
    return direct(entry & PTE_ADDRESS);
}

/* Replaces an empty entry or a large leaf by a table; the leaf's memory and access stay the same. */
static bool table_make(uint64_t *entry, unsigned level) {
    const uint64_t old = *entry, table = page_alloc(false);
    if (!table)
        return false;
    uint64_t child = level == 2 ? old & ~PTE_LARGE : old;
    const uint64_t step = old & PTE_ADDRESS ? entry_size(level - 1) : 0;
    for (unsigned i = 0; old && i < 512; i++, child += step)
        table_of(table)[i] = child;
    *entry = table | TABLE_FLAGS;
    return true;
}

static bool table_empty(const uint64_t *table) {
    for (unsigned i = 0; i < 512; i++)
        if (table[i])
            return false;
    return true;
}

/* A leaf, or an empty entry that is to become one. */
static int64_t change_leaf(uint64_t *entry, unsigned level, const struct order *order) {
    uint64_t page = *entry & PTE_ADDRESS;
    switch (order->change) {
    case CHANGE_CHECK:
        return -EEXIST;
    case CHANGE_UNMAP:
        if (page)
            page_free(page, level == 2);
        *entry = 0;
        return 0;
    case CHANGE_ZERO:
        if (page)
            memset(direct(page), 0, entry_size(level));
        return 0;
    default:
        break;
    }
    if (!page && order->access)
        page = page_alloc(level == 2);
    if (!page && order->access)
        return -ENOMEM;
    *entry = page | (order->access ? order->access : PTE_TAKEN) | (level > 1 ? PTE_LARGE : 0);
    return 0;
}

static int64_t change_entry(uint64_t *entry, unsigned level, uint64_t at, uint64_t end,
                            const struct order *order) {
    const bool whole = end - at == entry_size(level), leaf = *entry && is_leaf(*entry, level);
    const bool setting = order->change == CHANGE_SET || order->change == CHANGE_PROTECT;
    if (!*entry && order->change != CHANGE_SET)
        return order->change == CHANGE_PROTECT ? -ENOMEM : 0;
    if (leaf && order->change == CHANGE_CHECK)
        return -EEXIST;
    if (setting && !(*entry & PTE_ADDRESS)) { /* empty or a reservation */
        const int64_t result =
            whole && level <= (order->access ? 2 : 3) ? change_leaf(entry, level, order) : -ENOMEM;
        if (!result || level == 1)
            return result; /* else too large, or there is no large page left but small ones may be */
    } else if (leaf && whole) {
        return change_leaf(entry, level, order);
    }
    if ((leaf || !*entry) && !table_make(entry, level))
        return -ENOMEM;
    const int64_t result = change_table(table_of(*entry), level - 1, at, end, order);
    if (order->change == CHANGE_UNMAP && table_empty(table_of(*entry))) {
        page_free(*entry & PTE_ADDRESS, false);
        *entry = 0;
    }
    return result;
}

static int64_t change_table(uint64_t *table, unsigned level, uint64_t at, uint64_t end,
                            const struct order *order) {
    const uint64_t size = entry_size(level);
    int64_t result = 0;
    while (at < end && !result) {
        uint64_t next = (at & -size) + size;
        if (next > end)
            next = end;
        result = change_entry(entry_of(table, level, at), level, at, next, order);
        at = next;
    }
    return result;
}

int64_t space_change(uint64_t start, uint64_t end, enum change change, uint64_t access) {
    const struct order order = {change, access};
    const int64_t result = change_table(pml4, 4, start, end, &order);
    flush_translations();
    return result;
}

/* The leaf that `address` lies in, or the empty entry that ends its path. */
static uint64_t *leaf_of(uint64_t address, unsigned *level) {
    uint64_t *entry = entry_of(pml4, *level = 4, address);
    while (*entry && !is_leaf(*entry, *level))
        entry = entry_of(table_of(*entry), --*level, address);
    return entry;
}

/* The entry at exactly `level`; what is larger is split. Null: no memory for a table. */
static uint64_t *entry_at(uint64_t address, unsigned level) {
    uint64_t *entry = entry_of(pml4, 4, address);
    for (unsigned at = 4; at > level; entry = entry_of(table_of(*entry), --at, address))
        if ((!*entry || is_leaf(*entry, at)) && !table_make(entry, at))
            return NULL;
    return entry;
}

uint64_t space_lookup(uint64_t address) {
    unsigned level;
    return *leaf_of(address, &level);
}

uint64_t space_physical(uint64_t address) {
    unsigned level;
    const uint64_t entry = *leaf_of(address, &level);
    return entry & PTE_PRESENT ? (entry & PTE_ADDRESS) + (address & (entry_size(level) - 1)) : 0;
}

/* Moves `length` bytes of mappings without copying. The target MUST be free; both lie alike within 2 MiB, so
 * that whole entries of level 2, be they leaves or tables, move at once. */
int64_t space_move(uint64_t from, uint64_t to, uint64_t length) {
    if (memory_free() < (length / LARGE_PAGE_SIZE + 8) * PAGE_SIZE)
        return -ENOMEM; /* more than all tables that can be needed */
    for (uint64_t done = 0; done < length;) {
        const unsigned level = (from + done) % LARGE_PAGE_SIZE || length - done < LARGE_PAGE_SIZE ? 1 : 2;
        uint64_t *source = entry_at(from + done, level), *target = entry_at(to + done, level);
        if (!source || !target)
            return -ENOMEM;
        *target = *source;
        *source = 0;
        done += entry_size(level);
    }
    return space_change(from, from + length, CHANGE_UNMAP, 0);
}

/* W^X holds here too: stage 2 is code, the rest of the loader's memory data; page 0 is neither. */
void paging_init(void) {
    for (uint64_t i = 1; i < FIRMWARE_PAGES; i++) {
        const uint64_t at = i * PAGE_SIZE;
        const bool code = at >= MEM_STAGE2 && at < MEM_STAGE2 + MEM_STAGE2_MAX;
        low_pt[i] = at | PTE_PRESENT | (code ? 0 : PTE_WRITE | PTE_NX);
    }
    for (unsigned i = 0; i < STACK_COUNT; i++)
        kernel_pt[((uint64_t)(stacks - kernel_start) + i * STACK_STRIDE) / PAGE_SIZE] = 0;
    pml4[0] = 0;
    flush_translations();
}

void low_memory_map(bool mapped) {
    uint64_t *entry = entry_at(0, 2);
    if (entry)
        *entry = mapped ? ((uint64_t)low_pt - MEM_KERNEL_BASE + boot.kernel_phys) | TABLE_FLAGS : 0;
    flush_translations();
}
