/* SPDX-License-Identifier: MIT */
/* The one place where a variant and its parameters are chosen. Built with -DTINYLLAMA_VARIANT=avx2 the choice
 * is made already, and the compiler leaves the other variants out. */

#include <string.h>
#include <unistd.h>

#include "cpu.h"
#include "pack.h"
#include "variants.h"

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

bool choose(const char *name, struct model *model, struct message *why) {
    const struct kernels *only = &VARIANT(TINYLLAMA_VARIANT);
    model->choice = (struct choice){only, TINYLLAMA_AHEAD};
    if (name && strcmp(name, only->name) != 0)
        return refuse(why, "This program has only the variant \"%s\".", only->name);
    if (!only->offered())
        return refuse(why, "This CPU does not offer what the variant \"%s\" needs.", only->name);
    return true;
}

void choice_show(const struct choice *choice) {
    (void)choice;
}

#else

#define ROWS 16
#define COLUMNS 512
#define ROUNDS 3

static const struct kernels *const variants[] = {&kernels_scalar, &kernels_sse, &kernels_avx2,
                                                 &kernels_avx512};
#define VARIANTS (sizeof variants / sizeof *variants)

/* What a variant is measured on: a matrix, and heads that look at some positions. */
static struct {
    uint8_t weights[ROWS * COLUMNS * 4];
    float x[COLUMNS], y[COLUMNS], scales[COLUMNS / BLOCK], scores[COLUMNS];
    int8_t q[COLUMNS];
    int32_t sums[COLUMNS / BLOCK * SUMS];
} sample __attribute__((aligned(64)));

/* Small numbers of either sign in every type, others each time: emulated instructions take longer where signs
 * vary, and a CPU would learn by heart a sample that it sees again. */
static void sample_fill(void) {
    static uint64_t state = 1;
    for (size_t at = 0; at < sizeof sample; at += sizeof state) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t value = 0x2c2c2c2c2c2c2c2cu ^ ((state ^ state >> 29) & 0x8383838383838383u);
        memcpy((uint8_t *)&sample + at, &value, sizeof value);
    }
    memset(sample.sums, 0, sizeof sample.sums);
}

#define HEAD_SIZE 64
#define POSITIONS (COLUMNS / HEAD_SIZE)

static void sample_product(const struct kernels *kernels, enum gguf_type type) {
    const struct batch batch = {.count = 1,
                                .stride = COLUMNS,
                                .x = sample.x,
                                .q = sample.q,
                                .scales = sample.scales,
                                .sums = sample.sums};
    const struct matrix m = {
        .type = type,
        .rows = ROWS,
        .columns = COLUMNS,
        .whole_groups = ROWS / kernels->lanes,
        .group_bytes = pack_group_bytes(type, COLUMNS, kernels->lanes),
        .groups = sample.weights,
    };
    kernels->multiply(&m, &batch, sample.y, ROWS, 0);
}

static void sample_floats(const struct kernels *kernels, enum gguf_type type) {
    struct batch batch = {.count = 1,
                          .stride = COLUMNS,
                          .x = sample.x,
                          .q = sample.q,
                          .scales = sample.scales,
                          .sums = sample.sums};
    (void)type;
    kernels->normalise(sample.y, sample.x, sample.x, COLUMNS, 1.0f);
    kernels->gate(sample.y, sample.x, COLUMNS);
    kernels->quantise(&batch, COLUMNS);
}

static void sample_attention(const struct kernels *kernels, enum gguf_type type) {
    const struct attention a = {
        .queries = sample.x,
        .keys = sample.x,
        .values = sample.x,
        .out = sample.y,
        .scores = sample.scores,
        .heads = 1,
        .size = HEAD_SIZE,
        .positions = POSITIONS,
        .scale = 1.0f,
    };
    (void)type;
    kernels->attend(&a);
}

/* The least ticks of several rounds; the first round warms up and does not count. */
static uint64_t measure(void (*part)(const struct kernels *, enum gguf_type), const struct kernels *kernels,
                        enum gguf_type type) {
    uint64_t least = UINT64_MAX;
    for (int round = 0; round <= ROUNDS; round++) {
        sample_fill();
        const uint64_t start = cpu_ticks();
        part(kernels, type);
        const uint64_t ticks = cpu_ticks() - start;
        if (round && ticks < least)
            least = ticks;
    }
    return least;
}

/* A layer's ticks for one token that looks back at half of 256 positions, from those of the samples. */
static uint64_t estimate(const struct kernels *kernels, const struct model *model) {
    const struct shape *s = &model->shape;
    const uint64_t queries = (uint64_t)s->heads * s->head_size, keys = (uint64_t)s->key_heads * s->head_size;
    const uint64_t products = s->width * (2 * queries + 2 * keys + 3ull * s->inner);
    const uint64_t floats = 2ull * s->width + queries + s->inner, looks = queries * 128;
    return measure(sample_product, kernels, model->type) * products / (ROWS * COLUMNS) +
           measure(sample_floats, kernels, model->type) * floats / COLUMNS +
           measure(sample_attention, kernels, model->type) * looks / COLUMNS;
}

bool choose(const char *name, struct model *model, struct message *why) {
    uint64_t least = UINT64_MAX;
    struct choice *choice = &model->choice;
    *choice = (struct choice){NULL, TINYLLAMA_AHEAD};
    for (unsigned i = 0; i < VARIANTS; i++) {
        if ((name && strcmp(name, variants[i]->name) != 0) || !variants[i]->offered())
            continue;
        const uint64_t ticks = name ? 0 : estimate(variants[i], model);
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

void choice_show(const struct choice *choice) {
    print(STDERR_FILENO, "bareflow: freeze with -DTINYLLAMA_VARIANT=%s -DTINYLLAMA_AHEAD=%u\n",
          choice->kernels->name, (uint64_t)choice->ahead);
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
