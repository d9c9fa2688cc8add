/* SPDX-License-Identifier: MIT */
/* long double for the differential test: arithmetic, conversions, classes, calls, results, varargs. */
#include "corpus.h"
/* clang-format off */

typedef long double ld;
typedef _Complex long double lc;
#define IN(x, lo, hi) ((x) > (lo) && (x) < (hi) ? (x) : (ld)7)

ld x_add(ld a, ld b) { return a + b; } TEST(x_add) { EACH(20) h = mix_l(h, p_x_add(L, L)); return h; }
ld x_sub(ld a, ld b) { return a - b; } TEST(x_sub) { EACH(20) h = mix_l(h, p_x_sub(L, L)); return h; }
ld x_mul(ld a, ld b) { return a * b; } TEST(x_mul) { EACH(20) h = mix_l(h, p_x_mul(L, L)); return h; }
ld x_div(ld a, ld b) { return a / b; } TEST(x_div) { EACH(20) h = mix_l(h, p_x_div(L, L)); return h; }
ld x_neg(ld a) { return -a; } TEST(x_neg) { EACH(20) h = mix_l(h, p_x_neg(L)); return h; }
ld x_fmod(ld a, ld b) { return __builtin_fmodl(IN(a, -1e30L, 1e30L), b); } TEST(x_fmod) { EACH(20) h = mix_l(h, p_x_fmod(L, L)); return h; }
ld x_muladd(ld a, ld b, ld c) { return a * b + c; } TEST(x_muladd) { EACH(20) h = mix_l(h, p_x_muladd(L, L, L)); return h; }
u32 x_compare(ld a, ld b) { return (u32)(a < b) | (u32)(a <= b) << 1 | (u32)(a > b) << 2 | (u32)(a >= b) << 3 | (u32)(a == b) << 4 | (u32)(a != b) << 5 | (u32)__builtin_isunordered(a, b) << 6 | (u32)__builtin_islessgreater(a, b) << 7 | (u32)!(a < b) << 8 | (u32)!(a <= b) << 9 | (u32)!(a > b) << 10 | (u32)!(a >= b) << 11 | (u32)!__builtin_islessgreater(a, b) << 12 | (u32)!__builtin_isunordered(a, b) << 13; }
TEST(x_compare) { EACH(30) { ld a = L; h = mix(h, p_x_compare(a, L)); h = mix(h, p_x_compare(a, a)); } return h; }
int x_branch(ld a, ld b) { if (a < b) return 1; if (a == 3) return 2; while (b > 1 && b < 1e30L) b /= 16; return a > b ? 3 : b != b ? 4 : 5; }
TEST(x_branch) { EACH(30) h = mix(h, (u64)p_x_branch(L, L)); return h; }
u32 x_classes(ld x) { return (u32)__builtin_isnan(x) | (u32)!!__builtin_isinf(x) << 1 | (u32)__builtin_isfinite(x) << 2 | (u32)__builtin_isnormal(x) << 3 | (u32)!!__builtin_signbitl(x) << 4 | (u32)__builtin_isfpclass(x, 0x15a) << 5 | (u32)__builtin_isfpclass(x, 0x2a4) << 6 | (u32)__builtin_fpclassify(1, 2, 3, 4, 5, x) << 7 | (u32)(__builtin_isinf_sign(x) & 3) << 10; }
TEST(x_classes) { static const ld v[] = {0.0L, -0.0L, 1.5L, -2.5L, 0x1p-16440L, -0x1p-16445L, __builtin_infl(), -__builtin_infl(), __builtin_nanl("")}; EACH(9) h = mix(h, p_x_classes(v[round])); for (int i = 0; i < 20; i++) h = mix(h, p_x_classes(L)); return h; }
/* What musl's macros do for every argument that is neither a float nor a double. */
int x_signbit(ld x) { union { ld f; struct { u64 m; u16 se; } i; } u = {x}; return u.i.se >> 15; }
TEST(x_signbit) { EACH(20) h = mix(h, (u64)p_x_signbit(L)); return h; }
#define BITS(x) ({ union { double d; u64 u; } b_ = {x}; b_.u; })
int x_is_nan(double x) { return sizeof x == sizeof(float) ? 7 : sizeof x == sizeof(double) ? (BITS(x) & -1ULL >> 1) > 0x7ffULL << 52 : __builtin_isnan((ld)x); }
TEST(x_is_nan) { EACH(20) h = mix(h, (u64)p_x_is_nan((double)L)); return h; }
float x_to_float(ld a) { return (float)a; } TEST(x_to_float) { EACH(20) h = mix_d(h, (double)p_x_to_float(L)); return h; }
double x_to_double(ld a) { return (double)a; } TEST(x_to_double) { EACH(20) h = mix_d(h, p_x_to_double(L)); return h; }
ld x_from_float(float a) { return (ld)a * 3; } TEST(x_from_float) { EACH(20) h = mix_l(h, p_x_from_float((float)L)); return h; }
ld x_from_double(double a) { return (ld)a / 3; } TEST(x_from_double) { EACH(20) h = mix_l(h, p_x_from_double(D)); return h; }
ld x_from_ints(s8 a, u8 b, s16 c, u16 d, s32 e, u32 f, s64 g, u64 i, _Bool j) { return (ld)a + 2 * (ld)b + 3 * (ld)c + 5 * (ld)d + 7 * (ld)e + 11 * (ld)f + (ld)g / 3 + (ld)i / 7 + (ld)j; }
TEST(x_from_ints) { EACH(20) h = mix_l(h, p_x_from_ints((s8)R, (u8)R, (s16)R, (u16)R, (s32)R, (u32)R, (s64)(R << 30), R << 41, R & 1)); return h; }
ld x_from_wide(s128 a, u128 b) { return (ld)a + (ld)b / 3; } TEST(x_from_wide) { EACH(20) h = mix_l(h, p_x_from_wide((s128)R << 64 | R, (u128)R << 77 | R)); return h; }
u64 x_to_ints(ld x) { u64 h = 0; h = h * 31 + (u64)(s8)IN(x, -128, 127); h = h * 31 + (u8)IN(x, 0, 255); h = h * 31 + (u64)(s16)IN(x, -32768, 32767); h = h * 31 + (u16)IN(x, 0, 65535); h = h * 31 + (u64)(s32)IN(x, -2e9L, 2e9L); h = h * 31 + (u32)IN(x, 0, 4e9L); h = h * 31 + (u64)(s64)IN(x, -9e18L, 9e18L); h = h * 31 + (u64)IN(x, 0, 18e18L); return h * 31 + (_Bool)x; }
TEST(x_to_ints) { EACH(40) { ld x = L; h = mix(h, p_x_to_ints(x)); h = mix(h, p_x_to_ints(x * 0x1p23L)); h = mix(h, p_x_to_ints(x * 0x1p-13L)); } return h; }
u128 x_to_wide(ld x) { return (u128)(s128)IN(x, -1e38L, 1e38L) * 3 + (u128)IN(x, 0, 3e38L); }
TEST(x_to_wide) { EACH(30) { ld x = L; h = mix_128(h, p_x_to_wide(x)); h = mix_128(h, p_x_to_wide(x * 0x1p70L)); } return h; }
ld x_constants(int n) { switch (n) { case 0: return 3.14159265358979323846264338327950288L; case 1: return -0.0L; case 2: return 0x1p-16445L; case 3: return __builtin_infl(); case 4: return 1e4000L; default: return -0.1L; } }
TEST(x_constants) { EACH(7) h = mix_l(h, p_x_constants(round)); return h; }
ld x_builtins(ld a, ld b) { return __builtin_fabsl(a) + __builtin_copysignl(3, b) + __builtin_sqrtl(__builtin_fabsl(a)) + __builtin_floorl(b) / 3 + __builtin_ceill(b) / 5 + __builtin_truncl(b) / 7 + __builtin_fmaxl(a, b) + __builtin_fminl(a, b) + __builtin_powil(1.25L, 5); }
TEST(x_builtins) { EACH(30) h = mix_l(h, p_x_builtins(L, L)); return h; }
s64 x_round(ld a) { ld x = IN(a, -1e15L, 1e15L) / 3; return __builtin_lrintl(x) + 3 * __builtin_llroundl(x) + 5 * (s64)__builtin_rintl(x) + 7 * (s64)__builtin_roundl(x) + 11 * (s64)__builtin_nearbyintl(x); }
TEST(x_round) { EACH(20) h = mix(h, (u64)p_x_round(L)); return h; }
ld x_copysign(ld a, ld b) { return __builtin_copysignl(a, b); } TEST(x_copysign) { EACH(20) h = mix_l(h, p_x_copysign(L, L)); return h; }
ld x_select(ld a, ld b, int c) { return c > 3 ? a : c ? b : a * b; } TEST(x_select) { EACH(20) h = mix_l(h, p_x_select(L, L, (int)(R & 7))); return h; }
ld x_newton(ld x) { if (!(x > 1e-9L && x < 1e30L)) x = 2; ld r = x; for (int i = 0; i < 100 && __builtin_fabsl(r * r - x) > 1e-18L * x; i++) r = (r + x / r) / 2; return r; }
TEST(x_newton) { EACH(5) h = mix_l(h, p_x_newton(L)); return h; }
ld x_swap(ld a, ld b, int n) { while (n-- > 0) { ld t = a; a = b; b = t + 1; } return a - b; } TEST(x_swap) { EACH(8) h = mix_l(h, p_x_swap(L, L, (int)(R & 7))); return h; }
ld x_horner(const ld *c, int n, ld x) { ld y = 0; while (n-- > 0) y = y * x + c[n]; return y; }
TEST(x_horner) { ld c[5]; EACH(6) { for (int i = 0; i < 5; i++) c[i] = L; h = mix_l(h, p_x_horner(c, 5, L * 0x1p-30L)); } return h; }
struct item { s8 tag; ld value; s16 rest; ld more[2]; };
ld x_fields(struct item *p, int n) { ld sum = 0; for (int i = 0; i < n; i++) { p[i].more[i & 1] += p[i].value; p[i].tag++; sum += p[i].more[1] * p[i].rest; } return sum; }
TEST(x_fields) { EACH(5) { struct item v[3]; __builtin_memset(v, 0x5a, sizeof v); for (int i = 0; i < 3; i++) v[i].value = L, v[i].tag = 1, v[i].rest = (s16)R, v[i].more[0] = L, v[i].more[1] = L; h = mix_l(h, p_x_fields(v, 3)); for (int i = 0; i < 3; i++) h = mix_l(mix(h, (u64)v[i].tag), v[i].more[0]); } return h; }
static ld kept = 1.5L; ld x_static(ld a) { static ld sum; sum = a + kept; kept = sum / 3; ld r = kept; kept = 1.5L; return r; } TEST(x_static) { EACH(5) h = mix_l(h, p_x_static(L)); return h; }
u64 x_volatile(ld a) { volatile ld v[3] = {a, -a, 1}; v[1] = v[0] * v[2]; union { ld f; u16 w[5]; } u; u.f = v[1]; return u.w[4]; } TEST(x_volatile) { EACH(9) h = mix(h, p_x_volatile(L)); return h; }

/* Arguments lie in memory, aligned to 16 bytes; the result is in st(0), of a complex in st(1) too. */
ld x_many(int a, ld b, s64 c, double d, ld e, s64 f, s64 g, s64 i, s64 j, s8 k, ld l, s16 m, ld n) { return (ld)a + b * 2 + (ld)c * 3 + (ld)d * 4 + e * 5 + (ld)f + (ld)g * 7 + (ld)i * 8 + (ld)j * 9 + (ld)k * 10 + l * 11 + (ld)m * 12 + n * 13; }
TEST(x_many) { EACH(10) h = mix_l(h, p_x_many((int)R, L, (s64)R, D, L, (s64)R, (s64)R, (s64)R, (s64)R, (s8)R, L, (s16)R, L)); return h; }
s64 x_odd(s64 a, s64 b, s64 c, s64 d, s64 e, s64 f, s64 g, ld l, s64 k, u128 w, ld m, s32 n) { return a + b * 2 + c * 3 + d + e + f + g * 5 + k * 7 + (s64)(w >> 9) + n + (l < m ? 100 : 3); }
TEST(x_odd) { EACH(10) h = mix(h, (u64)p_x_odd((s64)R, (s64)R, 3, 4, 5, (s64)R, (s64)R, L, (s64)R, (u128)R << 70 | R, L, (s32)R)); return h; }
lc x_complex(lc a, lc b, ld k) { __real__ a += __imag__ b * k; __imag__ a -= __real__ b; return a + b; }
TEST(x_complex) { EACH(10) { lc a, b; __real__ a = L; __imag__ a = L; __real__ b = L; __imag__ b = L; a = p_x_complex(a, b, L); h = mix_l(mix_l(h, __real__ a), __imag__ a); } return h; }
lc x_complex_calls(lc a, int n) { return n <= 0 ? a : x_complex_calls(x_complex(a, a + 1, 2), n - 1) - 3; }
TEST(x_complex_calls) { EACH(5) { lc a; __real__ a = L; __imag__ a = L; a = p_x_complex_calls(a, (int)(R & 3)); h = mix_l(mix_l(h, __real__ a), __imag__ a); } return h; }
lc x_complex_mul(lc a, lc b) { return a * b; }
TEST(x_complex_mul) { EACH(10) { lc a, b; __real__ a = L; __imag__ a = L; __real__ b = L; __imag__ b = 2; a = p_x_complex_mul(a, b); h = mix_l(mix_l(h, __real__ a), __imag__ a); } return h; }
struct one { ld x; }; struct two { ld x, y; }; struct tail { ld x; s32 k; }; union either { ld x; s64 k; }; struct lead { s32 k; ld x; };
struct one x_one(struct one v, int k) { v.x *= k; return v; } TEST(x_one) { EACH(8) { struct one v = {L}; h = mix_l(h, p_x_one(v, (int)R).x); } return h; }
struct two x_two(int k, struct two v) { v.x *= k; v.y -= v.x; return v; } TEST(x_two) { EACH(8) { struct two v = {L, L}; v = p_x_two((int)R, v); h = mix_l(mix_l(h, v.x), v.y); } return h; }
struct tail x_tail(s64 a, struct tail v, ld b, struct tail w) { v.x += b * w.x; v.k += w.k + (s32)a; return v; } TEST(x_tail) { EACH(8) { struct tail v = {L, (s32)R}, w = {L, (s32)R}; v = p_x_tail((s64)R, v, L, w); h = mix(mix_l(h, v.x), (u64)v.k); } return h; }
union either x_either(union either v, int c) { if (c & 1) v.x += 1; else v.x = (ld)v.k; return v; } TEST(x_either) { EACH(8) { union either v = {L}; h = mix_l(h, p_x_either(v, round).x); } return h; }
struct lead x_lead(struct lead v) { v.x *= v.k; return v; } TEST(x_lead) { EACH(8) { struct lead v = {(s32)R, L}; v = p_x_lead(v); h = mix(mix_l(h, v.x), (u64)v.k); } return h; }
ld x_deep(int n, ld a) { return n <= 0 ? a : x_deep(n - 1, a + n) / 2 - x_deep(n - 2, a); } TEST(x_deep) { EACH(4) h = mix_l(h, p_x_deep((int)(R & 7), L)); return h; }
void x_ignored(ld a) { for (int i = 0; i < 20; i++) (void)x_deep(i & 1, a); } TEST(x_ignored) { p_x_ignored(L); return mix_l(1, x_deep(3, 1)); }
static ld half(ld a) { return a / 2; } static ld root(ld a) { return __builtin_sqrtl(__builtin_fabsl(a)); } static ld (*const steps[])(ld) = {half, root};
ld x_indirect(u32 k, ld a) { ld (*f)(ld) = steps[k & 1]; return f(a) + (f == half ? 1 : 0); } TEST(x_indirect) { EACH(10) h = mix_l(h, p_x_indirect((u32)R, L)); return h; }
ld x_callback(ld (*f)(int, ld, void *), void *p, ld a) { for (int i = 0; i < 4; i++) a = f(i, a, p); return a; } static ld step(int i, ld a, void *p) { *(int *)p += i; return a * i - 1; }
TEST(x_callback) { EACH(5) { int k = 0; h = mix_l(h, p_x_callback(step, &k, L)); h = mix(h, (u64)k); } return h; }
ld x_sum(int n, ...) { va_list ap; va_start(ap, n); ld k = 0; for (int i = 0; i < n; i++) k = k * 3 + va_arg(ap, ld); va_end(ap); return k; }
TEST(x_sum) { EACH(6) { ld a = L; h = mix_l(h, p_x_sum(3, a, L, 1.0L)); h = mix_l(h, p_x_sum(7, a, 2.0L, L, a, 5.0L, L, 7.0L)); } return h; }
ld x_variadic(ld first, const char *f, ...) { va_list ap, twice; va_start(ap, f); va_copy(twice, ap); ld k = first; for (int t = 0; t < 2; t++) for (const char *p = f; *p; p++) { va_list *q = &ap; if (t) q = &twice; switch (*p) { case 'i': k += va_arg(*q, int); break; case 'L': k = k / 3 + va_arg(*q, ld); break; case 'd': k += va_arg(*q, double) * 3; break; case 's': { struct tail v = va_arg(*q, struct tail); k += v.x + v.k; break; } case 'o': k += va_arg(*q, struct one).x; break; case 'w': k += (ld)va_arg(*q, s128); break; } } va_end(ap); va_end(twice); return k; }
TEST(x_variadic) { EACH(5) { struct tail v = {L, (s32)R}; struct one o = {L}; h = mix_l(h, p_x_variadic(L, "iLdL", 1, L, D, L)); h = mix_l(h, p_x_variadic(L, "iLiiiiiiLosLiwL", 1, L, 2, 3, 4, 5, 6, 7, L, o, v, L, 8, (s128)R << 60, L)); } return h; }
u64 x_calls_variadic(int a, ld b, struct tail v) { ld k = x_sum(3, b, 2.0L, b) + x_variadic(b, "siL", v, a, b) + x_variadic(b, "iiiiiiiL", 1, 2, 3, 4, 5, 6, 7, b); return mix_l(7, k); }
TEST(x_calls_variadic) { EACH(5) { struct tail v = {L, (s32)R}; h = mix(h, p_x_calls_variadic((int)R, L, v)); } return h; }
int snprintf(char *, size_t, const char *, ...); int vsnprintf(char *, size_t, const char *, va_list); ld strtold(const char *, char **);
u64 x_prints(ld a, int k) { char text[200]; u64 h = (u64)snprintf(text, sizeof text, "%.18Lg %d %La %5.2Lf|%s", a, k, a, (ld)k / 7, "end"); for (char *p = text; *p; p++) h = mix(h, (u8)*p); return mix_l(h, strtold(text, 0)); }
TEST(x_prints) { EACH(8) h = mix(h, p_x_prints(L, (int)R)); return h; }
int x_format(char *text, size_t n, const char *f, ...) { va_list ap; va_start(ap, f); int k = vsnprintf(text, n, f, ap); va_end(ap); return k; }
TEST(x_format) { EACH(5) { char text[200]; h = mix(h, (u64)p_x_format(text, sizeof text, "%Lg %d %s %Lg %f", L, (int)R, "abc", L, D)); for (char *p = text; *p; p++) h = mix(h, (u8)*p); } return h; }

/* Intrinsics with two results, 128-bit checks and counts. */
double y_frexp(double x) { int e; double f = __builtin_frexp(x, &e); return f + e * 3; }
TEST(y_frexp) { EACH(20) h = mix_d(h, p_y_frexp(D)); return h; }
ld y_modf(ld a, double b, float c) { ld i; double j; float k; ld f = __builtin_modfl(a, &i); double g = __builtin_modf(b, &j); float e = __builtin_modff(c, &k); int n; f += __builtin_frexpl(i, &n); return f + g * 3 + e * 5 + (ld)j * 7 + k + (n & 255); }
TEST(y_modf) { EACH(20) h = mix_l(h, p_y_modf(L, D, (float)D)); return h; }
double y_sincos(double a, ld b) { double s, c; ld t, d; __builtin_sincos(a / 1e6, &s, &c); __builtin_sincosl(b / 1e6L, &t, &d); return s + c * 3 + (double)(float)(t + d); }
TEST(y_sincos) { EACH(10) { double v = p_y_sincos(D, (ld)(s32)R); h = mix(h, (u64)(s64)(v * 1e9)); } return h; }
int y_rounding(void) { return __builtin_flt_rounds(); } TEST(y_rounding) { (void)s; return (u64)p_y_rounding(); }
u64 y_overflows(s128 a, s128 b, u128 c, u128 d) { s128 r; u128 q; u64 k = (u64)__builtin_add_overflow(a, b, &r); k = k * 2 + (u64)(r >> 40); k = k * 2 + __builtin_sub_overflow(a, b, &r); k = k * 3 + (u64)(r >> 70); k = k * 2 + __builtin_add_overflow(c, d, &q); k = k * 3 + (u64)(q >> 70); k = k * 2 + __builtin_sub_overflow(c, d, &q); return k * 3 + (u64)(q >> 50); }
TEST(y_overflows) { EACH(40) h = mix(h, p_y_overflows((s128)R << 81 ^ R, (s128)R << 80 ^ R, (u128)R << 81 | R, (u128)R << 81 | R)); return h; }
int y_zeros(u128 v) { return __builtin_clzg(v, 200) * 300 + __builtin_ctzg(v, 200); }
TEST(y_zeros) { EACH(40) { u64 k = R & 127; h = mix(h, (u64)p_y_zeros((u128)R << k)); h = mix(h, (u64)p_y_zeros((u128)R >> (k & 63))); } return h; }
double y_canonical(double a, float b, ld c) { return __builtin_canonicalize(a) + __builtin_canonicalizef(b) + (double)__builtin_canonicalizel(c); } TEST(y_canonical) { EACH(9) h = mix_d(h, p_y_canonical(D, (float)D, L)); return h; }
double y_extremes(double a, double b) { return __builtin_fmaximum_num(a, b) + 3 * __builtin_fminimum_num(a, b); } TEST(y_extremes) { EACH(20) h = mix_d(h, p_y_extremes(D, D)); return h; }
/* clang-format on */
