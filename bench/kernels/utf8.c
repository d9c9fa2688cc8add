/* SPDX-License-Identifier: MIT */
/* Strings: counts the characters of valid UTF-8 (RFC 3629) and finds the first byte that is not. */
#include "bench.h"

static NOINLINE int64_t characters(const uint8_t *text, size_t length) {
    int64_t count = 0;
    for (size_t i = 0; i < length; count++) {
        uint8_t lead = text[i++];
        int more = lead < 0x80   ? 0
                   : lead < 0xC2 ? -1
                   : lead < 0xE0 ? 1
                   : lead < 0xF0 ? 2
                   : lead < 0xF5 ? 3
                                 : -1;
        if (more < 0 || i + (size_t)more > length)
            return -(int64_t)i;
        for (; more; more--, i++)
            if ((text[i] & 0xC0) != 0x80)
                return -(int64_t)i;
    }
    return count;
}

int main(int argc, char **argv) {
    size_t length = (size_t)parameter(argc, argv, 1, 100000);
    long rounds = parameter(argc, argv, 2, 120);
    uint8_t *text = allocate(length + 4);
    uint64_t state = 9, checksum = 0;
    size_t end = 0;
    while (end < length) {
        switch (next_random(&state) % 4) {
        case 0:
            text[end++] = 0xC3;
            text[end++] = 0xA9;
            break;
        case 1:
            memcpy(text + end, "\xE2\x82\xAC", 3);
            end += 3;
            break;
        default:
            text[end++] = 'a';
        }
    }
    for (long i = 0; i < rounds; i++)
        checksum = mix(checksum, (uint64_t)characters(text, end - (size_t)(i % 3)));
    return finish("utf8", checksum);
}
