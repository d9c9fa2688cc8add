/* SPDX-License-Identifier: MIT */
/* Multiplies random matrices of every type with every variant that this CPU offers and compares with sums in
 * double precision over values decoded here, one by one, from the file's blocks. Also rows read back. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "half.h"
#include "pack.h"

#define ROWS 37
#define COLUMNS 768
#define TOKENS 7

static uint64_t state = 1;

static uint32_t draw(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static const struct {
    enum gguf_type type;
    unsigned values, bytes, scale_at; /* of a block; where its half-precision scale lies */
} types[] = {{GGUF_TYPE_F32, 1, 4, 0},
             {GGUF_TYPE_F16, 1, 2, 0},
             {GGUF_TYPE_Q4_0, 32, 18, 0},
             {GGUF_TYPE_Q8_0, 32, 34, 0},
             {GGUF_TYPE_Q6_K, 256, 210, 208}};

static uint8_t rows[ROWS * COLUMNS * 4], groups[(ROWS + MAX_LANES) * COLUMNS * 4];
static float x[TOKENS * COLUMNS], out[TOKENS * 64], row_out[COLUMNS];
static float scales[TOKENS * COLUMNS / BLOCK];
static int8_t q[TOKENS * COLUMNS];
static int32_t sums[TOKENS * COLUMNS / BLOCK * SUMS];

static double half_at(const uint8_t *at) {
    const int bits = at[0] | at[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return bits & 0x8000 ? -value : value;
}

static double decode(unsigned type, const uint8_t *row, unsigned column) {
    const uint8_t *block = row + column / types[type].values * types[type].bytes;
    const unsigned i = column % types[type].values;
    float value;
    switch (types[type].type) {
    case GGUF_TYPE_F32:
        memcpy(&value, block, 4);
        return value;
    case GGUF_TYPE_F16:
        return half_at(block);
    case GGUF_TYPE_Q4_0:
        return half_at(block) * ((i < 16 ? block[2 + i] & 15 : block[2 + i - 16] >> 4) - 8);
    case GGUF_TYPE_Q8_0:
        return half_at(block) * (int8_t)block[2 + i];
    default: {
        const unsigned low = block[i / 128 * 64 + i % 64], high = block[128 + i / 128 * 32 + i % 32];
        const unsigned nibble = i % 128 < 64 ? low & 15 : low >> 4, pair = high >> i % 128 / 32 * 2 & 3;
        return half_at(block + 208) * (int8_t)block[192 + i / 16] * ((int)(nibble | pair << 4) - 32);
    }
    }
}

static void fill(unsigned type) {
    const unsigned count = ROWS * COLUMNS / types[type].values;
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(draw() % 9 ? draw() : 0x80); /* -128 is where 16-bit sums could overflow */
    for (unsigned i = 0; i < count; i++) {
        uint8_t *block = rows + i * types[type].bytes;
        const float value = (float)(draw() % 2001) / 1000.0f - 1.0f;
        if (types[type].type == GGUF_TYPE_F32)
            memcpy(block, &value, 4);
        else
            block[types[type].scale_at + 1] =
                (uint8_t)(draw() % 4 ? 0x20 + draw() % 24 : draw() % 4 | (draw() & 0x80));
    }
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = ((float)(draw() % 2001) / 1000.0f - 1.0f) * (draw() % 50 ? 1.0f : 20.0f);
}

/* What the kernels should see of an activation. */
static double activation(unsigned type, unsigned token, unsigned column) {
    if (types[type].values == 1)
        return x[token * COLUMNS + column];
    return (double)q[token * COLUMNS + column] * scales[(token * COLUMNS + column) / BLOCK];
}

static int check_quantised(const char *name) {
    for (unsigned i = 0; i < TOKENS * COLUMNS; i++) {
        const double error = fabs((double)q[i] * scales[i / BLOCK] - x[i]);
        if (error > 0.502 * scales[i / BLOCK] + 127 * scales[i / BLOCK] / 2048)
            return printf("%s: activation %u is wrong by %g\n", name, i, error);
    }
    return 0;
}

static int check(const struct kernels *kernels, unsigned type) {
    struct matrix m = {.type = types[type].type, .rows = ROWS, .columns = COLUMNS};
    struct batch batch = {.count = TOKENS, .stride = COLUMNS, .x = x, .q = q, .scales = scales, .sums = sums};
    const size_t row_bytes = pack_row_bytes(m.type, COLUMNS);
    m.group_bytes = pack_group_bytes(m.type, COLUMNS, kernels->lanes);
    m.whole_groups = ROWS / kernels->lanes;
    m.groups = groups;
    m.rest = groups + m.whole_groups * m.group_bytes;
    for (unsigned row = 0; row < ROWS; row += kernels->lanes) {
        const unsigned left = ROWS - row, count = left < kernels->lanes ? left : kernels->lanes;
        if (!pack_group(kernels, m.type, COLUMNS, rows + row * row_bytes, count,
                        groups + row / kernels->lanes * m.group_bytes))
            return printf("%s: not finite\n", kernels->name);
    }
    kernels->quantise(&batch, COLUMNS);
    kernels->multiply(&m, &batch, out, 64, 2048);
    for (unsigned row = 0; row < ROWS; row++) {
        pack_read_row(&m, kernels->lanes, row, row_out);
        for (unsigned token = 0; token < TOKENS; token++) {
            double sum = 0, size = 0;
            for (unsigned column = 0; column < COLUMNS; column++) {
                const double weight = decode(type, rows + row * row_bytes, column);
                if (fabs(weight - row_out[column]) > 1e-6 * fabs(weight))
                    return printf("%s type %u: row %u column %u read back wrongly\n", kernels->name, m.type,
                                  row, column);
                sum += weight * activation(type, token, column);
                size += fabs(weight * activation(type, token, column));
            }
            if (!(fabs(sum - out[token * 64 + row]) <= 2e-6 * size))
                return printf("%s type %u: row %u token %u: %g, not %g\n", kernels->name, m.type, row, token,
                              out[token * 64 + row], sum);
        }
    }
    return check_quantised(kernels->name);
}

/* Of rows that fill a group, one value or scale is infinite, negative or not: packing MUST say so. */
static int check_infinite(const struct kernels *kernels, unsigned type) {
    static uint8_t group[MAX_LANES * COLUMNS * 4];
    const size_t row_bytes = pack_row_bytes(types[type].type, COLUMNS);
    const unsigned bytes = types[type].bytes, at = types[type].scale_at;
    for (unsigned i = 0; i < 200; i++) {
        const unsigned row = draw() % kernels->lanes, block = draw() % (COLUMNS / types[type].values);
        uint8_t *value = rows + row * row_bytes + block * bytes + at, kept[4];
        const uint8_t half[2] = {(uint8_t)draw(), (uint8_t)(0x7c | (draw() & 0x83))};
        const uint8_t whole[4] = {0, (uint8_t)draw(), 0x80, 0x7f};
        const size_t size = types[type].type == GGUF_TYPE_F32 ? 4 : 2;
        memcpy(kept, value, size);
        memcpy(value, size == 4 ? whole : half, size);
        if (pack_group(kernels, types[type].type, COLUMNS, rows, kernels->lanes, group))
            return printf("%s type %u: row %u block %u is not seen to be infinite\n", kernels->name,
                          types[type].type, row, block);
        memcpy(value, kept, size);
    }
    return 0;
}

int main(void) {
    static const struct kernels *const all[] = {&kernels_scalar, &kernels_sse, &kernels_avx2,
                                                &kernels_avx512};
    for (unsigned type = 0; type < sizeof types / sizeof *types; type++) {
        fill(type);
        for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
            if (all[i]->offered() && (check(all[i], type) || check_infinite(all[i], type)))
                return 1;
    }
    return 0;
}
