/* SPDX-License-Identifier: MIT */
/* Floating-point, run-time parameter: a finite impulse response filter; the number of taps is held constant.
 */
#include "bench.h"

static NOINLINE void filter(const float *in, float *out, int length, const float *taps, int count) {
    for (int i = 0; i + count <= length; i++) {
        float sum = 0;
        for (int k = 0; k < count; k++)
            sum += in[i + k] * taps[k];
        out[i] = sum;
    }
}

int main(int argc, char **argv) {
    int length = (int)parameter(argc, argv, 1, 20000), count = (int)parameter(argc, argv, 2, 32);
    long rounds = parameter(argc, argv, 3, 60);
    float *in = allocate((size_t)length * sizeof *in), *out = allocate((size_t)length * sizeof *out);
    float *taps = allocate((size_t)count * sizeof *taps);
    uint64_t state = 2;
    double total = 0;
    for (int i = 0; i < length; i++)
        in[i] = (float)next_double(&state);
    for (int i = 0; i < count; i++)
        taps[i] = (float)next_double(&state) / (float)count;
    for (long i = 0; i < rounds; i++) {
        filter(in, out, length, taps, count);
        in[i] = out[i];
        total += out[length / 2];
    }
    return finish_double("fir", total);
}
