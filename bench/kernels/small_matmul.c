/* SPDX-License-Identifier: MIT */
/* Matrices, run-time parameter: many products of small matrices of one size. */
#include "bench.h"

static NOINLINE void multiply(const float *a, const float *b, float *c, int rows, int inner, int columns) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            float sum = 0;
            for (int k = 0; k < inner; k++)
                sum += a[i * inner + k] * b[k * columns + j];
            c[i * columns + j] = sum;
        }
}

int main(int argc, char **argv) {
    int size = (int)parameter(argc, argv, 1, 4);
    long rounds = parameter(argc, argv, 2, 150000);
    size_t bytes = (size_t)size * (size_t)size * sizeof(float);
    float *a = allocate(bytes), *b = allocate(bytes), *c = allocate(bytes);
    uint64_t state = 10;
    double total = 0;
    for (int i = 0; i < size * size; i++) {
        a[i] = (float)next_double(&state);
        b[i] = (float)next_double(&state);
    }
    for (long i = 0; i < rounds; i++) {
        multiply(a, b, c, size, size, size);
        a[i % (size * size)] = 1.0f / (1.0f + c[0]);
        total += c[size];
    }
    return finish_double("small_matmul", total);
}
