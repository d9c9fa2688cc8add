/* SPDX-License-Identifier: MIT */
/* The choice of a variant. */
#ifndef VARIANTS_H
#define VARIANTS_H

#include "model.h"

/* Sets model->choice to the variant called `name`; NULL: to the one that computes a token of this shape and
 * type fastest as measured here. */
bool choose(const char *name, struct model *model, struct message *why);

/* Says on standard error with which flags a build makes the same choice without measuring, if this one
 * measured. */
void choice_show(const struct choice *choice);

#endif
