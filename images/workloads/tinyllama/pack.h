/* SPDX-License-Identifier: MIT */
/* From a file's rows to groups as the kernels read them (kernels.h), and back for single rows. */
#ifndef PACK_H
#define PACK_H

#include "kernels.h"

/* Bytes of a group of `lanes` rows. */
size_t pack_group_bytes(enum gguf_type type, uint32_t columns, unsigned lanes);

/* Bytes of one row in the file. */
size_t pack_row_bytes(enum gguf_type type, uint32_t columns);

/* Packs `rows` rows (at most the variant's `lanes`; missing ones become zero) that lie from `row` on, which
 * MUST not overlap `group`. False if a scale or a weight is infinite or not a number. */
bool pack_group(const struct kernels *kernels, enum gguf_type type, uint32_t columns, const uint8_t *row,
                unsigned rows, uint8_t *group);

/* One row as floats. */
void pack_read_row(const struct matrix *m, unsigned lanes, uint32_t row, float *out);

#endif
