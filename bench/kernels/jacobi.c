/* SPDX-License-Identifier: MIT */
/* Floating-point: five-point Jacobi sweeps over a square grid. */
#include "bench.h"

static NOINLINE void sweep(const double *in, double *out, int size) {
    for (int i = 1; i < size - 1; i++)
        for (int j = 1; j < size - 1; j++)
            out[i * size + j] = 0.2 * (in[i * size + j] + in[i * size + j - 1] + in[i * size + j + 1] +
                                       in[(i - 1) * size + j] + in[(i + 1) * size + j]);
}

int main(int argc, char **argv) {
    int size = (int)parameter(argc, argv, 1, 200);
    long rounds = parameter(argc, argv, 2, 120);
    size_t bytes = (size_t)size * (size_t)size * sizeof(double);
    double *a = allocate(bytes), *b = allocate(bytes);
    uint64_t state = 6;
    for (int i = 0; i < size * size; i++)
        a[i] = b[i] = next_double(&state);
    for (long i = 0; i < rounds; i++) {
        sweep(a, b, size);
        sweep(b, a, size);
    }
    return finish_double("jacobi", a[size * size / 2 + size / 3]);
}
