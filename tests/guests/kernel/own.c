/* SPDX-License-Identifier: MIT */
/* What differs from Linux on purpose, and what needs a machine of its own: the first argument says which. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (1ul << 20)

static void show(const char *what, long result) {
    if (result == -1)
        printf("%s: error %d\n", what, errno);
    else
        printf("%s: %ld\n", what, result);
}

/* Memory is never writable and executable at once; code is written, then made executable. */
static void write_then_execute(void) {
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */
    unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(p, code, sizeof code);
    show("mmap both", mmap(NULL, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 1);
    show("mprotect both", mprotect(p, 4096, 7));
    show("mprotect", mprotect(p, 4096, PROT_READ | PROT_EXEC));
    show("call", ((int (*)(void))p)());
}

static void writing_files(void) {
    show("write", open("data.txt", O_WRONLY));
    show("read and write", open("data.txt", O_RDWR));
    show("create", open("new.txt", O_WRONLY | O_CREAT, 0644));
    show("truncate", open("data.txt", O_RDONLY | O_TRUNC));
    show("unlink", unlink("data.txt"));
    show("mkdir", mkdir("new", 0755));
    show("rename", rename("data.txt", "other.txt"));
}

static void not_served(void) {
    show("once", syscall(400));
    show("twice", syscall(400));
    show("another", syscall(100000));
    show("fork", fork());
}

/* Every page of a large block is there, zeroed and its own. */
static void large(size_t mib) {
    uint64_t *p = malloc(mib * MIB), sum = 0;
    if (!p) {
        show("malloc", -1);
        return;
    }
    for (size_t i = 0; i < mib * MIB / 8; i += 512)
        sum |= p[i];
    for (size_t i = 0; i < mib * MIB / 8; i += 512)
        p[i] = i * 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < mib * MIB / 8; i += 512)
        sum |= p[i] ^ i * 0x9e3779b97f4a7c15;
    show("wrong", (long)sum);
}

/* Takes memory until there is none; then gives it back and takes it again. */
static void exhaust(void) {
    static void *blocks[4096];
    for (int round = 0; round < 2; round++) {
        int count = 0;
        size_t size = MIB / 2 + 4096 * (size_t)round;
        while (count < 4096 &&
               (blocks[count] = mmap(NULL, size, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED)
            memset(blocks[count++], 1, 4096);
        printf("%d\n", count > 32 && errno == ENOMEM);
        while (count)
            munmap(blocks[--count], size);
    }
}

__attribute__((noinline)) static int deep(int levels) {
    volatile char room[4000];
    room[levels] = 1;
    int below = levels ? deep(levels - 1) : 1;
    return below + room[levels] - 1; /* after the call, so that it cannot become a loop */
}

int main(int argc, char **argv) {
    const char *which = argv[1];
    if (!strcmp(which, "wx"))
        write_then_execute();
    else if (!strcmp(which, "files"))
        writing_files();
    else if (!strcmp(which, "unknown"))
        not_served();
    else if (!strcmp(which, "large"))
        large(strtoul(argv[2], NULL, 10));
    else if (!strcmp(which, "exhaust"))
        exhaust();
    else if (!strcmp(which, "deep"))
        show("deep", deep(100));
    else if (!strcmp(which, "wait"))
        syscall(SYS_futex, &argc, 0, argc, NULL, NULL, 0);
    return 0;
}
