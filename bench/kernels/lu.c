/* SPDX-License-Identifier: MIT */
/* Matrices: LU decomposition without pivoting of a diagonally dominant matrix. */
#include "bench.h"

static NOINLINE void decompose(double *a, int size) {
    for (int k = 0; k < size; k++)
        for (int i = k + 1; i < size; i++) {
            double factor = a[i * size + k] / a[k * size + k];
            a[i * size + k] = factor;
            for (int j = k + 1; j < size; j++)
                a[i * size + j] -= factor * a[k * size + j];
        }
}

int main(int argc, char **argv) {
    int size = (int)parameter(argc, argv, 1, 120);
    long rounds = parameter(argc, argv, 2, 8);
    double *a = allocate((size_t)size * (size_t)size * sizeof *a), total = 0;
    uint64_t state = 12;
    for (long round = 0; round < rounds; round++) {
        for (int i = 0; i < size * size; i++)
            a[i] = next_double(&state) + (i % (size + 1) == 0 ? size : 0);
        decompose(a, size);
        total += a[size * size - 1];
    }
    return finish_double("lu", total);
}
