/* SPDX-License-Identifier: MIT */
/* Strings: Levenshtein distance by dynamic programming over one row. */
#include "bench.h"

static NOINLINE uint32_t distance(const char *a, const char *b, uint32_t length, uint32_t *row) {
    for (uint32_t j = 0; j <= length; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= length; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= length; j++) {
            uint32_t change = diagonal + (a[i - 1] != b[j - 1]);
            uint32_t best = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < best ? change : best;
        }
    }
    return row[length];
}

int main(int argc, char **argv) {
    uint32_t length = (uint32_t)parameter(argc, argv, 1, 700);
    long rounds = parameter(argc, argv, 2, 8);
    char *a = allocate(length), *b = allocate(length);
    uint32_t *row = allocate((length + 1) * sizeof *row);
    uint64_t state = 11, checksum = 0;
    for (long round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < length; i++) {
            a[i] = (char)('a' + next_random(&state) % 4);
            b[i] = (char)('a' + next_random(&state) % 4);
        }
        checksum = mix(checksum, distance(a, b, length, row));
    }
    return finish("edit_distance", checksum);
}
