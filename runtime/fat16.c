/* SPDX-License-Identifier: MIT */
/* FAT16, reading only: boot sector, chains, directories with long names. Every number from the disk is
 * checked. FAT16_SHORT_NAMES=1 leaves the long names out, for stage 2. Offsets are those of the Microsoft FAT
 * specification. */
#include "bareflow/fat16.h"

#include <stddef.h>

#ifndef FAT16_ROOT_ONLY
#define FAT16_ROOT_ONLY 0
#endif

#define ENTRY_SIZE 32
#define ATTR_VOLUME 0x08
#define ATTR_LONG 0x0f
#define END_OF_CHAIN 0xfff8
#define MIN_CLUSTERS 4085       /* fewer is FAT12 */
#define MAX_CLUSTERS 65524      /* more is FAT32 */
#define MAX_FOLDER (65536 * 32) /* bytes of entries in a folder */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read as they lie on the disk");

static uint32_t get16(const uint8_t *p) {
    uint16_t value;
    __builtin_memcpy(&value, p, sizeof value);
    return value;
}

static uint32_t get32(const uint8_t *p) {
    uint32_t value;
    __builtin_memcpy(&value, p, sizeof value);
    return value;
}

/* Makes `data` hold sector `lba`, which `*cached` remembers; a failed read leaves it empty. */
static int load(struct fat16 *fs, uint32_t *cached, uint32_t lba, void *data) {
    if (*cached == lba)
        return 0;
    *cached = 0;
    if (fs->read(fs->context, lba, 1, data) != 0)
        return FAT16_EIO;
    *cached = lba;
    return 0;
}

/* What the boot sector's fields may hold: those that no value can make unusable (geometry, serial number,
 * label) are left out. */
static const struct bound {
    uint16_t offset, mask, least, span;
} BOUNDS[] = {
    {0, 0x00ff, 0xe9, 2},          /* jump: e9 or eb */
    {11, 0xffff, FAT16_SECTOR, 0}, /* bytes per sector */
    {13, 0x00ff, 1, 63},           /* sectors per cluster: 32 KiB, the specification allows no more */
    {14, 0xffff, 1, 0xfffe},       /* reserved sectors */
    {16, 0x00ff, 1, 1},            /* FATs */
    {17, 0xffff, 16, 0xffef},      /* root entries: */
    {17, 0x000f, 0, 0},            /* whole sectors of them */
    {21, 0x00f0, 0xf0, 0},         /* media */
    {22, 0xffff, 1, 0xfffe},       /* sectors per FAT */
    {510, 0xffff, 0xaa55, 0},      /* signature */
};

static int check_boot_sector(struct fat16 *fs, const uint8_t *b, uint32_t partition_lba) {
    for (const struct bound *bound = BOUNDS; bound < BOUNDS + sizeof BOUNDS / sizeof *BOUNDS; bound++)
        if ((get16(b + bound->offset) & bound->mask) - bound->least > bound->span)
            return FAT16_EFORMAT;
    uint32_t per_cluster = b[13], root_entries = get16(b + 17), total = get16(b + 19),
             fat_sectors = get16(b + 22);
    if (total == 0)
        total = get32(b + 32);
    fs->total_sectors = total;
    fs->root_size = root_entries * ENTRY_SIZE;
    fs->cluster_sectors = per_cluster;
    fs->fat_lba = partition_lba + get16(b + 14);
    fs->root_lba = fs->fat_lba + b[16] * fat_sectors;
    uint32_t first_data = fs->root_lba + root_entries / 16;
    fs->data_lba = first_data - 2 * per_cluster;
    /* A volume smaller than what lies before its clusters wraps round and has too many of them. */
    uint32_t clusters = (total - (first_data - partition_lba)) / per_cluster;
    fs->cluster_limit = clusters + 2;
    if ((per_cluster & (per_cluster - 1)) || clusters - MIN_CLUSTERS > MAX_CLUSTERS - MIN_CLUSTERS ||
        fs->cluster_limit > fat_sectors * (FAT16_SECTOR / 2))
        return FAT16_EFORMAT;
    return 0;
}

int fat16_mount(struct fat16 *fs, fat16_read_fn read, void *context, uint32_t partition_lba) {
    fs->read = read;
    fs->context = context;
    fs->fat_cached = 0;
    fs->part_cached = 0;
    if (read(context, partition_lba, 1, fs->part_data) != 0)
        return FAT16_EIO;
    int error = check_boot_sector(fs, fs->part_data, partition_lba);
    if (error == 0)
        error = load(fs, &fs->fat_cached, fs->fat_lba, fs->fat_data);
    /* FAT[0] repeats the media byte; FAT[1] is an end mark whose two highest bits a host may clear. */
    if (error == 0 && (fs->fat_data[0] != (0xff00 | fs->part_data[21]) || fs->fat_data[1] < 0x3fff))
        error = FAT16_EFORMAT;
    return error;
}

/* The cluster after `cluster`; 0 at the end of the chain; negative if the FAT is wrong or cannot be read. */
static int32_t next_cluster(struct fat16 *fs, uint32_t cluster) {
    if (cluster < 2 || cluster >= fs->cluster_limit)
        return FAT16_ECHAIN;
    if (load(fs, &fs->fat_cached, fs->fat_lba + cluster / 256, fs->fat_data) != 0)
        return FAT16_EIO;
    uint32_t next = fs->fat_data[cluster % 256];
    if (next >= END_OF_CHAIN)
        return 0;
    return next < 2 || next >= fs->cluster_limit ? FAT16_ECHAIN : (int32_t)next;
}

/* Begins a run of one cluster at sector `at` of the file. */
static void start_run(struct fat16 *fs, struct fat16_file *file, uint32_t at, uint32_t cluster) {
    file->run_sector = at;
    file->run_length = fs->cluster_sectors;
    file->run_lba = fs->data_lba + cluster * fs->cluster_sectors;
    file->run_last = cluster;
}

/* Moves the file's run so that it holds sector `from` of the file and reaches as far towards sector `last` as
 * the clusters are neighbours. Each step goes a cluster on, so it ends however the chain is knotted. */
static int find_run(struct fat16 *fs, struct fat16_file *file, uint32_t from, uint32_t last) {
    if (from < file->run_sector)
        start_run(fs, file, 0, file->first_cluster);
    uint32_t end;
    while ((end = file->run_sector + file->run_length) <= last) {
        int32_t next = next_cluster(fs, file->run_last);
        if (next <= 0)
            return next < 0 ? next : FAT16_ECHAIN;
        if ((uint32_t)next == file->run_last + 1) {
            file->run_length += fs->cluster_sectors;
            file->run_last++;
            continue;
        }
        if (from < end)
            break;
        start_run(fs, file, end, (uint32_t)next);
    }
    return 0;
}

/* The root directory: one run in front of the clusters. */
static void open_root(struct fat16 *fs, struct fat16_file *root) {
    root->size = fs->root_size;
    root->run_sector = 0;
    root->run_length = fs->root_size / FAT16_SECTOR;
    root->run_lba = fs->root_lba;
}

#if !FAT16_ROOT_ONLY
/* Counts the clusters of a folder, whose entry gives no size. */
static int measure_folder(struct fat16 *fs, struct fat16_file *folder) {
    int32_t cluster = folder->first_cluster;
    if (cluster == 0) { /* the ".." of a folder in the root has 0 too */
        open_root(fs, folder);
        return 0;
    }
    for (folder->size = 0; cluster != 0; folder->size += fs->cluster_sectors * FAT16_SECTOR) {
        if (folder->size >= MAX_FOLDER)
            return FAT16_ECHAIN;
        cluster = next_cluster(fs, (uint32_t)cluster);
        if (cluster < 0)
            return cluster;
    }
    return 0;
}
#endif

/* Walks a file's whole chain: it must end exactly where the size says, so it cannot loop. */
static int check_chain(struct fat16 *fs, struct fat16_file *file) {
    start_run(fs, file, 0, file->first_cluster);
#if !FAT16_ROOT_ONLY
    if (file->attributes & FAT16_ATTR_DIRECTORY)
        return measure_folder(fs, file);
#endif
    if (file->size == 0)
        return file->first_cluster == 0 ? 0 : FAT16_ECHAIN;
    uint32_t last = (file->size - 1) / FAT16_SECTOR;
    if (last >= fs->total_sectors) /* before a knotted chain is walked for as long as the size says */
        return FAT16_ECHAIN;
    int32_t next = find_run(fs, file, last, last);
    if (next == 0)
        next = next_cluster(fs, file->run_last);
    return next <= 0 ? next : FAT16_ECHAIN;
}

/* Reads from byte `at` what one call can give, at most `left` bytes: whole sectors that lie in one piece
 * straight into `out`, or a part of one sector. Returns the number of bytes, or an error. */
static int64_t read_piece(struct fat16 *fs, struct fat16_file *file, uint32_t at, uint8_t *out,
                          uint32_t left) {
    uint32_t sector = at / FAT16_SECTOR, in_sector = at % FAT16_SECTOR, count = left / FAT16_SECTOR;
    int error = find_run(fs, file, sector, sector + (in_sector == 0 && count > 0 ? count - 1 : 0));
    if (error != 0)
        return error;
    sector -= file->run_sector;
    uint32_t lba = file->run_lba + sector;
    if (in_sector == 0 && count > 0) {
        if (count > file->run_length - sector)
            count = file->run_length - sector;
        return fs->read(fs->context, lba, count, out) == 0 ? (int64_t)count * FAT16_SECTOR : FAT16_EIO;
    }
    if (load(fs, &fs->part_cached, lba, fs->part_data) != 0)
        return FAT16_EIO;
    uint32_t piece = FAT16_SECTOR - in_sector;
    if (piece > left)
        piece = left;
    for (uint32_t i = 0; i < piece; i++)
        out[i] = fs->part_data[in_sector + i];
    return piece;
}

int64_t fat16_read(struct fat16 *fs, struct fat16_file *file, uint64_t offset, void *buffer,
                   uint64_t length) {
    uint8_t *out = buffer;
    if (offset >= file->size)
        return 0;
    if (length > file->size - offset)
        length = file->size - offset;
    for (uint64_t done = 0; done < length;) {
        int64_t got = read_piece(fs, file, (uint32_t)(offset + done), out + done, (uint32_t)(length - done));
        if (got < 0)
            return got;
        done += (uint64_t)got;
    }
    return (int64_t)length;
}

#if FAT16_ROOT_ONLY
int fat16_open_root(struct fat16 *fs, const char name[11], struct fat16_file *file) {
    struct fat16_file root;
    uint8_t raw[ENTRY_SIZE];
    open_root(fs, &root);
    for (uint32_t at = 0;; at += ENTRY_SIZE) {
        int got = (int)fat16_read(fs, &root, at, raw, ENTRY_SIZE);
        if (got <= 0 || raw[0] == 0)
            return got < 0 ? got : FAT16_ENOENT;
        int same = !(raw[11] & (ATTR_VOLUME | FAT16_ATTR_DIRECTORY));
        for (int i = 0; i < 11; i++)
            same &= raw[i] == (uint8_t)name[i];
        if (same)
            break;
    }
    file->first_cluster = (uint16_t)get16(raw + 26);
    file->size = get32(raw + 28);
    return check_chain(fs, file);
}
#else
#define NOT_EXPECTED 0xff

/* A long name under way: its entries come last part first, numbered down to 1, before the short entry. */
struct long_name {
    uint16_t units[20 * 13 + 1]; /* UTF-16 */
    uint8_t expected;            /* number of the next part, 0 when all are there, or NOT_EXPECTED */
    uint8_t checksum;            /* of the short name they belong to */
};

static void add_long_part(struct long_name *name, const uint8_t *raw) {
    static const uint8_t places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    uint32_t number = raw[0] & 0x3f;
    if (number - 1 > 19) {
        name->expected = NOT_EXPECTED;
        return;
    }
    if (raw[0] & 0x40) {
        name->expected = (uint8_t)number;
        name->checksum = raw[13];
        name->units[number * 13] = 0;
    }
    if (name->expected != number || name->checksum != raw[13]) {
        name->expected = NOT_EXPECTED;
        return;
    }
    name->expected = (uint8_t)(number - 1);
    for (uint32_t i = 0; i < 13; i++)
        name->units[(number - 1) * 13 + i] = (uint16_t)get16(raw + places[i]);
}

/* Writes the long name as UTF-8, if it is whole and belongs to the short entry `raw`. Surrogates are written
 * one by one: names outside the basic plane are legible to us and to nobody else. */
static void take_long_name(const struct long_name *name, const uint8_t *raw, char *out) {
    uint8_t sum = 0;
    for (int i = 0; i < 11; i++)
        sum = (uint8_t)((sum >> 1 | sum << 7) + raw[i]);
    if (name->expected != 0 || name->checksum != sum)
        return;
    uint32_t unit;
    for (int i = 0; i < 255 && (unit = name->units[i]) != 0; i++) {
        if (unit >= 0x800)
            *out++ = (char)(0xe0 | unit >> 12);
        if (unit >= 0x80)
            *out++ = (char)(unit >= 0x800 ? 0x80 | (unit >> 6 & 0x3f) : 0xc0 | unit >> 6);
        *out++ = (char)(unit >= 0x80 ? 0x80 | (unit & 0x3f) : unit);
    }
    *out = 0;
}

/* "NAME    EXT" to "NAME.EXT". `out` has room for 13. Bytes above 127 stay in the maker's code page. */
static void short_name(const uint8_t *raw, char *out) {
    for (int i = 0; i < 11; i++) {
        if (i == 8 && raw[8] != ' ')
            *out++ = '.';
        if (raw[i] != ' ')
            *out++ = (char)raw[i];
    }
    *out = 0;
}

int fat16_next(struct fat16 *fs, struct fat16_file *folder, uint32_t *cursor, struct fat16_entry *entry) {
    uint8_t raw[ENTRY_SIZE];
    struct long_name name;
    name.expected = NOT_EXPECTED;
    name.checksum = 0;
    for (;;) {
        int64_t got = fat16_read(fs, folder, *cursor, raw, ENTRY_SIZE);
        if (got <= 0 || raw[0] == 0)
            return got < 0 ? (int)got : 0;
        *cursor += ENTRY_SIZE;
        if (raw[0] != 0xe5 && !(raw[11] & ATTR_VOLUME))
            break;
        if (raw[0] != 0xe5 && (raw[11] & 0x3f) == ATTR_LONG)
            add_long_part(&name, raw);
        else
            name.expected = NOT_EXPECTED;
    }
    entry->attributes = raw[11];
    entry->first_cluster = (uint16_t)get16(raw + 26);
    entry->size = get32(raw + 28);
    short_name(raw, entry->short_name);
    short_name(raw, entry->name);
    take_long_name(&name, raw, entry->name);
    return 1;
}

/* Whether the first `length` bytes of `path` are `name`, ASCII case aside. */
static int same_name(const char *path, uint32_t length, const char *name) {
    for (uint32_t i = 0; i < length; i++) {
        uint8_t a = (uint8_t)path[i], b = (uint8_t)name[i];
        uint8_t folded = (uint8_t)(a | 0x20);
        if (a != b && ((a ^ b) != 0x20 || folded < 'a' || folded > 'z'))
            return 0;
    }
    return name[length] == 0;
}

static int find(struct fat16 *fs, struct fat16_file *folder, const char *path, uint32_t length) {
    struct fat16_entry entry;
    uint32_t cursor = 0;
    int found;
    while ((found = fat16_next(fs, folder, &cursor, &entry)) > 0) {
        int same = same_name(path, length, entry.short_name);
        same |= same_name(path, length, entry.name);
        if (!same)
            continue;
        folder->size = entry.size;
        folder->first_cluster = entry.first_cluster;
        folder->attributes = entry.attributes;
        return check_chain(fs, folder);
    }
    return found < 0 ? found : FAT16_ENOENT;
}

int fat16_open(struct fat16 *fs, const char *path, struct fat16_file *file) {
    file->first_cluster = 0;
    file->attributes = FAT16_ATTR_DIRECTORY;
    int error = check_chain(fs, file);
    while (error == 0) {
        while (*path == '/')
            path++;
        uint32_t length = 0;
        while (path[length] != 0 && path[length] != '/')
            length++;
        if (length == 0)
            break;
        if (!(file->attributes & FAT16_ATTR_DIRECTORY))
            return FAT16_ENOTDIR;
        error = find(fs, file, path, length);
        path += length;
    }
    return error;
}

/* Claims the clusters of a chain. */
static int claim_chain(struct fat16 *fs, struct fat16_claims *claims, int32_t cluster) {
    for (; cluster > 0; cluster = next_cluster(fs, (uint32_t)cluster)) {
        uint32_t *word = &claims->used[cluster / 32], bit = 1u << cluster % 32;
        if (*word & bit)
            return FAT16_ECROSS;
        *word |= bit;
    }
    return cluster == FAT16_EIO ? cluster : 0;
}

static int claim_folder(struct fat16 *fs, struct fat16_claims *claims, uint32_t first_cluster) {
    struct fat16_entry *entry = &claims->entry;
    struct fat16_file folder;
    uint32_t cursor = 0;
    folder.first_cluster = (uint16_t)first_cluster;
    folder.attributes = FAT16_ATTR_DIRECTORY;
    int error = check_chain(fs, &folder);
    while (error == 0 && (error = fat16_next(fs, &folder, &cursor, entry)) > 0) {
        error = 0;
        if (entry->short_name[0] == '.' || entry->first_cluster == 0) /* 0 would be the root once more */
            continue;
        error = claim_chain(fs, claims, entry->first_cluster);
        if (entry->attributes & FAT16_ATTR_DIRECTORY)
            claims->pending[entry->first_cluster / 32] |= 1u << entry->first_cluster % 32;
    }
    return error == FAT16_ECHAIN ? 0 : error;
}

int fat16_check(struct fat16 *fs, struct fat16_claims *claims) {
    int error = claim_folder(fs, claims, 0);
    for (uint32_t i = 0; error == 0 && i < FAT16_SET_WORDS; i++) {
        uint32_t word = claims->pending[i];
        if (word == 0)
            continue;
        claims->pending[i] = word & (word - 1);
        error = claim_folder(fs, claims, i * 32 + (uint32_t)__builtin_ctz(word));
        i = UINT32_MAX; /* it may have named folders that lie before it */
    }
    return error;
}
#endif
