/* SPDX-License-Identifier: MIT */
/* Matrices and memory: transposition in place. */
#include "bench.h"

static NOINLINE void transpose(uint32_t *matrix, int size) {
    for (int i = 0; i < size; i++)
        for (int j = 0; j < i; j++) {
            uint32_t upper = matrix[j * size + i];
            matrix[j * size + i] = matrix[i * size + j];
            matrix[i * size + j] = upper;
        }
}

int main(int argc, char **argv) {
    int size = (int)parameter(argc, argv, 1, 256);
    long rounds = parameter(argc, argv, 2, 60);
    uint32_t *matrix = allocate((size_t)size * (size_t)size * sizeof *matrix);
    uint64_t checksum = 0;
    for (int i = 0; i < size * size; i++)
        matrix[i] = (uint32_t)i * 2654435761u;
    for (long i = 0; i < rounds; i++) {
        transpose(matrix, size);
        matrix[i % (size * size)] ^= (uint32_t)i;
        checksum = mix(checksum, matrix[size + 1]);
    }
    for (int i = 0; i < size * size; i++)
        checksum = mix(checksum, matrix[i]);
    return finish("transpose", checksum);
}
