/* SPDX-License-Identifier: MIT */
/* The one place where a variant and its parameters are chosen. Built with -DTINYLLAMA_VARIANT=avx2 and
 * -DTINYLLAMA_AHEAD=4096 the choice is made already, and the compiler leaves the rest out. */

#include <string.h>
#include <unistd.h>

#include "cpu.h"
#include "pack.h"
#include "variants.h"

SMALL_BEGIN

#define COUNT(array) (sizeof array / sizeof *array)

#ifdef TINYLLAMA_VARIANT
static const struct kernels *const variants[] = {&VARIANT_NAMED(TINYLLAMA_VARIANT)};
#else
static const struct kernels *const variants[] = {&kernels_scalar, &kernels_sse, &kernels_avx2,
                                                 &kernels_avx512};
#endif

/* Distances at which to prefetch; the first one serves where weights stay in caches. */
#ifdef TINYLLAMA_AHEAD
static const uint16_t distances[] = {TINYLLAMA_AHEAD};
#else
static const uint16_t distances[] = {4096, 2048, 8192, 16384};
#endif

#define IS_CHOSEN (COUNT(variants) == 1 && COUNT(distances) == 1)
#define ROWS 32
#define COLUMNS 512
#define STREAM_ROWS 4096 /* of a matrix laid over the model's own bytes */
#define ROUNDS 3         /* one more goes before, and does not count */
#define SHORT_ROUNDS 6   /* of samples so short that another program's turn may fall into several */
#define HEAD_SIZE 64
#define POSITIONS (COLUMNS / HEAD_SIZE)

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

static struct batch sample_batch(void) {
    return (struct batch){.count = 1,
                          .stride = COLUMNS,
                          .x = sample.x,
                          .q = sample.q,
                          .scales = sample.scales,
                          .sums = sample.sums};
}

/* Products with `bytes` of weights, `rows` rows at a time; returns the number of products. */
static uint64_t sample_product(const struct choice *choice, enum gguf_type type, const uint8_t *weights,
                               size_t bytes, uint32_t rows) {
    static float out[STREAM_ROWS];
    const struct batch batch = sample_batch();
    struct matrix m = {
        .type = type,
        .rows = rows,
        .columns = COLUMNS,
        .whole_groups = rows / choice->kernels->lanes,
        .group_bytes = pack_group_bytes(type, COLUMNS, choice->kernels->lanes),
    };
    const size_t size = m.whole_groups * m.group_bytes;
    uint64_t products = 0;
    for (size_t at = 0; at + size <= bytes; at += size, products += (uint64_t)rows * COLUMNS) {
        m.groups = (uint8_t *)weights + at;
        choice->kernels->multiply(&m, &batch, out, 0, choice->ahead);
    }
    return products;
}

static void sample_floats(const struct kernels *kernels) {
    struct batch batch = sample_batch();
    kernels->normalise(sample.y, sample.x, sample.x, COLUMNS, 1.0f);
    kernels->gate(sample.y, sample.x, COLUMNS);
    kernels->quantise(&batch, COLUMNS);
}

static void sample_attention(const struct kernels *kernels) {
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
    kernels->attend(&a);
}

/* Ticks of a layer for one token that looks back at half of 256 positions, from those of the samples. */
static uint64_t estimate(const struct choice *choice, const struct model *model,
                         const struct weights *weights) {
    const struct shape *s = &model->shape;
    const uint64_t queries = (uint64_t)s->heads * s->head_size, keys = (uint64_t)s->key_heads * s->head_size;
    const uint64_t products = s->width * (2 * queries + 2 * keys + 3ull * s->inner);
    const uint64_t floats = 2ull * s->width + queries + s->inner, looks = queries * 128;
    const bool stream = weights->bytes != 0;
    sample_fill();
    const uint64_t start = cpu_ticks();
    const uint64_t done = stream
                              ? sample_product(choice, model->type, weights->at, weights->bytes, STREAM_ROWS)
                              : sample_product(choice, model->type, sample.weights,
                                               ROWS * pack_row_bytes(model->type, COLUMNS), ROWS);
    const uint64_t multiplied = cpu_ticks();
    sample_floats(choice->kernels);
    const uint64_t made = cpu_ticks();
    sample_attention(choice->kernels);
    const uint64_t looked = cpu_ticks();
    return (uint64_t)((double)(multiplied - start) * (double)products / (double)done) +
           (made - multiplied) * floats / COLUMNS + (looked - made) * looks / COLUMNS;
}

/* The fastest of all that the CPU offers; rounds go over all of them, since other programs run too. */
static void measure(struct choice *choice, const struct model *model, const struct weights *weights) {
    uint64_t least[COUNT(variants)][COUNT(distances)], best = UINT64_MAX;
    const bool stream = weights->bytes != 0;
    const unsigned aheads = stream ? COUNT(distances) : 1, rounds = stream ? ROUNDS : SHORT_ROUNDS;
    for (unsigned round = 0; round <= rounds; round++)
        for (unsigned i = 0; i < COUNT(variants) * aheads; i++) {
            const struct choice one = {variants[i / aheads], distances[i % aheads]};
            uint64_t *own = &least[i / aheads][i % aheads];
            if (!one.kernels->offered() || (i % aheads && one.kernels->lanes == 1))
                continue;
            if (stream && round > 1 && *own > best + best / 4)
                continue; /* it has lost */
            const uint64_t ticks = estimate(&one, model, weights);
            *own = round < 2 || ticks < *own ? ticks : *own;
            if (round && *own < best) {
                best = *own;
                *choice = one;
            }
        }
}

bool choice_is_open(const char *name) {
    return !IS_CHOSEN && !name;
}

bool choose(const char *name, struct model *model, const struct weights *weights, struct message *why) {
    struct choice *choice = &model->choice;
    *choice = (struct choice){COUNT(variants) == 1 ? variants[0] : NULL, distances[0]};
    for (unsigned i = 0; i < COUNT(variants) && name; i++)
        if (!strcmp(name, variants[i]->name))
            choice->kernels = variants[i];
    if (COUNT(variants) == 1 && name && strcmp(name, variants[0]->name) != 0)
        return refuse(why, "This program has only the variant \"%s\".", variants[0]->name);
    if (name && !choice->kernels)
        return refuse(why, "There is no variant \"%s\"; --help lists them.", name);
    if (choice->kernels && !choice->kernels->offered())
        return refuse(why, "This CPU does not offer what the variant \"%s\" needs.", choice->kernels->name);
    if (choice_is_open(name))
        measure(choice, model, weights);
    return true;
}

void choice_show(const struct model *model) {
    if (!IS_CHOSEN)
        print(STDERR_FILENO,
              "bareflow: freeze with -DTINYLLAMA_VARIANT=%s -DTINYLLAMA_AHEAD=%u -DTINYLLAMA_TYPES=%u\n",
              model->choice.kernels->name, (uint64_t)model->choice.ahead, (uint64_t)model->types);
}

SMALL_END
