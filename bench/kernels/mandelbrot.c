/* SPDX-License-Identifier: MIT */
/* Floating-point and branches: iterations of z*z + c until it escapes. */
#include "bench.h"

static NOINLINE int iterations(double x, double y, int limit) {
    double a = 0, b = 0;
    int count = 0;
    for (; count < limit && a * a + b * b < 4; count++) {
        double t = a * a - b * b + x;
        b = 2 * a * b + y;
        a = t;
    }
    return count;
}

int main(int argc, char **argv) {
    long size = parameter(argc, argv, 1, 200);
    int limit = (int)parameter(argc, argv, 2, 300);
    uint64_t total = 0;
    for (long i = 0; i < size; i++)
        for (long j = 0; j < size; j++)
            total +=
                (uint64_t)iterations((double)i * 0.00390625 - 0.6, (double)j * 0.00390625 - 0.4, limit) / 4;
    return finish("mandelbrot", total);
}
