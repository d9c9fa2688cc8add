/* SPDX-License-Identifier: MIT */
/* The historical trio and a matrix multiply, each a function of its own so that growing sees them apart. */
#ifndef CLASSIC_H
#define CLASSIC_H

#include <stdint.h>

enum { MATRIX = 64 };

#define KERNEL __attribute__((noinline))

/* The n-th Fibonacci number, by the doubly recursive definition: 1,346,269 calls for n = 30. */
int fibonacci(int n);

/* 1 + 2 + … + n, by adding. */
int64_t sum_to_n(int64_t n);

/* a · b, by adding shifted copies of a. */
uint64_t multiply(uint64_t a, uint64_t b);

/* c = a · b for square matrices of MATRIX rows. */
void matrix_multiply(double c[MATRIX][MATRIX], double a[MATRIX][MATRIX], double b[MATRIX][MATRIX]);

#endif
