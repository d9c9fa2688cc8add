/* SPDX-License-Identifier: MIT */
/* Which tensor of a file is which part of a model. */
#ifndef TENSORS_H
#define TENSORS_H

#include "model.h"

struct slot {
    struct gguf_tensor tensor;
    struct matrix *matrix; /* either this */
    const float **vector;  /* or that */
};

/* All tensors in the order in which they lie in the file. */
struct plan {
    struct slot *slots;
    uint32_t count;
};

/* Finds the place of every tensor; makes model->layers. Refuses a tensor that is unknown, there twice,
 * missing, of another shape than the keys say, or overlapping another. */
bool plan_tensors(struct plan *plan, struct model *model, const struct gguf *file, struct message *why);

#endif
