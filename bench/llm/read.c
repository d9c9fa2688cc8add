/* SPDX-License-Identifier: MIT */
/* What loading is measured against: reads a file once into fresh memory in 2 MiB pages, as the workload does,
 * and prints the milliseconds of CPU time. Argument: the file. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PIECE ((size_t)256 << 10)
#define PAGE ((size_t)2 << 20)

static double milliseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

int main(int count, char **arguments) {
    const double start = milliseconds();
    const int file = count > 1 ? open(arguments[1], O_RDONLY) : -1;
    const off_t size = lseek(file, 0, SEEK_END);
    if (file < 0 || size < 0 || lseek(file, 0, SEEK_SET) < 0)
        return 1;
    const size_t room = (size_t)size + 2 * PAGE;
    uint8_t *at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return 1;
    at += -(uintptr_t)at % PAGE;
    madvise(at, (size_t)size, MADV_HUGEPAGE);
    for (ssize_t got; (got = read(file, at, PIECE)) > 0;)
        at += got;
    printf("%.1f\n", milliseconds() - start);
    return 0;
}
