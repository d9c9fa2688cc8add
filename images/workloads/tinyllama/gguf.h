/* SPDX-License-Identifier: MIT */
/* Reader of GGUF files, versions 2 and 3 (ggml, docs/gguf.md). Values are read where they lie.
 *
 * Nothing in the file is trusted: every length, count, offset and product is checked before use. */
#ifndef GGUF_H
#define GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum gguf_kind { /* of a value */
                 GGUF_U8,
                 GGUF_I8,
                 GGUF_U16,
                 GGUF_I16,
                 GGUF_U32,
                 GGUF_I32,
                 GGUF_F32,
                 GGUF_BOOL,
                 GGUF_STRING,
                 GGUF_ARRAY,
                 GGUF_U64,
                 GGUF_I64,
                 GGUF_F64,
                 GGUF_KINDS
};

enum gguf_type {
    GGUF_TYPE_F32 = 0,
    GGUF_TYPE_F16 = 1,
    GGUF_TYPE_Q4_0 = 2,
    GGUF_TYPE_Q8_0 = 8,
    GGUF_TYPE_Q6_K = 14
};

enum gguf_result { GGUF_OK, GGUF_MORE, GGUF_BAD };

struct gguf_text {
    const char *bytes;
    size_t length;
};

struct gguf_value {
    enum gguf_kind kind; /* of the elements, if `array` */
    bool array;
    uint64_t count;       /* elements; 1 if no array */
    const uint8_t *bytes; /* the first element */
};

struct gguf_tensor {
    struct gguf_text name;
    enum gguf_type type;
    uint64_t columns, rows; /* a vector has one row */
    uint64_t offset, bytes; /* offset from the file's first byte */
};

struct gguf {
    const uint8_t *bytes;
    uint64_t head; /* bytes of the file before its tensors' data */
    uint64_t file_size;
    uint64_t keys, keys_at, tensors, tensors_at;
    uint64_t alignment;
    uint64_t long_at, long_end; /* where its longest array of strings begins and ends */
};

/* Checks a file of which the first `available` bytes are at `bytes`. GGUF_MORE: the head is longer than that
 * (only if available < file_size). GGUF_BAD: `why` says what is wrong. */
enum gguf_result gguf_open(struct gguf *file, const void *bytes, uint64_t available, uint64_t file_size,
                           struct message *why);

/* The first value with this key; false if there is none. */
bool gguf_find(const struct gguf *file, const char *key, struct gguf_value *value);

/* Typed values. A key that is absent leaves *out as it is; one of the wrong kind is refused. */
bool gguf_get_whole(const struct gguf *file, const char *key, uint64_t *out, struct message *why);
bool gguf_get_float(const struct gguf *file, const char *key, float *out, struct message *why);
bool gguf_get_flag(const struct gguf *file, const char *key, bool *out, struct message *why);
bool gguf_get_text(const struct gguf *file, const char *key, struct gguf_text *out, struct message *why);

/* An array's strings, one after the other: *at starts at value.bytes. */
struct gguf_text gguf_next_text(const uint8_t **at);

/* Tensors, one after the other: *at starts at file->tensors_at. To be called `tensors` times. */
void gguf_next_tensor(const struct gguf *file, uint64_t *at, struct gguf_tensor *tensor);

bool text_is(struct gguf_text text, const char *expected);
const char *gguf_type_name(enum gguf_type type);

#endif
