/* SPDX-License-Identifier: MIT */
/* What is measured. Nothing here knows of the rest of the program. */

#include "classic.h"

KERNEL int fibonacci(int n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

KERNEL int64_t sum_to_n(int64_t n) {
    int64_t sum = 0;
    for (int64_t i = 1; i <= n; i++)
        sum += i;
    return sum;
}

KERNEL uint64_t multiply(uint64_t a, uint64_t b) {
    uint64_t product = 0;
    for (; b; b >>= 1, a <<= 1)
        if (b & 1)
            product += a;
    return product;
}

KERNEL void matrix_multiply(double c[MATRIX][MATRIX], double a[MATRIX][MATRIX], double b[MATRIX][MATRIX]) {
    for (int i = 0; i < MATRIX; i++)
        for (int j = 0; j < MATRIX; j++) {
            double sum = 0;
            for (int k = 0; k < MATRIX; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
}
