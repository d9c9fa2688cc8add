/* SPDX-License-Identifier: MIT */
/* A Llama model: what its file says it is, its weights, and one step of it. */
#ifndef MODEL_H
#define MODEL_H

#include "gguf.h"
#include "kernels.h"
#include "memory.h"

struct shape {
    uint32_t width, layers, heads, key_heads, head_size, rotated, inner, vocabulary, context;
    float epsilon, base; /* of RMSNorm; of the rotary frequencies */
};

struct layer {
    struct matrix query, key, value, output, gate, up, down;
    const float *attention_norm, *inner_norm;
};

struct model {
    struct shape shape;
    struct layer *layers;
    struct matrix embedding, head; /* `head` is `embedding` where the file has none */
    const float *norm;
    enum gguf_type type; /* of most weights */
    uint32_t types;      /* of all matrices: bit n is GGUF's type n */
    bool for_chat;       /* its metadata has a chat template of the kind that chat.c writes */
    struct choice choice;
};

/* The memory of one conversation. */
struct state {
    uint32_t positions; /* room for so many tokens */
    float *keys, *values;
    float *x, *hidden, *queries, *key, *value, *mixed, *gate, *up, *scores, *turns, *logits;
    double *frequencies;
    int8_t *q;
    float *scales;
    int32_t *sums;
    uint32_t width, mixed_width, key_width, inner_width; /* rows of the buffers above, padded */
};

/* Reads the keys that shape the model; refuses what this program cannot run, by its key. */
bool model_shape(struct shape *shape, const struct gguf *file, struct message *why);

/* Makes room for `positions` tokens, which MUST be at most shape.context. */
bool state_open(struct state *s, const struct model *model, uint32_t positions, struct message *why);

/* Takes `count` tokens (1 to MAX_BATCH) that follow `position` earlier ones. s->logits is then what the last
 * of them leads to; if `wanted` is false they are left out. */
void model_step(const struct model *model, struct state *s, const uint32_t *ids, uint32_t count,
                uint32_t position, bool wanted);

#endif
