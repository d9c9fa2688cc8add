/* SPDX-License-Identifier: MIT */
/* The tensors of a Llama model by name (gguf.md, "Standardized tensor names"). */

#include "tensors.h"

#include <stddef.h>
#include <string.h>

SMALL_BEGIN

enum part { QUERY, KEY, VALUE, OUTPUT, GATE, UP, DOWN, ATTENTION_NORM, INNER_NORM, PARTS };

static const struct {
    const char *name;
    size_t offset; /* within struct layer */
} parts[PARTS] = {
    [QUERY] = {"attn_q.weight", offsetof(struct layer, query)},
    [KEY] = {"attn_k.weight", offsetof(struct layer, key)},
    [VALUE] = {"attn_v.weight", offsetof(struct layer, value)},
    [OUTPUT] = {"attn_output.weight", offsetof(struct layer, output)},
    [GATE] = {"ffn_gate.weight", offsetof(struct layer, gate)},
    [UP] = {"ffn_up.weight", offsetof(struct layer, up)},
    [DOWN] = {"ffn_down.weight", offsetof(struct layer, down)},
    [ATTENTION_NORM] = {"attn_norm.weight", offsetof(struct layer, attention_norm)},
    [INNER_NORM] = {"ffn_norm.weight", offsetof(struct layer, inner_norm)},
};

static void part_shape(const struct shape *s, enum part part, uint64_t *rows, uint64_t *columns) {
    const uint64_t queries = (uint64_t)s->heads * s->head_size, keys = (uint64_t)s->key_heads * s->head_size;
    *rows = part == QUERY                  ? queries
            : part == KEY || part == VALUE ? keys
            : part == GATE || part == UP   ? s->inner
            : part >= ATTENTION_NORM       ? 1
                                           : s->width;
    *columns = part == OUTPUT ? queries : part == DOWN ? s->inner : s->width;
}

/* Enters a tensor into the model. */
static bool enter(struct slot *slot, void *place, bool vector, uint64_t rows, uint64_t columns,
                  struct message *why) {
    const struct gguf_tensor *t = &slot->tensor;
    slot->matrix = vector ? NULL : place;
    slot->vector = vector ? place : NULL;
    if (t->rows != rows || t->columns != columns)
        return refuse(why, "The tensor %q is %u by %u where the model's keys ask for %u by %u.",
                      t->name.bytes, t->name.length, t->rows, t->columns, rows, columns);
    if (vector && t->type != GGUF_TYPE_F32)
        return refuse(why, "The tensor %q is %s where only F32 is known.", t->name.bytes, t->name.length,
                      gguf_type_name(t->type));
    if (vector ? *slot->vector != NULL : slot->matrix->rows != 0)
        return refuse(why, "The tensor %q is there twice.", t->name.bytes, t->name.length);
    if (vector)
        *slot->vector = (const float *)t->name.bytes; /* any address, until the values are there */
    else
        *slot->matrix =
            (struct matrix){.type = t->type, .rows = (uint32_t)rows, .columns = (uint32_t)columns};
    return true;
}

/* "blk.12.attn_q.weight": the layer's number and what follows it; false if it is no such name. */
static bool split_name(struct gguf_text name, uint32_t layers, uint32_t *layer, struct gguf_text *rest) {
    size_t at = 4;
    uint32_t number = 0;
    if (name.length < 6 || memcmp(name.bytes, "blk.", 4) != 0)
        return false;
    for (; at < name.length && name.bytes[at] >= '0' && name.bytes[at] <= '9' && at < 9; at++)
        number = number * 10 + (uint32_t)(name.bytes[at] - '0');
    if (at == 4 || at >= name.length || name.bytes[at] != '.' || number >= layers)
        return false;
    *layer = number;
    *rest = (struct gguf_text){name.bytes + at + 1, name.length - at - 1};
    return true;
}

static bool assign(struct slot *slot, struct model *model, struct message *why) {
    const struct shape *s = &model->shape;
    const struct gguf_text name = slot->tensor.name;
    struct gguf_text rest;
    uint32_t layer;
    uint64_t rows, columns;
    if (text_is(name, "token_embd.weight"))
        return enter(slot, &model->embedding, false, s->vocabulary, s->width, why);
    if (text_is(name, "output.weight"))
        return enter(slot, &model->head, false, s->vocabulary, s->width, why);
    if (text_is(name, "output_norm.weight"))
        return enter(slot, &model->norm, true, 1, s->width, why);
    for (int part = 0; split_name(name, s->layers, &layer, &rest) && part < PARTS; part++)
        if (text_is(rest, parts[part].name)) {
            part_shape(s, (enum part)part, &rows, &columns);
            return enter(slot, (char *)&model->layers[layer] + parts[part].offset, part >= ATTENTION_NORM,
                         rows, columns, why);
        }
    return refuse(why, "The tensor %q has no place in a Llama model of %u layers as this program runs it.",
                  name.bytes, name.length, (uint64_t)s->layers);
}

static bool check_complete(const struct model *model, struct message *why) {
    for (uint32_t i = 0; i < model->shape.layers; i++)
        for (int part = 0; part < PARTS; part++) {
            const char *place = (const char *)&model->layers[i] + parts[part].offset;
            const bool there = part >= ATTENTION_NORM ? *(const float *const *)place != NULL
                                                      : ((const struct matrix *)place)->rows != 0;
            if (!there)
                return refuse(why, "The model has no tensor \"blk.%u.%s\".", (uint64_t)i, parts[part].name);
        }
    if (!model->embedding.rows)
        return refuse(why, "The model has no tensor \"token_embd.weight\".");
    if (!model->norm)
        return refuse(why, "The model has no tensor \"output_norm.weight\".");
    return true;
}

/* Files are sorted nearly always, so the simplest way is the fastest. */
static bool sort_slots(struct plan *plan, struct message *why) {
    struct slot *slots = plan->slots;
    for (uint32_t i = 1; i < plan->count; i++) {
        const struct slot slot = slots[i];
        uint32_t at = i;
        for (; at && slots[at - 1].tensor.offset > slot.tensor.offset; at--)
            slots[at] = slots[at - 1];
        slots[at] = slot;
    }
    for (uint32_t i = 1; i < plan->count; i++)
        if (slots[i - 1].tensor.offset + slots[i - 1].tensor.bytes > slots[i].tensor.offset)
            return refuse(why, "The tensors %q and %q overlap.", slots[i - 1].tensor.name.bytes,
                          slots[i - 1].tensor.name.length, slots[i].tensor.name.bytes,
                          slots[i].tensor.name.length);
    return true;
}

bool plan_tensors(struct plan *plan, struct model *model, const struct gguf *file, struct message *why) {
    const uint32_t expected = model->shape.layers * PARTS + 3;
    const size_t layers_bytes = model->shape.layers * sizeof *model->layers;
    struct arena arena;
    if (file->tensors > expected)
        return refuse(why, "The model has %u tensors where %u layers have at most %u.", file->tensors,
                      (uint64_t)model->shape.layers, (uint64_t)expected);
    if (!arena_make(&arena, lines(layers_bytes) + expected * sizeof *plan->slots, "the list of tensors", why))
        return false;
    model->layers = arena_take(&arena, layers_bytes);
    *plan = (struct plan){arena_take(&arena, expected * sizeof *plan->slots), (uint32_t)file->tensors};
    uint64_t at = file->tensors_at;
    for (uint32_t i = 0; i < plan->count; i++) {
        gguf_next_tensor(file, &at, &plan->slots[i].tensor);
        const struct gguf_tensor *tensor = &plan->slots[i].tensor;
        if (!assign(&plan->slots[i], model, why))
            return false;
        if (!plan->slots[i].matrix)
            continue;
        model->types |= 1u << tensor->type;
        if (!HAS_TYPE(tensor->type))
            return refuse(why, "The tensor %q is %s, which this program was frozen without.",
                          tensor->name.bytes, tensor->name.length, gguf_type_name(tensor->type));
    }
    if (!check_complete(model, why))
        return false;
    model->type = model->layers[0].gate.type;
    return sort_slots(plan, why);
}

SMALL_END
