/* SPDX-License-Identifier: MIT */
/* Runs every harness four ways: compiled or interpreted, calling a compiled or an interpreted function. */
#include <bareflow/interp.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t harness(uint64_t seed);

struct test {
    const char *name;
    void *volatile *pointer; /* what the harness calls */
    void *compiled, *interpreted;
    harness *compiled_harness, *interpreted_harness;
};
extern const struct test tests[];
extern const unsigned test_count;

#define SEEDS 3

static int check(const struct test *t, uint64_t seed) {
    *t->pointer = t->compiled;
    uint64_t expected = t->compiled_harness(seed);
    uint64_t inward = t->interpreted_harness(seed);
    *t->pointer = t->interpreted;
    uint64_t outward = t->compiled_harness(seed);
    uint64_t both = t->interpreted_harness(seed);
    *t->pointer = t->compiled;
    if (outward == expected && inward == expected && both == expected)
        return 0;
    printf("%s(%llu): native to bytecode %s, bytecode to native %s, bytecode to bytecode %s\n", t->name,
           (unsigned long long)seed, outward == expected ? "equal" : "DIFFERS",
           inward == expected ? "equal" : "DIFFERS", both == expected ? "equal" : "DIFFERS");
    return 1;
}

int main(int argc, char **argv) {
    unsigned ran = 0, failed = 0;
    for (unsigned i = 0; i < test_count; i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
            continue;
        ran++;
        if (argc > 1)
            setvbuf(stdout, NULL, _IONBF, 0);
        int bad = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++)
            bad |= check(tests + i, seed * 7919 + 1);
        failed += (unsigned)bad;
    }
    printf("%u functions, %u differ\n", ran, failed);
    return failed != 0;
}
