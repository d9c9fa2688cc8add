/* SPDX-License-Identifier: MIT */
/* Run-time parameter: modular powers; the modulus is the same in every call. */
#include "bench.h"

static NOINLINE uint64_t power(uint64_t base, uint64_t exponent, uint64_t modulus) {
    uint64_t result = 1;
    for (base %= modulus; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % modulus;
        base = base * base % modulus;
    }
    return result;
}

int main(int argc, char **argv) {
    uint64_t count = (uint64_t)parameter(argc, argv, 1, 40000),
             modulus = (uint64_t)parameter(argc, argv, 2, 1000003);
    uint64_t checksum = 0;
    for (uint64_t i = 1; i <= count; i++)
        checksum = mix(checksum, power(i, modulus - 2, modulus));
    return finish("power_mod", checksum);
}
