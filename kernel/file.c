/* SPDX-License-Identifier: MIT */
/* File descriptors: the console as 0, 1 and 2, and the image's files, which are read-only. */
#include "file.h"

struct description descriptions[DESCRIPTORS];
uint8_t descriptors[DESCRIPTORS];

/* Static data is zero at first, so the console's descriptors are made on first use. */
struct description *description_of(uint64_t fd) {
    if (!descriptions[0].users)
        for (unsigned i = 0; i < 3; i++) {
            descriptions[i].kind = CONSOLE_IN + i;
            descriptions[i].users = 1;
            descriptors[i] = (uint8_t)(i + 1);
        }
    return fd < DESCRIPTORS && descriptors[fd] ? &descriptions[descriptors[fd] - 1] : NULL;
}

static int64_t read_some(struct description *d, void *bytes, uint64_t count) {
    if (!d)
        return -EBADF;
    if (d->kind == CONSOLE_IN)
        return console_read(bytes, count);
#ifdef CONFIG_FILES
    const int64_t got = file_read(d, bytes, count, d->offset);
    d->offset += got > 0 ? (uint64_t)got : 0;
    return got;
#else
    return -EBADF;
#endif
}

static int64_t write_some(struct description *d, const void *bytes, uint64_t count) {
    if (!d || (d->kind != CONSOLE_OUT && d->kind != CONSOLE_ERROR))
        return -EBADF;
    console_write(bytes, count, d->kind == CONSOLE_OUT ? TEXT_STDOUT : TEXT_STDERR);
    return (int64_t)count;
}

int64_t sys_read(uint64_t fd, void *bytes, uint64_t count) {
    return read_some(description_of(fd), bytes, count);
}

int64_t sys_write(uint64_t fd, const void *bytes, uint64_t count) {
    return write_some(description_of(fd), bytes, count);
}

/* Calls `move` for each piece until one is short. */
static int64_t each(uint64_t fd, const struct iovec *pieces, uint64_t count, bool writing) {
    struct description *const d = description_of(fd);
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
    return description_of(fd) ? -ENOTTY : -EBADF;
}

int64_t sys_close(uint64_t fd) {
    struct description *const d = description_of(fd);
    if (!d)
        return -EBADF;
    descriptors[fd] = 0;
    d->users--;
    return 0;
}

#ifndef CONFIG_FILES
int64_t file_read_at(uint64_t fd, void *bytes, uint64_t count, uint64_t offset) {
    (void)fd, (void)bytes, (void)count, (void)offset;
    return -ENODEV;
}
#endif
