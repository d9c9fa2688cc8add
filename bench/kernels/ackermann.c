/* SPDX-License-Identifier: MIT */
/* Deep recursion: the Ackermann-Peter function. */
#include "bench.h"

static NOINLINE uint32_t ackermann(uint32_t m, uint32_t n) {
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

int main(int argc, char **argv) {
    uint32_t m = (uint32_t)parameter(argc, argv, 1, 2), n = (uint32_t)parameter(argc, argv, 2, 900);
    uint64_t checksum = 0;
    for (uint32_t i = 0; i < 12; i++)
        checksum = mix(checksum, ackermann(m, n + i));
    return finish("ackermann", checksum);
}
