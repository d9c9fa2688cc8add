/* SPDX-License-Identifier: MIT */
/* FAT16, reading only: boot sector, chains, directories with long names. Every number from the disk is
 * checked. FAT16_SHORT_NAMES=1 leaves the long names out, for stage 2. Offsets are those of the Microsoft FAT
 * specification. */
#include "bareflow/fat16.h"

#include <stddef.h>

#ifndef FAT16_SHORT_NAMES
#define FAT16_SHORT_NAMES 0
#endif

#define ENTRY_SIZE 32
#define ATTR_VOLUME 0x08
#define ATTR_LONG 0x0f
#define END_OF_CHAIN 0xfff8
#define MIN_CLUSTERS 4085       /* fewer is FAT12 */
#define MAX_CLUSTERS 65524      /* more is FAT32 */
#define MAX_FOLDER (65536 * 32) /* bytes of entries in a folder */
#define MAX_CLUSTER_SECTORS 64  /* 32 KiB; the specification allows no more */

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

/* The fields of the boot sector that we do not use (geometry, serial number, label) may hold anything. */
static int check_boot_sector(struct fat16 *fs, const uint8_t *b, uint32_t partition_lba) {
    uint32_t per_cluster = b[13], reserved = get16(b + 14), fats = b[16], root_entries = get16(b + 17);
    uint32_t total = get16(b + 19), total32 = get32(b + 32), media = b[21], fat_sectors = get16(b + 22);
    if (get16(b + 510) != 0xaa55 || (b[0] != 0xe9 && !(b[0] == 0xeb && b[2] == 0x90)))
        return FAT16_EFORMAT;
    if (get16(b + 11) != FAT16_SECTOR || per_cluster - 1 >= MAX_CLUSTER_SECTORS ||
        (per_cluster & (per_cluster - 1)))
        return FAT16_EFORMAT;
    if (reserved == 0 || fats - 1 > 1 || root_entries == 0 || root_entries % 16 != 0)
        return FAT16_EFORMAT;
    if ((total != 0) == (total32 != 0) || (media != 0xf0 && media < 0xf8))
        return FAT16_EFORMAT;
    fs->total_sectors = total |= total32;
    fs->root_size = root_entries * ENTRY_SIZE;
    fs->cluster_sectors = per_cluster;
    fs->fat_lba = partition_lba + reserved;
    fs->root_lba = fs->fat_lba + fats * fat_sectors;
    fs->data_lba = fs->root_lba + root_entries / 16;
    uint32_t before_data = fs->data_lba - partition_lba;
    uint32_t clusters = (total - before_data) / per_cluster;
    fs->cluster_limit = clusters + 2;
    if (total < before_data || clusters - MIN_CLUSTERS > MAX_CLUSTERS - MIN_CLUSTERS ||
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

static void rewind_run(struct fat16_file *file) {
    file->run_index = 0;
    file->run_length = 1;
    file->run_start = file->first_cluster;
}

/* Moves the file's run so that it holds cluster number `index` of the file and reaches as far towards number
 * `last` as the clusters are neighbours. Each step goes one cluster on, so it takes at most `last` of them.
 */
static int find_run(struct fat16 *fs, struct fat16_file *file, uint32_t index, uint32_t last) {
    if (index < file->run_index)
        rewind_run(file);
    while (file->run_index + file->run_length <= last) {
        int32_t next = next_cluster(fs, file->run_start + file->run_length - 1);
        if (next <= 0)
            return next < 0 ? next : FAT16_ECHAIN;
        if ((uint32_t)next == file->run_start + file->run_length) {
            file->run_length++;
        } else if (index < file->run_index + file->run_length) {
            return 0;
        } else {
            file->run_index += file->run_length;
            file->run_length = 1;
            file->run_start = (uint32_t)next;
        }
    }
    return 0;
}

/* Counts the clusters of a folder, whose entry gives no size. */
static int measure_folder(struct fat16 *fs, struct fat16_file *folder) {
    uint32_t cluster_size = fs->cluster_sectors * FAT16_SECTOR;
    int32_t cluster = folder->first_cluster;
    folder->root = cluster == 0; /* the ".." of a folder in the root has 0 too */
    folder->size = folder->root ? fs->root_size : 0;
    while (cluster != 0) {
        cluster = next_cluster(fs, (uint32_t)cluster);
        folder->size += cluster_size;
        if (cluster < 0 || folder->size > MAX_FOLDER)
            return cluster < 0 ? cluster : FAT16_ECHAIN;
    }
    return 0;
}

/* Walks the whole chain: it must end exactly where the size says, so it cannot loop. */
static int check_chain(struct fat16 *fs, struct fat16_file *file) {
    rewind_run(file);
    if (file->attributes & FAT16_ATTR_DIRECTORY)
        return measure_folder(fs, file);
    file->root = 0;
    if (file->size == 0)
        return file->first_cluster == 0 ? 0 : FAT16_ECHAIN;
    uint32_t last = (file->size - 1) / FAT16_SECTOR / fs->cluster_sectors;
    int32_t next = find_run(fs, file, last, last);
    if (next == 0)
        next = next_cluster(fs, file->run_start + last - file->run_index);
    return next <= 0 ? next : FAT16_ECHAIN;
}

/* Finds the sector that holds byte `offset` and cuts `*length` to what lies there in one piece. */
static int locate(struct fat16 *fs, struct fat16_file *file, uint32_t offset, uint32_t *length,
                  uint32_t *lba) {
    uint32_t sector = offset / FAT16_SECTOR;
    *lba = fs->root_lba + sector;
    if (file->root)
        return 0;
    uint32_t last = (offset + (*length - 1)) / FAT16_SECTOR / fs->cluster_sectors;
    int error = find_run(fs, file, sector / fs->cluster_sectors, last);
    if (error != 0)
        return error;
    sector -= file->run_index * fs->cluster_sectors;
    *lba = fs->data_lba + (file->run_start - 2) * fs->cluster_sectors + sector;
    uint64_t left =
        (uint64_t)(file->run_length * fs->cluster_sectors - sector) * FAT16_SECTOR - offset % FAT16_SECTOR;
    if (*length > left)
        *length = (uint32_t)left;
    return 0;
}

int64_t fat16_read(struct fat16 *fs, struct fat16_file *file, uint64_t offset, void *buffer,
                   uint64_t length) {
    uint8_t *out = buffer;
    if (offset >= file->size)
        return 0;
    if (length > file->size - offset)
        length = file->size - offset;
    for (uint32_t at = (uint32_t)offset, left = (uint32_t)length, piece; left > 0;
         at += piece, left -= piece) {
        uint32_t lba, in_sector = at % FAT16_SECTOR;
        piece = left;
        int error = locate(fs, file, at, &piece, &lba);
        if (error != 0)
            return error;
        if (in_sector == 0 && piece >= FAT16_SECTOR) {
            piece -= piece % FAT16_SECTOR;
            if (fs->read(fs->context, lba, piece / FAT16_SECTOR, out) != 0)
                return FAT16_EIO;
            out += piece;
            continue;
        }
        if (load(fs, &fs->part_cached, lba, fs->part_data) != 0)
            return FAT16_EIO;
        if (piece > FAT16_SECTOR - in_sector)
            piece = FAT16_SECTOR - in_sector;
        for (uint32_t i = 0; i < piece; i++)
            *out++ = fs->part_data[in_sector + i];
    }
    return (int64_t)length;
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

#if !FAT16_SHORT_NAMES
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
#endif

int fat16_next(struct fat16 *fs, struct fat16_file *folder, uint32_t *cursor, struct fat16_entry *entry) {
    uint8_t raw[ENTRY_SIZE];
#if !FAT16_SHORT_NAMES
    struct long_name name;
    name.expected = NOT_EXPECTED;
    name.checksum = 0;
#endif
    for (;;) {
        int64_t got = fat16_read(fs, folder, *cursor, raw, ENTRY_SIZE);
        if (got <= 0 || raw[0] == 0)
            return got < 0 ? (int)got : 0;
        *cursor += ENTRY_SIZE;
        if (raw[0] != 0xe5 && !(raw[11] & ATTR_VOLUME))
            break;
#if !FAT16_SHORT_NAMES
        if (raw[0] != 0xe5 && (raw[11] & 0x3f) == ATTR_LONG)
            add_long_part(&name, raw);
        else
            name.expected = NOT_EXPECTED;
#endif
    }
    entry->attributes = raw[11];
    entry->first_cluster = (uint16_t)get16(raw + 26);
    entry->size = get32(raw + 28);
    short_name(raw, entry->short_name);
#if !FAT16_SHORT_NAMES
    short_name(raw, entry->name);
    take_long_name(&name, raw, entry->name);
#endif
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
#if !FAT16_SHORT_NAMES
        same |= same_name(path, length, entry.name);
#endif
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
