/* SPDX-License-Identifier: MIT */
/* A main for a libFuzzer harness where libFuzzer is not: usage HARNESS SEED RUNS FILE…. Runs every file as it
 * is, then RUNS copies of them with some bytes changed, cut or joined. Each input lies in memory of exactly
 * its size. Prints how many it ran. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INPUT 65536
#define MAX_CHANGES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

static uint64_t state;

static uint32_t random_below(size_t limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) % limit);
}

static struct input load(const char *path) {
    struct input input = {malloc(MAX_INPUT), 0};
    FILE *in = fopen(path, "rb");
    if (in == NULL || input.data == NULL)
        exit(2);
    input.size = fread(input.data, 1, MAX_INPUT, in);
    fclose(in);
    return input;
}

static void run_changed(const struct input *inputs, size_t count) {
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xf8, 0xff};
    const struct input *base = &inputs[random_below(count)], *other = &inputs[random_below(count)];
    size_t size = random_below(8) ? base->size : random_below(base->size + 1);
    uint8_t *data = malloc(size ? size : 1);
    memcpy(data, base->data, size);
    for (uint32_t left = random_below(MAX_CHANGES) + 1; left > 0 && size > 0; left--) {
        size_t at = random_below(size);
        if (random_below(4) == 0 && at < other->size) {
            size_t most = size < other->size ? size - at : other->size - at;
            memcpy(data + at, other->data + at, random_below(most) + 1);
        } else {
            data[at] = random_below(2) ? edges[random_below(sizeof edges)] : (uint8_t)random_below(256);
        }
    }
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    unsigned long runs = strtoul(argv[2], NULL, 10);
    size_t count = (size_t)argc - 3;
    struct input *inputs = calloc(count, sizeof *inputs);
    state = strtoull(argv[1], NULL, 10) * 2 + 1;
    for (size_t i = 0; i < count; i++) {
        inputs[i] = load(argv[i + 3]);
        uint8_t *exact = malloc(inputs[i].size ? inputs[i].size : 1);
        memcpy(exact, inputs[i].data, inputs[i].size);
        LLVMFuzzerTestOneInput(exact, inputs[i].size);
        free(exact);
    }
    for (unsigned long run = 0; run < runs; run++)
        run_changed(inputs, count);
    for (size_t i = 0; i < count; i++)
        free(inputs[i].data);
    free(inputs);
    printf("%lu runs\n", (unsigned long)count + runs);
    return 0;
}
