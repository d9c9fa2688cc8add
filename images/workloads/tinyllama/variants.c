/* SPDX-License-Identifier: MIT */
/* The one place where a variant and its parameters are chosen. Built with -DTINYLLAMA_VARIANT=avx2 the choice
 * is made already, and the compiler leaves the other variants out. */

#include <string.h>

#include "cpu.h"
#include "kernels.h"
#include "pack.h"

SMALL_BEGIN

#ifdef TINYLLAMA_AHEAD
#define FIXED_AHEAD true
#else
#define FIXED_AHEAD false
#define TINYLLAMA_AHEAD 2048
#endif

#define JOIN(a, b) a##b
#define VARIANT(name) JOIN(kernels_, name)

#ifdef TINYLLAMA_VARIANT

bool choose(const char *name, enum gguf_type type, struct choice *choice, struct message *why) {
    const struct kernels *only = &VARIANT(TINYLLAMA_VARIANT);
    (void)type;
    *choice = (struct choice){only, TINYLLAMA_AHEAD};
    if (name && strcmp(name, only->name) != 0)
        return refuse(why, "This program has only the variant \"%s\".", only->name);
    if (!only->offered())
        return refuse(why, "This CPU does not offer what the variant \"%s\" needs.", only->name);
    return true;
}

#else

#define ROWS 16
#define COLUMNS 512
#define ROUNDS 3

static const struct kernels *const variants[] = {&kernels_scalar, &kernels_sse, &kernels_avx2,
                                                 &kernels_avx512};
#define VARIANTS (sizeof variants / sizeof *variants)

/* Ticks that a small product takes; the first round warms up and does not count. */
static uint64_t measure(const struct kernels *kernels, enum gguf_type type) {
    static uint8_t weights[ROWS * COLUMNS * 4] __attribute__((aligned(64)));
    static float x[COLUMNS], scales[COLUMNS / BLOCK], out[ROWS];
    static int8_t q[COLUMNS];
    static int32_t sums[COLUMNS / 16];
    memset(weights, 0x2c, sizeof weights); /* a small number in every type */
    const struct batch batch = {
        .count = 1, .stride = COLUMNS, .x = x, .q = q, .scales = scales, .sums = sums};
    const struct matrix m = {
        .type = type,
        .rows = ROWS,
        .columns = COLUMNS,
        .whole_groups = ROWS / kernels->lanes,
        .group_bytes = pack_group_bytes(type, COLUMNS, kernels->lanes),
        .groups = weights,
    };
    uint64_t least = UINT64_MAX;
    for (int round = 0; round <= ROUNDS; round++) {
        const uint64_t start = cpu_ticks();
        kernels->multiply(&m, &batch, out, ROWS, 0);
        const uint64_t ticks = cpu_ticks() - start;
        if (round && ticks < least)
            least = ticks;
    }
    return least;
}

bool choose(const char *name, enum gguf_type type, struct choice *choice, struct message *why) {
    uint64_t least = UINT64_MAX;
    *choice = (struct choice){NULL, TINYLLAMA_AHEAD};
    for (unsigned i = 0; i < VARIANTS; i++) {
        if ((name && strcmp(name, variants[i]->name) != 0) || !variants[i]->offered())
            continue;
        const uint64_t ticks = name ? 0 : measure(variants[i], type);
        if (ticks < least) {
            least = ticks;
            choice->kernels = variants[i];
        }
    }
    if (!choice->kernels)
        return refuse(why, "There is no variant \"%s\" for this CPU; known are scalar, sse, avx2 and avx512.",
                      name);
    return true;
}

#endif

void choose_ahead(struct choice *choice, const struct matrix *(*matrix)(const void *model, uint32_t n),
                  const void *model, uint32_t count, const struct batch *in, float *out) {
    static const uint16_t distances[] = {1024, 2048, 4096, 8192, 16384};
    const uint32_t candidates = sizeof distances / sizeof *distances;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < candidates && !FIXED_AHEAD; i++) {
        uint64_t own = UINT64_MAX; /* the best of several matrices: others may use the memory too */
        for (uint32_t n = i; n < count; n += candidates) {
            const uint64_t start = cpu_ticks();
            choice->kernels->multiply(matrix(model, n), in, out, 0, distances[i]);
            const uint64_t ticks = cpu_ticks() - start;
            own = ticks < own ? ticks : own;
        }
        if (own < least) {
            least = own;
            choice->ahead = distances[i];
        }
    }
}

SMALL_END
