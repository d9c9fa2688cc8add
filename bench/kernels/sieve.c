/* SPDX-License-Identifier: MIT */
/* Integers and memory: the sieve of Eratosthenes. */
#include "bench.h"

static NOINLINE uint64_t sieve(uint8_t *composite, uint32_t limit) {
    uint64_t sum = 0;
    memset(composite, 0, limit);
    for (uint32_t i = 2; i < limit; i++) {
        if (composite[i])
            continue;
        sum += i;
        for (uint64_t j = (uint64_t)i * i; j < limit; j += i)
            composite[j] = 1;
    }
    return sum;
}

int main(int argc, char **argv) {
    uint32_t limit = (uint32_t)parameter(argc, argv, 1, 1000000);
    long rounds = parameter(argc, argv, 2, 6);
    uint8_t *composite = allocate(limit);
    uint64_t checksum = 0;
    for (long i = 0; i < rounds; i++)
        checksum = mix(checksum, sieve(composite, limit - (uint32_t)i));
    return finish("sieve", checksum);
}
