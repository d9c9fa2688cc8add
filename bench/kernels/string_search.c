/* SPDX-License-Identifier: MIT */
/* Strings: Knuth-Morris-Pratt search. */
#include "bench.h"

static NOINLINE void prefixes(const char *pattern, int length, int *failure) {
    failure[0] = 0;
    for (int i = 1, k = 0; i < length; i++) {
        while (k > 0 && pattern[k] != pattern[i])
            k = failure[k - 1];
        failure[i] = k += pattern[k] == pattern[i];
    }
}

static NOINLINE uint64_t occurrences(const char *text, size_t size, const char *pattern, int length,
                                     const int *failure) {
    uint64_t found = 0;
    int k = 0;
    for (size_t i = 0; i < size; i++) {
        while (k > 0 && pattern[k] != text[i])
            k = failure[k - 1];
        k += pattern[k] == text[i];
        if (k == length) {
            found++;
            k = failure[k - 1];
        }
    }
    return found;
}

int main(int argc, char **argv) {
    size_t size = (size_t)parameter(argc, argv, 1, 200000);
    long rounds = parameter(argc, argv, 2, 60);
    static const char *const patterns[] = {"abab", "aabaa", "abcabd", "bbbb"};
    char *text = allocate(size);
    int failure[16];
    uint64_t state = 3, checksum = 0;
    for (size_t i = 0; i < size; i++)
        text[i] = "aabbabcabd"[next_random(&state) % 10];
    for (long i = 0; i < rounds; i++) {
        const char *pattern = patterns[i & 3];
        int length = (int)strlen(pattern);
        prefixes(pattern, length, failure);
        checksum = mix(checksum, occurrences(text, size, pattern, length, failure));
    }
    return finish("string_search", checksum);
}
