/* SPDX-License-Identifier: MIT */
/* Notes which functions of a shared library run, in the process that loads it. The library is a copy whose
 * functions begin with int3 (bareflow/deadcode/measure.py makes it): the first call of each traps, is noted,
 * and gets its own first byte back, so everything runs at full speed but for one trap a function. It is
 * loaded into a Python that has a libc, and calls that. */
#define _GNU_SOURCE /* for dladdr and the names of registers */
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#define INT3 0xCC

static const uint64_t *starts; /* ascending, from the library's base */
static const uint8_t *first_bytes;
static uint8_t *hits;
static uint64_t count, first_page, text_size, base;

/* Where `offset` is in the table; `count` if nowhere. */
static uint64_t find(uint64_t offset) {
    uint64_t low = 0, high = count;

    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (starts[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && starts[low] == offset ? low : count;
}

/* The first trap comes out of the loader, before anybody could tell where the library is. */
static int open_text(const void *address) {
    Dl_info info;

    if (!dladdr(address, &info))
        return 0;
    base = (uint64_t)info.dli_fbase;
    return !mprotect((void *)(base + first_page), text_size, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static void trapped(int number, siginfo_t *info, void *context) {
    ucontext_t *state = context;
    uint8_t *address = (uint8_t *)state->uc_mcontext.gregs[REG_RIP] - 1;
    uint64_t index;

    (void)info;
    if ((!base && !open_text(address)) || (index = find((uint64_t)address - base)) == count ||
        *address != INT3) { /* somebody else's breakpoint: what it would have done */
        signal(number, SIG_DFL);
        return;
    }
    hits[index] = 1;
    *(volatile uint8_t *)address = first_bytes[index];
    state->uc_mcontext.gregs[REG_RIP] = (greg_t)address;
}

/* Call before the library is loaded. The arrays have `n` entries and MUST stay; `page` and `size` are the
 * range of its code, from its base. Returns 0, or -1 where there is no handler. */
int cover_begin(const uint64_t *offsets, const uint8_t *bytes, uint8_t *noted, uint64_t n, uint64_t page,
                uint64_t size) {
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_RESTART};

    starts = offsets, first_bytes = bytes, hits = noted;
    count = n, first_page = page, text_size = size;
    return sigaction(SIGTRAP, &action, NULL);
}
