/* SPDX-License-Identifier: MIT */
/* ends MODE SLOT TIER: calls step() until its slot is at that tier, writing to both streams meanwhile; then
 * `return`s 5, `fault`s inside step(), or `reset`s the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 400000000

extern struct {
    unsigned long target;
    long counter, self_counter;
    unsigned tier, reserved;
} bf_slots[] __attribute__((weak));

__attribute__((noinline)) static unsigned step(const volatile unsigned *x) {
    return *x * 1664525u + 1013904223u;
}

int main(int argc, char **argv) {
    volatile unsigned x = 1;
    const volatile unsigned *const tier = &bf_slots[argc > 3 ? atoi(argv[2]) : 0].tier;
    const unsigned goal = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    for (long i = 0; i < PATIENCE && *tier < goal; i++) {
        x = step(&x);
        if (i % 500000 == 499999)
            fputs("still at work\n", stderr);
    }
    printf("at tier %u\n", *tier);
    fflush(stdout);
    if (!strcmp(argv[1], "fault"))
        return (int)step((unsigned *)8);
    if (!strcmp(argv[1], "reset"))
        __asm__ volatile("outb %b0, $0x64" : : "a"(0xfe)); /* the keyboard controller pulls the line */
    fputs("the end\n", stderr);
    return 5;
}
