/* SPDX-License-Identifier: MIT */
/* Bit work: Hamming distances between rows of bits. */
#include "bench.h"

static NOINLINE uint64_t distance(const uint64_t *a, const uint64_t *b, size_t words) {
    uint64_t total = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t x = a[i] ^ b[i];
        x -= x >> 1 & 0x5555555555555555u;
        x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
        x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
        total += x * 0x0101010101010101u >> 56;
    }
    return total;
}

int main(int argc, char **argv) {
    size_t words = (size_t)parameter(argc, argv, 1, 60000);
    long rounds = parameter(argc, argv, 2, 60);
    uint64_t *a = allocate(words * sizeof *a), *b = allocate(words * sizeof *b), state = 19, checksum = 0;
    for (size_t i = 0; i < words; i++) {
        a[i] = next_random(&state);
        b[i] = next_random(&state);
    }
    for (long i = 0; i < rounds; i++)
        checksum = mix(checksum, distance(a, b, words - (size_t)i));
    return finish("popcount", checksum);
}
