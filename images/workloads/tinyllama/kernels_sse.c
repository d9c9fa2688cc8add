/* SPDX-License-Identifier: MIT */
/* 128-bit vectors: SSE4.1, which every x86-64-v2 CPU has. */

#include <immintrin.h>
#include <stdint.h>

#include "cpu.h"

#define LANES 4
#define FLOATS 4
#define NAME(x) x##_sse
#define NAME_TEXT "sse"
#define KERNEL __attribute__((target("sse4.1,ssse3")))
#define V(x) _mm_##x

typedef __m128i vx;

#include "kernels_pairs.inc"

LOCAL vi load_rows(const uint8_t *const at[LANES / 4], size_t offset) {
    return (vi)_mm_loadu_si128((const __m128i *)(at[0] + offset));
}

/* As half_to_float. */
LOCAL vf load_halves(const uint8_t *at) {
    const vi bits = (vi)_mm_cvtepu16_epi32(_mm_loadu_si64(at));
    const vf magnitude = (vf)((bits & 0x7fff) << 13) * 0x1p112f;
    return (vf)((vi)magnitude | (bits & 0x8000) << 16);
}

static bool NAME(offered)(void) {
    return cpu_offers(CPU_SSE41);
}

#include "kernels_vector.inc"

#include "kernels_table.inc"
