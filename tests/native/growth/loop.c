/* SPDX-License-Identifier: MIT */
/* loop [CALLS [TIER]]: calls step() CALLS times, then until it is at that tier (5: never), and checks each
 * result. Exit status 7. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE 4000000000

extern struct {
    unsigned long target;
    long counter, self_counter;
    unsigned tier, reserved;
} bf_slots[] __attribute__((weak));

__attribute__((noinline)) static unsigned step(unsigned x) {
    return x * 1664525u + 1013904223u;
}

int main(int argc, char **argv) {
    long calls = argc > 1 ? atol(argv[1]) : 1000, more = argc > 3 ? PATIENCE : 0, wrong = 0;
    unsigned goal = argc > 3 ? (unsigned)atol(argv[2]) : 0, x = 1;
    volatile unsigned *tier = argc > 3 ? &bf_slots[atol(argv[3])].tier : 0;
    for (long i = 0; i < calls; i++)
        x = step(x) ^ (unsigned)i;
    for (long i = 0; i < more && *tier < goal && (i % 65536 || argc < 5 || access(argv[4], F_OK)); i++)
        wrong += step((unsigned)i) != (unsigned)i * 1664525u + 1013904223u;
    printf("%u %ld\n", x, wrong);
    return 7;
}
