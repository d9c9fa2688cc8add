/* SPDX-License-Identifier: MIT */
/* Integer division: how many pairs are coprime, by Euclid's algorithm. */
#include "bench.h"

static NOINLINE uint32_t gcd(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int main(int argc, char **argv) {
    uint32_t limit = (uint32_t)parameter(argc, argv, 1, 1500);
    uint64_t coprime = 0;
    for (uint32_t a = 1; a <= limit; a++)
        for (uint32_t b = 1; b <= a; b++)
            coprime += gcd(a, b) == 1;
    return finish("gcd", coprime);
}
