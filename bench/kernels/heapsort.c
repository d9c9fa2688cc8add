/* SPDX-License-Identifier: MIT */
/* Sorting: heapsort of records through a comparison function. */
#include "bench.h"

struct record {
    uint32_t key;
    uint32_t value;
};

static NOINLINE int before(const struct record *a, const struct record *b) {
    return a->key != b->key ? a->key < b->key : a->value < b->value;
}

static NOINLINE void sift(struct record *heap, size_t root, size_t count,
                          int (*less)(const struct record *, const struct record *)) {
    struct record moved = heap[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && less(&heap[child], &heap[child + 1]))
            child++;
        if (!less(&moved, &heap[child]))
            break;
        heap[root] = heap[child];
    }
    heap[root] = moved;
}

static NOINLINE void heapsort_records(struct record *heap, size_t count) {
    for (size_t i = count / 2; i-- > 0;)
        sift(heap, i, count, before);
    for (size_t i = count; i-- > 1;) {
        struct record last = heap[i];
        heap[i] = heap[0];
        heap[0] = last;
        sift(heap, 0, i, before);
    }
}

int main(int argc, char **argv) {
    size_t count = (size_t)parameter(argc, argv, 1, 40000);
    long rounds = parameter(argc, argv, 2, 6);
    struct record *heap = allocate(count * sizeof *heap);
    uint64_t state = 14, checksum = 0;
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++)
            heap[i] = (struct record){(uint32_t)(next_random(&state) % 5000), (uint32_t)i};
        heapsort_records(heap, count);
        for (size_t i = 0; i < count; i += 17)
            checksum = mix(checksum, heap[i].value);
    }
    return finish("heapsort", checksum);
}
