/* SPDX-License-Identifier: MIT */
/* Integers and unpredictable branches: longest Collatz sequence. */
#include "bench.h"

static NOINLINE uint32_t steps(uint64_t n) {
    uint32_t count = 0;
    while (n != 1) {
        n = n & 1 ? 3 * n + 1 : n >> 1;
        count++;
    }
    return count;
}

int main(int argc, char **argv) {
    uint64_t limit = (uint64_t)parameter(argc, argv, 1, 200000), checksum = 0;
    for (uint64_t n = 1; n < limit; n++)
        checksum = mix(checksum, steps(n));
    return finish("collatz", checksum);
}
