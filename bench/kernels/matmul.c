/* SPDX-License-Identifier: MIT */
/* Matrices, run-time parameter: product of two square matrices. */
#include "bench.h"

static NOINLINE void multiply(const double *restrict a, const double *restrict b, double *restrict c,
                              int size) {
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            double sum = 0;
            for (int k = 0; k < size; k++)
                sum += a[i * size + k] * b[k * size + j];
            c[i * size + j] = sum;
        }
}

int main(int argc, char **argv) {
    int size = (int)parameter(argc, argv, 1, 96);
    long rounds = parameter(argc, argv, 2, 16);
    size_t bytes = (size_t)size * (size_t)size * sizeof(double);
    double *a = allocate(bytes), *b = allocate(bytes), *c = allocate(bytes), trace = 0;
    uint64_t state = 8;
    for (int i = 0; i < size * size; i++) {
        a[i] = next_double(&state);
        b[i] = next_double(&state);
    }
    for (long round = 0; round < rounds; round++) {
        multiply(a, b, c, size);
        a[round % (size * size)] += 1e-3;
        for (int i = 0; i < size; i++)
            trace += c[i * size + i];
    }
    return finish_double("matmul", trace);
}
