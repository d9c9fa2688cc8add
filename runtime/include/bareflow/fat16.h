/* SPDX-License-Identifier: MIT */
/* The FAT16 reader that stage 2 and the kernel share. Reads only, allocates nothing, never loops on a bad
 * disk. Source: Microsoft FAT specification (FAT: General Overview of On-Disk Format, 2005). */
#ifndef BAREFLOW_FAT16_H
#define BAREFLOW_FAT16_H

#include <stdint.h>

#define FAT16_SECTOR 512
#define FAT16_NAME_SIZE 768 /* 255 UTF-16 units in UTF-8 and a NUL, rounded up */

/* Errors, all negative. */
#define FAT16_EIO (-1)     /* the block read failed */
#define FAT16_EFORMAT (-2) /* not a FAT16 volume, or its boot sector contradicts itself */
#define FAT16_ECHAIN (-3)  /* a cluster chain loops, leaves the volume, or does not fit the file's size */
#define FAT16_ENOENT (-4)  /* no such file or folder */
#define FAT16_ENOTDIR (-5) /* a path goes through a file */
#define FAT16_ECROSS (-6)  /* two chains share a cluster, or one loops */

#define FAT16_ATTR_DIRECTORY 0x10

/* Reads `count` sectors of 512 bytes from `lba` of the disk. Returns 0, or anything else on failure.
 * A call may ask for as many sectors as one file has; a driver that can do less MUST split it itself. */
typedef int (*fat16_read_fn)(void *context, uint64_t lba, uint32_t count, void *buffer);

/* A mounted volume. The caller allocates it and touches nothing inside. */
struct fat16 {
    fat16_read_fn read;
    void *context;
    uint32_t fat_lba;  /* first sector of the first FAT */
    uint32_t root_lba; /* first sector of the root directory */
    uint32_t data_lba; /* where cluster 0 would be; cluster 2 is the first */
    uint32_t total_sectors;
    uint32_t root_size;       /* bytes */
    uint32_t cluster_sectors; /* sectors in a cluster */
    uint32_t cluster_limit;   /* clusters 2 … cluster_limit - 1 exist */
    uint32_t fat_cached;      /* sector held in fat_data; 0: none, since no sector we cache has that number */
    uint32_t part_cached;     /* likewise for part_data */
    uint16_t fat_data[FAT16_SECTOR / 2];
    uint8_t part_data[FAT16_SECTOR];
};

/* An open file or folder: a plain value, there is nothing to close. Copy it freely. */
struct fat16_file {
    uint32_t size; /* bytes; of a folder: of its entries */
    uint16_t first_cluster;
    uint8_t attributes; /* FAT16_ATTR_… */
    uint8_t reserved;
    uint32_t run_sector; /* the piece found last, in sectors: its place in the file, */
    uint32_t run_length; /* its length, */
    uint32_t run_lba;    /* and its place on the disk */
    uint32_t run_last;   /* its last cluster */
};

struct fat16_entry {
    char name[FAT16_NAME_SIZE]; /* long name in UTF-8 if it has one, else the short name */
    char short_name[13];        /* "NAME.EXT" */
    uint32_t size;              /* bytes; 0 for a folder */
    uint16_t first_cluster;
    uint8_t attributes;
};

#define FAT16_SET_WORDS (65536 / 32)

/* What fat16_check works with. The caller allocates it, all zero, and touches nothing inside. */
struct fat16_claims {
    uint32_t used[FAT16_SET_WORDS];    /* clusters of the chains walked so far */
    uint32_t pending[FAT16_SET_WORDS]; /* first clusters of folders still to be read */
    struct fat16_entry entry;
};

/* Checks the boot sector at `partition_lba` (which MUST NOT be 0 on a disk whose FAT would start at sector
 * 0). Returns 0 or FAT16_EIO, FAT16_EFORMAT. */
int fat16_mount(struct fat16 *fs, fat16_read_fn read, void *context, uint32_t partition_lba);

/* Opens `path`: names separated by '/', either kind of name, ASCII case ignored; "" or "/" is the root.
 * Walks the whole chain once, so that every later read stays inside it. Returns 0 or an error. */
int fat16_open(struct fat16 *fs, const char *path, struct fat16_file *file);

/* Stage 2's own, where FAT16_ROOT_ONLY is set, instead of fat16_open and fat16_next: a file of the root
 * directory, by its name as the entry has it ("KERNEL  BIN"). */
int fat16_open_root(struct fat16 *fs, const char name[11], struct fat16_file *file);

/* Reads up to `length` bytes from byte `offset`. Returns how many (less only at the end), or an error.
 * Neighbouring clusters are read by one call of the block function straight into `buffer`. */
int64_t fat16_read(struct fat16 *fs, struct fat16_file *file, uint64_t offset, void *buffer, uint64_t length);

/* Gives the entry of `folder` behind `*cursor` (0 at first) and moves it on. Returns 1, 0 at the end, or an
 * error. Volume labels and deleted entries are left out; "." and ".." are given. */
int fat16_next(struct fat16 *fs, struct fat16_file *folder, uint32_t *cursor, struct fat16_entry *entry);

/* Walks every chain that a folder names, each cluster once: no two may meet. Chains that are broken otherwise
 * are left to whoever opens them. Reads the FAT's part in use and the folders. Returns 0, FAT16_ECROSS, or
 * FAT16_EIO where it could not see all. */
int fat16_check(struct fat16 *fs, struct fat16_claims *claims);

#endif
