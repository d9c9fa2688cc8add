/* SPDX-License-Identifier: MIT */
/* What the differential test's C functions share. TEST(f) defines h_f, the harness that feeds f through a
 * pointer which the driver sets to the compiled or the interpreted f; it returns a hash of all it saw. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef __int128 s128;
typedef unsigned __int128 u128;

static inline u64 next(u64 *s) {
    *s = *s * 6364136223846793005ull + 1442695040888963407ull;
    u64 v = *s >> 17;
    return v & 7 ? v : (v & 8 ? v >> 40 : 0 - (v >> 44)); /* now and then small, of either sign */
}

static inline double next_d(u64 *s) {
    u64 v = next(s);
    return v % 23 == 0 ? 0.0 : v % 29 == 0 ? -1.0 : (double)(s64)(v << 17) / 1e13;
}

static inline u64 mix(u64 h, u64 v) {
    h ^= v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
    return h * 0xff51afd7ed558ccdull;
}

/* All NaNs hash alike: which operand's payload survives is the compiler's choice. */
static inline u64 mix_d(u64 h, double d) {
    u64 bits;
    if (d != d)
        return mix(h, 0x7ff8);
    __builtin_memcpy(&bits, &d, 8);
    return mix(h, bits);
}

static inline long double next_l(u64 *s) {
    u64 v = next(s), kind = v % 31;
    long double x = (long double)(s64)(next(s) << 1) * 0x1.23456789abcdef02p-40L;
    return kind == 0   ? 0.0L
           : kind == 1 ? -0.0L
           : kind == 2 ? __builtin_infl()
           : kind == 3 ? __builtin_nanl("")
           : kind == 4 ? x * 0x1p16000L
           : kind == 5 ? x * 0x1p-16400L
                       : x;
}

/* Ten bytes count; the six behind them are padding. */
static inline u64 mix_l(u64 h, long double x) {
    u64 low = 0;
    u16 high = 0;
    if (x != x)
        return mix(h, 0x7fff8);
    __builtin_memcpy(&low, &x, 8);
    __builtin_memcpy(&high, (char *)&x + 8, 2);
    return mix(mix(h, low), high);
}

static inline u64 mix_128(u64 h, u128 v) {
    return mix(mix(h, (u64)v), (u64)(v >> 64));
}

#define TEST(f)                                                                                              \
    __typeof__(f) *volatile p_##f = f;                                                                       \
    u64 h_##f(u64 s)
#define EACH(n)                                                                                              \
    u64 h = 1;                                                                                               \
    for (int round = 0; round < (n); round++)
#define R next(&s)
#define D next_d(&s)
#define L next_l(&s)
