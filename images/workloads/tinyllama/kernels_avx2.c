/* SPDX-License-Identifier: MIT */
/* 256-bit vectors: AVX2, FMA and F16C. */

#include <immintrin.h>
#include <stdint.h>

#include "cpu.h"

#define LANES 8
#define FLOATS 8
#define NAME(x) x##_avx2
#define NAME_TEXT "avx2"
#define KERNEL __attribute__((target("avx2,fma,f16c")))
#define LOCAL static inline __attribute__((always_inline)) KERNEL

/* One instruction wherever it points: for CPUs of x86-64-v2 LLVM makes two halves of a plain load. */
#define LOAD(at) _mm256_lddqu_si256((const __m256i *)(at))

typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int16_t nibble_sum __attribute__((vector_size(4 * LANES)));

#define SIGNED_BIAS 0

LOCAL vi prepare(vi w) {
    return (vi)_mm256_abs_epi8((__m256i)w);
}

/* |w| × (x with w's sign): at most 128 × 127 × 2, within 16 bits. */
LOCAL vi dot_signed(vi sum, vi w, vi prepared, int32_t x) {
    const __m256i signed_x = _mm256_sign_epi8(_mm256_set1_epi32(x), (__m256i)w);
    return sum +
           (vi)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)prepared, signed_x), _mm256_set1_epi16(1));
}

LOCAL nibble_sum dot_nibbles(nibble_sum sum, vi w, int32_t x) {
    return sum + (nibble_sum)_mm256_maddubs_epi16((__m256i)w, _mm256_set1_epi32(x));
}

LOCAL nibble_sum nibble_start(int32_t bias) {
    (void)bias;
    return (nibble_sum){};
}

LOCAL vi nibble_total(nibble_sum sum, int32_t bias) {

    return (vi)_mm256_madd_epi16((__m256i)sum, _mm256_set1_epi16(1)) + bias;
}

LOCAL vf load_halves(const uint8_t *at) {
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
}

static bool NAME(offered)(void) {
    return cpu_offers(CPU_AVX2);
}

#include "kernels_vector.inc"

#include "kernels_table.inc"
