/* SPDX-License-Identifier: MIT */
/* 512-bit vectors: AVX-512 with VNNI, which multiplies and adds four bytes of a lane at once. */

#include <immintrin.h>
#include <stdint.h>

#include "cpu.h"

#define LANES 16
#define FLOATS 16
#define NAME(x) x##_avx512
#define NAME_TEXT "avx512"
#define KERNEL __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")))
#define V(x) _mm512_##x
#define LOCAL static inline __attribute__((always_inline)) KERNEL

typedef __m512i vx;
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef vi nibble_sum;

#define SIGNED_BIAS 128

/* Weights without sign: from -128…127 to 0…255. */
LOCAL vi prepare(vi w) {
    return w ^ (int32_t)0x80808080;
}

LOCAL vi dot_signed(vi sum, vi w, vi prepared, int32_t x) {
    (void)w;
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)prepared, _mm512_set1_epi32(x));
}

LOCAL nibble_sum dot_nibbles(nibble_sum sum, vi w, int32_t x) {
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)w, _mm512_set1_epi32(x));
}

LOCAL nibble_sum nibble_start(int32_t bias) {
    return (vi){} + bias;
}

LOCAL vi nibble_total(nibble_sum sum, int32_t bias) {
    (void)bias;
    return sum;
}

LOCAL vi load_rows(const uint8_t *const at[LANES / 4], size_t offset) {
    const __m256i low =
        _mm256_loadu2_m128i((const __m128i *)(at[1] + offset), (const __m128i *)(at[0] + offset));
    const __m256i high =
        _mm256_loadu2_m128i((const __m128i *)(at[3] + offset), (const __m128i *)(at[2] + offset));
    return (vi)_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

LOCAL vf load_halves(const uint8_t *at) {
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)at));
}

static bool NAME(offered)(void) {
    return cpu_offers(CPU_AVX512);
}

#include "kernels_vector.inc"

#include "kernels_table.inc"
