/* SPDX-License-Identifier: MIT */
/* Strings and hashing: a greedy LZ77 matcher with a hash of three bytes. */
#include "bench.h"

static NOINLINE size_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *end) {
    const uint8_t *start = b;
    while (b < end && *a == *b)
        a++, b++;
    return (size_t)(b - start);
}

static NOINLINE size_t compress(const uint8_t *in, size_t length, uint8_t *out, int32_t *heads, int bits) {
    size_t used = 0;
    memset(heads, -1, sizeof *heads << bits);
    for (size_t i = 0; i + 3 < length;) {
        uint32_t key =
            ((uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2]) * 2654435761u >> (32 - bits);
        int32_t earlier = heads[key];
        size_t matched = earlier < 0 ? 0 : match_length(in + earlier, in + i, in + length);
        heads[key] = (int32_t)i;
        if (matched > 3) {
            out[used++] = (uint8_t)(128 | (matched > 127 ? 127 : matched));
            out[used++] = (uint8_t)(i - (size_t)earlier);
            i += matched;
        } else {
            out[used++] = in[i++] & 127;
        }
    }
    return used;
}

int main(int argc, char **argv) {
    size_t length = (size_t)parameter(argc, argv, 1, 60000);
    long rounds = parameter(argc, argv, 2, 10);
    uint8_t *in = allocate(length), *out = allocate(2 * length);
    int32_t *heads = allocate(sizeof *heads << 12);
    uint64_t state = 21, checksum = 0;
    for (size_t i = 0; i < length; i++)
        in[i] = i > 64 && next_random(&state) % 4 ? in[i - 1 - next_random(&state) % 60]
                                                  : (uint8_t)(next_random(&state) % 20);
    for (long round = 0; round < rounds; round++) {
        size_t used = compress(in, length - (size_t)round, out, heads, 12);
        checksum = mix(mix(checksum, used), out[used / 2]);
    }
    return finish("lz_compress", checksum);
}
