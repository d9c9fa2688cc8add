/* SPDX-License-Identifier: MIT */
/* The choice of a variant. */
#ifndef VARIANTS_H
#define VARIANTS_H

#include "model.h"

/* Bytes of a model that is larger than caches, on which kernels are timed as if they were packed; none for a
 * small one. */
struct weights {
    const uint8_t *at;
    size_t bytes;
};

/* Whether `choose` will measure: the build has not made the choice, and `name` does not. */
bool choice_is_open(const char *name);

/* Sets model->choice to the variant called `name`; NULL: to the one that computes a token of this shape and
 * type fastest as measured here, and to the distance at which it does. */
bool choose(const char *name, struct model *model, const struct weights *weights, struct message *why);

/* Says on standard error with which flags a build makes the same choice without measuring, if this one
 * measured. */
void choice_show(const struct model *model);

#endif
