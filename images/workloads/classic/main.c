/* SPDX-License-Identifier: MIT */
/* classic [CALLS [cycles [FUNCTION]]]: calls each function CALLS times, checks and prints its result.
 * With `cycles` it also prints the time stamp ticks that all calls took. Exit status: the number of wrong
 * results. */

#include <string.h>
#include <unistd.h>

#include "classic.h"

/* What runs once is compiled for size. */
#ifdef __clang__
#define ONCE __attribute__((noinline, cold, minsize))
#else
#define ONCE __attribute__((noinline, cold))
#endif

/* Callers of functions that take a few cycles: where their loops lie would show in the figures. */
#define PLACED __attribute__((aligned(64)))

struct job {
    const char *name;
    uint64_t (*run)(long calls);
    uint64_t expected;
};

/* Inputs are volatile, or the compiler would work the results out itself. */
static volatile int fibonacci_n = 30;
static volatile int64_t sum_n = 1000000;
static volatile uint64_t factor_a = 123456789, factor_b = 987654321;
static double a[MATRIX][MATRIX], b[MATRIX][MATRIX], c[MATRIX][MATRIX];

static char line[96];
static size_t used;

static ONCE void put_text(const char *text) {
    while (*text)
        line[used++] = *text++;
}

static ONCE void put_number(uint64_t value) {
    char digits[21];
    char *at = digits + sizeof digits - 1;
    *at = 0;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    put_text(at);
}

static ONCE uint64_t time_stamp(void) {
    return __builtin_ia32_rdtsc();
}

static ONCE uint64_t run_fibonacci(long calls) {
    uint64_t result = 0;
    while (calls-- > 0)
        result = (uint64_t)fibonacci(fibonacci_n);
    return result;
}

static ONCE PLACED uint64_t run_sum_to_n(long calls) {
    uint64_t result = 0;
    while (calls-- > 0)
        result = (uint64_t)sum_to_n(sum_n);
    return result;
}

static ONCE PLACED uint64_t run_multiply(long calls) {
    uint64_t result = 0;
    while (calls-- > 0)
        result = multiply(factor_a, factor_b);
    return result;
}

/* Every element counts with a weight of its place; all numbers are whole, so the sum is exact. */
static ONCE uint64_t run_matrix_multiply(long calls) {
    for (int i = 0; i < MATRIX; i++)
        for (int j = 0; j < MATRIX; j++) {
            a[i][j] = (i * 7 + j * 3) % 11;
            b[i][j] = (i * 5 + j * 2) % 13;
        }
    while (calls-- > 0)
        matrix_multiply(c, a, b);
    double sum = 0;
    for (int i = 0; i < MATRIX; i++)
        for (int j = 0; j < MATRIX; j++)
            sum += (i + 1) * (j + 2) * c[i][j];
    return (uint64_t)sum;
}

static const struct job jobs[] = {
    {"fibonacci", run_fibonacci, 832040},
    {"sum_to_n", run_sum_to_n, 500000500000},
    {"multiply", run_multiply, 121932631112635269},
    {"matrix_multiply", run_matrix_multiply, 8561387605},
};

static ONCE int run(const struct job *job, long calls, int show_cycles) {
    uint64_t cycles = time_stamp();
    uint64_t result = job->run(calls);
    cycles = time_stamp() - cycles;
    used = 0;
    put_text(job->name);
    put_text(" = ");
    put_number(result);
    if (result != job->expected)
        put_text(" WRONG");
    if (show_cycles) {
        put_text(" cycles ");
        put_number(cycles);
    }
    put_text("\n");
    return write(STDOUT_FILENO, line, used) != (ssize_t)used || result != job->expected;
}

ONCE int main(int argc, char **argv) {
    long calls = 0;
    for (const char *at = argc > 1 ? argv[1] : "10"; *at >= '0' && *at <= '9'; at++)
        calls = calls * 10 + *at - '0';
    int wrong = 0;
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        if (argc < 4 || !strcmp(argv[3], jobs[i].name))
            wrong += run(&jobs[i], calls ? calls : 1, argc > 2);
    return wrong;
}
