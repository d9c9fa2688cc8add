/* SPDX-License-Identifier: MIT */
/* mmap and kin: memory is there at once, zeroed, in 2 MiB pages where it can be. Only the stack grows by
 * faults. */
#include "kernel.h"

uint64_t stack_bottom, break_start, page_faults;

bool space_valid(uint64_t start, uint64_t length) {
    const uint64_t end = stack_bottom - LARGE_PAGE_SIZE; /* what lies between is the stack's guard */
    return start >= LARGE_PAGE_SIZE && length <= end && start <= end - length;
}

bool stack_fault(uint64_t address) {
    if (address < stack_bottom || address >= MEM_STACK_TOP)
        return false;
    address = page_floor(address);
    if (space_change(address, address + PAGE_SIZE, CHANGE_SET, ACCESS_DATA))
        panic("no memory left for the stack");
    page_faults++;
    return true;
}

/* Fills a free range or leaves it free. */
int64_t space_fill(uint64_t start, uint64_t length, unsigned access) {
    if (access && length > memory_free())
        return -ENOMEM; /* sooner said than zeroed */
    const int64_t result = space_change(start, start + length, CHANGE_SET, access);
    if (result)
        space_change(start, start + length, CHANGE_UNMAP, 0);
    return result;
}

#ifdef CONFIG_MEMORY
static uint64_t break_size;
static uint64_t search_from; /* bytes beyond MEM_MMAP_BASE: little is free below */

/* The pages' access for PROT_… bits. W^X: negative where memory would be writable and executable at once. */
static int access_of(uint64_t protection) {
    if ((protection & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
        return -EACCES;
    /* PROT_READ, PROT_WRITE and PROT_EXEC are ACCESS_… bits already; the CPU has none that cannot be read. */
    const int access = (int)protection & (PROT_READ | PROT_WRITE | PROT_EXEC);
    return access ? access | (int)ACCESS_READ : 0;
}

static bool space_free(uint64_t start, uint64_t length) {
    return space_valid(start, length) && !space_change(start, start + length, CHANGE_CHECK, 0);
}

/* A free place for `length` bytes, 2 MiB aligned if that long. 0: none. */
static uint64_t place_find(uint64_t hint, uint64_t length, unsigned flags) {
    if (hint && space_free(hint, length))
        return hint;
    if (flags & MAP_32BIT) {
        for (uint64_t at = 1ull << 30; at + length <= 1ull << 31; at += LARGE_PAGE_SIZE)
            if (space_free(at, length))
                return at;
        return 0;
    }
    const uint64_t size = length < LARGE_PAGE_SIZE ? PAGE_SIZE : LARGE_PAGE_SIZE;
    for (uint64_t at = MEM_MMAP_BASE + search_from;; at += size) {
        at = (at + size - 1) & -size;
        if (!space_valid(at, length))
            return 0;
        if (!space_free(at, length))
            continue;
        search_from = at + length - MEM_MMAP_BASE;
        return at;
    }
}

static int64_t map_memory(uint64_t start, uint64_t length, unsigned flags, unsigned access) {
    length = page_ceiling(length);
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
        start = place_find(page_floor(start), length, flags);
    } else {
        if (start % PAGE_SIZE)
            return -EINVAL;
        if (!space_valid(start, length))
            return -ENOMEM;
        if (flags & MAP_FIXED_NOREPLACE && !space_free(start, length))
            return -EEXIST;
        space_change(start, start + length, CHANGE_UNMAP, 0);
    }
    if (!start)
        return -ENOMEM;
    const int64_t result = space_fill(start, length, access);
    return result ? result : (int64_t)start;
}

#ifdef CONFIG_FILES
/* A private copy of a file, which nothing can change afterwards. */
static int64_t map_file(uint64_t hint, uint64_t length, unsigned flags, unsigned access, uint64_t fd,
                        uint64_t offset) {
    const int64_t probe = file_read_at(fd, NULL, 0, 0);
    if (probe)
        return probe;
    const int64_t start = map_memory(hint, length, flags, ACCESS_DATA);
    if (start < 0)
        return start;
    const int64_t got = file_read_at(fd, (void *)start, length, offset);
    if (got < 0) {
        space_change((uint64_t)start, (uint64_t)start + page_ceiling(length), CHANGE_UNMAP, 0);
        return got;
    }
    space_change((uint64_t)start, (uint64_t)start + page_ceiling(length), CHANGE_PROTECT, access);
    return start;
}
#endif

int64_t sys_mmap(uint64_t hint, uint64_t length, uint64_t protection, uint64_t flags, uint64_t fd,
                 uint64_t offset) {
    const int access = access_of(protection);
    if (!length || offset % PAGE_SIZE)
        return -EINVAL;
    if (length > MEM_STACK_TOP)
        return -ENOMEM;
    if (access < 0)
        return access;
    if (flags & MAP_ANONYMOUS)
        return map_memory(hint, length, (unsigned)flags, (unsigned)access);
#ifdef CONFIG_FILES
    if (flags & MAP_SHARED && protection & PROT_WRITE)
        return -EACCES; /* files are read-only */
    return map_file(hint, length, (unsigned)flags, (unsigned)access, fd, offset);
#else
    (void)fd;
    return -ENODEV;
#endif
}

int64_t sys_munmap(uint64_t start, uint64_t length) {
    length = page_ceiling(length);
    if (start % PAGE_SIZE || !length || !space_valid(start, length))
        return -EINVAL;
    if (start - MEM_MMAP_BASE < search_from)
        search_from = start - MEM_MMAP_BASE;
    return space_change(start, start + length, CHANGE_UNMAP, 0);
}

/* Moves the break to `wanted`, or leaves it; either way returns where it is. */
int64_t sys_brk(uint64_t wanted) {
    const uint64_t now = break_start + break_size, old_end = page_ceiling(now),
                   new_end = page_ceiling(wanted);
    if (wanted < break_start || wanted > MEM_MMAP_BASE)
        return (int64_t)now;
    if (new_end > old_end &&
        (!space_free(old_end, new_end - old_end) || space_fill(old_end, new_end - old_end, ACCESS_DATA)))
        return (int64_t)now;
    space_change(new_end, old_end, CHANGE_UNMAP, 0); /* nothing if it grew */
    break_size = wanted - break_start;
    return (int64_t)wanted;
}

int64_t sys_mprotect(uint64_t start, uint64_t length, uint64_t protection) {
    const int access = access_of(protection);
    length = page_ceiling(length);
    if (start % PAGE_SIZE)
        return -EINVAL;
    if (access < 0)
        return access;
    if (!space_valid(start, length))
        return -ENOMEM;
    return space_change(start, start + length, CHANGE_PROTECT, (unsigned)access);
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
                               unsigned access) {
    const uint64_t kept = old_size < new_size ? old_size : new_size;
    int64_t result = space_fill(target + kept, new_size - kept, access);
    if (!result)
        result = space_move(old, target, kept);
    if (result)
        return result;
    sys_munmap(old, old_size);
    return (int64_t)target;
}

int64_t sys_mremap(uint64_t old, uint64_t old_size, uint64_t new_size, uint64_t flags, uint64_t target) {
    old_size = page_ceiling(old_size);
    new_size = page_ceiling(new_size);
    if (old % PAGE_SIZE || !new_size || !old_size)
        return -EINVAL;
    const int access = space_valid(old, old_size) ? space_access(old) : -EFAULT;
    if (access < 0)
        return access;
    if (flags & MREMAP_FIXED) {
        if (!(flags & MREMAP_MAYMOVE) || target % PAGE_SIZE || !space_valid(target, new_size) ||
            (target < old + old_size && old < target + new_size))
            return -EINVAL;
        space_change(target, target + new_size, CHANGE_UNMAP, 0);
        return remap_elsewhere(old, old_size, target, new_size, (unsigned)access);
    }
    if (new_size <= old_size) {
        space_change(old + new_size, old + old_size, CHANGE_UNMAP, 0);
        return (int64_t)old;
    }
    if (space_free(old + old_size, new_size - old_size)) {
        const int64_t result = space_fill(old + old_size, new_size - old_size, (unsigned)access);
        return result ? result : (int64_t)old;
    }
    target = flags & MREMAP_MAYMOVE ? place_find(0, new_size, 0) : 0;
    return target ? remap_elsewhere(old, old_size, target, new_size, (unsigned)access) : -ENOMEM;
}
#endif
