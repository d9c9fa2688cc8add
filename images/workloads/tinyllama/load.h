/* SPDX-License-Identifier: MIT */
/* From a file to a model that can step. */
#ifndef LOAD_H
#define LOAD_H

#include "model.h"
#include "tokenizer.h"

/* Reads the file once, straight into the memory where its weights stay, and packs them as they arrive.
 * `variant`: see choose();
 * `bytes`: the file's size. */
bool load(const char *path, const char *variant, struct model *model, struct tokenizer *tokenizer,
          uint64_t *bytes, struct message *why);

#endif
