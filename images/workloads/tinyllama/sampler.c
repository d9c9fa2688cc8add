/* SPDX-License-Identifier: MIT */
/* A heap instead of a sort: only what is taken is put in order. */

#include "sampler.h"

#include "half.h"
#include "turns.h"

SMALL_BEGIN

bool sampler_open(struct sampler *s, uint32_t vocabulary, struct message *why) {
    struct arena arena;
    s->heap = NULL;
    if (!(s->temperature > 0))
        return true;
    if (!arena_make(&arena, vocabulary * sizeof *s->heap, "sampling", why))
        return false;
    s->heap = arena_take(&arena, vocabulary * sizeof *s->heap);
    return true;
}

/* splitmix64; the upper 24 bits as a number from 0 to below 1. */
static float draw(struct sampler *s) {
    uint64_t z = s->seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (float)((z ^ z >> 31) >> 40) * 0x1p-24f;
}

static void sink(struct candidate *heap, uint32_t count, uint32_t at) {
    const struct candidate moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && heap[child + 1].chance > heap[child].chance)
            child++;
        if (heap[child].chance <= moved.chance)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* Takes the most likely candidate off the heap; it then lies behind the remaining ones. */
static struct candidate take_first(struct candidate *heap, uint32_t count) {
    const struct candidate first = heap[0];
    heap[0] = heap[count - 1];
    heap[count - 1] = first;
    sink(heap, count - 1, 0);
    return first;
}

static bool most_likely(const float *logits, uint32_t count, uint32_t *id) {
    uint32_t best = 0;
    bool finite = true;
    for (uint32_t i = 0; i < count; i++) {
        finite &= FLOAT_IS_FINITE(float_bits(logits[i]));
        if (logits[i] > logits[best])
            best = i;
    }
    *id = best;
    return finite;
}

/* e to the power of -distance / temperature; what is too small to matter is nothing. */
static float chance(float distance, float temperature) {
    return distance < 30.0f * temperature ? (float)turns_falling((double)distance / temperature) : 0.0f;
}

/* Chances relative to the most likely token's; all of them add up to the result. */
static float weigh(struct sampler *s, const float *logits, uint32_t count, float largest) {
    float total = 0;
    for (uint32_t i = 0; i < count; i++) {
        s->heap[i] = (struct candidate){chance(largest - logits[i], s->temperature), i};
        total += s->heap[i].chance;
    }
    for (uint32_t i = count / 2; i-- > 0;)
        sink(s->heap, count, i);
    return total;
}

bool sampler_next(struct sampler *s, const float *logits, uint32_t count, uint32_t *id) {
    if (!most_likely(logits, count, id))
        return false;
    if (!s->heap)
        return true;
    const uint32_t most = s->top_k && s->top_k < count ? s->top_k : count;
    float total = weigh(s, logits, count, logits[*id]), kept = 0;
    uint32_t taken = 0;
    if (most < count) { /* chances count among the `most` alone */
        total = 0;
        for (uint32_t i = 0; i < most; i++)
            total += take_first(s->heap, count - i).chance;
    }
    while (taken < most && kept < s->top_p * total) {
        const struct candidate next =
            most < count ? s->heap[count - 1 - taken] : take_first(s->heap, count - taken);
        kept += next.chance;
        taken++;
    }
    float left = draw(s) * kept;
    for (uint32_t i = 0; i < taken && left >= 0; i++) {
        *id = s->heap[count - 1 - i].id;
        left -= s->heap[count - 1 - i].chance;
    }
    return true;
}

SMALL_END
