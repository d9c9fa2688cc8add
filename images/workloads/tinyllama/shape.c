/* SPDX-License-Identifier: MIT */
/* The keys of a Llama model (gguf.md, "llama"), each checked against what the program can run. */

#include "model.h"

SMALL_BEGIN

#define LIMIT 1048576u

static bool whole(const struct gguf *file, const char *key, uint32_t least, uint32_t most, uint32_t *out,
                  struct message *why) {
    uint64_t value = *out;
    if (!gguf_get_whole(file, key, &value, why))
        return false;
    if (!value && least)
        return refuse(why, "The model has no key \"%s\", or it is 0.", key);
    if (value < least || value > most)
        return refuse(why, "The model's key \"%s\" is %u, which this program cannot run.", key, value);
    *out = (uint32_t)value;
    return true;
}

/* Keys of Llama's relatives. Their values must be those that change nothing. */
static bool refuse_relatives(const struct gguf *file, struct message *why) {
    struct gguf_text scaling = {"none", 4};
    uint32_t experts = 0;
    float factor = 1;
    if (!gguf_get_text(file, "llama.rope.scaling.type", &scaling, why) ||
        !gguf_get_float(file, "llama.rope.scaling.factor", &factor, why) ||
        !whole(file, "llama.expert_count", 0, 0, &experts, why))
        return false;
    if (!text_is(scaling, "none"))
        return refuse(why, "The model's key \"llama.rope.scaling.type\" is %q; known is \"none\".",
                      scaling.bytes, scaling.length);
    if (factor != 1) /* without a type llama.cpp takes it for linear scaling */
        return refuse(why, "The model's key \"llama.rope.scaling.factor\" is not 1.");
    struct gguf_value value;
    static const char *const unknown[] = {"llama.rope.scale_linear", "llama.attention.sliding_window"};
    for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (gguf_find(file, unknown[i], &value))
            return refuse(why, "The model's key \"%s\" is not known to this program.", unknown[i]);
    return true;
}

static bool read_heads(struct shape *s, const struct gguf *file, struct message *why) {
    if (!whole(file, "llama.attention.head_count", 1, 4096, &s->heads, why))
        return false;
    s->key_heads = s->heads;
    if (!whole(file, "llama.attention.head_count_kv", 1, s->heads, &s->key_heads, why))
        return false;
    if (s->heads % s->key_heads)
        return refuse(why, "The model's %u heads do not share %u key heads evenly.", (uint64_t)s->heads,
                      (uint64_t)s->key_heads);
    s->head_size = s->width / s->heads;
    if (!whole(file, "llama.attention.key_length", 1, 4096, &s->head_size, why))
        return false;
    uint32_t value_size = s->head_size;
    if (!whole(file, "llama.attention.value_length", s->head_size, s->head_size, &value_size, why))
        return false;
    s->rotated = s->head_size;
    if (!whole(file, "llama.rope.dimension_count", 2, s->head_size, &s->rotated, why))
        return false;
    if (s->rotated % 2)
        return refuse(why, "The model's key \"llama.rope.dimension_count\" is odd.");
    return true;
}

bool model_shape(struct shape *s, const struct gguf *file, struct message *why) {
    struct gguf_text architecture = {"", 0};
    *s = (struct shape){.base = 10000.0f};
    if (!gguf_get_text(file, "general.architecture", &architecture, why))
        return false;
    if (!text_is(architecture, "llama"))
        return refuse(why, "The model's key \"general.architecture\" is %q; known is \"llama\".",
                      architecture.bytes, architecture.length);
    if (!refuse_relatives(file, why) || !whole(file, "llama.context_length", 1, LIMIT, &s->context, why) ||
        !whole(file, "llama.embedding_length", 1, LIMIT, &s->width, why) ||
        !whole(file, "llama.block_count", 1, 1024, &s->layers, why) ||
        !whole(file, "llama.feed_forward_length", 1, LIMIT, &s->inner, why) || !read_heads(s, file, why) ||
        !gguf_get_float(file, "llama.attention.layer_norm_rms_epsilon", &s->epsilon, why) ||
        !gguf_get_float(file, "llama.rope.freq_base", &s->base, why))
        return false;
    if (!(s->epsilon > 0 && s->epsilon < 1))
        return refuse(why,
                      "The model's key \"llama.attention.layer_norm_rms_epsilon\" is missing or impossible.");
    if (!(s->base >= 1 && s->base < 1e12f))
        return refuse(why, "The model's key \"llama.rope.freq_base\" is impossible.");
    return true;
}

SMALL_END
