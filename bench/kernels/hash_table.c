/* SPDX-License-Identifier: MIT */
/* Hashing: open addressing with linear probing; counts keys drawn from a skewed distribution. */
#include "bench.h"

struct entry {
    uint64_t key;
    uint64_t count;
};

static NOINLINE struct entry *find(struct entry *table, uint64_t mask, uint64_t key) {
    uint64_t at = (key * 0x9E3779B97F4A7C15u) >> 20 & mask;
    while (table[at].key != key && table[at].count)
        at = (at + 1) & mask;
    return &table[at];
}

int main(int argc, char **argv) {
    uint64_t keys = (uint64_t)parameter(argc, argv, 1, 30000), state = 16, checksum = 0, size = 16;
    long inserts = parameter(argc, argv, 2, 600000);
    while (size < 2 * keys)
        size *= 2;
    struct entry *table = allocate(size * sizeof *table);
    memset(table, 0, size * sizeof *table);
    for (long i = 0; i < inserts; i++) {
        uint64_t key = next_random(&state) % keys * (next_random(&state) % 3) + 1;
        struct entry *entry = find(table, size - 1, key);
        entry->key = key;
        entry->count++;
    }
    for (uint64_t i = 0; i < size; i++)
        checksum += table[i].key * table[i].count;
    return finish("hash_table", checksum);
}
