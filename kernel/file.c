/* SPDX-License-Identifier: MIT */
/* File descriptors: the console as 0, 1 and 2, and the image's files, which are read-only. */
#include "kernel.h"

enum kind { FREE, CONSOLE_IN, CONSOLE_OUT, CONSOLE_ERROR, FILE, FOLDER };

#ifdef CONFIG_FILES
#define DESCRIPTORS 64
#else
#define DESCRIPTORS 3
#endif

/* What a descriptor stands for; dup makes two stand for one, with a common offset. */
struct description {
    enum kind kind;
    uint32_t users, cursor, flags;
    uint64_t offset;
    struct fat16_file file;
};

static struct description descriptions[DESCRIPTORS];
static uint8_t descriptors[DESCRIPTORS]; /* index of the description, plus one */

/* Static data is zero at first, so the console's descriptors are made on first use. */
static struct description *lookup(uint64_t fd) {
    if (!descriptions[0].users)
        for (unsigned i = 0; i < 3; i++) {
            descriptions[i].kind = CONSOLE_IN + i;
            descriptions[i].users = 1;
            descriptors[i] = (uint8_t)(i + 1);
        }
    return fd < DESCRIPTORS && descriptors[fd] ? &descriptions[descriptors[fd] - 1] : NULL;
}

#ifdef CONFIG_FILES
static int64_t error_of(int64_t fat_error) {
    return fat_error == FAT16_ENOENT ? -ENOENT : fat_error == FAT16_ENOTDIR ? -ENOTDIR : -EIO;
}

static int64_t read_at(struct description *d, void *bytes, uint64_t count, uint64_t offset) {
    const int64_t got = fat16_read(volume(), &d->file, offset, bytes, count);
    return got < 0 ? error_of(got) : got;
}
#endif

static int64_t read_some(struct description *d, void *bytes, uint64_t count) {
    if (!d)
        return -EBADF;
    if (d->kind == CONSOLE_IN)
        return console_read(bytes, count);
#ifdef CONFIG_FILES
    if (d->kind == FOLDER)
        return -EISDIR;
    if (d->kind == FILE) {
        const int64_t got = read_at(d, bytes, count, d->offset);
        d->offset += got > 0 ? (uint64_t)got : 0;
        return got;
    }
#endif
    return -EBADF;
}

static int64_t write_some(struct description *d, const void *bytes, uint64_t count) {
    if (!d || (d->kind != CONSOLE_OUT && d->kind != CONSOLE_ERROR))
        return -EBADF;
    console_write(bytes, count, d->kind == CONSOLE_OUT ? TEXT_STDOUT : TEXT_STDERR);
    return (int64_t)count;
}

int64_t sys_read(uint64_t fd, void *bytes, uint64_t count) {
    return read_some(lookup(fd), bytes, count);
}

int64_t sys_write(uint64_t fd, const void *bytes, uint64_t count) {
    return write_some(lookup(fd), bytes, count);
}

/* Calls `move` for each piece until one is short. */
static int64_t each(uint64_t fd, const struct iovec *pieces, uint64_t count, bool writing) {
    struct description *const d = lookup(fd);
    int64_t total = 0;
    if (count > 1024)
        return -EINVAL;
    for (; count; count--, pieces++) {
        if ((int64_t)pieces->base < 0)
            return -EFAULT;
        const int64_t done = writing ? write_some(d, pieces->base, pieces->length)
                                     : read_some(d, pieces->base, pieces->length);
        if (done < 0)
            return total ? total : done;
        total += done;
        if ((uint64_t)done < pieces->length)
            break;
    }
    return total;
}

int64_t sys_readv(uint64_t fd, const struct iovec *pieces, uint64_t count) {
    return each(fd, pieces, count, false);
}

int64_t sys_writev(uint64_t fd, const struct iovec *pieces, uint64_t count) {
    return each(fd, pieces, count, true);
}

/* Neither console nor file is a terminal: output is buffered as into a pipe. */
int64_t sys_ioctl(uint64_t fd) {
    return lookup(fd) ? -ENOTTY : -EBADF;
}

int64_t sys_close(uint64_t fd) {
    struct description *const d = lookup(fd);
    if (!d)
        return -EBADF;
    descriptors[fd] = 0;
    d->users--; /* the console's own stay, so that a kernel without files can reopen nothing wrongly */
    return 0;
}

#ifndef CONFIG_FILES
int64_t file_read_at(uint64_t fd, void *bytes, uint64_t count, uint64_t offset) {
    (void)fd, (void)bytes, (void)count, (void)offset;
    return -ENODEV;
}
#endif
