/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "sampler.h"
#include "text.h"

struct options {
    const char *model, *prompt, *variant, *force, *logits;
    uint32_t tokens, context;
    bool tokens_given, chat, ids, encode, endless, cpu_time, help;
    struct sampler sampler;
};

extern const char options_help[];

/* Refuses an argument that it does not know, or a value that cannot be. */
bool options_read(struct options *o, int count, char **arguments, struct message *why);

/* The next whole number in a list like "1 2 3"; *at moves on. False at its end. */
bool options_next_number(const char **at, uint32_t *number);

#endif
