/* SPDX-License-Identifier: MIT */
/* Memory calls whose outcome is the same on Linux: tests compare what both print. Says nothing of addresses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (1ul << 20)
#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static void show(const char *what, long result) {
    if (result == -1)
        printf("%s: error %d\n", what, errno);
    else
        printf("%s: %ld\n", what, result);
}

static unsigned char *map(size_t size, int protection, int flags) {
    unsigned char *p = mmap(NULL, size, protection, flags, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static int zero(const unsigned char *p, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (p[i])
            return 0;
    return 1;
}

static void fill(unsigned char *p, size_t size) {
    for (size_t i = 0; i < size; i++)
        p[i] = (unsigned char)(i * 7 + i / 4096);
}

static int filled(const unsigned char *p, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (p[i] != (unsigned char)(i * 7 + i / 4096))
            return 0;
    return 1;
}

/* Bad addresses make calls fail, not the program. */
static int readable(const void *p) {
    return syscall(SYS_open, p, 0) != -1 || errno != EFAULT;
}

static void reservations(void) {
    unsigned char *p = map(64 * MIB, PROT_NONE, ANONYMOUS | MAP_NORESERVE);
    show("reserve", p != NULL);
    show("reserved is readable", readable(p));
    show("commit", mprotect(p + MIB, 3 * MIB, RW));
    show("committed is zero", zero(p + MIB, 3 * MIB));
    fill(p + MIB, 3 * MIB);
    show("hide", mprotect(p + MIB, 2 * MIB + 4096, PROT_NONE));
    show("hidden is readable", readable(p + MIB));
    show("show", mprotect(p + MIB, 3 * MIB, PROT_READ));
    show("kept", filled(p + MIB, 3 * MIB));
    show("drop", munmap(p, 64 * MIB));
    show("dropped is readable", readable(p + MIB));
    show("protect nothing", mprotect(p, 4096, RW));
    show("unaligned", mprotect(p + 1, 4096, RW));
}

static void holes(void) {
    unsigned char *p = map(8 * MIB, RW, ANONYMOUS);
    fill(p, 8 * MIB);
    show("hole", munmap(p + 3 * MIB + 4096, 4096));
    show("before", filled(p, 3 * MIB + 4096));
    show("in it", readable(p + 3 * MIB + 4096));
    show("no replacing", mmap(p, 4096, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? -1 : 1);
    unsigned char *q = mmap(p + 3 * MIB + 4096, 4096, RW, ANONYMOUS | MAP_FIXED, -1, 0);
    show("filled again", q == p + 3 * MIB + 4096 && zero(q, 4096));
    q = mmap(p + MIB, 2 * MIB, RW, ANONYMOUS | MAP_FIXED, -1, 0);
    show("replaced",
         q == p + MIB && zero(q, 2 * MIB) && p[3 * MIB] == (unsigned char)(3 * MIB * 7 + 3 * MIB / 4096));
    show("forgotten", madvise(p + 4 * MIB, MIB, MADV_DONTNEED) || !zero(p + 4 * MIB, MIB) ? -1 : 0);
    munmap(p, 8 * MIB);
    show("again", munmap(p, 8 * MIB));
    show("no length", munmap(p, 0));
    show("nowhere", mmap(NULL, 0, RW, ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 1);
    show("low", mmap(NULL, 4096, RW, ANONYMOUS | MAP_32BIT, -1, 0) < (void *)(1ul << 31) ? 1 : 0);
}

static void moves(void) {
    unsigned char *p = map(5 * MIB, RW, ANONYMOUS), *wall = map(4096, RW, ANONYMOUS);
    fill(p, 5 * MIB);
    p = mremap(p, 5 * MIB, 40 * MIB, MREMAP_MAYMOVE);
    show("grown", p != MAP_FAILED && filled(p, 5 * MIB) && zero(p + 5 * MIB, 35 * MIB));
    fill(p, 40 * MIB);
    p = mremap(p, 40 * MIB, 3 * MIB + 8192, 0);
    show("shrunk", p != MAP_FAILED && filled(p, 3 * MIB + 8192));
    unsigned char *place = map(16 * MIB, PROT_NONE, ANONYMOUS);
    unsigned char *q = mremap(p, 3 * MIB + 8192, 8 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4096);
    show("placed",
         q == place + 4096 && filled(q, 3 * MIB + 8192) && zero(q + 3 * MIB + 8192, 5 * MIB - 8192));
    show("gone", readable(p));
    show("fixed without may-move", mremap(q, 4096, 4096, MREMAP_FIXED, wall) == MAP_FAILED ? -1 : 1);
    show("of nothing", mremap(p, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 1);
    show("to nothing", mremap(q, 4096, 0, 0) == MAP_FAILED ? -1 : 1);
}

static void many(void) {
    static unsigned char *blocks[300];
    int good = 1;
    for (int round = 0; round < 6; round++) {
        for (int i = round; i < 300; i += 3) {
            size_t size = 4096 * (size_t)(1 + (i * 37 + round) % 60);
            if (blocks[i])
                munmap(blocks[i], 4096 * (size_t)(1 + (i * 37 + round - 3) % 60));
            blocks[i] = map(size, RW, ANONYMOUS);
            good &= blocks[i] && zero(blocks[i], size);
            memset(blocks[i], i | 1, size);
        }
    }
    show("many", good);
    for (int round = 0; round < 100; round++) {
        unsigned char *p = map(3 * MIB, RW, ANONYMOUS);
        good &= p && !p[4096 * round] && !munmap(p, 3 * MIB);
    }
}

static unsigned char *move_break(unsigned char *to) {
    return (unsigned char *)syscall(SYS_brk, to);
}

static void breaks(void) {
    unsigned char *start = move_break(NULL);
    show("break grows", move_break(start + 300000) == start + 300000);
    show("zero", zero(start, 300000));
    fill(start, 300000);
    show("break shrinks", move_break(start + 5000) == start + 5000);
    show("kept", filled(start, 5000));
    show("break grows again", move_break(start + 200000) == start + 200000);
    show("still kept", filled(start, 5000) && zero(start + 8192, 190000 - 8192));
    show("break stays", move_break((unsigned char *)1) == start + 200000);
}

static void limits(void) {
    show("too much", mmap(NULL, 1ul << 46, RW, ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 1);
    show("far too much", mmap(NULL, -8192ul, RW, ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 1);
    show("malloc", malloc(1ul << 45) != NULL);
    show("after it", malloc(30 * MIB) != NULL);
    void *p = NULL;
    for (size_t size = 1; size < 16 * MIB; size = size * 3 / 2 + 1)
        p = realloc(p, size);
    show("realloc", p != NULL);
}

int main(void) {
    reservations();
    holes();
    moves();
    many();
    breaks();
    limits();
    return 0;
}
