/* SPDX-License-Identifier: MIT */
/* From logits to the next token. */
#ifndef SAMPLER_H
#define SAMPLER_H

#include "memory.h"

#include <stdint.h>

struct candidate {
    float chance;
    uint32_t id;
};

/* In this order: the temperature divides the logits (0: the most likely token, always), the `top_k` most
 * likely stay (0: all), of those the fewest that reach `top_p` together, and one is drawn. */
struct sampler {
    float temperature, top_p;
    uint32_t top_k;
    uint64_t seed;
    struct candidate *heap; /* room for all tokens */
};

bool sampler_open(struct sampler *s, uint32_t vocabulary, struct message *why);

/* The next token; false if a logit is infinite or not a number. */
bool sampler_next(struct sampler *s, const float *logits, uint32_t count, uint32_t *id);

#endif
