/* SPDX-License-Identifier: MIT */
/* bzip2 ROUNDS: compresses and restores generated text; prints sizes and a check sum. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bzlib.h"

#define SIZE 60000

static char text[SIZE], packed[SIZE * 2], restored[SIZE];

static unsigned make_text(unsigned seed) {
    for (int at = 0; at < SIZE; at++) {
        seed = seed * 1103515245 + 12345;
        text[at] = seed >> 28 ? (char)('a' + (seed >> 16) % 7) : at > 40 ? text[at - 37] : ' ';
    }
    return seed;
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 1, wrong = 0;
    unsigned long total = 0;
    unsigned sum = 2166136261u, seed = 1;
    for (int round = 0; round < rounds; round++) {
        seed = make_text(seed);
        unsigned size = sizeof packed, length = sizeof restored;
        wrong += BZ2_bzBuffToBuffCompress(packed, &size, text, SIZE, round % 9 + 1, 0, 30) != BZ_OK;
        wrong += BZ2_bzBuffToBuffDecompress(restored, &length, packed, size, 0, round & 1) != BZ_OK;
        wrong += length != SIZE || memcmp(text, restored, SIZE) != 0;
        for (unsigned at = 0; at < size; at++)
            sum = (sum ^ (unsigned char)packed[at]) * 16777619u;
        total += size;
    }
    printf("bzip2 %s: %d rounds, %lu bytes, sum %08x, %d wrong\n", BZ2_bzlibVersion(), rounds, total, sum,
           wrong);
    return wrong != 0;
}
