/* SPDX-License-Identifier: MIT */
/* What the encoder asks of the vocabulary. */
#ifndef VOCABULARY_H
#define VOCABULARY_H

#include "tokenizer.h"

#define NO_TOKEN UINT32_MAX

/* The token with exactly this text, or NO_TOKEN. */
uint32_t vocabulary_find(const struct tokenizer *t, const char *bytes, size_t length);

#endif
