/* SPDX-License-Identifier: MIT */
/* CPUID and XCR0 (Intel SDM volume 1, 13.3 and 14.3: how to detect AVX and AVX-512). */

#include "cpu.h"

#include "text.h"
#include <cpuid.h>

SMALL_BEGIN

#define OSXSAVE (1u << 27)
#define AVX_STATE 0x06u    /* XMM and YMM */
#define AVX512_STATE 0xe6u /* and masks, upper halves, ZMM16 and on */

static uint32_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool all(uint32_t word, uint32_t bits) {
    return (word & bits) == bits;
}

bool cpu_offers(enum cpu_level level) {
    uint32_t a, b, c1 = 0, d, b7 = 0, c7 = 0;
    if (!__get_cpuid(1, &a, &b, &c1, &d))
        return false;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d))
        b7 = c7 = 0;
    const uint32_t state = c1 & OSXSAVE ? saved_state() : 0;
    const bool sse = all(c1, 1u << 9 | 1u << 19);
    const bool avx2 = all(state, AVX_STATE) && all(c1, 1u << 12 | 1u << 28 | 1u << 29) && all(b7, 1u << 5);
    const bool avx512 =
        all(state, AVX512_STATE) && all(b7, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) && all(c7, 1u << 11);
    return level == CPU_SSE41 ? sse : level == CPU_AVX2 ? avx2 : avx2 && avx512;
}

uint64_t cpu_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

SMALL_END
