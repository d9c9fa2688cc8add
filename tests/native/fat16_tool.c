/* SPDX-License-Identifier: MIT */
/* Lists and reads a FAT16 volume in a file through runtime/fat16.c, for the tests.
 * usage: fat16_tool IMAGE PARTITION_LBA ls PATH | cat PATH | read PATH OFFSET LENGTH... | check */
#include "bareflow/fat16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned read_calls;

static int read_file(void *context, uint64_t lba, uint32_t count, void *buffer) {
    FILE *image = context;
    read_calls++;
    if (fseeko(image, (off_t)(lba * FAT16_SECTOR), SEEK_SET) != 0)
        return 1;
    return fread(buffer, FAT16_SECTOR, count, image) == count ? 0 : 2;
}

static int list(struct fat16 *fs, const char *path) {
    struct fat16_file folder;
    struct fat16_entry entry;
    uint32_t cursor = 0;
    int more = fat16_open(fs, path, &folder);
    if (more != 0)
        return more;
    while ((more = fat16_next(fs, &folder, &cursor, &entry)) > 0)
        printf("%s|%s|%u|%02x\n", entry.name, entry.short_name, entry.size, entry.attributes);
    return more;
}

/* Prints `length` bytes from `offset`; the buffer is exactly as large, so that a byte more is caught. */
static int print_part(struct fat16 *fs, struct fat16_file *file, uint64_t offset, uint64_t length) {
    char *buffer = malloc(length ? length : 1);
    int64_t got = fat16_read(fs, file, offset, buffer, length);
    if (got > 0)
        fwrite(buffer, 1, (size_t)got, stdout);
    free(buffer);
    return got < 0 ? (int)got : 0;
}

static int run(struct fat16 *fs, int count, char **words) {
    struct fat16_file file;
    static struct fat16_claims claims;
    if (strcmp(words[0], "check") == 0)
        return fat16_check(fs, &claims);
    if (count >= 2 && strcmp(words[0], "ls") == 0)
        return list(fs, words[1]);
    int error = fat16_open(fs, words[1], &file);
    if (error != 0)
        return error;
    if (strcmp(words[0], "cat") == 0)
        return print_part(fs, &file, 0, file.size);
    for (int i = 2; i + 1 < count && error == 0; i += 2)
        error = print_part(fs, &file, strtoull(words[i], NULL, 0), strtoull(words[i + 1], NULL, 0));
    return error;
}

int main(int argc, char **argv) {
    struct fat16 fs;
    FILE *image = argc >= 4 ? fopen(argv[1], "rb") : NULL;
    if (image == NULL)
        return 100;
    int error = fat16_mount(&fs, read_file, image, (uint32_t)strtoul(argv[2], NULL, 0));
    if (error == 0)
        error = run(&fs, argc - 3, argv + 3);
    fprintf(stderr, "%u calls\n", read_calls);
    fclose(image);
    return -error;
}
