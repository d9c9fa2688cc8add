/* SPDX-License-Identifier: MIT */
/* What C has that could break when functions are compiled apart: prints the same under every tier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int access(const char *path, int mode); /* unistd.h declares a read() too */

typedef long (*operation)(long, long);
struct vector {
    double x, y, z;
};

extern struct {
    unsigned long target;
    long counter, self_counter;
    unsigned tier, reserved;
} bf_slots[] __attribute__((weak));

static _Thread_local long per_thread = 5;
_Thread_local long shared_per_thread;
static long uses;
static int begun[2], beginnings;
__attribute__((constructor(300))) static void begin_late(void) {
    begun[beginnings++] = 300;
}
__attribute__((constructor(200))) static void begin_early(void) {
    begun[beginnings++] = 200;
}
__attribute__((destructor)) static void end(void) {
    printf("ended with %d %d\n", begun[0], begun[1]);
}
long nobody_has_this(long) __attribute__((weak));
const char *const words[] = {"alpha", "beta", "gamma"};

static long add(long a, long b) {
    uses++;
    return a + b;
}

static long multiply(long a, long b) {
    static long calls; /* lives once, whatever tier increments it */
    return a * b + ++calls;
}

static long read(long a, long b) { /* named like a function of libc */
    return a - b;
}

static operation table[] = {add, multiply, read};
long second_name(long a, long b) __attribute__((alias("original")));

long original(long a, long b) {
    return a ^ b;
}

static struct vector cross(struct vector a, struct vector b) {
    return (struct vector){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static long sum(int count, ...) {
    va_list rest;
    long total = 0;
    va_start(rest, count);
    while (count--)
        total += va_arg(rest, long);
    va_end(rest);
    return total;
}

static long threaded(long code) {
    static const void *const labels[] = {&&plus, &&times, &&done};
    long value = code;
    for (int i = 0; i < 6; i++)
        goto *labels[(code >> i) % 3 < 0 ? 2 : (code >> i) % 3];
plus:
    value += 7;
    goto done;
times:
    value *= 3;
done:
    return value;
}

static int is_odd(unsigned n);

static int is_even(unsigned n) {
    return n == 0 || is_odd(n - 1);
}

static int is_odd(unsigned n) {
    return n != 0 && is_even(n - 1);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static long pick(const char *word) {
    switch (word[0]) {
    case 'a':
        return 1;
    case 'b':
        return 22;
    case 'g':
        return 333;
    case 'x':
        return 4444;
    case 'y':
        return 55555;
    default:
        return -1;
    }
}

static void escape(jmp_buf *target, int value) {
    if (value % 3 == 0)
        longjmp(*target, value + 1);
}

long counted;
extern long counted_too __attribute__((alias("counted")));
static long two_names_of_one(long round) {
    counted = round;
    counted_too += 3;
    return counted;
}

static int same_pointers(long round) {
    return table[round % 3] == (round % 3 == 0 ? add : round % 3 == 1 ? multiply : read);
}

static long one_round(long round) {
    jmp_buf target;
    struct vector v = cross((struct vector){(double)round, 2, 3}, (struct vector){4, 5, (double)(round % 7)});
    const char *sorted[] = {words[2], words[round % 3], words[0]};
    volatile long total = table[round % 3](round, 3) + (long)v.x + (long)v.z + sum(3, round, 2L, 1L);
    qsort(sorted, 3, sizeof *sorted, compare);
    total += pick(sorted[1]) + threaded(round) + is_even((unsigned)round % 50) + second_name(round, 12) +
             two_names_of_one(round);
    if (setjmp(target) == 0)
        escape(&target, (int)round);
    else
        total += 1000;
    per_thread += round;
    shared_per_thread ^= per_thread;
    char text[32];
    snprintf(text, sizeof text, "%ld:%s", (long)total, sorted[0]);
    return (long)strlen(text) + total + same_pointers(round);
}

/* Go on, without results, until the function of a slot is at O3 (4) or a file exists. */
static void settle(const char *index, const char *file) {
    volatile unsigned *tier = &bf_slots[atol(index)].tier;
    for (long i = 0; *tier < 4 && i < 1000000000 && (i % 4096 || access(file, 0)); i++)
        one_round(i);
}

int main(int argc, char **argv) {
    long rounds = argc > 1 ? atol(argv[1]) : 1000, total = 0, same = 0;
    for (long round = 0; round < rounds; round++) {
        total += one_round(round);
        same += same_pointers(round) && second_name == original;
    }
    printf("%ld %ld %ld %ld %ld\n", total, uses, per_thread, shared_per_thread, same);
    if (argc > 2)
        settle(argv[2], argc > 3 ? argv[3] : "");
    return (int)(same != rounds) + (nobody_has_this ? (int)nobody_has_this(1) : 0);
}
