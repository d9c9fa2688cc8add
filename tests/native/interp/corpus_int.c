/* SPDX-License-Identifier: MIT */
/* Integers, control flow, memory: hand-written functions of the differential test. */
#include "corpus.h"
/* clang-format off */
s8 arith_s8(s8 x, s8 y) { s8 q = (s8)(x + y * 3 - (x ^ y)); q ^= (s8)(x << (y & 7)); q = (s8)(q + (x >> (y & 7))); return (s8)(q & ~(x | 5)); }
TEST(arith_s8) { EACH(20) h = mix(h, (u64)p_arith_s8((s8)R, (s8)R)); return h; }
s8 divide_s8(s8 x, s8 y) { if (y == 0 || y == (s8)-1) return x; return (s8)(x / y * 7 + x % y); }
TEST(divide_s8) { EACH(20) h = mix(h, (u64)p_divide_s8((s8)R, (s8)(R >> 20))); return h; }
u32 compare_s8(s8 x, s8 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x > 7) << 3 | (x >= y) << 4 | (x != 3) << 5 | ((s8)-3 < y) << 6; }
TEST(compare_s8) { EACH(20) { u64 v = R; h = mix(h, p_compare_s8((s8)v, (s8)(round & 1 ? v : R))); } return h; }
u32 branch_s8(s8 x, s8 y) { u32 n = 0; if (x < y) n += 1; if (x <= 40) n += 2; if (x == y) n += 4; if (y > (s8)1000) n += 8; if (x >= y) n += 16; if ((s8)-1 != x) n += 32; return n; }
TEST(branch_s8) { EACH(20) { u64 v = R; h = mix(h, p_branch_s8((s8)v, (s8)(round & 1 ? v : R))); } return h; }
s64 widen_s8(s8 x) { return (s64)x * 3 + (s64)(u8)x - (s64)(s16)x + (s64)(s32)x; }
TEST(widen_s8) { EACH(20) h = mix(h, (u64)p_widen_s8((s8)R)); return h; }
u8 arith_u8(u8 x, u8 y) { u8 q = (u8)(x + y * 3 - (x ^ y)); q ^= (u8)(x << (y & 7)); q = (u8)(q + (x >> (y & 7))); return (u8)(q & ~(x | 5)); }
TEST(arith_u8) { EACH(20) h = mix(h, (u64)p_arith_u8((u8)R, (u8)R)); return h; }
u8 divide_u8(u8 x, u8 y) { if (y == 0 || y == (u8)-1) return x; return (u8)(x / y * 7 + x % y); }
TEST(divide_u8) { EACH(20) h = mix(h, (u64)p_divide_u8((u8)R, (u8)(R >> 20))); return h; }
u32 compare_u8(u8 x, u8 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x > 7) << 3 | (x >= y) << 4 | (x != 3) << 5 | ((u8)-3 < y) << 6; }
TEST(compare_u8) { EACH(20) { u64 v = R; h = mix(h, p_compare_u8((u8)v, (u8)(round & 1 ? v : R))); } return h; }
u32 branch_u8(u8 x, u8 y) { u32 n = 0; if (x < y) n += 1; if (x <= 40) n += 2; if (x == y) n += 4; if (y > (u8)1000) n += 8; if (x >= y) n += 16; if ((u8)-1 != x) n += 32; return n; }
TEST(branch_u8) { EACH(20) { u64 v = R; h = mix(h, p_branch_u8((u8)v, (u8)(round & 1 ? v : R))); } return h; }
s64 widen_u8(u8 x) { return (s64)x * 3 + (s64)(u8)x - (s64)(s16)x + (s64)(s32)x; }
TEST(widen_u8) { EACH(20) h = mix(h, (u64)p_widen_u8((u8)R)); return h; }
s16 arith_s16(s16 x, s16 y) { s16 q = (s16)(x + y * 3 - (x ^ y)); q ^= (s16)(x << (y & 15)); q = (s16)(q + (x >> (y & 15))); return (s16)(q & ~(x | 5)); }
TEST(arith_s16) { EACH(20) h = mix(h, (u64)p_arith_s16((s16)R, (s16)R)); return h; }
s16 divide_s16(s16 x, s16 y) { if (y == 0 || y == (s16)-1) return x; return (s16)(x / y * 7 + x % y); }
TEST(divide_s16) { EACH(20) h = mix(h, (u64)p_divide_s16((s16)R, (s16)(R >> 20))); return h; }
u32 compare_s16(s16 x, s16 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x > 7) << 3 | (x >= y) << 4 | (x != 3) << 5 | ((s16)-3 < y) << 6; }
TEST(compare_s16) { EACH(20) { u64 v = R; h = mix(h, p_compare_s16((s16)v, (s16)(round & 1 ? v : R))); } return h; }
u32 branch_s16(s16 x, s16 y) { u32 n = 0; if (x < y) n += 1; if (x <= 40) n += 2; if (x == y) n += 4; if (y > (s16)1000) n += 8; if (x >= y) n += 16; if ((s16)-1 != x) n += 32; return n; }
TEST(branch_s16) { EACH(20) { u64 v = R; h = mix(h, p_branch_s16((s16)v, (s16)(round & 1 ? v : R))); } return h; }
s64 widen_s16(s16 x) { return (s64)x * 3 + (s64)(u8)x - (s64)(s16)x + (s64)(s32)x; }
TEST(widen_s16) { EACH(20) h = mix(h, (u64)p_widen_s16((s16)R)); return h; }
u16 arith_u16(u16 x, u16 y) { u16 q = (u16)(x + y * 3 - (x ^ y)); q ^= (u16)(x << (y & 15)); q = (u16)(q + (x >> (y & 15))); return (u16)(q & ~(x | 5)); }
TEST(arith_u16) { EACH(20) h = mix(h, (u64)p_arith_u16((u16)R, (u16)R)); return h; }
u16 divide_u16(u16 x, u16 y) { if (y == 0 || y == (u16)-1) return x; return (u16)(x / y * 7 + x % y); }
TEST(divide_u16) { EACH(20) h = mix(h, (u64)p_divide_u16((u16)R, (u16)(R >> 20))); return h; }
u32 compare_u16(u16 x, u16 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x > 7) << 3 | (x >= y) << 4 | (x != 3) << 5 | ((u16)-3 < y) << 6; }
TEST(compare_u16) { EACH(20) { u64 v = R; h = mix(h, p_compare_u16((u16)v, (u16)(round & 1 ? v : R))); } return h; }
u32 branch_u16(u16 x, u16 y) { u32 n = 0; if (x < y) n += 1; if (x <= 40) n += 2; if (x == y) n += 4; if (y > (u16)1000) n += 8; if (x >= y) n += 16; if ((u16)-1 != x) n += 32; return n; }
TEST(branch_u16) { EACH(20) { u64 v = R; h = mix(h, p_branch_u16((u16)v, (u16)(round & 1 ? v : R))); } return h; }
s64 widen_u16(u16 x) { return (s64)x * 3 + (s64)(u8)x - (s64)(s16)x + (s64)(s32)x; }
TEST(widen_u16) { EACH(20) h = mix(h, (u64)p_widen_u16((u16)R)); return h; }
s32 arith_s32(s32 x, s32 y) { s32 q = (s32)(x + y * 3 - (x ^ y)); q ^= (s32)(x << (y & 31)); q = (s32)(q + (x >> (y & 31))); return (s32)(q & ~(x | 5)); }
TEST(arith_s32) { EACH(20) h = mix(h, (u64)p_arith_s32((s32)R, (s32)R)); return h; }
s32 divide_s32(s32 x, s32 y) { if (y == 0 || y == (s32)-1) return x; return (s32)(x / y * 7 + x % y); }
TEST(divide_s32) { EACH(20) h = mix(h, (u64)p_divide_s32((s32)R, (s32)(R >> 20))); return h; }
u32 compare_s32(s32 x, s32 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x > 7) << 3 | (x >= y) << 4 | (x != 3) << 5 | ((s32)-3 < y) << 6; }
TEST(compare_s32) { EACH(20) { u64 v = R; h = mix(h, p_compare_s32((s32)v, (s32)(round & 1 ? v : R))); } return h; }
u32 branch_s32(s32 x, s32 y) { u32 n = 0; if (x < y) n += 1; if (x <= 40) n += 2; if (x == y) n += 4; if (y > (s32)1000) n += 8; if (x >= y) n += 16; if ((s32)-1 != x) n += 32; return n; }
TEST(branch_s32) { EACH(20) { u64 v = R; h = mix(h, p_branch_s32((s32)v, (s32)(round & 1 ? v : R))); } return h; }
s64 widen_s32(s32 x) { return (s64)x * 3 + (s64)(u8)x - (s64)(s16)x + (s64)(s32)x; }
TEST(widen_s32) { EACH(20) h = mix(h, (u64)p_widen_s32((s32)R)); return h; }
u32 arith_u32(u32 x, u32 y) { u32 q = (u32)(x + y * 3 - (x ^ y)); q ^= (u32)(x << (y & 31)); q = (u32)(q + (x >> (y & 31))); return (u32)(q & ~(x | 5)); }
TEST(arith_u32) { EACH(20) h = mix(h, (u64)p_arith_u32((u32)R, (u32)R)); return h; }
u32 divide_u32(u32 x, u32 y) { if (y == 0 || y == (u32)-1) return x; return (u32)(x / y * 7 + x % y); }
TEST(divide_u32) { EACH(20) h = mix(h, (u64)p_divide_u32((u32)R, (u32)(R >> 20))); return h; }
u32 compare_u32(u32 x, u32 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x > 7) << 3 | (x >= y) << 4 | (x != 3) << 5 | ((u32)-3 < y) << 6; }
TEST(compare_u32) { EACH(20) { u64 v = R; h = mix(h, p_compare_u32((u32)v, (u32)(round & 1 ? v : R))); } return h; }
u32 branch_u32(u32 x, u32 y) { u32 n = 0; if (x < y) n += 1; if (x <= 40) n += 2; if (x == y) n += 4; if (y > (u32)1000) n += 8; if (x >= y) n += 16; if ((u32)-1 != x) n += 32; return n; }
TEST(branch_u32) { EACH(20) { u64 v = R; h = mix(h, p_branch_u32((u32)v, (u32)(round & 1 ? v : R))); } return h; }
s64 widen_u32(u32 x) { return (s64)x * 3 + (s64)(u8)x - (s64)(s16)x + (s64)(s32)x; }
TEST(widen_u32) { EACH(20) h = mix(h, (u64)p_widen_u32((u32)R)); return h; }
s64 arith_s64(s64 x, s64 y) { s64 q = (s64)(x + y * 3 - (x ^ y)); q ^= (s64)(x << (y & 63)); q = (s64)(q + (x >> (y & 63))); return (s64)(q & ~(x | 5)); }
TEST(arith_s64) { EACH(20) h = mix(h, (u64)p_arith_s64((s64)R, (s64)R)); return h; }
s64 divide_s64(s64 x, s64 y) { if (y == 0 || y == (s64)-1) return x; return (s64)(x / y * 7 + x % y); }
TEST(divide_s64) { EACH(20) h = mix(h, (u64)p_divide_s64((s64)R, (s64)(R >> 20))); return h; }
u32 compare_s64(s64 x, s64 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x > 7) << 3 | (x >= y) << 4 | (x != 3) << 5 | ((s64)-3 < y) << 6; }
TEST(compare_s64) { EACH(20) { u64 v = R; h = mix(h, p_compare_s64((s64)v, (s64)(round & 1 ? v : R))); } return h; }
u32 branch_s64(s64 x, s64 y) { u32 n = 0; if (x < y) n += 1; if (x <= 40) n += 2; if (x == y) n += 4; if (y > (s64)1000) n += 8; if (x >= y) n += 16; if ((s64)-1 != x) n += 32; return n; }
TEST(branch_s64) { EACH(20) { u64 v = R; h = mix(h, p_branch_s64((s64)v, (s64)(round & 1 ? v : R))); } return h; }
s64 widen_s64(s64 x) { return (s64)x * 3 + (s64)(u8)x - (s64)(s16)x + (s64)(s32)x; }
TEST(widen_s64) { EACH(20) h = mix(h, (u64)p_widen_s64((s64)R)); return h; }
u64 arith_u64(u64 x, u64 y) { u64 q = (u64)(x + y * 3 - (x ^ y)); q ^= (u64)(x << (y & 63)); q = (u64)(q + (x >> (y & 63))); return (u64)(q & ~(x | 5)); }
TEST(arith_u64) { EACH(20) h = mix(h, (u64)p_arith_u64((u64)R, (u64)R)); return h; }
u64 divide_u64(u64 x, u64 y) { if (y == 0 || y == (u64)-1) return x; return (u64)(x / y * 7 + x % y); }
TEST(divide_u64) { EACH(20) h = mix(h, (u64)p_divide_u64((u64)R, (u64)(R >> 20))); return h; }
u32 compare_u64(u64 x, u64 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x > 7) << 3 | (x >= y) << 4 | (x != 3) << 5 | ((u64)-3 < y) << 6; }
TEST(compare_u64) { EACH(20) { u64 v = R; h = mix(h, p_compare_u64((u64)v, (u64)(round & 1 ? v : R))); } return h; }
u32 branch_u64(u64 x, u64 y) { u32 n = 0; if (x < y) n += 1; if (x <= 40) n += 2; if (x == y) n += 4; if (y > (u64)1000) n += 8; if (x >= y) n += 16; if ((u64)-1 != x) n += 32; return n; }
TEST(branch_u64) { EACH(20) { u64 v = R; h = mix(h, p_branch_u64((u64)v, (u64)(round & 1 ? v : R))); } return h; }
s64 widen_u64(u64 x) { return (s64)x * 3 + (s64)(u8)x - (s64)(s16)x + (s64)(s32)x; }
TEST(widen_u64) { EACH(20) h = mix(h, (u64)p_widen_u64((u64)R)); return h; }
u32 bits_u32(u32 x, u32 y) { return (u32)(__builtin_popcount(x) + (x ? __builtin_clz(x) : 99) * 3 + (y ? __builtin_ctz(y) : 77) + __builtin_bswap32(x) + __builtin_rotateleft32(x, y) + __builtin_rotateright32(y, 7) + __builtin_bitreverse32(x)); }
TEST(bits_u32) { EACH(20) h = mix(h, (u64)p_bits_u32((u32)R, (u32)R)); return h; }
u64 bits_u64(u64 x, u64 y) { return (u64)(__builtin_popcountll(x) + (x ? __builtin_clzll(x) : 99) * 3 + (y ? __builtin_ctzll(y) : 77) + __builtin_bswap64(x) + __builtin_rotateleft64(x, y) + __builtin_rotateright64(y, 7) + __builtin_bitreverse64(x)); }
TEST(bits_u64) { EACH(20) h = mix(h, (u64)p_bits_u64((u64)R, (u64)R)); return h; }
u16 bits_u16(u16 x) { return (u16)(__builtin_bswap16(x) + __builtin_popcount(x) + __builtin_rotateleft16(x, 5) + __builtin_bitreverse8((u8)x)); }
TEST(bits_u16) { EACH(20) h = mix(h, (u64)p_bits_u16((u16)R)); return h; }
u64 overflow_s32(s32 x, s32 y) { s32 a, b, c; u64 f = __builtin_add_overflow(x, y, &a); f = f * 2 + __builtin_sub_overflow(x, y, &b); f = f * 2 + __builtin_mul_overflow(x, y, &c); return f * 77 + (u64)a * 5 + (u64)b * 3 + (u64)c; }
TEST(overflow_s32) { EACH(20) h = mix(h, p_overflow_s32((s32)(round & 1 ? R : R >> 33), (s32)(R >> (R & 31)))); return h; }
u64 overflow_u32(u32 x, u32 y) { u32 a, b, c; u64 f = __builtin_add_overflow(x, y, &a); f = f * 2 + __builtin_sub_overflow(x, y, &b); f = f * 2 + __builtin_mul_overflow(x, y, &c); return f * 77 + (u64)a * 5 + (u64)b * 3 + (u64)c; }
TEST(overflow_u32) { EACH(20) h = mix(h, p_overflow_u32((u32)(round & 1 ? R : R >> 33), (u32)(R >> (R & 31)))); return h; }
u64 overflow_s64(s64 x, s64 y) { s64 a, b, c; u64 f = __builtin_add_overflow(x, y, &a); f = f * 2 + __builtin_sub_overflow(x, y, &b); f = f * 2 + __builtin_mul_overflow(x, y, &c); return f * 77 + (u64)a * 5 + (u64)b * 3 + (u64)c; }
TEST(overflow_s64) { EACH(20) h = mix(h, p_overflow_s64((s64)(round & 1 ? R : R >> 33), (s64)(R >> (R & 31)))); return h; }
u64 overflow_u64(u64 x, u64 y) { u64 a, b, c; u64 f = __builtin_add_overflow(x, y, &a); f = f * 2 + __builtin_sub_overflow(x, y, &b); f = f * 2 + __builtin_mul_overflow(x, y, &c); return f * 77 + (u64)a * 5 + (u64)b * 3 + (u64)c; }
TEST(overflow_u64) { EACH(20) h = mix(h, p_overflow_u64((u64)(round & 1 ? R : R >> 33), (u64)(R >> (R & 31)))); return h; }
u64 overflow_s8(s8 x, s8 y) { s8 a, b, c; u64 f = __builtin_add_overflow(x, y, &a); f = f * 2 + __builtin_sub_overflow(x, y, &b); f = f * 2 + __builtin_mul_overflow(x, y, &c); return f * 77 + (u64)a * 5 + (u64)b * 3 + (u64)c; }
TEST(overflow_s8) { EACH(20) h = mix(h, p_overflow_s8((s8)(round & 1 ? R : R >> 33), (s8)(R >> (R & 31)))); return h; }
u64 overflow_u16(u16 x, u16 y) { u16 a, b, c; u64 f = __builtin_add_overflow(x, y, &a); f = f * 2 + __builtin_sub_overflow(x, y, &b); f = f * 2 + __builtin_mul_overflow(x, y, &c); return f * 77 + (u64)a * 5 + (u64)b * 3 + (u64)c; }
TEST(overflow_u16) { EACH(20) h = mix(h, p_overflow_u16((u16)(round & 1 ? R : R >> 33), (u16)(R >> (R & 31)))); return h; }
s32 minmax(s32 x, s32 y) { return (s32)((x < y ? x : y) * 3 + (x > y ? x : y) + (x < 0 ? -x : x)); }
TEST(minmax) { EACH(20) h = mix(h, (u64)p_minmax((s32)R, (s32)R)); return h; }
s64 elementwise(s64 x, s64 y) { return (s64)(__builtin_elementwise_min(x, y) * 3 + __builtin_elementwise_max(x, y) + __builtin_elementwise_abs(x)); }
TEST(elementwise) { EACH(20) h = mix(h, (u64)p_elementwise((s64)R, (s64)R)); return h; }
s32 saturating(s32 x, s32 y) { return (s32)(__builtin_elementwise_add_sat(x, y) ^ __builtin_elementwise_sub_sat(x, y)); }
TEST(saturating) { EACH(20) h = mix(h, (u64)p_saturating((s32)R, (s32)R)); return h; }
u16 saturating_u(u16 x, u16 y) { return (u16)(__builtin_elementwise_add_sat(x, y) ^ __builtin_elementwise_sub_sat(x, y)); }
TEST(saturating_u) { EACH(20) h = mix(h, (u64)p_saturating_u((u16)R, (u16)R)); return h; }
s32 ternary(s32 x, s32 y) { return (s32)(x > y ? x - y : x == y ? 77 : y & 1 ? x : -x); }
TEST(ternary) { EACH(20) h = mix(h, (u64)p_ternary((s32)R, (s32)R)); return h; }
s32 logic(s32 x, s32 y) { return (s32)((x && y) + (x || y) * 2 + !x * 4 + (x > 3 && y < 9 || x < -5) * 8); }
TEST(logic) { EACH(20) h = mix(h, (u64)p_logic((s32)R, (s32)R)); return h; }
u32 bool_of(u32 x, u32 y) { return (u32)((_Bool)x + (_Bool)(x & y)); }
TEST(bool_of) { EACH(20) h = mix(h, (u64)p_bool_of((u32)R, (u32)R)); return h; }
_Bool is_odd(_Bool a, u8 c, s16 s) { return a ? c > s : c & 1; }
TEST(is_odd) { EACH(20) h = mix(h, p_is_odd(R & 1, (u8)R, (s16)R)); return h; }
s8 narrow_s8(s8 a, s16 b) { return (s8)(a * b); }
TEST(narrow_s8) { EACH(20) h = mix(h, (u64)(s64)p_narrow_s8((s8)R, (s16)R)); return h; }
s16 narrow_s16(s16 a, u8 b) { return (s16)(a - b * 300); }
TEST(narrow_s16) { EACH(20) h = mix(h, (u64)(s64)p_narrow_s16((s16)R, (u8)R)); return h; }
u8 narrow_u8(u8 a, u8 b) { return (u8)(a << 3 | b >> 5); }
TEST(narrow_u8) { EACH(20) h = mix(h, p_narrow_u8((u8)R, (u8)R)); return h; }
u128 arith_u128(u128 x, u128 y) { return x * y + (x ^ y) - (x << (y & 127)) + (x >> (y & 127)) + (u64)x; }
TEST(arith_u128) { EACH(20) h = mix_128(h, p_arith_u128((u128)R << 64 | R, (u128)R << (R & 63) | R)); return h; }
s128 arith_s128(s128 x, s64 y) { return (x >> (y & 127)) - x * y + (s128)(s32)y + (x < y ? x : -x); }
TEST(arith_s128) { EACH(20) h = mix_128(h, (u128)p_arith_s128((s128)R << 70 | (s128)R, (s64)R)); return h; }
u128 divide_u128(u128 x, u128 y) { return y ? x / y * 5 + x % y : x; }
TEST(divide_u128) { EACH(20) h = mix_128(h, p_divide_u128((u128)R << 64 | R, (u128)R << (R & 63) | R)); return h; }
s128 divide_s128(s128 x, s128 y) { return y && y != -1 ? x / y * 5 + x % y : x; }
TEST(divide_s128) { EACH(20) h = mix_128(h, (u128)p_divide_s128((s128)R << 75, (s128)(s64)R)); return h; }
u32 compare_s128(s128 x, s128 y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x != y) << 3 | ((u128)x > (u128)y) << 4 | ((u128)x >= (u128)y) << 5 | (x >= 0) << 6; }
TEST(compare_s128) { EACH(20) { s128 v = (s128)R << 70; h = mix(h, p_compare_s128(v, round % 3 ? (s128)R << 70 : v)); } return h; }
u128 select_u128(u128 x, u128 y, int c) { u128 m = c > 5 ? x : y; if (c & 1) m += 3; return m; }
TEST(select_u128) { EACH(20) h = mix_128(h, p_select_u128(R, (u128)R << 64, (int)R)); return h; }
u128 loop_u128(u32 n) { u128 a = 1, b = 0; for (u32 i = 0; i < n; i++) { u128 t = a + b; b = a; a = t; } return a; }
TEST(loop_u128) { EACH(10) h = mix_128(h, p_loop_u128((u32)(R % 190))); return h; }
u64 bits_u128(u128 x) { return (u64)__builtin_popcountll((u64)(x >> 64)) + __builtin_popcountg(x); }
TEST(bits_u128) { EACH(20) h = mix(h, p_bits_u128((u128)R << 61 | R)); return h; }
_BitInt(37) odd37(_BitInt(37) x, _BitInt(37) y) { return y ? (x * y - (x >> 3)) ^ (x / (y | 1)) : x << 2; }
TEST(odd37) { EACH(20) h = mix(h, (u64)(s64)p_odd37((_BitInt(37))R, (_BitInt(37))R)); return h; }
unsigned _BitInt(19) odd19(unsigned _BitInt(19) x, unsigned _BitInt(19) y) { return x * y + (x < y) + x % (y | 1); }
TEST(odd19) { EACH(20) h = mix(h, (u64)p_odd19((unsigned _BitInt(19))R, (unsigned _BitInt(19))R)); return h; }
_BitInt(100) odd100(_BitInt(100) x, _BitInt(100) y) { return x * y + (x < y ? x >> 7 : y << 3); }
TEST(odd100) { EACH(20) h = mix_128(h, (u128)(s128)p_odd100((_BitInt(100))R << 30, (_BitInt(100))R)); return h; }
int switch_sparse(int x) { switch (x) { case -5: return 1; case 7: return 30; case 1000000: return 5; case 9: case 10: x += 3; break; case 12: x *= 2; default: x ^= 77; } return x; }
TEST(switch_sparse) { static const int v[] = {-5, 7, 1000000, 9, 10, 12, 3, -1}; EACH(20) h = mix(h, (u64)p_switch_sparse(v[R % 8])); return h; }
int switch_dense(u32 x) { int n = 0; switch (x % 12) { case 0: n = 5; case 1: n++; break; case 2: return 8; case 3: n = -4; break; case 4: n = 9; break; case 5: case 6: n = 3; case 7: n *= 11; break; case 8: n = 2; break; case 11: n = 6; } return n; }
TEST(switch_dense) { EACH(40) h = mix(h, (u64)p_switch_dense((u32)R)); return h; }
int switch_long(u64 x) { switch (x) { case 0x100000000ull: return 1; case 0xffffffffffffffffull: return 2; case 5: return 3; } return 0; }
TEST(switch_long) { static const u64 v[] = {0x100000000ull, ~0ull, 5, 6}; EACH(20) h = mix(h, (u64)p_switch_long(v[R % 4])); return h; }
int switch_char(s8 c) { switch (c) { case 'a': return 1; case -3: return 2; case 'z': return 3; default: return c; } }
TEST(switch_char) { EACH(20) h = mix(h, (u64)p_switch_char(round & 1 ? (s8)-3 : (s8)R)); return h; }
int jumps(int n) { int k = 0; again: if (n > 100) goto out; n += 7; k++; if (n & 1) goto again; n *= 2; if (k < 50) goto again; out: return k * 1000 + n; }
TEST(jumps) { EACH(20) h = mix(h, (u64)p_jumps((int)(R & 127))); return h; }
int nested_loops(int n) { int k = 0; for (int i = 0; i < n; i++) { for (int j = i; j < n; j += 2) { if ((i ^ j) & 4) continue; if (k > 500) break; k += i * j; } } return k; }
TEST(nested_loops) { EACH(10) h = mix(h, (u64)p_nested_loops((int)(R % 20))); return h; }
u64 do_loop(u64 x) { u64 n = 0; do { n += x & 15; x >>= 3; } while (x); return n; }
TEST(do_loop) { EACH(10) h = mix(h, p_do_loop(R)); return h; }
u32 swap_loop(u32 a, u32 b, int n) { while (n-- > 0) { u32 t = a; a = b; b = t + a; } return a * 31 + b; }
TEST(swap_loop) { EACH(10) h = mix(h, p_swap_loop((u32)R, (u32)R, (int)(R & 31))); return h; }
u32 rotate_three(u32 a, u32 b, u32 c, int n) { while (n-- > 0) { u32 t = a; a = b; b = c; c = t; } return a * 961 + b * 31 + c; }
TEST(rotate_three) { EACH(10) h = mix(h, p_rotate_three((u32)R, (u32)R, (u32)R, (int)(R & 31))); return h; }
int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
TEST(fib) { EACH(3) h = mix(h, (u64)p_fib((int)(R % 12))); return h; }
u32 ack(u32 m, u32 n) { return m == 0 ? n + 1 : n == 0 ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1)); }
TEST(ack) { EACH(3) h = mix(h, p_ack((u32)(R % 3), (u32)(R % 5))); return h; }
static int odd_step(int n); static int even_step(int n) { return n == 0 ? 1 : odd_step(n - 1); } static int odd_step(int n) { return n == 0 ? 0 : even_step(n - 1); }
int mutual(int n) { return even_step(n) * 3 + odd_step(n + 1); }
TEST(mutual) { EACH(5) h = mix(h, (u64)p_mutual((int)(R & 63))); return h; }
s64 collatz(u64 n) { s64 k = 0; while (n != 1 && k < 300) { n = n & 1 ? 3 * n + 1 : n / 2; k++; } return k; }
TEST(collatz) { EACH(5) h = mix(h, (u64)p_collatz((R & 0xffff) + 1)); return h; }
int sum_array(const int *a, int n) { int k = 0; for (int i = 0; i < n; i++) k += a[i] * (i + 1); return k; }
TEST(sum_array) { int a[16]; EACH(10) { for (int i = 0; i < 16; i++) a[i] = (int)R; h = mix(h, (u64)p_sum_array(a, (int)(R % 17))); } return h; }
void sort(s16 *a, u32 n) { for (u32 i = 1; i < n; i++) { s16 v = a[i]; u32 j = i; for (; j > 0 && a[j - 1] > v; j--) a[j] = a[j - 1]; a[j] = v; } }
TEST(sort) { s16 a[20]; EACH(5) { for (int i = 0; i < 20; i++) a[i] = (s16)R; p_sort(a, 20); for (int i = 0; i < 20; i++) h = mix(h, (u64)a[i]); } return h; }
u32 bytes_hash(const u8 *p, u64 n) { u32 c = 5381; while (n--) c = c * 33 ^ *p++; return c; }
TEST(bytes_hash) { u8 a[40]; EACH(5) { for (int i = 0; i < 40; i++) a[i] = (u8)R; h = mix(h, p_bytes_hash(a, R % 41)); } return h; }
int strings(const char *s, char *to) { int n = 0; while (*s) { *to++ = *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s; s++; n++; } *to = 0; return n; }
TEST(strings) { char t[32]; EACH(3) { h = mix(h, (u64)p_strings(round ? "hello, World" : "q", t)); for (char *q = t; *q; q++) h = mix(h, (u64)*q); } return h; }
u64 matrix(u64 (*m)[5], int i, s64 j) { m[i][j] += m[j][i] * 3; return m[i][j] ^ m[2][j + 1]; }
TEST(matrix) { u64 m[5][5]; for (int i = 0; i < 25; i++) m[i / 5][i % 5] = R; EACH(10) h = mix(h, p_matrix(m, (int)(R % 5), (s64)(R % 4))); return h; }
static u32 counter; static s16 table[12] = {4, -3, 77, 12}; static s16 *const middle = &table[6];
u32 globals(int i) { static int calls = 5; counter += (u32)(calls += 2); middle[i % 6] = (s16)(table[(i + 3) % 12] + i); return counter * 3 + (u32)middle[-2]; }
TEST(globals) { counter = 0; for (int i = 0; i < 12; i++) table[i] = (s16)(i * 5); u64 h = 1; u32 first = p_globals(1); for (int round = 0; round < 5; round++) { p_globals((int)(R & 63)); h = mix(h, (u64)table[round]); } (void)first; return h; }
volatile u32 device[4]; u32 volatiles(u32 v) { device[0] = v; device[1] = device[0] + 1; u32 t = device[1] * device[1]; device[2] ^= t; return device[2]; }
TEST(volatiles) { device[2] = 0; EACH(10) h = mix(h, p_volatiles((u32)R)); return h; }
struct bits { unsigned a : 3; int b : 7; u64 c : 40; unsigned d : 1; s16 e : 11; };
s64 bitfields(struct bits *b, s64 v) { b->a = (unsigned)v; b->b = (int)(v >> 5); b->c += (u64)v; b->d ^= 1; b->e = (s16)(b->e * 3 + v); return b->a + b->b * 10 + (s64)b->c + b->d * 7 + b->e; }
TEST(bitfields) { struct bits b = {0}; EACH(20) h = mix(h, (u64)p_bitfields(&b, (s64)R)); return h; }
union pun { u64 q; u32 d[2]; u8 b[8]; double f; };
u64 unions(union pun u, int i) { u.b[i & 7] ^= 0x5a; u.d[i & 1] += 3; return u.q; }
TEST(unions) { EACH(20) { union pun u; u.q = R; h = mix(h, p_unions(u, (int)R)); } return h; }
struct packed { u8 a; u32 b; u16 c; u64 d; } __attribute__((packed));
u64 unaligned(struct packed *p, u32 v) { p->b += v; p->d ^= (u64)p->b << 13; p->c = (u16)(p->d >> 9); return p->d + p->c + p->a; }
TEST(unaligned) { struct packed p[2] = {{1, 2, 3, 4}, {5, 6, 7, 8}}; EACH(10) h = mix(h, p_unaligned(&p[round & 1], (u32)R)); return h; }
u32 vla(u32 n) { u32 a[n + 1]; for (u32 i = 0; i <= n; i++) a[i] = i * i; u32 k = 0; for (u32 i = n; i; i /= 2) { u8 b[i]; __builtin_memset(b, (int)i, i); k += a[i] + b[i / 2]; } return k; }
TEST(vla) { EACH(10) h = mix(h, p_vla((u32)(R % 300))); return h; }
u32 alloca_loop(u32 n) { u32 *last = 0, k = 0; for (u32 i = 0; i < n; i++) { u32 *p = __builtin_alloca(4 * (i + 1)); p[i] = i + (last ? last[i - 1] : 0); last = p; k += p[i]; } return k; }
TEST(alloca_loop) { EACH(10) h = mix(h, p_alloca_loop((u32)(R % 70))); return h; }
u64 aligned_local(u64 v) { _Alignas(64) u64 a[8]; for (int i = 0; i < 8; i++) a[i] = v * (u64)i; u64 *volatile p = a; return ((u64)p & 63) * 1000 + p[v & 7]; }
TEST(aligned_local) { EACH(10) h = mix(h, p_aligned_local(R)); return h; }
u32 memory_calls(u8 *a, u32 n) { u8 t[64]; __builtin_memcpy(t, a, 64); __builtin_memmove(t + 3, t, n); __builtin_memmove(t, t + 5, n); __builtin_memset(t + n, 7, 64 - n); __builtin_memcpy(a, t, n); u32 k = 0; for (int i = 0; i < 64; i++) k = k * 31 + t[i]; return k; }
TEST(memory_calls) { u8 a[64]; for (int i = 0; i < 64; i++) a[i] = (u8)R; EACH(10) h = mix(h, p_memory_calls(a, (u32)(R % 56))); return h; }
int atomics(int *p, int v) { int e = v & 3; _Bool ok = __atomic_compare_exchange_n(p, &e, v, 0, 5, 5); int k = __atomic_fetch_add(p, v, 5) ^ __sync_fetch_and_or(p, 9) ^ __atomic_exchange_n(p, v * 2, 5); k += __atomic_fetch_nand(p, v, 5) + __atomic_sub_fetch(p, 3, 5) + __atomic_fetch_xor(p, 0x55, 5) + __atomic_and_fetch(p, ~16, 5); __atomic_store_n(p, k, 5); __atomic_thread_fence(5); return __atomic_load_n(p, 2) + e + ok; }
TEST(atomics) { int v = 3; EACH(20) h = mix(h, (u64)p_atomics(&v, (int)(R & 255))); return h; }
u8 atomics_small(u8 *p, u8 v) { u8 a = __atomic_fetch_add(p, v, 5); u8 b = __atomic_exchange_n(p, (u8)(v ^ a), 5); return (u8)(a + b * 3 + __atomic_fetch_max(p, v, 5) + __atomic_fetch_min(p, 9, 5)); }
TEST(atomics_small) { u8 v = 3; EACH(20) h = mix(h, p_atomics_small(&v, (u8)R)); return h; }
s64 atomics_long(s64 *p, s64 v) { s64 a = __atomic_fetch_max(p, v, 5), b = __atomic_fetch_min(p, -v, 5); return a ^ b ^ __atomic_add_fetch(p, 5, 5); }
TEST(atomics_long) { s64 v = 3; EACH(20) h = mix(h, (u64)p_atomics_long(&v, (s64)R)); return h; }
u64 pointers(u32 *a, u32 *b) { u32 **p = a < b ? &a : &b; return (u64)(a - b) * 3 + (u64)(*p - a) + (a == b) + (u64)((char *)b - (char *)a); }
TEST(pointers) { u32 a[64]; EACH(10) h = mix(h, p_pointers(a + R % 64, a + R % 64)); return h; }
u64 pointer_bits(u8 *p) { u64 v = (u64)p; u8 *q = (u8 *)((v + 15) & ~15ull); return (u64)(q - p) < 16 ? (u64)((u64)q % 16) : 99; }
TEST(pointer_bits) { u8 a[40]; EACH(10) h = mix(h, p_pointer_bits(a + R % 20)); return h; }
struct list { struct list *next; int v; };
int linked(struct list *l) { int k = 0; struct list *back = 0; while (l) { struct list *n = l->next; l->next = back; back = l; k = k * 3 + l->v; l = n; } for (; back; back = back->next) k ^= back->v; return k; }
TEST(linked) { struct list n[6]; EACH(4) { for (int i = 0; i < 6; i++) n[i] = (struct list){i < 5 ? &n[i + 1] : 0, (int)R}; h = mix(h, (u64)p_linked(n)); } return h; }
int unused_result(int *p) { *p += 1; return *p * 2; } int discards(int v) { unused_result(&v); unused_result(&v); return v; }
TEST(discards) { EACH(5) h = mix(h, (u64)p_discards((int)R)); return h; }
TEST(unused_result) { EACH(5) { int v = (int)R; h = mix(h, (u64)p_unused_result(&v)); h = mix(h, (u64)v); } return h; }
u64 big_frame(u32 n) { u64 a[300]; for (u32 i = 0; i < 300; i++) a[i] = i * n; u64 k = 0; for (u32 i = 0; i < 300; i += 7) k += a[(i * n) % 300]; return k; }
TEST(big_frame) { EACH(3) h = mix(h, p_big_frame((u32)R)); return h; }
u32 constants(u32 n) { u32 k = 0; for (u32 i = 0; i < n; i++) { k = k * 0x85ebca6b + 0xc2b2ae35; k ^= k >> 13; k += (u32)(0x123456789abcdefull >> (i & 31)); } return k; }
TEST(constants) { EACH(5) h = mix(h, p_constants((u32)(R % 40))); return h; }
u32 crc(const u8 *p, u32 n) { u32 c = ~0u; for (u32 i = 0; i < n; i++) { c ^= p[i]; for (int k = 0; k < 8; k++) c = c >> 1 ^ (0xedb88320u & (0 - (c & 1))); } return ~c; }
TEST(crc) { u8 a[16]; EACH(3) { for (int i = 0; i < 16; i++) a[i] = (u8)R; h = mix(h, p_crc(a, 16)); } return h; }
/* clang-format on */
