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
#define LOCAL static inline __attribute__((always_inline)) KERNEL

typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int16_t nibble_sum __attribute__((vector_size(4 * LANES)));

#define SIGNED_BIAS 0

LOCAL vi prepare(vi w) {
    return (vi)_mm_abs_epi8((__m128i)w);
}

/* |w| × (x with w's sign): at most 128 × 127 × 2, within 16 bits. */
LOCAL vi dot_signed(vi sum, vi w, vi prepared, int32_t x) {
    const __m128i pairs = _mm_maddubs_epi16((__m128i)prepared, _mm_sign_epi8(_mm_set1_epi32(x), (__m128i)w));
    return sum + (vi)_mm_madd_epi16(pairs, _mm_set1_epi16(1));
}

LOCAL nibble_sum dot_nibbles(nibble_sum sum, vi w, int32_t x) {
    return sum + (nibble_sum)_mm_maddubs_epi16((__m128i)w, _mm_set1_epi32(x));
}

LOCAL nibble_sum nibble_start(int32_t bias) {
    (void)bias;
    return (nibble_sum){};
}

LOCAL vi nibble_total(nibble_sum sum, int32_t bias) {

    return (vi)_mm_madd_epi16((__m128i)sum, _mm_set1_epi16(1)) + bias;
}

/* As half_to_float. */
LOCAL vf load_halves(const uint8_t *at) {
    const vi bits = (vi)_mm_cvtepu16_epi32(_mm_loadu_si64(at));
    const vf magnitude = (vf)((bits & 0x7fff) << 13) * 0x1p112f;
    return (vf)((vi)magnitude | (bits & 0x8000) << 16);
}

static bool offered_sse(void) {
    return cpu_offers(CPU_SSE41);
}

#include "kernels_vector.inc"

#include "kernels_table.inc"
