/* SPDX-License-Identifier: MIT */
/* Sorting: quicksort with the middle element as pivot, insertion sort for short ranges. */
#include "bench.h"

static NOINLINE void insertion(int32_t *a, long count) {
    for (long i = 1; i < count; i++) {
        int32_t value = a[i];
        long j = i;
        for (; j > 0 && a[j - 1] > value; j--)
            a[j] = a[j - 1];
        a[j] = value;
    }
}

static NOINLINE void quicksort(int32_t *a, long count) {
    while (count > 16) {
        int32_t pivot = a[count / 2];
        long i = 0, j = count - 1;
        while (i <= j) {
            while (a[i] < pivot)
                i++;
            while (a[j] > pivot)
                j--;
            if (i <= j) {
                int32_t swapped = a[i];
                a[i++] = a[j];
                a[j--] = swapped;
            }
        }
        quicksort(a, j + 1);
        a += i;
        count -= i;
    }
    insertion(a, count);
}

int main(int argc, char **argv) {
    long count = parameter(argc, argv, 1, 60000), rounds = parameter(argc, argv, 2, 8);
    int32_t *a = allocate((size_t)count * sizeof *a);
    uint64_t state = 13, checksum = 0;
    for (long round = 0; round < rounds; round++) {
        for (long i = 0; i < count; i++)
            a[i] = (int32_t)next_random(&state);
        quicksort(a, count);
        for (long i = 1; i < count; i++)
            checksum = mix(checksum, a[i - 1] <= a[i] ? (uint32_t)a[i] : 0);
    }
    return finish("quicksort", checksum);
}
