/* SPDX-License-Identifier: MIT */
/* Bit work: the ChaCha block function (RFC 8439); the number of rounds is a run-time parameter. */
#include "bench.h"

static inline uint32_t rotate_left(uint32_t x, int n) {
    return x << n | x >> (32 - n);
}

static inline void quarter(uint32_t *x, int a, int b, int c, int d) {
    x[a] += x[b], x[d] = rotate_left(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate_left(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate_left(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate_left(x[b] ^ x[c], 7);
}

static NOINLINE void block(const uint32_t in[16], uint32_t out[16], int rounds) {
    uint32_t x[16];
    memcpy(x, in, sizeof x);
    for (int i = 0; i < rounds; i += 2) {
        for (int k = 0; k < 4; k++)
            quarter(x, k, k + 4, k + 8, k + 12);
        for (int k = 0; k < 4; k++)
            quarter(x, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
    }
    for (int i = 0; i < 16; i++)
        out[i] = x[i] + in[i];
}

int main(int argc, char **argv) {
    long blocks = parameter(argc, argv, 1, 15000);
    int rounds = (int)parameter(argc, argv, 2, 20);
    uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, out[16];
    uint64_t checksum = 0;
    for (uint32_t i = 4; i < 16; i++)
        in[i] = i * 0x01010101u;
    for (long i = 0; i < blocks; i++) {
        in[12]++;
        block(in, out, rounds);
        checksum = mix(checksum, out[i & 15]);
    }
    return finish("chacha20", checksum);
}
