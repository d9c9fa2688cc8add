/* SPDX-License-Identifier: MIT */
/* Bit work: the compression function of SHA-256 (FIPS 180-4) over a buffer; constants by their definition. */
#include "bench.h"
#include <math.h>

static uint32_t round_constants[64];

static inline uint32_t rotate(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

static NOINLINE void compress(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
               (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t a = v[0], e = v[4];
        uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) +
                      round_constants[i] + w[i];
        uint32_t t2 =
            (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

static uint32_t fraction(double root) {
    return (uint32_t)((root - floor(root)) * 4294967296.0);
}

static void make_constants(uint32_t state[8]) {
    int found = 0;
    for (int n = 2; found < 64; n++) {
        int prime = 1;
        for (int d = 2; d * d <= n; d++)
            prime &= n % d != 0;
        if (!prime)
            continue;
        if (found < 8)
            state[found] = fraction(sqrt(n));
        round_constants[found++] = fraction(cbrt(n));
    }
}

int main(int argc, char **argv) {
    size_t length = (size_t)parameter(argc, argv, 1, 40000) & ~(size_t)63;
    long rounds = parameter(argc, argv, 2, 12);
    uint8_t *data = allocate(length);
    uint32_t state[8];
    uint64_t random = 18, checksum = 0;
    make_constants(state);
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)next_random(&random);
    for (long round = 0; round < rounds; round++)
        for (size_t at = 0; at < length; at += 64)
            compress(state, data + at);
    for (int i = 0; i < 8; i++)
        checksum = mix(checksum, state[i]);
    return finish("sha256", checksum);
}
