/* SPDX-License-Identifier: MIT */
/* The block formats are ggml's (ggml-common.h, ggml-quants.c): Q4_0 d, 16 bytes of nibbles, low ones first;
 * Q8_0 d, 32 bytes; Q6_K for 256 columns 128 bytes of low nibbles, 64 of high pairs, 16 scales, d. */

#include "pack.h"

#include <string.h>

#include "half.h"

#define Q6_BLOCK 256
#define Q6_BYTES 210

static uint16_t read_half(const uint8_t *at) {
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return half;
}

SMALL_BEGIN

/* One row of Q4_0 or Q8_0. */
static bool pack_blocks(uint32_t blocks, unsigned bytes, unsigned lanes, const uint8_t *row, unsigned index,
                        uint8_t *group) {
    bool finite = true;
    for (uint32_t left = blocks, count; left; left -= count) {
        count = left < CHUNK ? left : CHUNK;
        uint8_t *to = group + 4 * index, *scales = group + count * bytes * lanes + 2 * index;
        for (uint32_t i = 0; i < count; i++, scales += 2 * lanes, row += 2 + bytes) {
            finite &= HALF_IS_FINITE(read_half(row));
            memcpy(scales, row, 2);
            for (unsigned at = 0; at < bytes; at += 4, to += 4 * lanes)
                memcpy(to, row + 2 + at, 4);
        }
        group += count * (bytes + 2) * lanes;
    }
    return finite;
}

size_t pack_row_bytes(enum gguf_type type, uint32_t columns) {
    const size_t blocks = columns / BLOCK;
    switch (type) {
    case GGUF_TYPE_F32:
        return (size_t)columns * 4;
    case GGUF_TYPE_F16:
        return (size_t)columns * 2;
    case GGUF_TYPE_Q4_0:
        return blocks * 18;
    case GGUF_TYPE_Q8_0:
        return blocks * 34;
    default:
        return columns / Q6_BLOCK * Q6_BYTES;
    }
}

size_t pack_group_bytes(enum gguf_type type, uint32_t columns, unsigned lanes) {
    return type == GGUF_TYPE_Q6_K ? (size_t)columns / BLOCK * 36 * lanes
                                  : pack_row_bytes(type, columns) * lanes;
}

static bool pack_floats(uint32_t columns, unsigned lanes, const uint8_t *row, uint8_t *to) {
    bool finite = true;
    for (uint32_t i = 0; i < columns; i++) {
        uint32_t bits;
        memcpy(&bits, row + 4 * (size_t)i, 4);
        finite &= FLOAT_IS_FINITE(bits);
        memcpy(to + 4 * (size_t)i * lanes, &bits, 4);
    }
    return finite;
}

static bool pack_halves(uint32_t columns, unsigned lanes, const uint8_t *row, uint8_t *to) {
    bool finite = true;
    for (uint32_t i = 0; i < columns; i++) {
        const uint16_t half = read_half(row + 2 * (size_t)i);
        finite &= HALF_IS_FINITE(half);
        memcpy(to + 2 * (size_t)i * lanes, &half, 2);
    }
    return finite;
}

/* 32 columns (one of 8 parts of a Q6_K block) as signed bytes. */
static void decode_q6(const uint8_t *block, unsigned part, int8_t out[BLOCK]) {
    const uint8_t *low = block + part / 4 * 64 + part % 2 * 32, *high = block + 128 + part / 4 * 32;
    for (unsigned i = 0; i < BLOCK; i++) {
        const unsigned nibble = part & 2 ? low[i] >> 4 : low[i] & 15;
        out[i] = (int8_t)((nibble | (high[i] >> (part & 3) * 2 & 3) << 4) - 32);
    }
}

/* A row's scales for 32 columns: for each row two bytes, then for each row d. */
static bool pack_q6(uint32_t columns, unsigned lanes, unsigned index, const uint8_t *row, uint8_t *group) {
    bool finite = true;
    for (uint32_t column = 0; column < columns;) { /* columns are a multiple of Q6_BLOCK: chunks are whole */
        uint8_t *to = group + 4 * index, *scales = group + CHUNK * BLOCK * lanes;
        group = scales + CHUNK * 4 * lanes;
        for (; scales < group; scales += 4 * lanes, column += BLOCK) {
            const unsigned part = column % Q6_BLOCK / BLOCK;
            const uint8_t *block = row + column / Q6_BLOCK * Q6_BYTES;
            int8_t values[BLOCK];
            decode_q6(block, part, values);
            for (unsigned unit = 0; unit < BLOCK; unit += 4, to += 4 * lanes)
                memcpy(to, values + unit, 4);
            finite &= HALF_IS_FINITE(read_half(block + 208));
            memcpy(scales + index, block + 192 + 2 * part, 1);
            memcpy(scales + lanes + index, block + 192 + 2 * part + 1, 1);
            memcpy(scales + 2 * lanes + 2 * index, block + 208, 2);
        }
    }
    return finite;
}

static bool pack_quantised(const struct kernels *kernels, uint32_t columns, unsigned bytes,
                           const uint8_t *row, unsigned rows, uint8_t *group) {
    const uint32_t blocks = columns / BLOCK;
    bool finite = true;
    if (kernels->pack && rows == kernels->lanes)
        return kernels->pack(blocks, bytes, row, group);
    for (unsigned i = 0; i < rows; i++, row += blocks * (2 + bytes))
        finite &= pack_blocks(blocks, bytes, kernels->lanes, row, i, group);
    return finite;
}

bool pack_group(const struct kernels *kernels, enum gguf_type type, uint32_t columns, const uint8_t *row,
                unsigned rows, uint8_t *group) {
    const size_t row_bytes = pack_row_bytes(type, columns);
    const unsigned lanes = kernels->lanes;
    bool finite = true;
    if (rows < lanes)
        memset(group, 0, pack_group_bytes(type, columns, lanes));
    if (HAS_TYPE(GGUF_TYPE_Q4_0) && type == GGUF_TYPE_Q4_0)
        return pack_quantised(kernels, columns, 16, row, rows, group);
    if (HAS_TYPE(GGUF_TYPE_Q8_0) && type == GGUF_TYPE_Q8_0)
        return pack_quantised(kernels, columns, 32, row, rows, group);
    for (unsigned i = 0; i < rows; i++, row += row_bytes)
        if (HAS_TYPE(GGUF_TYPE_F32) && type == GGUF_TYPE_F32)
            finite &= pack_floats(columns, lanes, row, group + 4 * i);
        else if (HAS_TYPE(GGUF_TYPE_F16) && type == GGUF_TYPE_F16)
            finite &= pack_halves(columns, lanes, row, group + 2 * i);
        else if (HAS_TYPE(GGUF_TYPE_Q6_K))
            finite &= pack_q6(columns, lanes, i, row, group);
    return finite;
}

static float read_value(const struct matrix *m, const uint8_t *group, unsigned lanes, unsigned index,
                        uint32_t column) {
    const unsigned unit_bytes = m->type == GGUF_TYPE_Q4_0 ? 16 : 32,
                   scale_bytes = m->type == GGUF_TYPE_Q6_K ? 4 : 2;
    const uint32_t block = column / BLOCK, place = block % CHUNK, left = m->columns / BLOCK - (block - place);
    const unsigned within = column % BLOCK, size = left < CHUNK ? left : CHUNK;
    float value;
    if (HAS_TYPE(GGUF_TYPE_F32) && m->type == GGUF_TYPE_F32) {
        memcpy(&value, group + ((size_t)column * lanes + index) * 4, 4);
        return value;
    }
    if (HAS_TYPE(GGUF_TYPE_F16) && m->type == GGUF_TYPE_F16)
        return half_to_float(read_half(group + ((size_t)column * lanes + index) * 2));
    group += (size_t)(block - place) * (unit_bytes + scale_bytes) * lanes;
    const uint8_t *scales = group + (size * unit_bytes + place * scale_bytes) * lanes;
    const uint8_t *unit =
        group + place * unit_bytes * lanes + (within % unit_bytes / 4 * lanes + index) * 4 + within % 4;
    if (HAS_TYPE(GGUF_TYPE_Q4_0) && m->type == GGUF_TYPE_Q4_0)
        return (float)((within < 16 ? *unit & 15 : *unit >> 4) - 8) *
               half_to_float(read_half(scales + 2 * index));
    if (HAS_TYPE(GGUF_TYPE_Q8_0) && m->type == GGUF_TYPE_Q8_0)
        return (float)(int8_t)*unit * half_to_float(read_half(scales + 2 * index));
    return (float)((int8_t)*unit * (int8_t)scales[within / 16 * lanes + index]) *
           half_to_float(read_half(scales + 2 * lanes + 2 * index));
}

void pack_read_row(const struct matrix *m, unsigned lanes, uint32_t row, float *out) {
    const uint32_t number = row / lanes;
    const uint8_t *group = number < m->whole_groups ? m->groups + number * m->group_bytes : m->rest;
    for (uint32_t column = 0; column < m->columns; column++)
        out[column] = read_value(m, group, lanes, row % lanes, column);
}

SMALL_END
