/* SPDX-License-Identifier: MIT */
/* Half, quadruple and brain floats, integers of 65 to 128 bits, 16-byte atomics, IEEE extremes, carries. */
#include "corpus.h"
/* clang-format off */

typedef _Float16 f16;
typedef __float128 f128;
typedef _BitInt(100) b100;
typedef unsigned _BitInt(77) u77;
static inline f16 next_h(u64 *s) { u64 v = next(s); u16 k = (u16)(v >> 3); f16 h; if (v % 3) return (f16)((float)(s32)(v & 0xfffff) / 1024 - 300); __builtin_memcpy(&h, &k, 2); return h; }
static inline u64 mix_h(u64 h, f16 x) { u16 k; if (x != x) return mix(h, 0x7e00); __builtin_memcpy(&k, &x, 2); return mix(h, k); }
static inline f128 next_q(u64 *s) { u64 v = next(s), k = v % 31; u128 m = (u128)(0x3f80 + (next(s) & 255)) << 112 | (u128)next(s) << 64 | (u128)next(s) << 17 | next(s) >> 9; f128 x; if (v & 64) m |= (u128)1 << 127; __builtin_memcpy(&x, &m, 16); return k == 0 ? 0 : k == 1 ? -(f128)0 : k == 2 ? (f128)__builtin_inff() : k == 3 ? (f128)__builtin_nanf("") : k < 12 ? (f128)(s64)(next(s) >> 30) : x; }
static inline u64 mix_q(u64 h, f128 x) { u128 k; if (x != x) return mix(h, 0x7fff); __builtin_memcpy(&k, &x, 16); return mix_128(h, k); }
#define H next_h(&s)
#define Q next_q(&s)
#define W ((u128)R << 90 ^ (u128)R << 40 ^ R)
#define SAFE(x, lo, hi) ((x) > (lo) && (x) < (hi) ? (x) : 7)

f16 h_arith(f16 a, f16 b) { f16 c = a * b; c += a - b; f16 d = c / (b + (f16)0.1); return -d; }
TEST(h_arith) { EACH(40) h = mix_h(h, p_h_arith(H, H)); return h; }
u32 h_compare(f16 a, f16 b) { return (u32)(a < b) | (u32)(a <= b) << 1 | (u32)(a == b) << 2 | (u32)(a != b) << 3 | (u32)!(a < b) << 4 | (u32)__builtin_isunordered(a, b) << 5 | (u32)__builtin_isfpclass(a, 0x2a5) << 6 | (u32)!!__builtin_isnan(a) << 7 | (u32)__builtin_isfpclass(b, 0x15a) << 8 | (u32)!!__builtin_isinf(b) << 9; }
TEST(h_compare) { EACH(40) h = mix(h, p_h_compare(H, H)); return h; }
int h_branch(f16 a, f16 b) { int n = 0; if (a < b) n = 1; while (a > (f16)1 && n < 20) { a /= 2; n++; } return a != b ? n : -n; }
TEST(h_branch) { EACH(20) h = mix(h, (u64)p_h_branch(H, H)); return h; }
double h_from(f16 a, double b, float c, long double d, s32 e, u64 f, s128 g) { f16 k = (f16)b, l = (f16)c, m = (f16)d, n = (f16)e, o = (f16)f, p = (f16)g; return (double)a + (double)k * 2 + (double)(float)l * 3 + (double)(long double)m * 5 + (double)n + (double)o + (double)p; }
TEST(h_from) { EACH(20) h = mix_d(h, p_h_from(H, D / 1e3, (float)D / 1e2f, L / 1e4L, (s32)R >> 12, R >> 40, (s128)(s64)R >> 30)); return h; }
u64 h_to(f16 a) { f16 b = SAFE(a, -120, 120), c = SAFE(a, 0, 60000); return (u64)(s8)b + (u64)(s32)b * 3 + (u64)(s64)a * 0 + (u64)c * 5 + (u64)(s128)b + (u64)(u128)c; }
TEST(h_to) { EACH(20) h = mix(h, p_h_to(SAFE(H, -60000, 60000))); return h; }
f16 h_sum(const f16 *v, int n) { f16 k = 0; for (int i = 0; i < n; i++) k += v[i] * (f16)i; return k; }
TEST(h_sum) { f16 v[9]; EACH(5) { for (int i = 0; i < 9; i++) v[i] = H; h = mix_h(h, p_h_sum(v, 9)); } return h; }
f16 h_builtins(f16 a, f16 b) { return __builtin_floorf16(a) + __builtin_fabsf16(b) + __builtin_sqrtf16(__builtin_fabsf16(a)) + __builtin_copysignf16(a, b) + __builtin_truncf16(a) + __builtin_ceilf16(b) + __builtin_fmaf16(a, b, a) + __builtin_canonicalizef16(b) + __builtin_fmaxf16(a, b) + __builtin_roundf16(a); }
TEST(h_builtins) { EACH(30) h = mix_h(h, p_h_builtins(H, H)); return h; }
f16 h_constant(int k) { return k & 1 ? (f16)1.5 : k & 2 ? (f16)65504 : (f16)6e-8; } TEST(h_constant) { EACH(4) h = mix_h(h, p_h_constant(round)); return h; }
struct h2 { f16 a, b; }; struct h3 { f16 a, b, c; }; struct h4 { f16 a[4]; }; struct h5 { f16 a[5]; }; struct hf { f16 a; float b; }; struct hi { f16 a; s32 b; };
#define HALVES(S, N) struct S take_##S(int k, struct S v, struct S w) { f16 *p = (f16 *)&v, *q = (f16 *)&w; for (int i = 0; i < N; i++) p[i] = p[i] * (f16)k + q[N - 1 - i]; return v; } \
    TEST(take_##S) { EACH(6) { struct S v, w; f16 *p = (f16 *)&v, *q = (f16 *)&w; for (int i = 0; i < N; i++) p[i] = H, q[i] = H; v = p_take_##S((int)R & 7, v, w); for (int i = 0; i < N; i++) h = mix_h(h, p[i]); } return h; }
HALVES(h2, 2) HALVES(h3, 3) HALVES(h4, 4) HALVES(h5, 5)
struct hf take_hf(struct hf v, struct hi w) { v.a += (f16)w.b; v.b *= (float)w.a; return v; } TEST(take_hf) { EACH(6) { struct hf v = {H, (float)D}; struct hi w = {H, (s32)R & 63}; v = p_take_hf(v, w); h = mix_d(mix_h(h, v.a), (double)v.b); } return h; }
_Complex _Float16 h_complex(_Complex _Float16 a, _Complex _Float16 b) { return a + b * (f16)2; } TEST(h_complex) { EACH(6) { _Complex _Float16 a, b; __real__ a = H; __imag__ a = H; __real__ b = H; __imag__ b = H; a = p_h_complex(a, b); h = mix_h(mix_h(h, __real__ a), __imag__ a); } return h; }
double h_many(f16 a, double b, f16 c, float d, f16 e, f16 f, f16 g, f16 i, f16 j, f16 k, int l) { return (double)a + b + (double)c * 2 + (double)d + (double)e * 3 + (double)f + (double)g + (double)i * 4 + (double)j * 5 + (double)k * 6 + l; }
TEST(h_many) { EACH(6) h = mix_d(h, p_h_many(H, D, H, (float)D, H, H, H, H, H, H, (int)R)); return h; }
__bf16 __truncsfbf2(float a) { u32 k; __builtin_memcpy(&k, &a, 4); u16 v = a != a ? 0x40 | k >> 16 : (k + 0x7fff + (k >> 16 & 1)) >> 16; __bf16 r; __builtin_memcpy(&r, &v, 2); return r; } /* no runtime has it */
float b_round(__bf16 a, float b, int k) { __bf16 c = (__bf16)b; float d = (float)a * 2 + (float)c; return k ? d : (float)-c; } TEST(b_round) { EACH(30) { float v = (float)D; u16 k = (u16)R; __bf16 c; __builtin_memcpy(&c, &k, 2); v = p_b_round(c, round % 7 ? v : __builtin_nanf(""), round & 1); h = mix_d(h, (double)v); } return h; }

f128 q_arith(f128 a, f128 b) { f128 c = a * b + (a - b); return c / (b + 1) - -a; } TEST(q_arith) { EACH(30) h = mix_q(h, p_q_arith(Q, Q)); return h; }
u32 q_compare(f128 a, f128 b) { return (u32)(a < b) | (u32)(a <= b) << 1 | (u32)(a > b) << 2 | (u32)(a >= b) << 3 | (u32)(a == b) << 4 | (u32)(a != b) << 5 | (u32)__builtin_isunordered(a, b) << 6 | (u32)__builtin_islessgreater(a, b) << 7 | (u32)!(a < b) << 8 | (u32)!(a <= b) << 9 | (u32)!(a > b) << 10 | (u32)!(a >= b) << 11 | (u32)!__builtin_islessgreater(a, b) << 12 | (u32)!__builtin_isunordered(a, b) << 13 | (u32)__builtin_isfpclass(a, 0x2a5) << 14 | (u32)__builtin_isfpclass(b, 0x15a) << 15 | (u32)!!__builtin_signbit(a) << 16 | (u32)__builtin_isnormal(b) << 17; }
TEST(q_compare) { EACH(40) { f128 a = Q; h = mix(h, p_q_compare(a, Q)); h = mix(h, p_q_compare(a, a)); } return h; }
int q_branch(f128 a, f128 b) { if (a < b) return 1; if (a == 3) return 2; while (b > 1 && b < (f128)1e30) b /= 16; return a > b ? 3 : b != b ? 4 : 5; } TEST(q_branch) { EACH(20) h = mix(h, (u64)p_q_branch(Q, Q)); return h; }
f128 q_from(f16 a, float b, double c, long double d, s8 e, u32 f, s64 g, u64 i, s128 j, u128 k) { return (f128)a + (f128)b * 2 + (f128)c * 3 + (f128)d * 5 + (f128)e + (f128)f * 7 + (f128)g / 3 + (f128)i / 5 + (f128)j / 7 + (f128)k / 11; }
TEST(q_from) { EACH(20) h = mix_q(h, p_q_from(H, (float)D, D, L, (s8)R, (u32)R, (s64)R << 20, R << 20, (s128)W, W)); return h; }
u64 q_to(f128 a) { f16 b = (f16)a; f128 t = SAFE(a, -120, 120), u = SAFE(a, 0, 60000); u64 k = mix_h(mix_d(mix_d(mix_l(1, (long double)a), (double)a), (double)(float)a), b); return mix_128(mix(k, (u64)(s8)t + (u64)(s64)t + (u64)u + (u32)u), (u128)(s128)t + (u128)u); }
TEST(q_to) { EACH(30) h = mix(h, p_q_to(Q)); return h; }
f128 q_constant(int k) { return k & 1 ? 1.5Q + 1e-30Q : k & 2 ? -0.0Q : 3.14159265358979323846264338327950288Q; } TEST(q_constant) { EACH(4) h = mix_q(h, p_q_constant(round)); return h; }
f128 q_signs(f128 a, f128 b, int c) { return (c > 3 ? __builtin_fabsf128(a) : c ? b : a) + __builtin_copysignf128(a, b); } TEST(q_signs) { EACH(20) h = mix_q(h, p_q_signs(Q, Q, (int)R & 7)); return h; }
f128 q_many(f128 a, double b, f128 c, f128 d, f128 e, f128 f, f128 g, float i, s64 j, s64 k, s64 l, s64 m, s64 n, s64 o, f128 p, s64 q, f128 r) { return a + b + c * 2 + d * 3 + e * 4 + f * 5 + g * 6 + i + (f128)(j + k + l + m + n + o) + p * 7 + q + r * 8; }
TEST(q_many) { EACH(8) h = mix_q(h, p_q_many(Q, D, Q, Q, Q, Q, Q, (float)D, (s64)R, 2, 3, 4, 5, (s64)R, Q, (s64)R, Q)); return h; }
struct q1 { f128 x; }; struct q2 { f128 x; s32 k; };
struct q1 q_one(struct q1 v, int k) { v.x *= k; return v; } TEST(q_one) { EACH(6) { struct q1 v = {Q}; h = mix_q(h, p_q_one(v, (int)R).x); } return h; }
struct q2 q_two(struct q2 v, f128 b, struct q2 w) { v.x += b * w.x; v.k += w.k; return v; } TEST(q_two) { EACH(6) { struct q2 v = {Q, 1}, w = {Q, (s32)R}; v = p_q_two(v, Q, w); h = mix(mix_q(h, v.x), (u64)v.k); } return h; }
_Complex __float128 q_complex(_Complex __float128 a, _Complex __float128 b) { return a * b + a; } TEST(q_complex) { EACH(6) { _Complex __float128 a, b; __real__ a = Q; __imag__ a = Q; __real__ b = Q; __imag__ b = 2; a = p_q_complex(a, b); h = mix_q(mix_q(h, __real__ a), __imag__ a); } return h; }
f128 q_sum(int n, ...) { va_list ap; va_start(ap, n); f128 k = 0; for (int i = 0; i < n; i++) k = k * 3 + va_arg(ap, f128) + (f128)va_arg(ap, double) + va_arg(ap, struct h2).b; va_end(ap); return k; }
TEST(q_sum) { EACH(6) { struct h2 v = {H, H}; h = mix_q(h, p_q_sum(2, Q, D, v, Q, D, v)); h = mix_q(h, p_q_sum(5, Q, D, v, Q, D, v, Q, 1.0, v, Q, D, v, Q, D, v)); } return h; }
f128 q_calls(f128 a, int n) { return n <= 0 ? a : q_sum(1, q_calls(a + n, n - 1), 1.5, (struct h2){1, 2}) / 2; } TEST(q_calls) { EACH(4) h = mix_q(h, p_q_calls(Q, (int)R & 3)); return h; }
f128 q_memory(f128 *p, int n) { volatile f128 v = p[0]; for (int i = 1; i < n; i++) v = v + p[i], p[i - 1] = v; return v; } TEST(q_memory) { f128 v[4]; EACH(4) { for (int i = 0; i < 4; i++) v[i] = Q; h = mix_q(h, p_q_memory(v, 4)); h = mix_q(h, v[2]); } return h; }

int w_switch(u128 a) { switch (a) { case 0: return 1; case 7: return 2; case (u128)1 << 100: return 3; case ~(u128)0: return 4; case ((u128)7 << 64) + 7: return 5; default: return 6; } }
TEST(w_switch) { static const u128 v[] = {0, 7, (u128)1 << 100, ~(u128)0, ((u128)7 << 64) + 7, (u128)7 << 64, 1}; EACH(7) h = mix(h, (u64)p_w_switch(v[round])); return h; }
s32 w_switch_b(b100 a) { switch (a) { case -1: return 1; case 5: return 2; default: return 3; } } TEST(w_switch_b) { return (u64)(p_w_switch_b(-1) + p_w_switch_b(5) * 10 + p_w_switch_b((b100)s) * 100); }
u64 w_products(s128 a, s128 b) { s128 r; u128 q; u64 k = __builtin_mul_overflow(a, b, &r); k = mix_128(k, (u128)r); k = mix(k, __builtin_mul_overflow((u128)a, (u128)b, &q)); return mix_128(k, q); }
TEST(w_products) { EACH(40) { u64 n = R & 127, m = R & 127; h = mix(h, p_w_products((s128)W >> n, (s128)W >> m)); h = mix(h, p_w_products((s128)((u128)1 << n), -(s128)((u128)1 << m))); } return h; }
u64 w_mixed(s64 a, u64 b, s32 c) { s64 r; u64 q; u64 k = __builtin_add_overflow(a, b, &r); k = mix(k, (u64)r + __builtin_sub_overflow(a, b, &r)); k = mix(k, (u64)r + __builtin_mul_overflow(a, b, &r)); k = mix(k, (u64)r + __builtin_add_overflow(c, b, &q)); k = mix(k, q + __builtin_mul_overflow(c, b, &q)); return mix(k, q + __builtin_sub_overflow(b, c, &q)); }
TEST(w_mixed) { EACH(40) h = mix(h, p_w_mixed((s64)(R << (R & 31)), R << (R & 31), (s32)R)); return h; }
u64 w_checks(b100 a, b100 b, u77 c, u77 d) { b100 r; u77 q; u64 k = __builtin_add_overflow(a, b, &r); k = mix_128(k, (u128)r); k = mix(k, __builtin_sub_overflow(a, b, &r)); k = mix_128(k, (u128)r); k = mix(k, __builtin_mul_overflow(a, b, &r)); k = mix_128(k, (u128)r); k = mix(k, __builtin_add_overflow(c, d, &q)); k = mix_128(k, q); k = mix(k, __builtin_sub_overflow(c, d, &q)); k = mix_128(k, q); k = mix(k, __builtin_mul_overflow(c, d, &q)); return mix_128(k, q); }
TEST(w_checks) { EACH(40) { u64 n = R % 100, m = R % 77; h = mix(h, p_w_checks((b100)(s128)W >> n, (b100)(s128)W >> (100 - n) / 2, (u77)W >> m, (u77)W >> (77 - m) / 2)); } return h; }
u64 w_counts(u77 a, u128 b) { return (u64)__builtin_clzg(a, 99) + 200 * (u64)__builtin_ctzg(a, 99) + 40000 * (u64)__builtin_popcountg(a) + 10000000 * (u64)__builtin_popcountg(b); }
TEST(w_counts) { EACH(30) { u64 n = R % 90; h = mix(h, p_w_counts((u77)(W >> n), W)); h = mix(h, p_w_counts((u77)((u128)1 << (n % 77)), W)); h = mix(h, p_w_counts(0, W)); } return h; }
double w_floats(b100 a, u77 b) { return (double)a + (double)b * 3 + (double)(float)a + (double)(long double)b; } TEST(w_floats) { EACH(20) h = mix_d(h, p_w_floats((b100)(s128)W, (u77)W)); return h; }
u64 w_ints(double a) { double b = SAFE(a, 0, 1e18); return mix_128(1, (u128)(b100)(a == a ? SAFE(a, -1e18, 1e18) : 1) + (u77)b); } TEST(w_ints) { EACH(20) h = mix(h, p_w_ints(D * 1e5)); return h; }
s128 w_arith(b100 a, b100 b, u77 c) { b = b ? b : 3; return (s128)(b100)(a * b / 3 - a % b + (a >> 3) + (b100)(c << 2)) + (a < b) + (c > 9); } TEST(w_arith) { EACH(30) h = mix_128(h, (u128)p_w_arith((b100)(s128)W >> 30, (b100)(s128)W >> (R % 99), (u77)W)); return h; }
u128 w_saturate(s128 a, s128 b, u128 c, u128 d) { return (u128)__builtin_elementwise_add_sat(a, b) + (u128)__builtin_elementwise_sub_sat(a, b) * 3 + __builtin_elementwise_add_sat(c, d) * 5 + __builtin_elementwise_sub_sat(c, d) * 7 + (u128)__builtin_elementwise_abs(a) + (u128)__builtin_elementwise_max(a, b) * 11 + __builtin_elementwise_min(c, d); }
TEST(w_saturate) { EACH(40) h = mix_128(h, p_w_saturate((s128)W, (s128)W, W, W)); return h; }
u128 w_bits(u128 a, u128 b, int k) { return (u128)__builtin_elementwise_bitreverse(a) + __builtin_elementwise_fshl(a, b, (u128)k) * 3 + __builtin_elementwise_fshr(a, b, (u128)k) * 5; } TEST(w_bits) { EACH(30) h = mix_128(h, p_w_bits(W, W, round * 9)); return h; }
static _Atomic u128 shared;
u128 w_atomic(u128 a, u128 b) { shared = a; u128 k = shared++; k += __c11_atomic_fetch_xor(&shared, b, 5) * 3; k += __c11_atomic_fetch_sub(&shared, a >> 3, 2) * 5; k += __c11_atomic_exchange(&shared, a ^ b, 5); k += __c11_atomic_fetch_or(&shared, b >> 5, 0) + __c11_atomic_fetch_and(&shared, ~a, 4) + __c11_atomic_fetch_nand(&shared, b | 3, 5); u128 e = shared; k += __c11_atomic_compare_exchange_strong(&shared, &e, a, 5, 5); e ^= 1; k += (u128)__c11_atomic_compare_exchange_strong(&shared, &e, b, 5, 0) * 7; return k + e * 9 + shared; }
TEST(w_atomic) { EACH(10) h = mix_128(h, p_w_atomic(W, W)); return h; }
static _Atomic double total; static _Atomic float part; static _Atomic long double exact;
double w_atomic_floats(double a, float b, long double c) { total = a; part = b; exact = c; total += 1.5; double k = __c11_atomic_fetch_add(&total, a, 5) + __c11_atomic_fetch_sub(&total, 0.5, 5) * 3 + (double)__c11_atomic_fetch_add(&part, b / 3, 5) + __c11_atomic_fetch_max(&total, 2.0, 5) + (double)__c11_atomic_fetch_min(&part, 3.0f, 5); exact *= 2; return k + total + (double)part + (double)exact; }
TEST(w_atomic_floats) { EACH(20) { double a = D; float b = (float)D; h = mix_d(h, p_w_atomic_floats(a == a ? a : 1, b == b ? b : 1, 3)); } return h; }

double y_ieee(double a, float b, long double c, f16 d) { return __builtin_elementwise_maximum(a, 0.5) + 3 * __builtin_elementwise_minimum(a, -0.5) + (double)__builtin_elementwise_maximum(b, -0.0f) + (double)__builtin_elementwise_minimum(c, 1.0L) + (double)__builtin_elementwise_maximum(d, (f16)2); }
TEST(y_ieee) { EACH(20) h = mix_d(h, p_y_ieee(round == 3 ? -0.0 : D, round & 1 ? 0.0f : (float)D, round == 5 ? __builtin_nanl("") : L, H)); return h; }
u32 y_zeros(double a, double b) { return (u32)!!__builtin_signbit(__builtin_elementwise_maximum(a, b)) | (u32)!!__builtin_signbit(__builtin_elementwise_minimum(a, b)) << 1; } TEST(y_zeros) { return p_y_zeros(0.0, -0.0) | p_y_zeros(-0.0, 0.0) << 2 | p_y_zeros(-0.0, -0.0) << 4 | (u64)p_y_zeros(0.0 + (double)(s & 0), 0.0) << 6; }
double y_fenv(double a, float b, long double c, int k) {
#pragma STDC FENV_ACCESS ON
    double d = a < b ? a + (double)b : (double)(float)a * 3 - k; d /= (double)(c + (long double)a); d += __builtin_sqrt(d < 0 ? -d : d); d = __builtin_fma(d, a, (double)b); if (a == b || d != d || a >= 3) d -= (double)(u32)(k & 255); return d + (double)(int)SAFE(a, -9, 9); }
TEST(y_fenv) { EACH(20) h = mix_d(h, p_y_fenv(D, (float)D, (long double)D, (int)R)); return h; }
u64 y_carry(u64 a, u64 b, u32 c, u32 d, int k) { unsigned long long r; u32 q; u64 n = __builtin_ia32_addcarryx_u64((u8)k, a, b, &r); n = mix(n, r); n = mix(n, __builtin_ia32_subborrow_u64((u8)k, a, b, &r)); n = mix(n, r); n = mix(n, __builtin_ia32_addcarryx_u32((u8)k, c, d, &q)); n = mix(n, q); n = mix(n, __builtin_ia32_subborrow_u32((u8)k, c, d, &q)); __builtin_ia32_pause(); __builtin_ia32_mfence(); __builtin_ia32_lfence(); __builtin_ia32_sfence(); return mix(n, q); }
TEST(y_carry) { EACH(30) { u64 a = R << 20, b = R << 20; h = mix(h, p_y_carry(a, round & 1 ? b : round & 2 ? ~a : a, (u32)a, round & 4 ? (u32)~a : (u32)b, round % 3)); } return h; }
int y_here(void) { u64 t = __builtin_ia32_rdtsc(); return __builtin_frame_address(0) != 0 && __builtin_return_address(0) != 0 && t != 0 && __builtin_thread_pointer() != 0; }
TEST(y_here) { (void)s; return (u64)p_y_here(); }
/* clang-format on */
