/* SPDX-License-Identifier: MIT */
/* mmap and kin: memory is there at once, zeroed, in 2 MiB pages where it can be. Only the stack grows by
 * faults. */
#include "kernel.h"

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
#define LOW_BEGIN (1ull << 30) /* where MAP_32BIT looks */
#define LOW_END (1ull << 31)

uint64_t stack_bottom, break_start, page_faults;
static uint64_t break_size;
static uint64_t handed_out; /* bytes of address space beyond MEM_MMAP_BASE */

/* W^X: no PTE bits exist for writable and executable at once; callers refuse it first. */
uint64_t protection_access(uint64_t protection) {
    if (!(protection & PROT_ALL))
        return 0;
    return PTE_PRESENT | (protection & PROT_WRITE ? PTE_WRITE : 0) | (protection & PROT_EXEC ? 0 : PTE_NX);
}

static bool forbidden(uint64_t protection) {
    return (protection & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC);
}

bool space_valid(uint64_t start, uint64_t length) {
    const uint64_t end = stack_bottom - LARGE_PAGE_SIZE; /* what lies between is the stack's guard */
    return start >= LARGE_PAGE_SIZE && length <= end && start <= end - length;
}

static bool space_free(uint64_t start, uint64_t length) {
    return space_valid(start, length) && !space_change(start, start + length, CHANGE_CHECK, 0);
}

bool stack_fault(uint64_t address) {
    const uint64_t page = page_floor(address);
    if (address < stack_bottom || address >= MEM_STACK_TOP)
        return false;
    if (space_change(page, page + PAGE_SIZE, CHANGE_SET, ACCESS_DATA))
        panic("no memory left for the stack");
    page_faults++;
    return true;
}

/* A free place for `length` bytes, 2 MiB aligned if that long. 0: none. */
static uint64_t place_find(uint64_t hint, uint64_t length, uint64_t flags) {
    if (hint && space_free(hint, length))
        return hint;
    if (flags & MAP_32BIT) {
        for (uint64_t at = LOW_BEGIN; at + length <= LOW_END; at += LARGE_PAGE_SIZE)
            if (space_free(at, length))
                return at;
        return 0;
    }
    for (;;) {
        if (length >= LARGE_PAGE_SIZE)
            handed_out = (handed_out + LARGE_PAGE_SIZE - 1) & -LARGE_PAGE_SIZE;
        const uint64_t at = MEM_MMAP_BASE + handed_out;
        if (!space_valid(at, length))
            return 0;
        handed_out += length;
        if (space_free(at, length))
            return at;
    }
}

/* Fills a free range or leaves it free. */
static int64_t fill(uint64_t start, uint64_t length, uint64_t access) {
    if (access && length > memory_free())
        return -ENOMEM; /* sooner said than zeroed */
    const int64_t result = space_change(start, start + length, CHANGE_SET, access);
    if (result)
        space_change(start, start + length, CHANGE_UNMAP, 0);
    return result;
}

int64_t map_memory(uint64_t hint, uint64_t length, uint64_t flags, uint64_t access) {
    length = page_ceiling(length);
    uint64_t start = hint;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (start % PAGE_SIZE)
            return -EINVAL;
        if (!space_valid(start, length))
            return -ENOMEM;
        if (flags & MAP_FIXED_NOREPLACE && !space_free(start, length))
            return -EEXIST;
        space_change(start, start + length, CHANGE_UNMAP, 0);
    } else {
        start = place_find(page_floor(hint), length, flags);
    }
    if (!start)
        return -ENOMEM;
    const int64_t result = fill(start, length, access);
    return result ? result : (int64_t)start;
}

int64_t sys_mmap(uint64_t hint, uint64_t length, uint64_t protection, uint64_t flags, uint64_t fd,
                 uint64_t offset) {
    if (!length || offset % PAGE_SIZE)
        return -EINVAL;
    if (length > MEM_STACK_TOP)
        return -ENOMEM;
    if (forbidden(protection))
        return -EACCES;
    const uint64_t access = protection_access(protection);
    if (flags & MAP_ANONYMOUS)
        return map_memory(hint, length, flags, access);
    if (flags & MAP_SHARED && protection & PROT_WRITE)
        return -EACCES; /* files are read-only */
    const int64_t probe = file_read_at(fd, NULL, 0, 0);
    if (probe)
        return probe;
    const int64_t start = map_memory(hint, length, flags, ACCESS_DATA);
    if (start < 0)
        return start;
    const int64_t got = file_read_at(fd, (void *)start, length, offset);
    const int64_t result = got < 0 ? got
                                   : space_change((uint64_t)start, (uint64_t)start + page_ceiling(length),
                                                  CHANGE_PROTECT, access);
    if (!result)
        return start;
    sys_munmap((uint64_t)start, length);
    return result;
}

int64_t sys_munmap(uint64_t start, uint64_t length) {
    length = page_ceiling(length);
    if (start % PAGE_SIZE || !length || !space_valid(start, length))
        return -EINVAL;
    return space_change(start, start + length, CHANGE_UNMAP, 0);
}

/* Moves the break to `wanted`, or leaves it; either way returns where it is. */
int64_t sys_brk(uint64_t wanted) {
    const uint64_t now = break_start + break_size, old_end = page_ceiling(now),
                   new_end = page_ceiling(wanted);
    if (wanted < break_start || wanted > MEM_MMAP_BASE)
        return (int64_t)now;
    if (new_end > old_end &&
        (!space_free(old_end, new_end - old_end) || fill(old_end, new_end - old_end, ACCESS_DATA)))
        return (int64_t)now;
    if (new_end < old_end)
        space_change(new_end, old_end, CHANGE_UNMAP, 0);
    break_size = wanted - break_start;
    return (int64_t)wanted;
}

int64_t sys_mprotect(uint64_t start, uint64_t length, uint64_t protection) {
    length = page_ceiling(length);
    if (start % PAGE_SIZE)
        return -EINVAL;
    if (forbidden(protection))
        return -EACCES;
    if (!space_valid(start, length))
        return -ENOMEM;
    return space_change(start, start + length, CHANGE_PROTECT, protection_access(protection));
}

int64_t sys_madvise(uint64_t start, uint64_t length, uint64_t advice) {
    length = page_ceiling(length);
    if (start % PAGE_SIZE)
        return -EINVAL;
    if (advice == MADV_DONTNEED && space_valid(start, length))
        return space_change(start, start + length, CHANGE_ZERO, 0);
    return 0;
}

/* Moves a mapping to a free place of the new size. */
static int64_t remap_elsewhere(uint64_t old, uint64_t old_size, uint64_t target, uint64_t new_size,
                               uint64_t access) {
    const uint64_t kept = old_size < new_size ? old_size : new_size;
    int64_t result = fill(target + kept, new_size - kept, access);
    if (!result)
        result = space_move(old, target, kept);
    if (!result)
        space_change(old, old + old_size, CHANGE_UNMAP, 0);
    return result ? result : (int64_t)target;
}

int64_t sys_mremap(uint64_t old, uint64_t old_size, uint64_t new_size, uint64_t flags, uint64_t target) {
    old_size = page_ceiling(old_size);
    new_size = page_ceiling(new_size);
    const uint64_t entry = space_lookup(old),
                   access = entry & PTE_PRESENT ? entry & (ACCESS_DATA | PTE_NX) : 0;
    if (old % PAGE_SIZE || !new_size || !old_size)
        return -EINVAL;
    if (!entry || !space_valid(old, old_size))
        return -EFAULT;
    if (flags & MREMAP_FIXED) {
        if (!(flags & MREMAP_MAYMOVE) || target % PAGE_SIZE || !space_valid(target, new_size) ||
            (target < old + old_size && old < target + new_size))
            return -EINVAL;
        space_change(target, target + new_size, CHANGE_UNMAP, 0);
        return remap_elsewhere(old, old_size, target, new_size, access);
    }
    if (new_size <= old_size) {
        space_change(old + new_size, old + old_size, CHANGE_UNMAP, 0);
        return (int64_t)old;
    }
    if (space_free(old + old_size, new_size - old_size)) {
        const int64_t result = fill(old + old_size, new_size - old_size, access);
        return result ? result : (int64_t)old;
    }
    target = flags & MREMAP_MAYMOVE ? place_find(0, new_size, 0) : 0;
    return target ? remap_elsewhere(old, old_size, target, new_size, access) : -ENOMEM;
}
