/* SPDX-License-Identifier: MIT */
/* zlib ROUNDS: compresses and restores generated text at several levels; prints sizes and check sums. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zlib.h"

#define SIZE 40000

static unsigned char text[SIZE], packed[SIZE + SIZE / 2], restored[SIZE];

static void make_text(unsigned seed) {
    static const char *words[] = {"grow ", "to ",  "shrink ", "a ",   "kernel ",
                                  "of ",   "its ", "own\n",   "and ", "nothing "};
    size_t at = 0;
    while (at < SIZE) {
        seed = seed * 1664525 + 1013904223;
        for (const char *word = words[seed >> 16 & 7 ? (seed >> 24) % 10 : 3]; *word && at < SIZE; word++)
            text[at++] = (unsigned char)*word;
    }
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 1, wrong = 0;
    unsigned long total = 0, sum = adler32(0, NULL, 0);
    for (int round = 0; round < rounds; round++) {
        make_text((unsigned)round);
        uLongf size = sizeof packed, length = sizeof restored;
        wrong += compress2(packed, &size, text, SIZE, round % 9 + 1) != Z_OK;
        wrong += uncompress(restored, &length, packed, size) != Z_OK;
        wrong += length != SIZE || memcmp(text, restored, SIZE) != 0;
        sum = adler32(sum, packed, (uInt)size);
        total += size;
    }
    printf("zlib %s: %d rounds, %lu bytes, adler %08lx, crc %08lx, %d wrong\n", zlibVersion(), rounds, total,
           sum, crc32(0, restored, SIZE), wrong);
    return wrong != 0;
}
