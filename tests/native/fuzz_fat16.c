/* SPDX-License-Identifier: MIT */
/* Feeds runtime/fat16.c small made-up volumes. Input: two bytes that choose when the disk fails, the first 64
 * bytes of the boot sector, one sector of FAT, then sectors of folders and data; each of the last two areas
 * repeats for as long as the volume says it is. Aborts when the reader asks for a sector outside the volume,
 * returns more than was asked for, or reads the disk more often than its bounds allow. */
#include "bareflow/fat16.h"
#include "fuzz_fat16_root.h"

#include <stdlib.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define BOOT_BYTES 64
#define HEAD_BYTES (2 + BOOT_BYTES + FAT16_SECTOR)
#define MAX_DATA 12
#define MAX_DEPTH 2
#define MAX_ENTRIES 6
#define MAX_CALL_READS 70000 /* of the disk, by one call: each cluster of the longest chain once */
#define MAX_CHECK_READS (3 * 65536 + 65524 * 64) /* each cluster's three steps, each sector of a folder */
#define BUDGET 200 /* reads of a whole run, unless the input asks for the bound above */
#define BUFFER 1600

#define LARGE 0xa5         /* first byte of an input that does */
#define FAILS 0x80         /* bit of the first byte: the read whose number the second byte is fails */
#define SMALL_SECTORS 5000 /* of a volume, unless the input asks for the bound above */

/* The volume of this run. It begins at sector `START`, where the reader is told that it does. */
#define START 2048
static struct {
    uint8_t boot[FAT16_SECTOR], fat[FAT16_SECTOR], data[MAX_DATA][FAT16_SECTOR];
    uint32_t data_count, reads, call_reads, call_bound, fails_at, bound;
    uint32_t fat_lba, root_lba, total; /* as the reader's own structure has them */
} v;
static uint8_t buffer[BUFFER + 64];

static int read_volume(void *context, uint64_t lba, uint32_t count, void *out) {
    const struct fat16 *fs = context;
    if (++v.call_reads > v.call_bound || count == 0)
        abort();
    if (v.reads++ == v.fails_at || v.reads > v.bound)
        return 1;
    if (lba == START && count == 1) {
        memcpy(out, v.boot, FAT16_SECTOR);
        return 0;
    }
    if (lba < START || lba - START >= fs->total_sectors || count > fs->total_sectors - (lba - START))
        abort();
    uint8_t *to = out;
    for (uint32_t i = 0; i < count; i++, to += FAT16_SECTOR) {
        uint32_t at = (uint32_t)lba + i;
        memcpy(to, at < fs->root_lba ? v.fat : v.data[(at - fs->root_lba) % v.data_count], FAT16_SECTOR);
    }
    return 0;
}

static void check(int64_t got, uint64_t asked) {
    v.call_reads = 0;
    if (got > (int64_t)asked || got < FAT16_ECROSS)
        abort();
}

/* Reads pieces from the middle, the end and the beginning, each into memory of exactly its size. */
static void read_some(struct fat16 *fs, struct fat16_file *file) {
    const uint64_t places[][2] = {{file->size / 2, 1100}, {file->size - 1ULL, 9}, {0, BUFFER}, {511, 2}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint64_t size = places[i][1];
        ASAN_POISON_MEMORY_REGION(buffer + size, sizeof buffer - size);
        check(fat16_read(fs, file, places[i][0], buffer, size), size);
        ASAN_UNPOISON_MEMORY_REGION(buffer, sizeof buffer);
    }
}

static void walk(struct fat16 *fs, const char *path, int depth) {
    static struct fat16_entry entries[MAX_DEPTH + 1];
    static char paths[MAX_DEPTH + 1][4 * FAT16_NAME_SIZE];
    struct fat16_entry *entry = &entries[depth];
    struct fat16_file folder, file;
    uint32_t cursor = 0;
    int error = fat16_open(fs, path, &folder);
    check(error, 0);
    for (int i = 0; error == 0 && i < (v.bound == BUDGET ? MAX_ENTRIES : 1); i++) {
        int got = fat16_next(fs, &folder, &cursor, entry);
        check(got, 1);
        if (got <= 0)
            return;
        size_t length = strlen(path), more = strlen(entry->name);
        if (more >= FAT16_NAME_SIZE || strlen(entry->short_name) > 12)
            abort();
        if (entry->short_name[0] == '.')
            continue;
        memcpy(paths[depth], path, length);
        paths[depth][length] = '/';
        memcpy(paths[depth] + length + 1, entry->name, more + 1);
        int opened = fat16_open(fs, paths[depth], &file);
        check(opened, 0);
        if (opened != 0)
            continue;
        read_some(fs, &file);
        if ((file.attributes & FAT16_ATTR_DIRECTORY) && depth < MAX_DEPTH)
            walk(fs, paths[depth], depth + 1);
    }
}

static void use_check(struct fat16 *fs) {
    static struct fat16_claims claims;
    memset(&claims, 0, sizeof claims);
    v.call_bound = MAX_CHECK_READS;
    check(fat16_check(fs, &claims), 0);
    v.call_bound = MAX_CALL_READS;
}

/* What stage 2 does, with its own build of the reader. */
static void use_root_only(void) {
    struct fat16 fs;
    struct fat16_file file;
    v.call_reads = 0;
    if (small_mount(&fs, read_volume, &fs, START) != 0)
        return;
    v.call_reads = 0;
    if (small_open_root(&fs, "KERNEL  BIN", &file) != 0)
        return;
    ASAN_POISON_MEMORY_REGION(buffer + 1100, sizeof buffer - 1100);
    check(small_read(&fs, &file, file.size / 2, buffer, 1100), 1100);
    check(small_read(&fs, &file, 0, buffer, 1100), 1100);
    ASAN_UNPOISON_MEMORY_REGION(buffer, sizeof buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fat16 fs;
    if (size <= HEAD_BYTES)
        return 0;
    memset(v.boot, 0, sizeof v.boot);
    memcpy(v.boot, data + 2, BOOT_BYTES);
    v.boot[510] = 0x55;
    v.boot[511] = 0xaa;
    memcpy(v.fat, data + 2 + BOOT_BYTES, FAT16_SECTOR);
    size -= HEAD_BYTES;
    size = size < sizeof v.data ? size : sizeof v.data;
    v.data_count = (uint32_t)((size + FAT16_SECTOR - 1) / FAT16_SECTOR);
    memset(v.data[v.data_count - 1], 0, FAT16_SECTOR);
    memcpy(v.data, data + HEAD_BYTES, size);
    v.bound = data[0] == LARGE ? UINT32_MAX : BUDGET;
    v.fails_at = data[0] != LARGE && data[0] & FAILS ? data[1] : UINT32_MAX;
    if (data[0] != LARGE && v.boot[13] == 1 && (v.boot[20] << 8 | v.boot[19]) > SMALL_SECTORS)
        v.boot[20] = SMALL_SECTORS >> 8;
    v.reads = 0;
    v.call_reads = 0;
    v.call_bound = MAX_CALL_READS;
    int error = fat16_mount(&fs, read_volume, &fs, START);
    check(error, 0);
    if (error == 0)
        walk(&fs, "", 0);
    v.reads = 0;
    if (error == 0)
        use_check(&fs);
    v.reads = 0;
    use_root_only();
    return 0;
}
