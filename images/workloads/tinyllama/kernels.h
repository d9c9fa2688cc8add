/* SPDX-License-Identifier: MIT */
/* What a token costs: matrices in the order in which they are read, and the loops over them.
 *
 * A matrix is cut into groups of `lanes` rows, as many as the variant's vectors have 32-bit lanes. For
 * quantised types a group is made of chunks of 4 blocks of 32 columns, the last of as many as are left. A
 * chunk is, for each of its blocks in turn, units of 4 bytes (4 columns of Q8_0 and Q6_K, 4 low and 4 high
 * ones of Q4_0) of row 0, row 1, …; then, for each block again, the scales of row 0, row 1, …. For F32 and
 * F16 a unit is one value and there are no scales. So a kernel reads forward only, whole cache lines where
 * rows are a multiple of 128 columns, and each lane of a vector belongs to one row. Apart from Q6_K a group
 * is as large as the file's rows are.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gguf.h"

#define BLOCK 32 /* columns that share a scale */
#define CHUNK 4  /* blocks whose scales lie together */
#define SUMS 4   /* numbers that quantising leaves for each block */
#define MAX_LANES 16
#define MAX_BATCH 32 /* tokens at once */

struct matrix {
    enum gguf_type type;
    uint32_t rows, columns;
    uint32_t whole_groups; /* those that lie at `groups`; a last one with missing rows lies at `rest` */
    size_t group_bytes;
    uint8_t *groups, *rest;
};

/* Activations of some tokens, as floats and, once quantised, as 8-bit numbers with a scale for each block. */
struct batch {
    uint32_t count, stride; /* tokens; floats and bytes from one token to the next */
    float *x;
    int8_t *q;
    float *scales; /* stride / BLOCK to a token */
    int32_t *sums; /* SUMS for each block: of q over each half, and of all of it times -8 and -128 */
    bool quantised;
};

/* The queries of one token that share a key and value head. */
struct attention {
    const float *queries;       /* `heads` times `size` */
    const float *keys, *values; /* position after position, `size` floats each */
    float *out;
    float *scores; /* scratch: heads × scores_stride(positions) */
    uint32_t heads, size, positions;
    float scale;
};

/* Floats from one head's scores to the next one's: whole vectors of any variant. */
static inline uint32_t scores_stride(uint32_t positions) {
    return (positions + 15) & ~15u;
}

struct kernels {
    const char *name;
    unsigned lanes;
    bool (*offered)(void); /* by this machine's CPU */
    /* Packs a group of `lanes` rows of Q4_0 or Q8_0, `bytes` to a block beside its scale; NULL: has none. */
    bool (*pack)(uint32_t blocks, unsigned bytes, const uint8_t *rows, uint8_t *group);
    /* out[token * stride + row] = matrix × tokens; rows are rounded up to MAX_LANES in `out`. */
    void (*multiply)(const struct matrix *m, const struct batch *in, float *out, size_t stride, size_t ahead);
    void (*quantise)(struct batch *batch, uint32_t columns);
    void (*normalise)(float *out, const float *x, const float *weights, uint32_t count, float epsilon);
    void (*rotate)(float *x, const float *turns, uint32_t heads, uint32_t size, uint32_t rotated);
    void (*attend)(const struct attention *a);
    void (*gate)(float *gate, const float *up, uint32_t count); /* gate = silu(gate) * up, in whole vectors */
    void (*add)(float *x, const float *y, uint32_t count);
};

/* The variants. Which one runs, and how far ahead it asks for memory, is decided in variants.c alone. */
extern const struct kernels kernels_scalar, kernels_sse, kernels_avx2, kernels_avx512;

/* Types of matrices that a build has kernels for: all, or the bits of a model's own. */
#ifdef TINYLLAMA_TYPES
#define HAS_TYPE(type) ((uint32_t)TINYLLAMA_TYPES >> (type) & 1)
#else
#define HAS_TYPE(type) true
#endif

struct choice {
    const struct kernels *kernels;
    size_t ahead; /* bytes that a kernel prefetches before it needs them */
};

/* A choice, as a constant where the build has made it. */
#ifdef TINYLLAMA_VARIANT
#define VARIANT_JOINED(name) kernels_##name
#define VARIANT_NAMED(name) VARIANT_JOINED(name)
#define KERNELS_OF(choice) ((void)(choice), &VARIANT_NAMED(TINYLLAMA_VARIANT))
#else
#define KERNELS_OF(choice) ((choice)->kernels)
#endif
#ifdef TINYLLAMA_AHEAD
#define AHEAD_OF(choice) ((void)(choice), (size_t)TINYLLAMA_AHEAD)
#else
#define AHEAD_OF(choice) ((choice)->ahead)
#endif

#endif
