/* SPDX-License-Identifier: MIT */
/* An ordinary C program: printf, malloc, math, arguments, a file, standard input, a status of its own. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_file(const char *name) {
    char line[64];
    FILE *file = fopen(name, "r");
    if (!file) {
        printf("%s: %s\n", name, strerror(errno));
        return;
    }
    while (fgets(line, sizeof line, file))
        printf("line: %s", line);
    fseek(file, 0, SEEK_END);
    printf("\nsize %ld\n", ftell(file));
    fclose(file);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv) {
    double sum = 0;
    for (int i = 1; i < argc; i++)
        printf("argument %d: '%s'\n", i, argv[i]);
    qsort(argv + 1, (size_t)argc - 1, sizeof *argv, compare);
    for (int i = 1; i < 1000; i++)
        sum += sin(i) * exp(-i / 100.0) + sqrt(i);
    printf("sum %.12f, first %s\n", sum, argc > 1 ? argv[1] : "none");
    char *memory = malloc(5000000);
    memset(memory, 7, 5000000);
    memory = realloc(memory, 20000000);
    printf("memory %d\n", memory[4999999]);
    free(memory);
    print_file("data.txt");
    print_file("missing.txt");
    fprintf(stderr, "a word on standard error\n");
    char line[100];
    while (fgets(line, sizeof line, stdin))
        printf("input: %s", line);
    return 40 + argc;
}
