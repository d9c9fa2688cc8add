/* SPDX-License-Identifier: MIT */
/* Strings: base64, RFC 4648 section 4. */
#include "bench.h"

static NOINLINE size_t encode(const uint8_t *in, size_t length, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *end = out;
    for (size_t i = 0; i + 2 < length; i += 3) {
        uint32_t word = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        *end++ = digits[word >> 18];
        *end++ = digits[word >> 12 & 63];
        *end++ = digits[word >> 6 & 63];
        *end++ = digits[word & 63];
    }
    return (size_t)(end - out);
}

static NOINLINE uint64_t checksum_of(const char *text, size_t length) {
    uint64_t hash = 0;
    for (size_t i = 0; i < length; i += 7)
        hash = mix(hash, (uint8_t)text[i]);
    return hash;
}

int main(int argc, char **argv) {
    size_t length = (size_t)parameter(argc, argv, 1, 60000);
    long rounds = parameter(argc, argv, 2, 150);
    uint8_t *in = allocate(length);
    char *out = allocate(length * 4 / 3 + 4);
    uint64_t state = 5, checksum = 0;
    for (size_t i = 0; i < length; i++)
        in[i] = (uint8_t)next_random(&state);
    for (long i = 0; i < rounds; i++) {
        in[i % (long)length]++;
        checksum = mix(checksum, checksum_of(out, encode(in, length, out)));
    }
    return finish("base64", checksum);
}
