/* SPDX-License-Identifier: MIT */
/* Hashing: CRC-32 (IEEE 802.3) with a table of 256 words. */
#include "bench.h"

static NOINLINE void make_table(uint32_t table[256]) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (0xEDB88320u & -(value & 1));
        table[i] = value;
    }
}

static NOINLINE uint32_t crc(const uint32_t table[256], const uint8_t *data, size_t length) {
    uint32_t value = ~0u;
    for (size_t i = 0; i < length; i++)
        value = table[(value ^ data[i]) & 255] ^ value >> 8;
    return ~value;
}

int main(int argc, char **argv) {
    size_t length = (size_t)parameter(argc, argv, 1, 100000);
    long rounds = parameter(argc, argv, 2, 25);
    uint8_t *data = allocate(length);
    uint32_t table[256];
    uint64_t state = 17, checksum = 0;
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)next_random(&state);
    make_table(table);
    for (long i = 0; i < rounds; i++)
        checksum = mix(checksum, crc(table, data, length - (size_t)i));
    return finish("crc32", checksum);
}
