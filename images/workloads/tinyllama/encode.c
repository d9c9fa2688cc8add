/* SPDX-License-Identifier: MIT */
/* Text to ids: the text is split at added tokens; in between, neighbouring symbols merge, the pair with the
 * best score first and the leftmost of equals, as long as their union is a token. What is no token at the end
 * becomes bytes. A heap finds the next pair, so the time grows as n log n. */

#include <string.h>

#include "vocabulary.h"

SMALL_BEGIN

#define NONE (-1)

/* A run of the text; runs form a list. A merged run's right part has length 0. */
struct symbol {
    uint32_t start, length;
    int32_t previous, next;
};

struct pair {
    float score;
    int32_t left, right;
    uint32_t length; /* of both when it was found; another length means that it is out of date */
};

struct encoder {
    const struct tokenizer *t;
    char *text;
    struct symbol *symbols;
    struct pair *heap;
    uint32_t heap_size;
    uint32_t *ids, *count, limit;
};

static bool goes_first(const struct pair *a, const struct pair *b) {
    return a->score > b->score || (a->score == b->score && a->left < b->left);
}

static void heap_push(struct encoder *e, struct pair pair) {
    uint32_t at = e->heap_size++;
    for (; at && goes_first(&pair, &e->heap[(at - 1) / 2]); at = (at - 1) / 2)
        e->heap[at] = e->heap[(at - 1) / 2];
    e->heap[at] = pair;
}

static struct pair heap_pop(struct encoder *e) {
    const struct pair top = e->heap[0], last = e->heap[--e->heap_size];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= e->heap_size)
            break;
        if (child + 1 < e->heap_size && goes_first(&e->heap[child + 1], &e->heap[child]))
            child++;
        if (!goes_first(&e->heap[child], &last))
            break;
        e->heap[at] = e->heap[child];
        at = child;
    }
    e->heap[at] = last;
    return top;
}

static void offer_pair(struct encoder *e, int32_t left, int32_t right) {
    if (left == NONE || right == NONE)
        return;
    const uint32_t length = e->symbols[left].length + e->symbols[right].length;
    const uint32_t id = vocabulary_find(e->t, e->text + e->symbols[left].start, length);
    if (id != NO_TOKEN)
        heap_push(e, (struct pair){e->t->tokens[id].score, left, right, length});
}

static bool emit(struct encoder *e, uint32_t id) {
    if (*e->count >= e->limit)
        return false;
    e->ids[(*e->count)++] = id;
    return true;
}

static bool emit_symbol(struct encoder *e, const struct symbol *symbol) {
    const char *text = e->text + symbol->start;
    const uint32_t id = vocabulary_find(e->t, text, symbol->length);
    if (id != NO_TOKEN)
        return emit(e, id);
    for (uint32_t i = 0; i < symbol->length; i++)
        if (!emit(e, e->t->byte_ids[(uint8_t)text[i]]))
            return false;
    return true;
}

static int32_t split_characters(struct encoder *e, uint32_t length) {
    int32_t count = 0;
    for (uint32_t at = 0; at < length; count++) {
        uint32_t end = at + 1;
        while (end < length && ((uint8_t)e->text[end] & 0xc0) == 0x80)
            end++;
        e->symbols[count] = (struct symbol){at, end - at, count - 1, count + 1};
        at = end;
    }
    if (count)
        e->symbols[count - 1].next = NONE;
    return count;
}

static bool encode_run(struct encoder *e, uint32_t length) {
    const int32_t count = split_characters(e, length);
    e->heap_size = 0;
    for (int32_t i = 1; i < count; i++)
        offer_pair(e, i - 1, i);
    while (e->heap_size) {
        const struct pair pair = heap_pop(e);
        struct symbol *left = &e->symbols[pair.left], *right = &e->symbols[pair.right];
        if (!left->length || !right->length || left->length + right->length != pair.length)
            continue;
        left->length = pair.length;
        right->length = 0;
        left->next = right->next;
        if (right->next != NONE)
            e->symbols[right->next].previous = pair.left;
        offer_pair(e, left->previous, pair.left);
        offer_pair(e, pair.left, left->next);
    }
    for (int32_t i = count ? 0 : NONE; i != NONE; i = e->symbols[i].next)
        if (!emit_symbol(e, &e->symbols[i]))
            return false;
    return true;
}

/* Encodes plain text, its spaces written as U+2581, with one more before it if the vocabulary wants that. */
static bool encode_plain(struct encoder *e, const char *text, size_t length) {
    const bool prefix = e->t->add_space;
    uint32_t written = 0;
    for (size_t i = 0; i < length + prefix; i++) {
        const char letter = i < prefix ? ' ' : text[i - prefix];
        if (letter == ' ') {
            memcpy(e->text + written, "\xe2\x96\x81", 3);
            written += 3;
        } else {
            e->text[written++] = letter;
        }
    }
    return encode_run(e, written);
}

/* The longest added token that the text begins with. */
static uint32_t find_added(const struct tokenizer *t, const char *text, size_t length) {
    for (size_t size = length < t->longest_added ? length : t->longest_added; size; size--) {
        const uint32_t id = vocabulary_find(t, text, size);
        if (id != NO_TOKEN && t->tokens[id].kind == TOKEN_ADDED)
            return id;
    }
    return NO_TOKEN;
}

static bool encode_all(struct encoder *e, struct gguf_text text) {
    size_t start = 0;
    for (size_t at = 0; at < text.length; at++) {
        const uint32_t id = find_added(e->t, text.bytes + at, text.length - at);
        if (id == NO_TOKEN)
            continue;
        if ((at > start && !encode_plain(e, text.bytes + start, at - start)) || !emit(e, id))
            return false;
        at += e->t->tokens[id].length - 1;
        start = at + 1;
    }
    return start >= text.length || encode_plain(e, text.bytes + start, text.length - start);
}

/* Each character has at most one pair with its right neighbour at first, and each merge adds two. */
static size_t most_pairs(size_t characters) {
    return 3 * characters;
}

size_t tokenizer_scratch(size_t length) {
    const size_t bytes = 3 * (length + 1);
    return lines(bytes) + lines((length + 1) * sizeof(struct symbol)) +
           lines(most_pairs(length + 1) * sizeof(struct pair));
}

bool tokenizer_encode(const struct tokenizer *t, struct gguf_text text, void *scratch, uint32_t *ids,
                      uint32_t *count, uint32_t limit, struct message *why) {
    const size_t right = utf8_valid(text.bytes, text.length), characters = text.length + 1;
    if (right < text.length)
        return refuse(why, "The prompt is not UTF-8: its byte %u is out of place.", (uint64_t)right + 1);
    if (text.length > INT32_MAX / 4)
        return refuse(why, "The prompt is longer than %u bytes.", (uint64_t)INT32_MAX / 4);
    char *at = scratch;
    struct encoder e = {.t = t, .text = at, .ids = ids, .count = count, .limit = limit};
    e.symbols = (struct symbol *)(at += lines(3 * characters));
    e.heap = (struct pair *)(at + lines(characters * sizeof(struct symbol)));
    if (!encode_all(&e, text))
        return refuse(why, "The prompt is longer than the %u tokens that there is room for.",
                      (uint64_t)limit);
    return true;
}

SMALL_END
