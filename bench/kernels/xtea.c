/* SPDX-License-Identifier: MIT */
/* Bit work, run-time parameter: XTEA (Needham and Wheeler, 1997) in counter mode; the rounds are held
 * constant. */
#include "bench.h"

static NOINLINE void encipher(uint32_t v[2], const uint32_t key[4], int rounds) {
    uint32_t a = v[0], b = v[1], sum = 0;
    for (int i = 0; i < rounds; i++) {
        a += ((b << 4 ^ b >> 5) + b) ^ (sum + key[sum & 3]);
        sum += 0x9E3779B9u;
        b += ((a << 4 ^ a >> 5) + a) ^ (sum + key[sum >> 11 & 3]);
    }
    v[0] = a;
    v[1] = b;
}

int main(int argc, char **argv) {
    uint32_t blocks = (uint32_t)parameter(argc, argv, 1, 40000), key[4] = {1, 2, 3, 5};
    int rounds = (int)parameter(argc, argv, 2, 64);
    uint64_t checksum = 0;
    for (uint32_t i = 0; i < blocks; i++) {
        uint32_t v[2] = {i, ~i};
        encipher(v, key, rounds);
        checksum = mix(checksum, (uint64_t)v[0] << 32 | v[1]);
    }
    return finish("xtea", checksum);
}
