/* SPDX-License-Identifier: MIT */
/* The historical trio and the matrix multiply: for each its name, the least of ROUNDS times in ns a call, and
 * what it returned. The other files of this folder do the same in other languages. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 7

static int fibonacci(int n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static double sum_to_n(int n) {
    double sum = 0;
    for (int i = 1; i <= n; i++)
        sum += i;
    return sum;
}

static double multiply(double a, double b) {
    return a * b;
}

static double left[64 * 64], right[64 * 64], product[64 * 64];

static double matrix_multiply(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < n; k++)
                sum += left[i * n + k] * right[k * n + j];
            product[i * n + j] = sum;
        }
    return product[n * n - 1];
}

static double run(int which, int size) {
    double last = 0;
    if (which == 0)
        return fibonacci(size);
    if (which == 1)
        return sum_to_n(size);
    if (which == 2) {
        for (int i = 0; i < size; i++)
            last += multiply(i, 3);
        return last;
    }
    return matrix_multiply(size);
}

int main(int argc, char **argv) {
    static const char *const names[] = {"fibonacci", "sum_to_n", "multiply", "matrix_multiply"};
    volatile int sizes[] = {27, 3000000, 3000000, 64}; /* volatile, or the work is moved out of its timing */
    for (int i = 1; i < argc && i <= 4; i++)
        sizes[i - 1] = atoi(argv[i]);
    for (int i = 0; i < 64 * 64; i++) {
        left[i] = i % 7;
        right[i] = i % 5;
    }
    for (int which = 0; which < 4; which++) {
        double best = 1e300;
        volatile double result = 0;
        for (int round = 0; round < ROUNDS; round++) {
            struct timespec from, to;
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
            result = run(which, sizes[which]);
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
            double ns = 1e9 * (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec);
            best = ns < best ? ns : best;
        }
        fprintf(stderr, "%s %.0f\n", names[which], best);
        printf("%s %.0f\n", names[which], result);
    }
    return 0;
}
