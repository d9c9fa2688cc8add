/* SPDX-License-Identifier: MIT */
/* What every kernel shares: its parameters from the command line, a generator, and the checksum it prints. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parameter `index` (from 1), or its default. */
static inline long parameter(int argc, char **argv, int index, long otherwise) {
    return argc > index ? strtol(argv[index], NULL, 10) : otherwise;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Du;
}

static inline double next_double(uint64_t *state) {
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

static inline void *allocate(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static inline uint64_t mix(uint64_t hash, uint64_t value) {
    return (hash ^ value) * 0x100000001B3u;
}

static inline int finish(const char *name, uint64_t checksum) {
    printf("%s %016llx\n", name, (unsigned long long)checksum);
    return 0;
}

static inline int finish_double(const char *name, double value) {
    printf("%s %.9e\n", name, value);
    return 0;
}

#define NOINLINE __attribute__((noinline))

#endif
