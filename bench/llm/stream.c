/* SPDX-License-Identifier: MIT */
/* The limit: bytes per second of CPU time that one core can read from memory in 2 MiB pages, median of
 * several passes, with and without prefetching. Prints "prefetch_bytes GB/s" lines. Argument: MiB to read
 * (default 1024). */

#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PASSES 5

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

__attribute__((target("avx2"))) static int64_t read_all(const uint8_t *at, size_t bytes, size_t ahead) {
    __m256i sums[4] = {_mm256_setzero_si256()};
    for (const uint8_t *end = at + bytes; at < end; at += 128) {
        if (ahead) {
            __builtin_prefetch(at + ahead);
            __builtin_prefetch(at + ahead + 64);
        }
        for (int i = 0; i < 4; i++)
            sums[i] = _mm256_xor_si256(sums[i], _mm256_load_si256((const __m256i *)(at + 32 * i)));
    }
    const __m256i sum =
        _mm256_xor_si256(_mm256_xor_si256(sums[0], sums[1]), _mm256_xor_si256(sums[2], sums[3]));
    return _mm256_extract_epi64(sum, 0);
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    const size_t bytes = (size_t)(count > 1 ? atoi(arguments[1]) : 1024) << 20, page = (size_t)2 << 20;
    uint8_t *memory = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    memory += -(uintptr_t)memory % page;
    madvise(memory, bytes, MADV_HUGEPAGE);
    memset(memory, 1, bytes);
    static const size_t distances[] = {0, 1024, 2048, 4096, 8192, 16384};
    volatile int64_t sink = 0;
    for (unsigned i = 0; i < sizeof distances / sizeof *distances; i++) {
        double times[PASSES];
        for (int pass = 0; pass < PASSES; pass++) {
            const double start = seconds();
            sink += read_all(memory, bytes, distances[i]);
            times[pass] = seconds() - start;
        }
        qsort(times, PASSES, sizeof *times, compare);
        printf("%zu %.2f\n", distances[i], 1e-9 * (double)bytes / times[PASSES / 2]);
    }
    return 0;
}
