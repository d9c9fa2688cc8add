/* SPDX-License-Identifier: MIT */
/* Recursion: Fibonacci numbers by their definition. */
#include "bench.h"

static NOINLINE uint64_t fibonacci(uint64_t n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

int main(int argc, char **argv) {
    return finish("fibonacci", fibonacci((uint64_t)parameter(argc, argv, 1, 30)));
}
