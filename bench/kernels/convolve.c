/* SPDX-License-Identifier: MIT */
/* Matrices, run-time parameter: convolution of an image with a square kernel whose size is held constant. */
#include "bench.h"

static NOINLINE void convolve(const int32_t *in, int32_t *out, int size, const int32_t *kernel, int width) {
    for (int y = 0; y + width <= size; y++)
        for (int x = 0; x + width <= size; x++) {
            int32_t sum = 0;
            for (int j = 0; j < width; j++)
                for (int i = 0; i < width; i++)
                    sum += in[(y + j) * size + x + i] * kernel[j * width + i];
            out[y * size + x] = sum >> 4;
        }
}

int main(int argc, char **argv) {
    int size = (int)parameter(argc, argv, 1, 256), width = (int)parameter(argc, argv, 2, 3);
    long rounds = parameter(argc, argv, 3, 12);
    size_t bytes = (size_t)(size * size) * sizeof(int32_t);
    int32_t *a = allocate(bytes), *b = allocate(bytes),
            *kernel = allocate((size_t)(width * width) * sizeof *kernel);
    uint64_t state = 22, checksum = 0;
    for (int i = 0; i < size * size; i++)
        a[i] = b[i] = (int32_t)(next_random(&state) & 255);
    for (int i = 0; i < width * width; i++)
        kernel[i] = (int32_t)(next_random(&state) & 3);
    for (long i = 0; i < rounds; i++) {
        convolve(a, b, size, kernel, width);
        convolve(b, a, size, kernel, width);
        checksum = mix(checksum, (uint32_t)a[size + 1]);
    }
    return finish("convolve", checksum);
}
