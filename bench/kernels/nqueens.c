/* SPDX-License-Identifier: MIT */
/* Recursion and bit masks: solutions of the n queens problem. */
#include "bench.h"

static NOINLINE uint64_t place(uint32_t all, uint32_t columns, uint32_t left, uint32_t right) {
    if (columns == all)
        return 1;
    uint64_t solutions = 0;
    for (uint32_t open = all & ~(columns | left | right); open; open &= open - 1) {
        uint32_t bit = open & -open;
        solutions += place(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return solutions;
}

int main(int argc, char **argv) {
    uint32_t size = (uint32_t)parameter(argc, argv, 1, 10);
    uint64_t checksum = 0;
    for (int round = 0; round < 6; round++)
        checksum = mix(checksum, place((1u << size) - 1, 0, 0, 0));
    return finish("nqueens", checksum);
}
