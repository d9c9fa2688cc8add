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
#define V(x) _mm256_##x

/* One instruction wherever it points: for CPUs of x86-64-v2 LLVM makes two halves of a plain load. */
#define LOAD(at) _mm256_lddqu_si256((const __m256i *)(at))

typedef __m256i vx;

#include "kernels_pairs.inc"

LOCAL vi load_rows(const uint8_t *const at[LANES / 4], size_t offset) {
    return (vi)_mm256_loadu2_m128i((const __m128i *)(at[1] + offset), (const __m128i *)(at[0] + offset));
}

LOCAL vf load_halves(const uint8_t *at) {
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
}

static bool NAME(offered)(void) {
    return cpu_offers(CPU_AVX2);
}

#include "kernels_vector.inc"

#include "kernels_table.inc"
