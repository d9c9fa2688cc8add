/* SPDX-License-Identifier: MIT */
/* Reading and writing by descriptor: the console as 0, 1 and 2, and with CONFIG_FILES the image's files. */
#include "file.h"

#ifdef CONFIG_FILES
struct description descriptions[DESCRIPTORS];
uint8_t descriptors[DESCRIPTORS];

/* Static data is zero at first, so the console's descriptors are made on first use. */
struct description *description_of(uint64_t fd) {
    if (!descriptions[0].users)
        for (unsigned i = 0; i < 3; i++) {
            descriptions[i].kind = CONSOLE_IN + i;
            descriptions[i].users = 2; /* one more than there are, so that it stays */
            descriptors[i] = (uint8_t)(i + 1);
        }
    return fd < DESCRIPTORS && descriptors[fd] ? &descriptions[descriptors[fd] - 1] : NULL;
}

static unsigned stream_of(uint64_t fd) {
    const struct description *const d = description_of(fd);
    return !d ? 0 : d->kind == CONSOLE_OUT ? TEXT_STDOUT : d->kind == CONSOLE_ERROR ? TEXT_STDERR : 0;
}

static int64_t read_piece(uint64_t fd, void *bytes, uint64_t count) {
    struct description *const d = description_of(fd);
    if (!d)
        return -EBADF;
    if (d->kind == CONSOLE_IN)
        return console_read(bytes, count);
#ifdef CONFIG_GROW
    if (d->kind == WIRE)
        return tty_read(bytes, count);
    if (d->kind == PORT)
        return vport_read(bytes, count);
#endif
    const int64_t got = file_read(d, bytes, count, d->offset);
    d->offset += got > 0 ? (uint64_t)got : 0;
    return got;
}

int64_t sys_close(uint64_t fd) {
    struct description *const d = description_of(fd);
    if (!d)
        return -EBADF;
    descriptors[fd] = 0;
    d->users--;
    return 0;
}
#else
static unsigned stream_of(uint64_t fd) {
    return fd == TEXT_STDOUT || fd == TEXT_STDERR ? (unsigned)fd : 0; /* which are 1 and 2, too */
}

#ifdef CONFIG_INPUT
static int64_t read_piece(uint64_t fd, void *bytes, uint64_t count) {
    return fd ? -EBADF : console_read(bytes, count);
}
#endif
#endif

int64_t sys_write(uint64_t fd, const void *bytes, uint64_t count) {
    const unsigned stream = stream_of(fd);
#ifdef CONFIG_GROW
    const struct description *const d = description_of(fd);
    if (d && d->kind == WIRE)
        return tty_write(bytes, count);
    if (d && d->kind == PORT)
        return vport_write(bytes, count);
#endif
#ifdef CONFIG_FILES
    if (description_of(fd) && description_of(fd)->kind == NOTHING)
        return (int64_t)count;
#endif
    if (!stream)
        return -EBADF;
    console_write(bytes, count, stream);
    return (int64_t)count;
}

/* Calls `move` for each piece until one is short. */
static int64_t each(uint64_t fd, const struct iovec *pieces, uint64_t count,
                    int64_t (*move)(uint64_t, void *, uint64_t)) {
    int64_t total = 0;
    if (count > 1024)
        return -EINVAL;
    for (; count; count--, pieces++) {
        const int64_t done = (int64_t)pieces->base < 0 ? -EFAULT : move(fd, pieces->base, pieces->length);
        if (done < 0)
            return total ? total : done;
        total += done;
        if ((uint64_t)done < pieces->length)
            break;
    }
    return total;
}

static int64_t write_piece(uint64_t fd, void *bytes, uint64_t count) {
    return sys_write(fd, bytes, count);
}

int64_t sys_writev(uint64_t fd, const struct iovec *pieces, uint64_t count) {
    return each(fd, pieces, count, write_piece);
}

#if defined(CONFIG_FILES) || defined(CONFIG_INPUT)
/* A growing program waits for input outside of the kernel, where ticks reach it and its agent brings some:
 * the call is made again and again. */
static bool must_wait(uint64_t fd) {
#ifdef CONFIG_GROW
    const struct description *const d = description_of(fd);
    console_flush();
    return d && d->kind == CONSOLE_IN && !console_ready();
#else
    (void)fd;
    return false;
#endif
}

static int64_t call_again(void) {
    struct frame *const frame = (void *)(syscall_stack_top - FRAME_SIZEOF);
    frame->rip -= 2; /* the length of `syscall` */
    return (int64_t)frame->rax;
}

int64_t sys_read(uint64_t fd, void *bytes, uint64_t count) {
    return count && must_wait(fd) ? call_again() : read_piece(fd, bytes, count);
}

int64_t sys_readv(uint64_t fd, const struct iovec *pieces, uint64_t count) {
    return must_wait(fd) ? call_again() : each(fd, pieces, count, read_piece);
}
#endif
