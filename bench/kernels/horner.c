/* SPDX-License-Identifier: MIT */
/* Floating-point, run-time parameter: polynomials by Horner's rule; the degree is held constant. */
#include "bench.h"

static NOINLINE double polynomial(const double *coefficients, int degree, double x) {
    double value = coefficients[degree];
    for (int i = degree - 1; i >= 0; i--)
        value = value * x + coefficients[i];
    return value;
}

int main(int argc, char **argv) {
    long points = parameter(argc, argv, 1, 20000);
    int degree = (int)parameter(argc, argv, 2, 12);
    long rounds = parameter(argc, argv, 3, 60);
    double *coefficients = allocate((size_t)(degree + 1) * sizeof *coefficients), total = 0;
    uint64_t state = 4;
    for (int i = 0; i <= degree; i++)
        coefficients[i] = next_double(&state) - 0.5;
    for (long round = 0; round < rounds; round++)
        for (long i = 0; i < points; i++)
            total += polynomial(coefficients, degree, (double)i / (double)points);
    return finish_double("horner", total);
}
