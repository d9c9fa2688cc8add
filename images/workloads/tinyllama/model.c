/* SPDX-License-Identifier: MIT */
/* One step of a Llama model: RMSNorm, attention with rotated queries and keys over cached keys and values,
 * SwiGLU. Several tokens go through it together, so that a prompt reads each weight once for all of them. */

#include "model.h"

#include <string.h>

#include "pack.h"
#include "turns.h"

SMALL_BEGIN

/* Rows of buffers are whole lines: kernels write MAX_LANES results at a time. */
static uint32_t padded(uint32_t count) {
    return (count + 63) & ~63u;
}

struct need {
    void *place;
    size_t bytes;
};

bool state_open(struct state *s, const struct model *model, uint32_t positions, struct message *why) {
    const struct shape *shape = &model->shape;
    *s = (struct state){
        .positions = positions,
        .width = padded(shape->width),
        .mixed_width = padded(shape->heads * shape->head_size),
        .key_width = padded(shape->key_heads * shape->head_size),
        .inner_width = padded(shape->inner),
    };
    const size_t batch = MAX_BATCH, floats = sizeof(float);
    const size_t cached = (size_t)shape->layers * shape->key_heads * shape->head_size * positions * floats;
    size_t widest = s->width > s->inner_width ? s->width : s->inner_width;
    widest = widest > s->mixed_width ? widest : s->mixed_width;
    const struct need needs[] = {
        {&s->keys, cached},
        {&s->values, cached},
        {&s->x, batch * s->width * floats},
        {&s->hidden, batch * s->width * floats},
        {&s->queries, batch * s->mixed_width * floats},
        {&s->key, batch * s->key_width * floats},
        {&s->value, batch * s->key_width * floats},
        {&s->mixed, batch * s->mixed_width * floats},
        {&s->gate, batch * s->inner_width * floats},
        {&s->up, batch * s->inner_width * floats},
        {&s->scores, (size_t)shape->heads / shape->key_heads * scores_stride(positions) * floats},
        {&s->turns, batch * shape->rotated * floats},
        {&s->logits, padded(shape->vocabulary) * floats},
        {&s->frequencies, shape->rotated / 2 * sizeof(double)},
        {&s->q, batch * widest},
        {&s->scales, batch * widest / BLOCK * floats},
        {&s->sums, batch * widest / BLOCK * SUMS * sizeof(int32_t)},
    };
    struct arena arena;
    size_t bytes = 0;
    for (unsigned i = 0; i < sizeof needs / sizeof *needs; i++)
        bytes += lines(needs[i].bytes);
    if (!arena_make(&arena, bytes, "keys and values of the conversation", why))
        return false;
    arena_touch(&arena);
    for (unsigned i = 0; i < sizeof needs / sizeof *needs; i++) {
        void *at = arena_take(&arena, needs[i].bytes);
        memcpy(needs[i].place, &at, sizeof at);
    }
    turns_frequencies(s->frequencies, shape->rotated, shape->base);
    return true;
}

static struct batch batch_of(const struct state *s, float *x, uint32_t stride, uint32_t count) {
    return (struct batch){
        .count = count, .stride = stride, .x = x, .q = s->q, .scales = s->scales, .sums = s->sums};
}

/* out = m × in; what m's type needs of `in` is made when first needed. */
static void multiply(const struct model *model, const struct matrix *m, struct batch *in, float *out,
                     uint32_t stride) {
    const struct choice *choice = &model->choice;
    if (m->type != GGUF_TYPE_F32 && m->type != GGUF_TYPE_F16 && !in->quantised)
        KERNELS_OF(choice)->quantise(in, m->columns);
    KERNELS_OF(choice)->multiply(m, in, out, stride, AHEAD_OF(choice));
}

static struct batch normalised(const struct model *model, const struct state *s, const float *weights,
                               uint32_t count) {
    for (uint32_t t = 0; t < count; t++)
        KERNELS_OF(&model->choice)
            ->normalise(s->hidden + (size_t)t * s->width, s->x + (size_t)t * s->width, weights,
                        model->shape.width, model->shape.epsilon);
    return batch_of(s, s->hidden, s->width, count);
}

static void add_to_x(const struct model *model, const struct state *s, uint32_t count) {
    for (uint32_t t = 0; t < count; t++)
        KERNELS_OF(&model->choice)
            ->add(s->x + (size_t)t * s->width, s->hidden + (size_t)t * s->width, model->shape.width);
}

/* Where the cache holds a layer's and key head's first position. */
static size_t cache_at(const struct shape *shape, const struct state *s, uint32_t layer, uint32_t head) {
    return ((size_t)layer * shape->key_heads + head) * s->positions * shape->head_size;
}

static void remember(const struct model *model, const struct state *s, uint32_t layer, uint32_t token,
                     uint32_t position) {
    const struct shape *shape = &model->shape;
    const size_t bytes = shape->head_size * sizeof(float);
    for (uint32_t head = 0; head < shape->key_heads; head++) {
        const size_t to = cache_at(shape, s, layer, head) + (size_t)position * shape->head_size;
        const size_t from = (size_t)token * s->key_width + head * shape->head_size;
        memcpy(s->keys + to, s->key + from, bytes);
        memcpy(s->values + to, s->value + from, bytes);
    }
}

static void attend(const struct model *model, const struct state *s, uint32_t layer, uint32_t token,
                   uint32_t position, float scale) {
    const struct shape *shape = &model->shape;
    const uint32_t heads = shape->heads / shape->key_heads;
    for (uint32_t head = 0; head < shape->key_heads; head++) {
        const size_t at = (size_t)token * s->mixed_width + (size_t)head * heads * shape->head_size;
        const struct attention a = {
            .queries = s->queries + at,
            .keys = s->keys + cache_at(shape, s, layer, head),
            .values = s->values + cache_at(shape, s, layer, head),
            .out = s->mixed + at,
            .scores = s->scores,
            .heads = heads,
            .size = shape->head_size,
            .positions = position + 1,
            .scale = scale,
        };
        KERNELS_OF(&model->choice)->attend(&a);
    }
}

static float inverse_root(float x) {
    return 1.0f / __builtin_sqrtf(x);
}

static void attention(const struct model *model, const struct state *s, uint32_t index, uint32_t count,
                      uint32_t position) {
    const struct layer *layer = &model->layers[index];
    const struct shape *shape = &model->shape;
    const struct kernels *kernels = KERNELS_OF(&model->choice);
    struct batch in = normalised(model, s, layer->attention_norm, count);
    multiply(model, &layer->query, &in, s->queries, s->mixed_width);
    multiply(model, &layer->key, &in, s->key, s->key_width);
    multiply(model, &layer->value, &in, s->value, s->key_width);
    for (uint32_t t = 0; t < count; t++) {
        const float *turns = s->turns + (size_t)t * shape->rotated;
        kernels->rotate(s->queries + (size_t)t * s->mixed_width, turns, shape->heads, shape->head_size,
                        shape->rotated);
        kernels->rotate(s->key + (size_t)t * s->key_width, turns, shape->key_heads, shape->head_size,
                        shape->rotated);
        remember(model, s, index, t, position + t);
    }
    const float scale = inverse_root((float)shape->head_size);
    for (uint32_t t = 0; t < count; t++)
        attend(model, s, index, t, position + t, scale);
    struct batch mixed = batch_of(s, s->mixed, s->mixed_width, count);
    multiply(model, &layer->output, &mixed, s->hidden, s->width);
    add_to_x(model, s, count);
}

static void inner(const struct model *model, const struct state *s, const struct layer *layer,
                  uint32_t count) {
    struct batch in = normalised(model, s, layer->inner_norm, count);
    multiply(model, &layer->gate, &in, s->gate, s->inner_width);
    multiply(model, &layer->up, &in, s->up, s->inner_width);
    for (uint32_t t = 0; t < count; t++)
        KERNELS_OF(&model->choice)
            ->gate(s->gate + (size_t)t * s->inner_width, s->up + (size_t)t * s->inner_width,
                   model->shape.inner);
    struct batch gated = batch_of(s, s->gate, s->inner_width, count);
    multiply(model, &layer->down, &gated, s->hidden, s->width);
    add_to_x(model, s, count);
}

void model_step(const struct model *model, struct state *s, const uint32_t *ids, uint32_t count,
                uint32_t position, bool wanted) {
    const struct shape *shape = &model->shape;
    for (uint32_t t = 0; t < count; t++) {
        pack_read_row(&model->embedding, KERNELS_OF(&model->choice)->lanes, ids[t],
                      s->x + (size_t)t * s->width);
        turns_at(s->turns + (size_t)t * shape->rotated, s->frequencies, shape->rotated, position + t);
    }
    for (uint32_t i = 0; i < shape->layers; i++) {
        attention(model, s, i, count, position);
        inner(model, s, &model->layers[i], count);
    }
    if (!wanted)
        return;
    if (count > 1)
        memcpy(s->x, s->x + (size_t)(count - 1) * s->width, shape->width * sizeof *s->x);
    struct batch last = normalised(model, s, model->norm, 1);
    multiply(model, &model->head, &last, s->logits, padded(shape->vocabulary));
}

SMALL_END
