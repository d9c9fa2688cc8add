/* SPDX-License-Identifier: MIT */
/* Branches: binary search in a sorted table. */
#include "bench.h"

static NOINLINE size_t lower_bound(const uint32_t *table, size_t count, uint32_t key) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int main(int argc, char **argv) {
    size_t count = (size_t)parameter(argc, argv, 1, 20000);
    long searches = parameter(argc, argv, 2, 1500000);
    uint32_t *table = allocate(count * sizeof *table);
    uint64_t state = 7, checksum = 0;
    for (size_t i = 0; i < count; i++)
        table[i] = (uint32_t)i * 5;
    for (long i = 0; i < searches; i++)
        checksum = mix(checksum, lower_bound(table, count, (uint32_t)(next_random(&state) % (count * 5))));
    return finish("binary_search", checksum);
}
