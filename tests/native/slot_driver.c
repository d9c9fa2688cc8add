/* SPDX-License-Identifier: MIT */
/* Calls through stubs whose slow path runs as often as can be: once in a call.
 *   arguments   every way of passing arguments and results comes through, with every call timed
 *   swaps N     another thread changes a slot's target N times while calls go through it
 *   jumps       timed frames that longjmp throws away, and deep recursion, do no harm
 *   ticks       a tick between the time stamps and what is noted with them makes no call take for ever */
#include <complex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bareflow/agent.h"

void bf_poll(void) {}

void bf_kick(void) {}

int bf_ticks_held;
void bf_ticks_release(void) {}

struct pair {
    long a, b;
};
struct mixed {
    double d;
    long l;
};
struct big {
    long words[9];
};

long integers(long a, long b, long c, long d, long e, long f, long g, long h);
double floats(double a, double b, double c, double d, double e, double f, double g, double h, double i);
double variadic(int count, ...);
struct pair pairs(struct pair x);
struct mixed mixes(struct mixed x, float y);
struct big bigs(int seed);
long double extended(long double x);
__int128 wide(__int128 x);
double _Complex complex_product(double _Complex x, double _Complex y);
long hop(long x);
void thrower(jmp_buf *target);
long deep(long n);
long deep_self(long n);

long integers_body(long a, long b, long c, long d, long e, long f, long g, long h) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;
}

double floats_body(double a, double b, double c, double d, double e, double f, double g, double h, double i) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i;
}

double variadic_body(int count, ...) {
    double sum = 0;
    va_list rest;
    va_start(rest, count);
    for (int i = 0; i < count; i++)
        sum += i % 2 ? va_arg(rest, double) : (double)va_arg(rest, int);
    va_end(rest);
    return sum;
}

struct pair pairs_body(struct pair x) {
    return (struct pair){x.b, x.a};
}

struct mixed mixes_body(struct mixed x, float y) {
    return (struct mixed){x.d * (double)y, x.l + 1};
}

struct big bigs_body(int seed) {
    struct big result;
    for (int i = 0; i < 9; i++)
        result.words[i] = seed * 100 + i;
    return result;
}

long double extended_body(long double x) {
    return x * 2;
}

__int128 wide_body(__int128 x) {
    return x * x;
}

double _Complex complex_product_body(double _Complex x, double _Complex y) {
    return x * y;
}

static uint64_t
    late_tick; /* cycles of a tick that was over before the call's first time stamp, as its body finds it */

long hop_one(long x) {
    bf_agent.agent_cycles += late_tick;
    return 3 * x + 1;
}

long hop_two(long x) {
    return (x << 2) - x + 1;
}

void thrower_body(jmp_buf *target) {
    longjmp(*target, 1);
}

long deep_body(long n) {
    return n ? 1 + deep_self(n - 1) : 0;
}

static void look_at_every_call(void) {
    for (uint32_t i = 0; i < bf_program.functions; i++) {
        bf_rearm(i);
        bf_stats[i].fresh = 1 << 30;
    }
}

#define CHECK(condition)                                                                                     \
    if (!(condition)) {                                                                                      \
        fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                              \
        exit(1);                                                                                             \
    }

static void arguments(void) {
    for (int i = 0; i < 1000; i++) {
        CHECK(integers(i, 2, 3, 4, 5, 6, 7, 8) == i + 203);
        CHECK(floats(i, 2, 3, 4, 5, 6, 7, 8, 9) == i + 284);
        CHECK(variadic(5, i, 2.5, 3, 4.5, 5) == i + 15);
        CHECK(variadic(12, 1, 1., 1, 1., 1, 1., 1, 1., 1, 1., 1, 1.) == 12);
        struct pair pair = pairs((struct pair){i, -i});
        CHECK(pair.a == -i && pair.b == i);
        struct mixed mixed = mixes((struct mixed){i, i}, 0.5f);
        CHECK(mixed.d == i * 0.5 && mixed.l == i + 1);
        struct big big = bigs(i);
        CHECK(big.words[0] == i * 100 && big.words[8] == i * 100 + 8);
        CHECK(extended(i + 0.25L) == 2 * i + 0.5L);
        CHECK(wide((__int128)i << 50) == (__int128)i * i * ((__int128)1 << 100));
        double _Complex product = complex_product(i + 2 * I, 3 - 4 * I);
        CHECK(creal(product) == 3 * i + 8 && cimag(product) == 6 - 4 * i);
    }
    for (uint32_t i = 0; i < 9; i++)
        CHECK(bf_times[i][1].samples >= 999);
}

static long swaps;
static volatile int swapped;
static volatile long rounds; /* of calls */

static void *swapper(void *unused) {
    (void)unused;
    uint64_t bodies[2] = {(uint64_t)hop_one, (uint64_t)hop_two};
    for (long i = 0; i < swaps; i++) {
        __atomic_store_n(&bf_slots[9].target, bodies[i & 1], __ATOMIC_RELEASE);
        if (i % 10000 == 0) /* never far ahead of the calls */
            for (long seen = rounds; rounds == seen;)
                sched_yield();
    }
    swapped = 1;
    return 0;
}

static void swap(void) {
    pthread_t thread;
    uint64_t calls = 0, own;
    uint64_t before = bf_calls(9, &own);
    CHECK(pthread_create(&thread, 0, swapper, 0) == 0);
    for (; !swapped; rounds++)
        for (int i = 0; i < 1000; i++, calls++)
            CHECK(hop(i) == 3 * i + 1);
    pthread_join(thread, 0);
    CHECK(bf_calls(9, &own) - before == calls);
    printf("%lu calls\n", calls);
}

static void jumps(void) {
    look_at_every_call();
    static jmp_buf target;
    for (volatile int i = 0; i < 1000; i++) {
        if (!setjmp(target))
            thrower(&target);
        CHECK(integers(1, 1, 1, 1, 1, 1, 1, 1) == 36);
    }
    for (int i = 0; i < 100; i++)
        CHECK(deep(1000) == 1000);
    uint64_t own;
    CHECK(bf_calls(11, &own) == 100 && own == 100000);
    CHECK(bf_times[11][1].samples == 100);
}

static void ticks(void) {
    const uint64_t years = 1ull << 60;
    late_tick = years;
    for (int i = 0; i < 10; i++)
        CHECK(hop(i) == 3 * i + 1);
    CHECK(bf_times[9][1].samples == 10 && !bf_times[9][1].cycles_high && bf_times[9][1].cycles_low < years);
}

int main(int argc, char **argv) {
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    bf_agent.ticking = 1;
    bf_agent.stack_low = here - (64 << 20);
    bf_agent.stack_high = here + 65536;
    bf_calibrate_timing();
    if (argc == 3 && !strcmp(argv[1], "swaps")) {
        swaps = atol(argv[2]);
        swap();
        return 0;
    }
    look_at_every_call();
    if (argc == 2 && !strcmp(argv[1], "arguments"))
        arguments();
    if (argc == 2 && !strcmp(argv[1], "jumps"))
        jumps();
    if (argc == 2 && !strcmp(argv[1], "ticks"))
        ticks();
    printf("overhead %lu\n", bf_agent.overhead);
    return 0;
}
