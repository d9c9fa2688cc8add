/* SPDX-License-Identifier: MIT */
/* Sorting: least-significant-digit radix sort; the digit's width is a run-time parameter. */
#include "bench.h"

static NOINLINE void pass(const uint32_t *in, uint32_t *out, long count, int shift, int bits,
                          uint32_t *places) {
    uint32_t mask = (1u << bits) - 1, total = 0;
    memset(places, 0, sizeof *places << bits);
    for (long i = 0; i < count; i++)
        places[in[i] >> shift & mask]++;
    for (uint32_t digit = 0; digit <= mask; digit++) {
        uint32_t here = places[digit];
        places[digit] = total;
        total += here;
    }
    for (long i = 0; i < count; i++)
        out[places[in[i] >> shift & mask]++] = in[i];
}

int main(int argc, char **argv) {
    long count = parameter(argc, argv, 1, 150000), rounds = parameter(argc, argv, 2, 10);
    int bits = (int)parameter(argc, argv, 3, 8);
    uint32_t *a = allocate((size_t)count * sizeof *a), *b = allocate((size_t)count * sizeof *b);
    uint32_t *places = allocate(sizeof *places << bits);
    uint64_t state = 15, checksum = 0;
    for (long round = 0; round < rounds; round++) {
        for (long i = 0; i < count; i++)
            a[i] = (uint32_t)next_random(&state);
        for (int shift = 0; shift < 32; shift += 2 * bits) {
            pass(a, b, count, shift, bits, places);
            pass(b, a, count, shift + bits, bits, places);
        }
        checksum = mix(checksum, a[count / 2] + a[count - 1]);
    }
    return finish("radix_sort", checksum);
}
