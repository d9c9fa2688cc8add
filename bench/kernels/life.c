/* SPDX-License-Identifier: MIT */
/* Integers and memory: Conway's game of life on a torus. */
#include "bench.h"

static NOINLINE void generation(const uint8_t *in, uint8_t *out, int size) {
    for (int y = 0; y < size; y++) {
        const uint8_t *up = in + (y + size - 1) % size * size, *here = in + y * size,
                      *down = in + (y + 1) % size * size;
        for (int x = 0; x < size; x++) {
            int left = (x + size - 1) % size, right = (x + 1) % size;
            int around =
                up[left] + up[x] + up[right] + here[left] + here[right] + down[left] + down[x] + down[right];
            out[y * size + x] = around == 3 || (around == 2 && here[x]);
        }
    }
}

int main(int argc, char **argv) {
    int size = (int)parameter(argc, argv, 1, 160);
    long rounds = parameter(argc, argv, 2, 60);
    uint8_t *a = allocate((size_t)(size * size)), *b = allocate((size_t)(size * size));
    uint64_t state = 20, alive = 0;
    for (int i = 0; i < size * size; i++)
        a[i] = next_random(&state) % 3 == 0;
    for (long i = 0; i < rounds; i++) {
        generation(a, b, size);
        generation(b, a, size);
    }
    for (int i = 0; i < size * size; i++)
        alive = mix(alive, a[i]);
    return finish("life", alive);
}
