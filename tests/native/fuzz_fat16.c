/* SPDX-License-Identifier: MIT */
/* Feeds runtime/fat16.c damaged volumes. Input: records of four bytes, a place (u24) and a byte to put there,
 * on top of the sound volume in the file $FAT16_BASE; places count the volume's used sectors only. With
 * -DFUZZ_MAIN it makes its own inputs (usage: fuzz_fat16 SEED RUNS); without, it is libFuzzer's entry. A read
 * beyond the limit aborts: a loop. */
#include "bareflow/fat16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_READS 20000 /* of the disk, in one run; a sound volume takes a few hundred */
#define MAX_DEPTH 4
#define MAX_ENTRIES 40
#define MAX_RECORDS 16

static uint8_t *volume;
static size_t volume_size;
static uint32_t *used; /* numbers of the sectors that hold anything */
static uint32_t used_count;
static uint32_t reads;

static int read_volume(void *context, uint64_t lba, uint32_t count, void *buffer) {
    (void)context;
    if (++reads > MAX_READS)
        abort();
    if (lba >= volume_size / FAT16_SECTOR || count > volume_size / FAT16_SECTOR - lba)
        return 1;
    memcpy(buffer, volume + lba * FAT16_SECTOR, (size_t)count * FAT16_SECTOR);
    return 0;
}

/* Reads pieces from the middle, the end and the beginning, each into memory of exactly its size. */
static void read_some(struct fat16 *fs, struct fat16_file *file) {
    const uint64_t places[][2] = {{file->size / 2, 3000}, {file->size - 1ULL, 9}, {0, 70000}, {511, 2}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint8_t *buffer = malloc(places[i][1]);
        int64_t got = fat16_read(fs, file, places[i][0], buffer, places[i][1]);
        if (got > (int64_t)places[i][1])
            abort();
        free(buffer);
    }
}

static void walk(struct fat16 *fs, const char *path, int depth) {
    struct fat16_file folder;
    struct fat16_entry entry;
    uint32_t cursor = 0;
    if (depth > MAX_DEPTH || fat16_open(fs, path, &folder) != 0)
        return;
    for (int i = 0; i < MAX_ENTRIES && fat16_next(fs, &folder, &cursor, &entry) > 0; i++) {
        char longer[4096];
        struct fat16_file file;
        if (strcmp(entry.short_name, ".") == 0 || strcmp(entry.short_name, "..") == 0)
            continue;
        snprintf(longer, sizeof longer, "%s/%s", path, entry.name);
        if (fat16_open(fs, longer, &file) != 0)
            continue;
        read_some(fs, &file);
        if (file.attributes & FAT16_ATTR_DIRECTORY)
            walk(fs, longer, depth + 1);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    FILE *file = fopen(getenv("FAT16_BASE") ? getenv("FAT16_BASE") : "", "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        exit(2);
    volume_size = (size_t)ftell(file);
    volume = malloc(volume_size);
    used = malloc(volume_size / FAT16_SECTOR * sizeof *used);
    rewind(file);
    if (fread(volume, 1, volume_size, file) != volume_size)
        exit(2);
    fclose(file);
    for (uint32_t sector = 0; sector < volume_size / FAT16_SECTOR; sector++)
        for (int i = 0; i < FAT16_SECTOR; i++)
            if (volume[(size_t)sector * FAT16_SECTOR + (size_t)i]) {
                used[used_count++] = sector;
                break;
            }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fat16 fs;
    struct {
        size_t place;
        uint8_t byte;
    } undo[MAX_RECORDS];
    size_t count = 0;
    for (; count < MAX_RECORDS && size - count * 4 >= 4; count++) {
        const uint8_t *record = data + count * 4;
        uint32_t wanted =
            (record[0] | record[1] << 8 | (uint32_t)record[2] << 16) % (used_count * FAT16_SECTOR);
        size_t place = (size_t)used[wanted / FAT16_SECTOR] * FAT16_SECTOR + wanted % FAT16_SECTOR;
        undo[count].place = place;
        undo[count].byte = volume[place];
        volume[place] = record[3];
    }
    reads = 0;
    if (fat16_mount(&fs, read_volume, NULL, 0) == 0)
        walk(&fs, "", 0);
    while (count-- > 0)
        volume[undo[count].place] = undo[count].byte;
    return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv) {
    uint64_t state = argc == 3 ? strtoull(argv[1], NULL, 0) * 2 + 1 : 0;
    unsigned long runs = argc == 3 ? strtoul(argv[2], NULL, 0) : 0;
    LLVMFuzzerInitialize(&argc, &argv);
    for (unsigned long run = 0; run < runs; run++) {
        uint8_t input[MAX_RECORDS * 4];
        for (size_t i = 0; i < sizeof input; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            input[i] = (uint8_t)(state >> 32);
        }
        LLVMFuzzerTestOneInput(input, 4 + (size_t)(state % (MAX_RECORDS - 1)) * 4);
    }
    printf("%lu runs\n", runs);
    return 0;
}
#endif
