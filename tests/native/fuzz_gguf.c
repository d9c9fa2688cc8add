/* SPDX-License-Identifier: MIT */
/* Feeds tinyllama's GGUF reader, its tokenizer and its tensor planner damaged heads. An input that begins
 * with "GGUF" is a file's head as it is, more of the file being announced; any other is records of four
 * bytes, a place (u24) and a byte to put there, on top of the sound file GGUF_BASE; the last record's place
 * also says how much of the file is there. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensors.h"
#include "tokenizer.h"

#define MAX_ARENAS 16
#define MAX_HIDDEN ((size_t)1 << 20) /* bytes of a file behind a head that is an input */
#define MAX_BYTES ((size_t)64 << 20)

static uint8_t *base;
static size_t base_size, base_head;
static void *arenas[MAX_ARENAS];
static unsigned arena_count;

/* In place of memory.c: memory of exactly the size asked for, given back after each run. */
bool arena_make(struct arena *arena, size_t bytes, const char *purpose, struct message *why) {
    if (bytes > MAX_BYTES || arena_count == MAX_ARENAS)
        return refuse(why, "There is not enough memory for %s.", purpose);
    unsigned char *at = calloc(1, lines(bytes) + 1);
    arenas[arena_count++] = at;
    *arena = (struct arena){at, at + lines(bytes)};
    return true;
}

void *arena_take(struct arena *arena, size_t bytes) {
    unsigned char *at = arena->next;
    if (lines(bytes) > (size_t)(arena->end - at))
        abort();
    arena->next += lines(bytes);
    return at;
}

static void use_tokenizer(const struct tokenizer *t) {
    static const char prompt[] = " Once upon\ta time, \xc3\xa4\xe2\x96\x81 <s> there";
    static char scratch[1 << 16];
    char text[TOKEN_MAX_TEXT];
    uint32_t ids[256], count = 0;
    struct message why = {.length = 0};
    if (tokenizer_scratch(sizeof prompt) > sizeof scratch)
        abort();
    tokenizer_encode(t, (struct gguf_text){prompt, sizeof prompt - 1}, scratch, ids, &count, 256, &why);
    for (uint32_t i = 0; i < count; i++)
        if (tokenizer_decode(t, ids[i], !i, text) > sizeof text)
            abort();
}

static void check_slots(const struct plan *plan, uint64_t size) {
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct gguf_tensor *tensor = &plan->slots[i].tensor;
        if (tensor->offset > size || tensor->bytes > size - tensor->offset)
            abort();
    }
}

static void read_file(const uint8_t *bytes, size_t available, size_t size) {
    struct gguf file;
    struct message why = {.length = 0};
    struct model model = {.layers = NULL};
    struct tokenizer tokenizer;
    struct plan plan;
    const enum gguf_result result = gguf_open(&file, bytes, available, size, &why);
    if (result == GGUF_MORE && available == size)
        abort();
    if (result == GGUF_BAD && !why.length)
        abort();
    if (result != GGUF_OK || !model_shape(&model.shape, &file, &why) ||
        !tokenizer_open(&tokenizer, &file, &why))
        return;
    use_tokenizer(&tokenizer);
    model.shape.vocabulary = tokenizer.count;
    if (plan_tensors(&plan, &model, &file, &why))
        check_slots(&plan, size);
    else if (!why.length)
        abort();
}

static void load_base(void) {
    FILE *in = fopen(GGUF_BASE, "rb");
    struct gguf file;
    struct message why = {.length = 0};
    if (!in || fseek(in, 0, SEEK_END))
        exit(2);
    base_size = (size_t)ftell(in);
    rewind(in);
    base = malloc(base_size);
    if (fread(base, 1, base_size, in) != base_size ||
        gguf_open(&file, base, base_size, base_size, &why) != GGUF_OK)
        exit(2);
    base_head = file.head;
    fclose(in);
}

static void finish(void) {
    while (arena_count)
        free(arenas[--arena_count]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size >= 4 && !memcmp(data, "GGUF", 4)) {
        read_file(data, size, size + MAX_HIDDEN);
        finish();
        return 0;
    }
    if (!base)
        load_base();
    size_t length = base_head;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        const size_t place = data[i] | data[i + 1] << 8 | data[i + 2] << 16;
        if (i + 8 > size && place & 1)
            length = place % base_head;
    }
    uint8_t *copy = malloc(length ? length : 1); /* of exactly its size, so that reading beyond is seen */
    memcpy(copy, base, length);
    for (size_t i = 0; i + 4 <= size && length; i += 4)
        copy[(size_t)(data[i] | data[i + 1] << 8 | data[i + 2] << 16) % length] = data[i + 3];
    read_file(copy, length, length == base_head ? base_size : length);
    finish();
    free(copy);
    return 0;
}
