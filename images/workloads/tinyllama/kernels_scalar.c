/* SPDX-License-Identifier: MIT */
/* One row at a time, whole numbers in plain registers: best where vector instructions are emulated. */

#include "cpu.h"

#define LANES 1
#define FLOATS 4
#define NAME(x) x##_scalar
#define NAME_TEXT "scalar"
/* Loops over floats cost as much with vectors: they are compiled for size. */
#ifdef __clang__
#define KERNEL __attribute__((minsize))
#else
#define KERNEL
#endif

#include "kernels_float.inc"

/* Keeps the compiler from making vectors of a sum. */
#define PLAIN(value) __asm__("" : "+r"(value))

static float scale_at(const uint8_t *scales, uint32_t index) {
    uint16_t half;
    memcpy(&half, scales + 2 * (size_t)index, 2);
    return half_to_float(half);
}

/* `count` MUST be a constant. */
static inline __attribute__((always_inline)) int32_t dot_bytes(const int8_t *w, const int8_t *x,
                                                               unsigned count) {
    int32_t sum = 0;
    UNROLL
    for (unsigned i = 0; i < count; i++) {
        sum += w[i] * x[i];
        PLAIN(sum);
    }
    return sum;
}

static KERNEL __attribute__((noinline)) int32_t dot_half(const int8_t *w, const int8_t *x) {
    int32_t sum = 0;
    for (unsigned i = 0; i < BLOCK / 2; i++)
        sum += w[i] * x[i];
    return sum;
}

static int32_t dot_nibbles(const uint8_t *w, const int8_t *x) {
    int32_t sum = 0;
    UNROLL_SOME
    for (unsigned i = 0; i < 16; i++) {
        sum += (w[i] & 15) * x[i] + (w[i] >> 4) * x[i + 16];
        PLAIN(sum);
    }
    return sum;
}

static KERNEL __attribute__((noinline)) float row_f32(const uint8_t *row, uint32_t columns,
                                                      const struct batch *in, uint32_t token) {
    return dot_scalar((const float *)row, in->x + (size_t)token * in->stride, columns);
}

static KERNEL __attribute__((noinline)) float row_f16(const uint8_t *row, uint32_t columns,
                                                      const struct batch *in, uint32_t token) {
    const float *x = in->x + (size_t)token * in->stride;
    float sum = 0;
    for (uint32_t i = 0; i < columns; i++)
        sum += scale_at(row, i) * x[i];
    return sum;
}

static float row_q4(const uint8_t *row, uint32_t columns, const struct batch *in, uint32_t token) {
    const int8_t *x = in->q + (size_t)token * in->stride;
    const float *scales = in->scales + token * (in->stride / BLOCK);
    const int32_t *sums = in->sums + token * (in->stride / BLOCK * SUMS);
    float sum = 0;
    for (uint32_t left = columns / BLOCK; left;) {
        const uint32_t count = left < CHUNK ? left : CHUNK;
        const uint8_t *own = row + 16 * count;
        left -= count;
        for (uint32_t i = 0; i < count; i++, row += 16, x += BLOCK, sums += SUMS)
            sum += (float)(dot_nibbles(row, x) + sums[2]) * (scale_at(own, i) * *scales++);
        row = own + 2 * count;
    }
    return sum;
}

static float row_q8(const uint8_t *row, uint32_t columns, const struct batch *in, uint32_t token) {
    const int8_t *x = in->q + (size_t)token * in->stride;
    const float *scales = in->scales + token * (in->stride / BLOCK);
    float sum = 0;
    for (uint32_t left = columns / BLOCK; left;) {
        const uint32_t count = left < CHUNK ? left : CHUNK;
        const uint8_t *own = row + BLOCK * count;
        left -= count;
        for (uint32_t i = 0; i < count; i++, row += BLOCK, x += BLOCK)
            sum += (float)dot_bytes((const int8_t *)row, x, BLOCK) * (scale_at(own, i) * *scales++);
        row = own + 2 * count;
    }
    return sum;
}

static KERNEL __attribute__((noinline)) float row_q6(const uint8_t *row, uint32_t columns,
                                                     const struct batch *in, uint32_t token) {
    const int8_t *x = in->q + (size_t)token * in->stride;
    const float *scales = in->scales + token * (in->stride / BLOCK);
    float sum = 0;
    for (uint32_t left = columns / BLOCK; left;) {
        const uint32_t count = left < CHUNK ? left : CHUNK;
        const int8_t *w = (const int8_t *)row;
        left -= count;
        row += BLOCK * count;
        for (uint32_t i = 0; i < count; i++, w += BLOCK, x += BLOCK, row += 4) {
            const int32_t part = dot_half(w, x) * (int8_t)row[0] + dot_half(w + 16, x + 16) * (int8_t)row[1];
            sum += (float)part * (scale_at(row + 2, 0) * *scales++);
        }
    }
    return sum;
}

/* What is left where a build has no Q6_K is never asked for: tensors.c refuses it. */
#define ROW_Q6 (HAS_TYPE(GGUF_TYPE_Q6_K) ? row_q6 : NULL)

/* One loop for all types: a row takes much longer than a call. */
static KERNEL void multiply_scalar(const struct matrix *m, const struct batch *in, float *out, size_t stride,
                                   size_t ahead) {
    float (*const row_of)(const uint8_t *, uint32_t, const struct batch *, uint32_t) =
        HAS_TYPE(GGUF_TYPE_F32) && m->type == GGUF_TYPE_F32     ? row_f32
        : HAS_TYPE(GGUF_TYPE_F16) && m->type == GGUF_TYPE_F16   ? row_f16
        : HAS_TYPE(GGUF_TYPE_Q4_0) && m->type == GGUF_TYPE_Q4_0 ? row_q4
        : HAS_TYPE(GGUF_TYPE_Q8_0) && m->type == GGUF_TYPE_Q8_0 ? row_q8
                                                                : ROW_Q6;
    (void)ahead;
    for (uint32_t row = 0; row < m->rows; row++)
        for (uint32_t token = 0; token < in->count; token++)
            out[token * stride + row] = row_of(m->groups + row * m->group_bytes, m->columns, in, token);
}

#define OWN_MULTIPLY

static bool offered_scalar(void) {
    return true;
}

#include "kernels_table.inc"
