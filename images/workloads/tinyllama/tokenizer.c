/* SPDX-License-Identifier: MIT */
/* The vocabulary: read from the metadata, found by text through a hash table, turned back into text. */

#include "tokenizer.h"

#include <string.h>

#include "vocabulary.h"

SMALL_BEGIN

#define SPACE "\xe2\x96\x81" /* U+2581, which stands for a space inside tokens */
#define MAX_TOKENS (1u << 24)

static uint32_t hash(const char *bytes, size_t length) {
    uint32_t value = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        value = (value ^ (uint8_t)bytes[i]) * 16777619u;
    return value ^ value >> 15;
}

uint32_t vocabulary_find(const struct tokenizer *t, const char *bytes, size_t length) {
    uint32_t link = t->chains[hash(bytes, length) & t->chain_mask];
    for (; link; link = t->tokens[link - 1].next) {
        const struct token *token = &t->tokens[link - 1];
        if (token->length == length && !memcmp(token->bytes, bytes, length))
            return link - 1;
    }
    return NO_TOKEN;
}

/* Later tokens with the same text hide earlier ones, as in llama.cpp. */
static void add_to_chain(struct tokenizer *t, uint32_t id) {
    struct token *token = &t->tokens[id];
    uint32_t *chain = &t->chains[hash(token->bytes, token->length) & t->chain_mask];
    token->next = *chain;
    *chain = id + 1;
}

/* An array of the metadata with `count` elements of a kind (0: any count). */
static bool find_array(const struct gguf *file, const char *key, enum gguf_kind kind, uint64_t count,
                       struct gguf_value *value, struct message *why) {
    if (!gguf_find(file, key, value))
        return refuse(why, "The model has no key \"%s\".", key);
    if (!value->array || value->kind != kind)
        return refuse(why, "The model's key \"%s\" is not an array of %s.", key,
                      kind == GGUF_STRING ? "strings" : "the right kind of numbers");
    if (count && value->count != count)
        return refuse(why, "The model's key \"%s\" has %u elements where there are %u tokens.", key,
                      value->count, count);
    return true;
}

static bool read_tokens(struct tokenizer *t, const struct gguf *file, struct message *why) {
    struct gguf_value texts, scores, kinds;
    if (!find_array(file, "tokenizer.ggml.tokens", GGUF_STRING, 0, &texts, why))
        return false;
    if (!texts.count || texts.count > MAX_TOKENS)
        return refuse(why, "The model's vocabulary has %u tokens.", texts.count);
    if (!find_array(file, "tokenizer.ggml.scores", GGUF_F32, texts.count, &scores, why))
        return false;
    const bool has_kinds = gguf_find(file, "tokenizer.ggml.token_type", &kinds);
    if (has_kinds && !find_array(file, "tokenizer.ggml.token_type", GGUF_I32, texts.count, &kinds, why))
        return false;
    uint32_t chains = 1;
    while (chains < texts.count)
        chains *= 2;
    struct arena arena;
    if (!arena_make(&arena, lines(texts.count * sizeof *t->tokens) + lines(chains * sizeof *t->chains),
                    "the vocabulary", why))
        return false;
    t->count = (uint32_t)texts.count;
    t->chain_mask = chains - 1;
    t->tokens = arena_take(&arena, t->count * sizeof *t->tokens);
    t->chains = arena_take(&arena, chains * sizeof *t->chains);
    const uint8_t *at = texts.bytes;
    for (uint32_t id = 0; id < t->count; id++) {
        struct token *token = &t->tokens[id];
        const struct gguf_text text = gguf_next_text(&at);
        if (text.length > TOKEN_MAX_TEXT)
            return refuse(why, "The model's token %u is %u bytes long.", (uint64_t)id, (uint64_t)text.length);
        token->bytes = text.bytes;
        token->length = (uint32_t)text.length;
        token->kind = TOKEN_NORMAL;
        memcpy(&token->score, scores.bytes + 4 * (size_t)id, 4);
        if (has_kinds)
            memcpy(&token->kind, kinds.bytes + 4 * (size_t)id, 4);
        if (token->kind < TOKEN_NORMAL || token->kind > TOKEN_BYTE || token->score != token->score)
            return refuse(why, "The model's token %u has an impossible type or score.", (uint64_t)id);
        if (token->kind == TOKEN_ADDED && token->length > t->longest_added)
            t->longest_added = token->length;
        if (token->length)
            add_to_chain(t, id);
    }
    return true;
}

static bool read_id(const struct gguf *file, const char *key, uint32_t count, uint32_t *id,
                    struct message *why) {
    uint64_t value = *id;
    if (!gguf_get_whole(file, key, &value, why))
        return false;
    if (value >= count)
        return refuse(why, "The model's key \"%s\" is %u, which is no token.", key, value);
    *id = (uint32_t)value;
    return true;
}

static void find_bytes(struct tokenizer *t) {
    static const char digits[] = "0123456789ABCDEF";
    for (unsigned byte = 0; byte < 256; byte++) {
        const char text[6] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
        const uint32_t id = vocabulary_find(t, text, sizeof text);
        t->byte_ids[byte] = id == NO_TOKEN ? t->unknown : id;
    }
}

bool tokenizer_open(struct tokenizer *t, const struct gguf *file, struct message *why) {
    struct gguf_text model = {"", 0};
    *t = (struct tokenizer){.bos = 1, .eos = 2, .add_bos = true, .add_space = true};
    if (!gguf_get_text(file, "tokenizer.ggml.model", &model, why))
        return false;
    if (!text_is(model, "llama"))
        return refuse(why,
                      "The model's key \"tokenizer.ggml.model\" is %q; known is \"llama\", SentencePiece.",
                      model.bytes, model.length);
    if (!read_tokens(t, file, why))
        return false;
    if (t->count < 3)
        return refuse(why, "The model's vocabulary has %u tokens.", (uint64_t)t->count);
    if (!read_id(file, "tokenizer.ggml.bos_token_id", t->count, &t->bos, why) ||
        !read_id(file, "tokenizer.ggml.eos_token_id", t->count, &t->eos, why) ||
        !read_id(file, "tokenizer.ggml.unknown_token_id", t->count, &t->unknown, why) ||
        !gguf_get_flag(file, "tokenizer.ggml.add_bos_token", &t->add_bos, why) ||
        !gguf_get_flag(file, "tokenizer.ggml.add_space_prefix", &t->add_space, why))
        return false;
    find_bytes(t);
    return true;
}

static int hex(char letter) {
    return letter >= '0' && letter <= '9'   ? letter - '0'
           : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10
           : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                                            : -1;
}

size_t tokenizer_decode(const struct tokenizer *t, uint32_t id, bool first, char *out) {
    const struct token *token = &t->tokens[id];
    const char *text = token->bytes;
    size_t length = 0;
    if (token->kind == TOKEN_CONTROL || token->kind == TOKEN_UNKNOWN || token->kind == TOKEN_UNUSED)
        return 0;
    if (token->kind == TOKEN_BYTE) {
        const int high = token->length == 6 ? hex(text[3]) : -1, low = token->length == 6 ? hex(text[4]) : -1;
        *out = (char)(high * 16 + low);
        return high >= 0 && low >= 0;
    }
    for (uint32_t at = 0; at < token->length;) {
        const bool space = token->length - at >= 3 && !memcmp(text + at, SPACE, 3);
        if (!(space && first && !at && t->add_space))
            out[length++] = space ? ' ' : text[at];
        at += space ? 3 : 1;
    }
    return length;
}

/* Length of the sequence that a first byte begins, and the least code point of that length. */
static unsigned utf8_length(uint8_t first, uint32_t *least) {
    *least = first < 0xe0 ? 0x80 : first < 0xf0 ? 0x800 : 0x10000;
    return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

size_t utf8_valid(const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        uint32_t least;
        const uint8_t first = (uint8_t)text[at];
        const unsigned count = utf8_length(first, &least);
        if (!count || count > length - at)
            return at;
        uint32_t code = first & (0xffu >> (count + 1));
        for (unsigned i = 1; i < count; i++) {
            if (((uint8_t)text[at + i] & 0xc0) != 0x80)
                return at;
            code = code << 6 | ((uint8_t)text[at + i] & 0x3f);
        }
        if (count > 1 && (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)))
            return at;
        at += count;
    }
    return length;
}

SMALL_END
