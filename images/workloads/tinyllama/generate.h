/* SPDX-License-Identifier: MIT */
/* One conversation: tokens go in, text comes out as it is made. */
#ifndef GENERATE_H
#define GENERATE_H

#include <signal.h>

#include "model.h"
#include "options.h"
#include "tokenizer.h"

struct conversation {
    struct model model;
    struct tokenizer tokenizer;
    struct state state;
    const struct options *options;
    struct sampler sampler;
    uint32_t *ids;        /* all tokens so far, and room for state.positions of them */
    uint32_t count, seen; /* tokens in `ids`; those that have gone through the model */
    int logits;           /* descriptor, or -1 */
    uint64_t faults;      /* page faults while tokens were made */
};

extern volatile sig_atomic_t interrupted; /* set from outside: stop after this token */

/* The clock that rates are told by, in nanoseconds. */
uint64_t now_ns(const struct options *options);

/* Passes on what is new in `ids`, then generates at most `tokens` tokens, to standard output; ends with the
 * end-of-text token, at the end of the room, or when interrupted. Then prints tokens per second. */
bool generate(struct conversation *c, uint32_t tokens, struct message *why);

#endif
