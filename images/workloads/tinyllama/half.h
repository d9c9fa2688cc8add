/* SPDX-License-Identifier: MIT */
/* IEEE 754 half precision in plain C. Infinities and NaNs do not occur: weights are checked when loaded. */
#ifndef HALF_H
#define HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#define HALF_IS_FINITE(bits) (((bits) & 0x7c00u) != 0x7c00u)
#define FLOAT_IS_FINITE(bits) (((bits) & 0x7f800000u) != 0x7f800000u)

/* The exponents differ by 112; a multiplication moves them, and makes subnormal halves right by itself. */
static inline float half_to_float(uint16_t half) {
    const float magnitude = bits_float((half & 0x7fffu) << 13) * 0x1p112f;
    return half & 0x8000u ? -magnitude : magnitude;
}

/* A number from 0, rounded to half precision (nearest, ties to even); infinite from 65520 on. */
static inline float round_to_half(float value) {
    uint32_t bits = float_bits(value);
    if (value < 0x1p-14f)
        return (value + 0.5f) - 0.5f; /* 0.5 has steps of 2^-24, as subnormal halves have */
    bits = (bits + 0xfffu + (bits >> 13 & 1)) & ~0x1fffu;
    value = bits_float(bits);
    return value > 65504.0f ? bits_float(0x7f800000u) : value;
}

#endif
