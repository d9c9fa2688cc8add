/* SPDX-License-Identifier: MIT */
/* Floats, calls, structs by value, variable arguments: hand-written functions of the differential test. */
#include "corpus.h"
/* clang-format off */
double arith_d(double x, double y) { return x * y + (x - y) / (y + 1e-3) - -x; }
TEST(arith_d) { EACH(20) h = mix_d(h, p_arith_d(D, D)); return h; }
float arith_f(float x, float y) { return x * y + (x - y) / (y + 1e-3f) - -x * 0.1f; }
TEST(arith_f) { EACH(20) h = mix_d(h, (double)p_arith_f((float)D, (float)D)); return h; }
double remainder_d(double x, double y) { return y != 0 ? __builtin_fmod(x, y) : x; }
TEST(remainder_d) { EACH(20) h = mix_d(h, p_remainder_d(D, D)); return h; }
u32 compare_d(double x, double y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x != y) << 3 | (x > y) << 4 | (x >= y) << 5 | !(x < y) << 6 | !(x >= y) << 7 | __builtin_isunordered(x, y) << 8 | __builtin_islessgreater(x, y) << 9 | !(x != x) << 10; }
TEST(compare_d) { EACH(30) { double v = D; h = mix(h, p_compare_d(round % 5 == 0 ? __builtin_nan("") : v, round % 3 ? D : v)); } return h; }
u32 compare_f(float x, float y) { return (x < y) | (x <= y) << 1 | (x == y) << 2 | (x != y) << 3 | (x > y) << 4 | (x >= y) << 5 | !(x < y) << 6 | !(x >= y) << 7 | __builtin_isunordered(x, y) << 8 | __builtin_islessgreater(x, y) << 9; }
TEST(compare_f) { EACH(30) { float v = (float)D; h = mix(h, p_compare_f(round % 5 == 0 ? __builtin_nanf("") : v, round % 3 ? (float)D : v)); } return h; }
u32 branch_d(double x, double y) { u32 n = 0; if (x < y) n += 1; if (x <= y) n += 2; if (!(x > y)) n += 4; if (x == y) n += 8; if (x != y) n += 16; if (!(x >= y)) n += 32; if (x > 0.5) n += 64; if (__builtin_isunordered(x, y)) n += 128; if (!__builtin_islessgreater(x, y)) n += 256; return n; }
TEST(branch_d) { EACH(30) { double v = D; h = mix(h, p_branch_d(round % 5 == 0 ? __builtin_nan("") : v, round % 3 ? D : v)); } return h; }
u32 branch_f(float x, float y) { u32 n = 0; if (x < y) n += 1; if (x <= y) n += 2; if (!(x > y)) n += 4; if (x == y) n += 8; if (x != y) n += 16; if (!(x >= y)) n += 32; while (x > 0.5f) { x /= 2; n += 64; } return n; }
TEST(branch_f) { EACH(30) { float v = (float)D; h = mix(h, p_branch_f(round % 5 == 0 ? __builtin_nanf("") : v, round % 3 ? (float)D : v)); } return h; }
s64 from_d(double x) { x = x > 1e9 ? 1e9 : x < -1e9 ? -1e9 : x == x ? x : 0; return (s8)(x / 1e8) + (s16)(x / 1e5) * 3 + (s32)x * 5 + (s64)(x * 1000) + (s64)(u64)(x < 0 ? -x : x) + (u32)(x < 0 ? 0 : x) + (u8)(x < 0 ? 0 : x / 1e8) + (_Bool)x; }
TEST(from_d) { EACH(20) h = mix(h, (u64)p_from_d(D)); return h; }
s64 from_f(float x) { x = x > 1e9f ? 1e9f : x < -1e9f ? -1e9f : x == x ? x : 0; return (s16)(x / 1e5f) * 3 + (s32)x * 5 + (s64)(x * 1000) + (s64)(u64)(x < 0 ? -x : x) + (u32)(x < 0 ? 0 : x); }
TEST(from_f) { EACH(20) h = mix(h, (u64)p_from_f((float)D)); return h; }
double to_d(s8 a, u8 b, s16 c, u16 d, s32 e, u32 f, s64 g, u64 i, _Bool k) { return a + b * 2.0 + c * 3.0 + d + e * 5.0 + f + (double)g * 0.5 + (double)i + k; }
TEST(to_d) { EACH(20) h = mix_d(h, p_to_d((s8)R, (u8)R, (s16)R, (u16)R, (s32)R, (u32)R, (s64)R << 17, R << 17, R & 1)); return h; }
float to_f(s8 a, u8 b, s16 c, u16 d, s32 e, u32 f, s64 g, u64 i) { return a + b * 2.0f + c * 3.0f + d + (float)e * 5.0f + (float)f + (float)g * 0.5f + (float)i; }
TEST(to_f) { EACH(20) h = mix_d(h, (double)p_to_f((s8)R, (u8)R, (s16)R, (u16)R, (s32)R, (u32)R, (s64)R << 17, R << 17)); return h; }
double from_128(s128 x, u128 y) { return (double)x + (double)(float)x * 3 + (double)y; }
TEST(from_128) { EACH(20) h = mix_d(h, p_from_128((s128)(s64)R << 40, (u128)R << 50)); return h; }
u128 to_128(double x) { x = x == x && x < 1e20 && x > -1e20 ? x * 1e15 : 0; return (u128)((s128)x + (s128)(float)x) + (u128)(x < 0 ? -x : x); }
TEST(to_128) { EACH(20) h = mix_128(h, p_to_128(D)); return h; }
double math_d(double x, double y) { double a = __builtin_fabs(x); return __builtin_sqrt(a) + __builtin_floor(x) * 3 + __builtin_ceil(y) + __builtin_trunc(x) + __builtin_rint(y) + __builtin_round(x) + __builtin_copysign(a, y) + __builtin_fmin(x, y) + __builtin_fmax(x, y) + __builtin_fma(x, y, a) + __builtin_nearbyint(x); }
TEST(math_d) { EACH(20) h = mix_d(h, p_math_d(D, D)); return h; }
float math_f(float x, float y) { float a = __builtin_fabsf(x); return __builtin_sqrtf(a) + __builtin_floorf(x) * 3 + __builtin_ceilf(y) + __builtin_truncf(x) + __builtin_rintf(y) + __builtin_copysignf(a, y) + __builtin_fminf(x, y) + __builtin_fmaf(x, y, a); }
TEST(math_f) { EACH(20) h = mix_d(h, (double)p_math_f((float)D, (float)D)); return h; }
u32 classes_d(double x) { return (u32)__builtin_isnan(x) | (u32)!!__builtin_isinf(x) << 1 | (u32)__builtin_isfinite(x) << 2 | (u32)__builtin_isnormal(x) << 3 | (u32)!!__builtin_signbit(x) << 4 | (u32)__builtin_issubnormal(x) << 5 | (u32)__builtin_iszero(x) << 6 | (u32)__builtin_isfpclass(x, 0x2a5) << 7; }
TEST(classes_d) { static const double v[] = {0.0, -0.0, 1.5, -2.5, 1e-310, -1e-310, 1e308 * 10, -1e308 * 10, __builtin_nan("")}; EACH(9) h = mix(h, p_classes_d(v[round])); return h; }
u32 classes_f(float x) { return (u32)__builtin_isnan(x) | (u32)!!__builtin_isinf(x) << 1 | (u32)__builtin_isfinite(x) << 2 | (u32)__builtin_isnormal(x) << 3 | (u32)__builtin_isfpclass(x, 0x15a) << 4; }
TEST(classes_f) { static const float v[] = {0.0f, -0.0f, 1.5f, -2.5f, 1e-40f, -1e-40f, __builtin_inff(), -__builtin_inff(), __builtin_nanf("")}; EACH(9) h = mix(h, p_classes_f(v[round])); return h; }
double select_d(double x, double y, int c) { return c > 3 ? x : c ? y : x * y; }
TEST(select_d) { EACH(20) h = mix_d(h, p_select_d(D, D, (int)(R & 7))); return h; }
double dot(const double *a, const double *b, int n) { double k = 0; for (int i = 0; i < n; i++) k += a[i] * b[i]; return k; }
TEST(dot) { double a[8], b[8]; EACH(5) { for (int i = 0; i < 8; i++) a[i] = D, b[i] = D; h = mix_d(h, p_dot(a, b, 8)); } return h; }
void matmul(double (*restrict c)[6], double (*a)[6], double (*b)[6]) { for (int i = 0; i < 6; i++) for (int j = 0; j < 6; j++) { double s = 0; for (int k = 0; k < 6; k++) s += a[i][k] * b[k][j]; c[i][j] = s; } }
TEST(matmul) { double m[3][6][6]; for (int i = 0; i < 108; i++) (&m[0][0][0])[i] = D; u64 h = 1; p_matmul(m[0], m[1], m[2]); for (int i = 0; i < 36; i++) h = mix_d(h, (&m[0][0][0])[i]); return h; }
double newton(double x) { if (!(x > 0)) x = 2; double r = x; for (int i = 0; i < 40 && __builtin_fabs(r * r - x) > 1e-12 * x; i++) r = (r + x / r) / 2; return r; }
TEST(newton) { EACH(5) h = mix_d(h, p_newton(D)); return h; }

struct c1 { s8 a; }; struct c2 { s8 a; s16 b; }; struct c3 { u8 a[3]; }; struct c5 { u8 a[5]; }; struct i1 { s32 a; };
struct i2 { s32 a, b; }; struct l1 { s64 a; }; struct l2 { s64 a, b; }; struct l3 { s64 a, b, c; }; struct f1 { float a; };
struct f2 { float a, b; }; struct f3 { float a, b, c; }; struct f4 { float a, b, c, d; }; struct d1 { double a; }; struct d2 { double a, b; };
struct d3 { double a, b, c; }; struct ld { s64 a; double b; }; struct dl { double a; s64 b; }; struct fi { float a; s32 b; };
struct if_ { s32 a; float b; }; struct cf { s8 a; float b; double c; }; struct dc { double a; u8 b; }; struct pl { void *a; s32 b; };
struct nest { struct i2 a; struct d1 b; }; struct arr { s32 a[4]; }; struct darr { double a[2]; }; struct big { s64 a[7]; }; struct ip { s128 a; };
struct empty { }; struct mixed { s16 a; float b; s32 c; };
#define STRUCT(S, MAKE, CHANGE, HASH)                                                                    \
    struct S by_value_##S(struct S v, s32 k) { CHANGE; return v; }                                       \
    TEST(by_value_##S) { EACH(8) { struct S v = MAKE; v = p_by_value_##S(v, (s32)R); h = HASH; } return h; } \
    double late_##S(double x, s64 a, s64 b, s64 c, s64 d, s64 e, struct S v, struct S w, s32 k) { CHANGE; (void)w; u64 h = (u64)(a ^ b ^ c ^ d ^ e); h = HASH; v = w; h = HASH; return x + (double)(h >> 12); } \
    TEST(late_##S) { EACH(4) { struct S v = MAKE, w = MAKE; h = mix_d(h, p_late_##S(D, (s64)R, (s64)R, (s64)R, (s64)R, (s64)R, v, w, (s32)R)); } return h; }
STRUCT(c1, {(s8)R}, v.a = (s8)(v.a + k), mix(h, (u64)v.a))
STRUCT(c2, ((struct c2){(s8)R, (s16)R}), v.a = (s8)(v.a + v.b + k), mix(h, (u64)(v.a * 3 + v.b)))
STRUCT(c3, ((struct c3){{(u8)R, (u8)R, (u8)R}}), v.a[k & 1] = (u8)(v.a[2] + k), mix(h, (u64)(v.a[0] * 3 + v.a[1] * 7 + v.a[2])))
STRUCT(c5, ((struct c5){{(u8)R, 1, 2, (u8)R, (u8)R}}), v.a[k & 3] ^= (u8)(v.a[4] + k), mix(h, (u64)(v.a[0] * 3 + v.a[1] * 7 + v.a[2] + v.a[4] * 11)))
STRUCT(i1, {(s32)R}, v.a += k, mix(h, (u64)v.a))
STRUCT(i2, ((struct i2){(s32)R, (s32)R}), v.a += v.b * k, mix(mix(h, (u64)v.a), (u64)v.b))
STRUCT(l1, {(s64)R}, v.a += k, mix(h, (u64)v.a))
STRUCT(l2, ((struct l2){(s64)R, (s64)R}), v.b += v.a * k, mix(mix(h, (u64)v.a), (u64)v.b))
STRUCT(l3, ((struct l3){(s64)R, (s64)R, (s64)R}), v.b += v.a * k - v.c, mix(mix(h, (u64)v.a), (u64)v.b))
STRUCT(f1, {(float)D}, v.a += (float)k, mix_d(h, (double)v.a))
STRUCT(f2, ((struct f2){(float)D, (float)D}), v.a += v.b * (float)k, mix_d(mix_d(h, (double)v.a), (double)v.b))
STRUCT(f3, ((struct f3){(float)D, (float)D, (float)D}), v.a += v.c; v.b *= (float)k, mix_d(mix_d(h, (double)v.a), (double)(v.b - v.c)))
STRUCT(f4, ((struct f4){(float)D, (float)D, (float)D, (float)D}), v.a += v.d; v.c *= (float)k, mix_d(mix_d(h, (double)v.a), (double)(v.b - v.c * v.d)))
STRUCT(d1, {D}, v.a += k, mix_d(h, v.a))
STRUCT(d2, ((struct d2){D, D}), v.a += v.b * k, mix_d(mix_d(h, v.a), v.b))
STRUCT(d3, ((struct d3){D, D, D}), v.a += v.b * k + v.c, mix_d(mix_d(h, v.a), v.c))
STRUCT(ld, ((struct ld){(s64)R, D}), v.b += (double)v.a * k, mix_d(mix(h, (u64)v.a), v.b))
STRUCT(dl, ((struct dl){D, (s64)R}), v.a += k; v.b ^= k, mix_d(mix(h, (u64)v.b), v.a))
STRUCT(fi, ((struct fi){(float)D, (s32)R}), v.b += k; v.a *= 2, mix_d(mix(h, (u64)v.b), (double)v.a))
STRUCT(if_, ((struct if_){(s32)R, (float)D}), v.a += k; v.b *= 2, mix_d(mix(h, (u64)v.a), (double)v.b))
STRUCT(cf, ((struct cf){(s8)R, (float)D, D}), v.a = (s8)(v.a + k); v.c *= (double)v.b, mix_d(mix_d(mix(h, (u64)v.a), (double)v.b), v.c))
STRUCT(dc, ((struct dc){D, (u8)R}), v.b = (u8)(v.b + k), mix_d(mix(h, v.b), v.a))
STRUCT(pl, ((struct pl){(void *)(R & ~7ull), (s32)R}), v.b += k, mix(mix(h, (u64)v.a), (u64)v.b))
STRUCT(nest, ((struct nest){{(s32)R, (s32)R}, {D}}), v.a.b += k; v.b.a *= 3, mix_d(mix(h, (u64)(v.a.a ^ v.a.b)), v.b.a))
STRUCT(arr, ((struct arr){{(s32)R, 2, (s32)R, (s32)R}}), v.a[k & 3] += k, mix(mix(h, (u64)(v.a[0] + v.a[1] * 3)), (u64)(v.a[2] * 5 + v.a[3])))
STRUCT(darr, ((struct darr){{D, D}}), v.a[k & 1] += k, mix_d(mix_d(h, v.a[0]), v.a[1]))
STRUCT(big, ((struct big){{(s64)R, 2, 3, (s64)R, 5, 6, (s64)R}}), v.a[k & 3] += v.a[6] + k, mix(mix(h, (u64)(v.a[0] + v.a[1] * 3)), (u64)(v.a[2] * 5 + v.a[3])))
STRUCT(ip, {(s128)R << 50}, v.a = v.a * k + 1, mix_128(h, (u128)v.a))
STRUCT(mixed, ((struct mixed){(s16)R, (float)D, (s32)R}), v.c += v.a * k, mix_d(mix(h, (u64)(v.a + v.c)), (double)v.b))

s64 many_ints(s8 a, u16 b, s32 c, u64 d, s8 e, s16 f, s8 g, u8 i, s16 j, u32 k, s64 l) { return a + b * 3 + c * 5 + (s64)d * 7 + e * 11 + f * 13 + g * 17 + i * 19 + j * 23 + k * 29 + l * 31; }
TEST(many_ints) { EACH(10) h = mix(h, (u64)p_many_ints((s8)R, (u16)R, (s32)R, R, (s8)R, (s16)R, (s8)R, (u8)R, (s16)R, (u32)R, (s64)R)); return h; }
double many_doubles(double a, float b, double c, float d, double e, double f, float g, double i, double j, float k, double l) { return a + b * 3 + c * 5 + d * 7 + e * 11 + f * 13 + g * 17 + i * 19 + j * 23 + k * 29 + l * 31; }
TEST(many_doubles) { EACH(10) h = mix_d(h, p_many_doubles(D, (float)D, D, (float)D, D, D, (float)D, D, D, (float)D, D)); return h; }
double many_mixed(s32 a, double b, s64 c, float d, u8 e, double f, s16 g, double i, s64 j, double k, s32 l, float m, s64 n, double o, s32 p, double q, float r) { return a + b * 3 + (double)c * 5 + d * 7 + e * 11 + f * 13 + g * 17 + i * 19 + (double)j * 23 + k * 29 + l * 31 + m * 37 + (double)n * 41 + o * 43 + p * 47 + q * 53 + r; }
TEST(many_mixed) { EACH(10) h = mix_d(h, p_many_mixed((s32)R, D, (s64)R, (float)D, (u8)R, D, (s16)R, D, (s64)R, D, (s32)R, (float)D, (s64)R, D, (s32)R, D, (float)D)); return h; }
u128 late_128(s64 a, s64 b, s64 c, s64 d, s64 e, u128 f, s64 g, u128 i, s64 j) { return f * 3 + i * 5 + (u128)(a + b * 2 + c * 3 + d * 4 + e * 5 + g * 6 + j * 7); }
TEST(late_128) { EACH(10) h = mix_128(h, p_late_128((s64)R, (s64)R, (s64)R, (s64)R, (s64)R, (u128)R << 40, (s64)R, (u128)R << 50, (s64)R)); return h; }
u128 early_128(s64 a, u128 f, s64 b, u128 g, s64 c) { return f * 3 + g * 5 + (u128)(a + b * 2 + c * 3); }
TEST(early_128) { EACH(10) h = mix_128(h, p_early_128((s64)R, (u128)R << 40, (s64)R, (u128)R << 50, (s64)R)); return h; }
_Complex double complex_d(_Complex double a, _Complex double b) { __real__ a += __imag__ b * 2; __imag__ a -= __real__ b; return a + b; }
TEST(complex_d) { EACH(10) { _Complex double a, b; __real__ a = D; __imag__ a = D; __real__ b = D; __imag__ b = D; a = p_complex_d(a, b); h = mix_d(mix_d(h, __real__ a), __imag__ a); } return h; }
_Complex float complex_f(_Complex float a, float b) { __real__ a += __imag__ a * b; return a; }
TEST(complex_f) { EACH(10) { _Complex float a; __real__ a = (float)D; __imag__ a = (float)D; a = p_complex_f(a, (float)D); h = mix_d(mix_d(h, (double)__real__ a), (double)__imag__ a); } return h; }
s64 sum_ints(int n, ...) { va_list ap; va_start(ap, n); s64 k = 0; for (int i = 0; i < n; i++) k = k * 3 + va_arg(ap, int); va_end(ap); return k; }
TEST(sum_ints) { EACH(6) { int a = (int)R; h = mix(h, (u64)p_sum_ints(round, a, 2, a + 3, 4, a * 5, 6, 7)); h = mix(h, (u64)p_sum_ints(11, 1, a, 3, 4, a, 6, 7, a, 9, 10, a)); } return h; }
double sum_doubles(double x, int n, ...) { va_list ap; va_start(ap, n); for (int i = 0; i < n; i++) x = x * 3 + va_arg(ap, double); va_end(ap); return x; }
TEST(sum_doubles) { EACH(6) { double a = D; h = mix_d(h, p_sum_doubles(D, 3, a, D, 4.0)); h = mix_d(h, p_sum_doubles(a, 11, 1.0, a, 3.0, 4.0, a, 6.0, 7.0, a, 9.0, 10.0, a)); } return h; }
double sum_mixed(const char *f, ...) { va_list ap, twice; va_start(ap, f); va_copy(twice, ap); double k = 0; for (int t = 0; t < 2; t++) for (const char *p = f; *p; p++) { va_list *q = &ap; if (t) q = &twice; switch (*p) { case 'i': k += va_arg(*q, int); break; case 'l': k += (double)va_arg(*q, s64) * 2; break; case 'd': k += va_arg(*q, double) * 3; break; case 'p': k += *va_arg(*q, int *); break; case 'b': { struct l3 b = va_arg(*q, struct l3); k += (double)(b.a ^ b.c); break; } case 's': { struct ld b = va_arg(*q, struct ld); k += (double)b.a + b.b; break; } case 'f': { struct f2 b = va_arg(*q, struct f2); k += (double)(b.a * b.b); break; } } } va_end(ap); va_end(twice); return k; }
TEST(sum_mixed) { EACH(5) { int v = (int)R; struct l3 b = {(s64)R, 2, 3}; struct ld s3 = {(s64)R, D}; struct f2 f = {(float)D, 2}; h = mix_d(h, p_sum_mixed("ildp", 1, (s64)R, D, &v)); h = mix_d(h, p_sum_mixed("bsfidsbdlfs", b, s3, f, 4, D, s3, b, D, (s64)R, f, s3)); h = mix_d(h, p_sum_mixed("dddddddddddiiiiiiiil", D, D, D, D, D, D, D, D, D, D, D, 1, 2, 3, 4, 5, 6, 7, 8, (s64)R)); } return h; }
static s64 sum_list(int n, va_list ap) { s64 k = 0; while (n--) k += va_arg(ap, s64); return k; }
s64 forwards(s64 a, s64 b, s64 c, s64 d, s64 e, s64 f, s64 g, int n, ...) { va_list ap; va_start(ap, n); s64 k = sum_list(n, ap); va_end(ap); return k + a + b + c + d + e + f + g; }
TEST(forwards) { EACH(5) h = mix(h, (u64)p_forwards(1, (s64)R, 3, 4, 5, 6, (s64)R, 4, (s64)R, (s64)R, (s64)7, (s64)R)); return h; }
u64 calls_variadic(int a, double d, s64 l) { return (u64)sum_ints(8, a, 1, 2, 3, 4, 5, a, 7) * 3 + (u64)(s64)(sum_doubles(d, 2, d, 3.0) / 1e6) + (u64)(s64)(sum_mixed("idl", a, d, l) / 1e6); }
TEST(calls_variadic) { EACH(5) h = mix(h, p_calls_variadic((int)R, D, (s64)R)); return h; }
static int add(int a, int b) { return a + b; } static int sub(int a, int b) { return a - b; } static int mul(int a, int b) { return a * b; }
static int (*const operations[])(int, int) = {add, sub, mul};
int indirect(u32 which, int a, int b) { int (*f)(int, int) = operations[which % 3]; return f(a, b) + (f == sub ? 1000 : 0); }
TEST(indirect) { EACH(10) h = mix(h, (u64)p_indirect((u32)R, (int)R, (int)R)); return h; }
int callback(int (*f)(void *, s8, u16), void *p, int n) { int k = 0; for (int i = 0; i < n; i++) k += f(p, (s8)(i * 50), (u16)(i * 30000)); return k; }
static int visit(void *p, s8 a, u16 b) { *(int *)p += a; return a * 3 + b; }
TEST(callback) { EACH(5) { int v = (int)R; h = mix(h, (u64)p_callback(visit, &v, 5)); h = mix(h, (u64)v); } return h; }
int (*choose(int w))(int, int) { return w & 1 ? add : mul; }
TEST(choose) { EACH(5) h = mix(h, (u64)p_choose((int)R)(3, (int)R)); return h; }
struct d3 returns_big(double a, s64 b) { return (struct d3){a, (double)b, a * 2}; } double uses_big(double a, s64 b) { struct d3 v = returns_big(a, b), w = returns_big(v.c, b + 1); return v.a + v.b * 3 + w.c; }
TEST(uses_big) { EACH(5) h = mix_d(h, p_uses_big(D, (s64)R)); return h; }
struct ld returns_pair(s64 a, double b) { return (struct ld){a * 2, b + 1}; } double uses_pair(s64 a, double b) { struct ld v = returns_pair(a, b); struct ld w = returns_pair(v.a, v.b); return (double)v.a + w.b; }
TEST(uses_pair) { EACH(5) h = mix_d(h, p_uses_pair((s64)R, D)); return h; }
s64 takes_big(struct big b, struct l3 c, s64 d) { b.a[0] += d; c.b *= 2; return b.a[0] + b.a[6] + c.b; } s64 keeps_big(struct big b, s64 d) { struct l3 c = {1, d, 3}; s64 k = takes_big(b, c, d) + takes_big(b, c, d + 1); return k + b.a[0] + c.b; }
TEST(keeps_big) { EACH(5) { struct big b = {{(s64)R, 2, 3, 4, 5, 6, (s64)R}}; h = mix(h, (u64)p_keeps_big(b, (s64)R)); h = mix(h, (u64)b.a[0]); } return h; }
struct i2 twice(struct i2 v, int n) { return n <= 0 ? v : twice((struct i2){v.b, v.a + n}, n - 1); }
TEST(twice) { EACH(5) { struct i2 v = p_twice((struct i2){(s32)R, 5}, (int)(R & 15)); h = mix(mix(h, (u64)v.a), (u64)v.b); } return h; }
void nothing(void) { } int takes_empty(struct empty e, int a) { (void)e; nothing(); return a + 1; }
TEST(takes_empty) { EACH(3) h = mix(h, (u64)p_takes_empty((struct empty){}, (int)R)); return h; }
double old_style(); double calls_old(int a, float b) { return old_style(a, (double)b, 'c'); } double old_style(a, b, c) int a; double b; int c; { return a + b * c; }
TEST(calls_old) { EACH(3) h = mix_d(h, p_calls_old((int)R, (float)D)); return h; }
int deep(int n, int *sum) { int local[4] = {n, n * 2, 3, 4}; if (n == 0) return *sum; *sum += local[n & 3]; return deep(n - 1, sum) + local[1]; }
TEST(deep) { EACH(3) { int k = 0; h = mix(h, (u64)p_deep((int)(R % 60), &k)); } return h; }
struct __attribute__((aligned(32))) by32 { s64 a, b; }; struct __attribute__((aligned(64))) by64 { double a; };
u64 aligned_rest(int n, ...) { va_list ap; va_start(ap, n); while (n--) (void)va_arg(ap, s64); struct by32 v = va_arg(ap, struct by32); double d = va_arg(ap, double); struct by64 w = va_arg(ap, struct by64); va_end(ap); return (u64)v.a * 3 + (u64)v.b + (u64)(s64)(d / 1e3 + w.a / 1e6); }
u64 passes_aligned(s64 a, double d) { struct by32 v = {a, a + 1}; struct by64 w = {d}; u64 h = 0; h = h * 5 + aligned_rest(0, v, d, w); h = h * 5 + aligned_rest(5, a, a, a, a, a, v, d, w); h = h * 5 + aligned_rest(6, a, a, a, a, a, a, v, d, w); h = h * 5 + aligned_rest(8, a, a, a, a, a, a, a, a, v, d, w); return h; }
TEST(passes_aligned) { EACH(5) h = mix(h, p_passes_aligned((s64)R, D)); return h; }
double horner(const float *c, int n, double x) { double y = 0; while (n-- > 0) y = y * x + c[n]; return y; }
TEST(horner) { float c[5]; EACH(4) { for (int i = 0; i < 5; i++) c[i] = (float)D; h = mix_d(h, p_horner(c, 5, D / 1e6)); } return h; }
_Thread_local s64 own_sum = 5; static _Thread_local struct { s32 a[4]; s64 *p; } own; s64 thread_local_sum(int k, s64 v) { own.a[k & 3] += (s32)v; own.p = &own_sum; *own.p += own.a[(k + 1) & 3]; s64 r = own_sum; if (k == 9) { own_sum = 5; own = (typeof(own)){}; } return r; }
TEST(thread_local_sum) { EACH(10) h = mix(h, (u64)p_thread_local_sum(round, (s64)R)); return h; }
/* clang-format on */
