/* SPDX-License-Identifier: MIT */
/* Says how it was called, and what the files named on the command line hold: their sizes and checksums. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS 131072

static uint64_t words[WORDS];

/* Two sums, as Fletcher's: a word that is wrong or in the wrong place changes the second. */
static int check(const char *name) {
    FILE *file = fopen(name, "rb");
    uint64_t first = 0, second = 0, size = 0, count;
    if (!file) {
        perror(name);
        return 1;
    }
    setvbuf(file, NULL, _IONBF, 0);
    while ((count = fread(words, 1, sizeof words, file)) > 0) {
        for (uint64_t i = 0; i < count / 8; i++)
            second += first += words[i];
        size += count;
    }
    printf("%s: %llu bytes, %016llx %016llx\n", name, (unsigned long long)size, (unsigned long long)first,
           (unsigned long long)second);
    return ferror(file) != 0;
}

int main(int count, char **arguments) {
    int failed = 0;
    for (int i = 0; i < count; i++)
        printf("%d: %s\n", i, arguments[i]);
    for (int i = 1; i < count; i++)
        failed |= check(arguments[i]);
    return failed;
}
