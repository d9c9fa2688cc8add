/* SPDX-License-Identifier: MIT */
/* SentencePiece BPE with scores, from a GGUF file's metadata; ids equal to llama.cpp's and sentencepiece's.
 */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include "gguf.h"
#include "memory.h"

enum token_kind { TOKEN_NORMAL = 1, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_ADDED, TOKEN_UNUSED, TOKEN_BYTE };

struct token {
    const char *bytes;
    uint32_t length;
    float score;
    uint32_t kind;
    uint32_t next; /* in the hash chain: id + 1, or 0 */
};

struct tokenizer {
    struct token *tokens;
    uint32_t *chains; /* by hash: id + 1, or 0 */
    uint32_t count, chain_mask;
    uint32_t bos, eos, unknown;
    uint32_t byte_ids[256];
    uint32_t longest_added; /* bytes; 0: there are no added tokens */
    bool add_bos, add_space;
};

/* Reads the vocabulary; `file` must stay where it is. */
bool tokenizer_open(struct tokenizer *t, const struct gguf *file, struct message *why);

/* Bytes that tokenizer_encode needs as scratch for a text of `length` bytes. */
size_t tokenizer_scratch(size_t length);

/* Appends the ids of `text` to ids[*count], at most up to `limit`. Control tokens written out in the
 * text ("</s>") are plain text. Refuses text that is not UTF-8, and more than `limit` ids. */
bool tokenizer_encode(const struct tokenizer *t, struct gguf_text text, void *scratch, uint32_t *ids,
                      uint32_t *count, uint32_t limit, struct message *why);

/* The bytes that a token stands for: at most TOKEN_MAX_TEXT; `first` leaves a leading space out. */
#define TOKEN_MAX_TEXT 512
size_t tokenizer_decode(const struct tokenizer *t, uint32_t id, bool first, char *out);

/* The first byte that is not part of right UTF-8 (RFC 3629), or `length`. */
size_t utf8_valid(const char *text, size_t length);

#endif
