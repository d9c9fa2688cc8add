/* SPDX-License-Identifier: MIT */
/* GGUF: magic, version, counts; key-value pairs; tensor descriptions; padding; the tensors' data. */

#include "gguf.h"

#include <string.h>

SMALL_BEGIN

#define MAGIC 0x46554747u /* "GGUF" */
#define MAX_KEYS 65536u
#define MAX_TENSORS 65536u
#define MAX_DIMENSION ((uint64_t)1 << 31)

static const uint8_t kind_bytes[GGUF_KINDS] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/* Where reading stands. Once `bad` or `more` is set nothing is read any further. */
struct cursor {
    const uint8_t *bytes;
    uint64_t at, available, file_size;
    bool more, bad;
    uint64_t long_at, long_end; /* the longest array of strings so far: a vocabulary is passed over at once */
};

static bool has(struct cursor *c, uint64_t count) {
    if (c->more || c->bad)
        return false;
    if (count <= c->available - c->at)
        return true;
    if (count > c->file_size - c->at)
        c->bad = true;
    else
        c->more = true;
    return false;
}

static uint64_t take(struct cursor *c, unsigned count) {
    uint64_t value = 0;
    if (!has(c, count))
        return 0;
    memcpy(&value, c->bytes + c->at, count);
    c->at += count;
    return value;
}

static struct gguf_text take_text(struct cursor *c) {
    const uint64_t length = take(c, 8);
    if (!has(c, length))
        return (struct gguf_text){"", 0};
    const struct gguf_text text = {(const char *)c->bytes + c->at, length};
    c->at += length;
    return text;
}

bool text_is(struct gguf_text text, const char *expected) {
    return strlen(expected) == text.length && !memcmp(text.bytes, expected, text.length);
}

static bool skip_strings(struct cursor *c, uint64_t count) {
    const uint64_t start = c->at;
    if (start == c->long_at && start) {
        c->at = c->long_end;
        return true;
    }
    for (; count; count--) {
        uint64_t length;
        if (c->available - c->at < sizeof length)
            break;
        memcpy(&length, c->bytes + c->at, sizeof length);
        if (length > c->available - c->at - sizeof length)
            break;
        c->at += sizeof length + length;
    }
    if (count) /* says whether more is missing than the file has */
        take_text(c);
    else if (c->at - start > c->long_end - c->long_at) {
        c->long_at = start;
        c->long_end = c->at;
    }
    return !count;
}

static bool skip_numbers(struct cursor *c, enum gguf_kind kind, uint64_t count) {
    if (count > c->file_size / kind_bytes[kind]) {
        c->bad = true;
        return false;
    }
    if (!has(c, count * kind_bytes[kind]))
        return false;
    c->at += count * kind_bytes[kind];
    return true;
}

static bool take_value(struct cursor *c, struct gguf_text key, struct gguf_value *value,
                       struct message *why) {
    uint64_t kind = take(c, 4);
    value->array = kind == GGUF_ARRAY;
    value->count = 1;
    if (value->array) {
        kind = take(c, 4);
        value->count = take(c, 8);
    }
    if (c->more || c->bad)
        return false;
    if (kind >= GGUF_KINDS || kind == GGUF_ARRAY) {
        c->bad = true;
        return refuse(why, "The model's key %q has a value of unknown kind %u.", key.bytes, key.length, kind);
    }
    value->kind = (enum gguf_kind)kind;
    value->bytes = c->bytes + c->at;
    return kind == GGUF_STRING ? skip_strings(c, value->count) : skip_numbers(c, value->kind, value->count);
}

/* Elements and bytes of one block of a type; false for a type that we do not know. */
static bool block_of(uint64_t type, uint64_t *elements, uint64_t *bytes) {
    static const struct {
        uint8_t type, elements_log, bytes;
    } blocks[] = {{GGUF_TYPE_F32, 0, 4},
                  {GGUF_TYPE_F16, 0, 2},
                  {GGUF_TYPE_Q4_0, 5, 18},
                  {GGUF_TYPE_Q8_0, 5, 34},
                  {GGUF_TYPE_Q6_K, 8, 210}};
    for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (blocks[i].type != type)
            continue;
        *elements = (uint64_t)1 << blocks[i].elements_log;
        *bytes = blocks[i].bytes;
        return true;
    }
    return false;
}

const char *gguf_type_name(enum gguf_type type) {
    return type == GGUF_TYPE_F32    ? "F32"
           : type == GGUF_TYPE_F16  ? "F16"
           : type == GGUF_TYPE_Q4_0 ? "Q4_0"
           : type == GGUF_TYPE_Q8_0 ? "Q8_0"
                                    : "Q6_K";
}

static bool size_tensor(struct gguf_tensor *tensor, uint64_t type, struct message *why) {
    const char *name = tensor->name.bytes;
    const size_t length = tensor->name.length;
    uint64_t elements, bytes;
    if (!block_of(type, &elements, &bytes))
        return refuse(why, "The tensor %q has type %u; known are F32, F16, Q4_0, Q8_0 and Q6_K.", name,
                      length, type);
    tensor->type = (enum gguf_type)type;
    if (!tensor->columns || !tensor->rows || tensor->columns >= MAX_DIMENSION ||
        tensor->rows >= MAX_DIMENSION)
        return refuse(why, "The tensor %q has an impossible shape.", name, length);
    if (tensor->columns % elements)
        return refuse(why, "The tensor %q has rows of %u values, no multiple of its type's %u.", name, length,
                      tensor->columns, elements);
    tensor->bytes = tensor->columns / elements * bytes; /* below 2^33 */
    tensor->bytes = tensor->bytes * tensor->rows;       /* below 2^64 */
    return true;
}

static bool take_tensor(struct cursor *c, struct gguf_tensor *tensor, struct message *why) {
    tensor->name = take_text(c);
    const uint64_t dimensions = take(c, 4);
    if (c->more || c->bad)
        return false;
    if (dimensions < 1 || dimensions > 4)
        return refuse(why, "The tensor %q has %u dimensions.", tensor->name.bytes, tensor->name.length,
                      dimensions);
    uint64_t sizes[4] = {1, 1, 1, 1};
    for (uint64_t i = 0; i < dimensions; i++)
        sizes[i] = take(c, 8);
    const uint64_t type = take(c, 4);
    tensor->offset = take(c, 8);
    if (c->more || c->bad)
        return false;
    tensor->columns = sizes[0];
    tensor->rows = sizes[1];
    if (sizes[2] != 1 || sizes[3] != 1)
        return refuse(why, "The tensor %q has more than two dimensions.", tensor->name.bytes,
                      tensor->name.length);
    return size_tensor(tensor, type, why);
}

static bool check_keys(struct gguf *file, struct cursor *c, struct message *why) {
    file->keys_at = c->at;
    for (uint64_t i = 0; i < file->keys; i++) {
        struct gguf_value value;
        const struct gguf_text key = take_text(c);
        if (!take_value(c, key, &value, why))
            return false;
    }
    return true;
}

static bool check_tensors(struct gguf *file, struct cursor *c, struct message *why) {
    file->tensors_at = c->at;
    struct gguf_tensor tensor;
    for (uint64_t i = 0; i < file->tensors; i++)
        if (!take_tensor(c, &tensor, why))
            return false;
    file->alignment = 32;
    file->long_at = c->long_at;
    file->long_end = c->long_end;
    if (!gguf_get_whole(file, "general.alignment", &file->alignment, why))
        return false;
    if (file->alignment < 8 || file->alignment > 65536 || file->alignment & (file->alignment - 1))
        return refuse(why, "The model's key \"general.alignment\" is %u, which cannot be.", file->alignment);
    file->head = (c->at + file->alignment - 1) & -file->alignment;
    uint64_t at = file->tensors_at;
    for (uint64_t i = 0; i < file->tensors; i++) {
        gguf_next_tensor(file, &at, &tensor);
        const uint64_t start = tensor.offset - file->head;
        if (start % file->alignment)
            return refuse(why, "The tensor %q does not start at a multiple of %u bytes.", tensor.name.bytes,
                          tensor.name.length, file->alignment);
        if (tensor.offset < file->head || tensor.offset > file->file_size ||
            tensor.bytes > file->file_size - tensor.offset)
            return refuse(why, "The model file is too short: the tensor %q ends beyond it.",
                          tensor.name.bytes, tensor.name.length);
    }
    return true;
}

static bool check_start(struct gguf *file, struct cursor *c, struct message *why) {
    const uint64_t magic = take(c, 4), version = take(c, 4);
    file->tensors = take(c, 8);
    file->keys = take(c, 8);
    if (c->more || c->bad)
        return false;
    if (magic != MAGIC)
        return refuse(why, "The model file is not GGUF.");
    if (version != 2 && version != 3)
        return refuse(why, "The model file is GGUF version %u; known are little-endian 2 and 3.", version);
    if (file->tensors > MAX_TENSORS || file->keys > MAX_KEYS)
        return refuse(why, "The model file claims %u tensors and %u keys.", file->tensors, file->keys);
    return true;
}

enum gguf_result gguf_open(struct gguf *file, const void *bytes, uint64_t available, uint64_t file_size,
                           struct message *why) {
    struct cursor c = {bytes, 0, available, file_size, false, false, 0, 0};
    *file = (struct gguf){.bytes = bytes, .file_size = file_size};
    if (check_start(file, &c, why) && check_keys(file, &c, why) && check_tensors(file, &c, why))
        return GGUF_OK;
    if (c.more)
        return GGUF_MORE;
    refuse(why, "The model file is cut off or damaged within its first %u bytes.", file_size);
    return GGUF_BAD;
}

/* A cursor over what gguf_open has checked. */
static struct cursor checked(const struct gguf *file, uint64_t at) {
    return (struct cursor){file->bytes, at,    UINT64_MAX,    UINT64_MAX,
                           false,       false, file->long_at, file->long_end};
}

bool gguf_find(const struct gguf *file, const char *key, struct gguf_value *value) {
    struct cursor c = checked(file, file->keys_at);
    struct message ignored = {.length = 0};
    for (uint64_t i = 0; i < file->keys; i++) {
        const struct gguf_text found = take_text(&c);
        if (!take_value(&c, found, value, &ignored))
            return false;
        if (text_is(found, key))
            return true;
    }
    return false;
}

static COLD bool wrong_kind(const char *key, const char *expected, struct message *why) {
    return refuse(why, "The model's key \"%s\" is not %s.", key, expected);
}

bool gguf_get_whole(const struct gguf *file, const char *key, uint64_t *out, struct message *why) {
    struct gguf_value value;
    uint64_t number = 0;
    if (!gguf_find(file, key, &value))
        return true;
    if (value.array || value.kind == GGUF_F32 || value.kind == GGUF_F64 || value.kind == GGUF_STRING ||
        value.kind == GGUF_BOOL)
        return wrong_kind(key, "a whole number", why);
    const unsigned bytes = kind_bytes[value.kind];
    memcpy(&number, value.bytes, bytes);
    const bool has_sign =
        value.kind == GGUF_I8 || value.kind == GGUF_I16 || value.kind == GGUF_I32 || value.kind == GGUF_I64;
    if (has_sign && number >> (8 * bytes - 1))
        return wrong_kind(key, "a whole number from 0", why);
    *out = number;
    return true;
}

bool gguf_get_float(const struct gguf *file, const char *key, float *out, struct message *why) {
    struct gguf_value value;
    if (!gguf_find(file, key, &value))
        return true;
    if (value.array || value.kind != GGUF_F32)
        return wrong_kind(key, "a 32-bit floating-point number", why);
    memcpy(out, value.bytes, sizeof *out);
    return true;
}

bool gguf_get_flag(const struct gguf *file, const char *key, bool *out, struct message *why) {
    struct gguf_value value;
    if (!gguf_find(file, key, &value))
        return true;
    if (value.array || value.kind != GGUF_BOOL || *value.bytes > 1)
        return wrong_kind(key, "true or false", why);
    *out = *value.bytes;
    return true;
}

bool gguf_get_text(const struct gguf *file, const char *key, struct gguf_text *out, struct message *why) {
    struct gguf_value value;
    if (!gguf_find(file, key, &value))
        return true;
    if (value.array || value.kind != GGUF_STRING)
        return wrong_kind(key, "a string", why);
    const uint8_t *at = value.bytes;
    *out = gguf_next_text(&at);
    return true;
}

struct gguf_text gguf_next_text(const uint8_t **at) {
    uint64_t length;
    memcpy(&length, *at, sizeof length);
    const struct gguf_text text = {(const char *)*at + sizeof length, length};
    *at += sizeof length + length;
    return text;
}

void gguf_next_tensor(const struct gguf *file, uint64_t *at, struct gguf_tensor *tensor) {
    struct cursor c = checked(file, *at);
    struct message ignored = {.length = 0};
    take_tensor(&c, tensor, &ignored);
    tensor->offset += file->head;
    *at = c.at;
}

SMALL_END
