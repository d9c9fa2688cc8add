/* SPDX-License-Identifier: MIT */
/* setjmp and longjmp for the differential test: out of interpreted and compiled frames, into either. */
#include "corpus.h"
#include <setjmp.h>
/* clang-format off */

static jmp_buf *home;
static int raised;
void leave(int n, int value) { volatile char pad[300]; pad[n & 255] = 1; if (n <= 0) { raised++; longjmp(*home, value); } leave(n - 1, value); raised += pad[0]; }
TEST(leave) { EACH(4) { jmp_buf env; home = &env; raised = 0; int came = setjmp(env); if (!came) p_leave((int)(s & 15), round + 1); h = mix(h, (u64)(came * 100 + raised)); } return h; }

int once(int n) { jmp_buf env; jmp_buf *before = home; home = &env; int k = n * 3; int came = setjmp(env); if (came == 0) leave(n & 7, 4); home = before; return came * 1000 + k; }
TEST(once) { EACH(6) h = mix(h, (u64)p_once((int)(R & 0xfff))); return h; }

int never(int n) { jmp_buf env; if (setjmp(env)) return -1; return n * 2 + raised - raised; }
TEST(never) { EACH(4) h = mix(h, (u64)p_never((int)R)); return h; }

int zero(int n) { jmp_buf env; volatile int tries = 0; home = &env; int came = setjmp(env); tries++; if (tries < 3) leave(n & 3, 0); return came * 10 + tries; }
TEST(zero) { EACH(4) h = mix(h, (u64)p_zero((int)R)); return h; }

u64 again(int n, double d, s128 w, long double x) { jmp_buf env; volatile int left = n & 15; volatile u64 sum = 1; home = &env; int came = setjmp(env); sum = sum * 31 + (u64)came; if (left-- > 0) leave(left & 3, left + 2); return mix_l(mix_128(mix_d(sum, d), (u128)w), x); }
TEST(again) { EACH(5) h = mix(h, p_again((int)R, D, (s128)R << 60, L)); return h; }

/* The values that live behind the setjmp must survive what runs before it returns again. */
s64 keeps(s64 a, s64 b, s64 c, s64 d) { jmp_buf env; s64 e = a ^ b, f = b * c, g = c - d, i = a + d * 3; if (setjmp(env) == 0) { s64 k = 0; for (s64 n = 0; n < 20; n++) { s64 p = n * 3 + a, q = p ^ 5, r = q * q; k += p + q + r; k ^= k >> 3; } raised = (int)k; longjmp(env, 1); } return e + f * 3 + g * 5 + i * 7 + a + raised; }
TEST(keeps) { EACH(6) h = mix(h, (u64)p_keeps((s64)R, (s64)R, (s64)R, (s64)R)); return h; }

int two_sites(int n) { jmp_buf first, second; volatile int state = 0; int base = n & 31; if (setjmp(first)) { state += 100; if (state < 300) { home = &second; leave(2, 9); } return state + base; } int came = setjmp(second); if (came) { state += 1000 + came; home = &first; leave(1, 1); } state++; home = n & 1 ? &first : &second; leave(3, 6); return -1; }
TEST(two_sites) { EACH(6) h = mix(h, (u64)p_two_sites((int)R)); return h; }

static int nested_level(int n) { jmp_buf env; jmp_buf *outer = home; volatile int sum = n; home = &env; int came = setjmp(env); if (came == 0) { sum += n > 0 ? nested_level(n - 1) : 0; leave(n & 3, n + 1); } home = outer; sum += came * 3; if (outer && (n & 3) == 2) leave(1, n + 40); return sum; }
int nested(int n) { home = 0; return nested_level(n & 7); }
TEST(nested) { EACH(6) h = mix(h, (u64)p_nested((int)R)); return h; }

int loops(int n) { jmp_buf env[4]; volatile int sum = 0; volatile int i; for (i = 0; i < 4; i++) { int came = setjmp(env[i]); sum += came + 1; if (came > 5) continue; home = &env[i]; if (came == 0) leave(n & 3, i + 2); if (sum & 1) leave(2, 7); } return sum; }
TEST(loops) { EACH(4) h = mix(h, (u64)p_loops((int)R)); return h; }

int which(int n) { jmp_buf env; home = &env; switch (setjmp(env)) { case 0: leave(2, (n & 3) + 1); case 1: return 11; case 2: return 22; case 3: return 33; } return 44; }
TEST(which) { EACH(8) h = mix(h, (u64)p_which((int)R)); return h; }

struct state { jmp_buf env; struct state *outer; int depth; volatile int status; }; static struct state *top; typedef void body(void *);
static int protect(body *f, void *p) { struct state own; own.outer = top; own.status = 0; own.depth = top ? top->depth + 1 : 0; top = &own; if (!setjmp(own.env)) f(p); else own.status += own.depth; top = own.outer; return own.status; }
static void raise_error(int status) { if (top) { top->status = status; longjmp(top->env, 1); } }
static void work(void *p) { int *v = p; (*v)++; if (*v % 3 == 0) raise_error(*v); if (*v < 20) { int s = protect(work, p); if (s > 12) raise_error(s - 5); (*v)++; } }
int protects(int n) { int v = n & 7; top = 0; int s = protect(work, &v); return s * 1000 + v; }
TEST(protects) { EACH(8) h = mix(h, (u64)p_protects(round)); return h; }

int variadic(int n, ...) { jmp_buf env; va_list ap; volatile int sum = 0; home = &env; va_start(ap, n); if (setjmp(env)) { sum += va_arg(ap, int); va_end(ap); return sum; } for (int i = 0; i < n; i++) sum += va_arg(ap, int) * (i + 1); leave(n, 2); return -1; }
TEST(variadic) { EACH(5) { int a = (int)R; h = mix(h, (u64)p_variadic(7, 1, a, 3, 4, a, 6, 7, 8, 9)); h = mix(h, (u64)p_variadic(2, 1, a, 3)); } return h; }

struct large { s64 v[6]; }; struct large returns_large(struct large in, int n) { jmp_buf env; home = &env; volatile s64 k = 0; if (setjmp(env) < 3) { k++; leave(n & 3, (int)k); } in.v[n & 3] += k; return in; }
TEST(returns_large) { EACH(5) { struct large v = {{(s64)R, 2, 3, (s64)R, 5, 6}}; v = p_returns_large(v, (int)R); for (int i = 0; i < 6; i++) h = mix(h, (u64)v.v[i]); } return h; }

int __sigsetjmp(sigjmp_buf, int) __attribute__((returns_twice)); /* what glibc has; musl: sigsetjmp */
int masked(int n) { sigjmp_buf env; volatile int k = 0; int came = __sigsetjmp(env, 1); if (k++ < 3) siglongjmp(env, (n & 7) + k); return came * 10 + k; }
TEST(masked) { EACH(4) h = mix(h, (u64)p_masked((int)R)); return h; }

/* Many rounds, so that a frame that were lost each time would be noticed. */
int rounds(int n) { volatile int sum = 0; volatile int i; for (i = 0; i < 3000; i++) { jmp_buf env; home = &env; int came = setjmp(env); if (!came) leave(n & 1, 3); sum += came; } return sum; }
TEST(rounds) { return (u64)p_rounds((int)R); }
/* Memory of a size that varies: what was taken before a setjmp stays, what was taken behind it is given back. */
s64 varies(int n) { jmp_buf env; volatile s64 sum = 0; n &= 7; volatile u8 early[n + 1]; for (int i = 0; i <= n; i++) early[i] = (u8)(i * 3); for (volatile int i = 1; i < n + 2; i++) { volatile u8 late[i * 300]; late[i * 300 - 1] = (u8)i; home = &env; int came = setjmp(env); if (came < 2) { volatile u8 *more = __builtin_alloca((size_t)i * 500); for (int k = 0; k < i * 500; k++) more[k] = 9; sum += more[i * 500 - 1] + came; leave(n, came + 1); } sum = sum * 3 + late[i * 300 - 1]; } for (int i = 0; i <= n; i++) sum = sum * 5 + early[i]; return sum; }
TEST(varies) { EACH(6) h = mix(h, (u64)p_varies((int)R)); return h; }
s64 varies_twice(int n) { jmp_buf first, second; volatile int state = 0; volatile u8 a[(n & 7) + 1]; a[n & 7] = 3; if (setjmp(first) && state > 2) return state * 10 + a[n & 7]; volatile u8 *b = __builtin_alloca((size_t)(n & 63) + 700); b[(n & 63) + 699] = 5; int came = setjmp(second); state++; if (came < 3) { home = &second; leave(5, came + 1); } home = &first; leave(20, 1); return b[0]; }
TEST(varies_twice) { EACH(6) h = mix(h, (u64)p_varies_twice((int)R)); return h; }
/* clang-format on */
