/* SPDX-License-Identifier: MIT */
/* The image's files for the workload: one read-only file system whose root is also the current folder. */
#ifdef CONFIG_FILES
#include "file.h"

#define PATH_MAX 4096
#define BLOCK 512
#define POLL_IN 1
#define POLL_OUT 4
#define POLL_BAD 32

static int64_t error_of(int64_t fat_error) {
    return fat_error == FAT16_ENOENT ? -ENOENT : fat_error == FAT16_ENOTDIR ? -ENOTDIR : -EIO;
}

/* Before a file is opened for the first time: of two that share clusters one would be read with the other's
 * bytes. Of what cannot be read here, whoever wants it hears. */
static void files_check(struct fat16 *fat) {
    static struct fat16_claims claims;
    static bool checked;
    if (!checked && fat16_check(fat, &claims) == FAT16_ECROSS)
        panic("two files on the disk share clusters; write the image again");
    checked = true;
}

/* Opens a path from the root; leading slashes and dots lead there too. */
static int64_t path_open(const char *path, struct fat16_file *file) {
    struct fat16 *const fat = volume();
    if (!*path)
        return -ENOENT;
    if (strlen(path) >= PATH_MAX)
        return -ENAMETOOLONG;
    while (*path == '/' || (*path == '.' && (path[1] == '/' || !path[1])))
        path++;
    if (!fat)
        return -ENOENT;
    files_check(fat);
    const int result = fat16_open(fat, path, file);
    return result ? error_of(result) : 0;
}

/* /dev/null and the two names of random bytes; 0: no device that a program may open. */
static enum kind device_named(const char *path) {
    static const char prefix[] = "/dev/", null[] = "null", random[] = "random";
    if (memcmp(path, prefix, sizeof prefix - 1))
        return FREE;
    path += sizeof prefix - 1;
    if (!memcmp(path, null, sizeof null))
        return NOTHING;
    return memcmp(*path == 'u' ? path + 1 : path, random, sizeof random) ? FREE : RANDOM;
}

static int64_t random_read(uint8_t *bytes, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)random_word();
    return (int64_t)count;
}

int64_t file_read(struct description *d, void *bytes, uint64_t count, uint64_t offset) {
    if (d->kind == RANDOM)
        return random_read(bytes, count);
    if (d->kind == NOTHING)
        return 0;
    if (d->kind != FILE)
        return d->kind == FOLDER ? -EISDIR : -EBADF;
    const int64_t got = fat16_read(volume(), &d->file, offset, bytes, count);
    return got < 0 ? error_of(got) : got;
}

int64_t file_read_at(uint64_t fd, void *bytes, uint64_t count, uint64_t offset) {
    struct description *const d = description_of(fd);
    if (!d)
        return -EBADF;
    if (d->kind == FILE)
        return file_read(d, bytes, count, offset);
    return d->kind == CONSOLE_OUT || d->kind == CONSOLE_ERROR ? -EACCES : -ENODEV;
}

/* The lowest free descriptor from `lowest` on, standing for description number `which`. */
static int64_t descriptor_make(uint64_t lowest, unsigned which) {
    for (uint64_t fd = lowest; fd < DESCRIPTORS; fd++)
        if (!descriptors[fd]) {
            descriptors[fd] = (uint8_t)(which + 1);
            descriptions[which].users++;
            return (int64_t)fd;
        }
    return -EMFILE;
}

#ifdef CONFIG_GROW
/* The last descriptor, so that the workload gets those that it would get without an agent. */
static int64_t wire_open(enum kind kind) {
    description_of(0);
    if (descriptors[DESCRIPTORS - 1] || descriptions[DESCRIPTORS - 1].users)
        return -EMFILE;
    if (kind == PORT && !vport_open())
        return -ENOENT;
    if (kind == WIRE)
        tty_open();
    descriptions[DESCRIPTORS - 1] = (struct description){.kind = kind};
    return descriptor_make(DESCRIPTORS - 1, DESCRIPTORS - 1);
}
#endif

static int64_t file_open(const char *path, uint64_t flags, struct description *found) {
    const int64_t result = path_open(path, &found->file);
    const bool folder = found->file.attributes & FAT16_ATTR_DIRECTORY;
    if (result)
        return result == -ENOENT && flags & O_CREAT ? -EROFS : result;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (flags & O_ACCMODE || flags & O_TRUNC)
        return folder ? -EISDIR : -EROFS;
    if (flags & O_DIRECTORY && !folder)
        return -ENOTDIR;
    found->kind = folder ? FOLDER : FILE;
    return 0;
}

int64_t sys_open(const char *path, uint64_t flags) {
    struct description found = {0};
#ifdef CONFIG_GROW
    if (tty_named(path))
        return wire_open(WIRE);
    if (vport_named(path))
        return wire_open(PORT);
#endif
    found.kind = device_named(path);
    const int64_t result = found.kind ? 0 : file_open(path, flags, &found);
    if (result)
        return result;
    description_of(0);
    for (unsigned i = 3; i < DESCRIPTORS; i++)
        if (!descriptions[i].users) {
            descriptions[i] = found;
            return descriptor_make(0, i);
        }
    return -EMFILE;
}

/* Every folder that can be open may be named; only the root and absolute paths are followed from it. */
int64_t sys_openat(uint64_t folder, const char *path, uint64_t flags) {
    (void)folder;
    return sys_open(path, flags);
}

int64_t sys_pread64(uint64_t fd, void *bytes, uint64_t count, uint64_t offset) {
    struct description *const d = description_of(fd);
#ifdef CONFIG_GROW
    if (d && (d->kind == WIRE || d->kind == PORT))
        return text_read(bytes, count, offset);
#endif
    if (d && d->kind < FILE)
        return -ESPIPE;
    if ((int64_t)offset < 0)
        return -EINVAL;
    return d ? file_read(d, bytes, count, offset) : -EBADF;
}

#ifdef CONFIG_GROW
int64_t sys_pwrite64(uint64_t fd, const void *bytes, uint64_t count, uint64_t offset) {
    const struct description *const d = description_of(fd);
    return d && (d->kind == WIRE || d->kind == PORT) ? text_type(bytes, count, offset) : -EBADF;
}
#endif

int64_t sys_preadv(uint64_t fd, const struct iovec *pieces, uint64_t count, uint64_t offset) {
    int64_t total = 0;
    for (; count; count--, pieces++) {
        const int64_t got =
            (int64_t)pieces->base < 0 ? -EFAULT : sys_pread64(fd, pieces->base, pieces->length, offset);
        if (got < 0)
            return total ? total : got;
        total += got;
        offset += (uint64_t)got;
    }
    return total;
}

int64_t sys_lseek(uint64_t fd, int64_t offset, uint64_t whence) {
    struct description *const d = description_of(fd);
    if (!d)
        return -EBADF;
    if (d->kind < FILE)
        return -ESPIPE;
    const int64_t from[] = {0, (int64_t)d->offset, d->file.size};
    if (whence > 2 || from[whence] + offset < 0)
        return -EINVAL;
    d->offset = (uint64_t)(from[whence] + offset);
    if (d->kind == FOLDER)
        d->cursor = (uint32_t)d->offset;
    return (int64_t)d->offset;
}

static void stat_fill(struct stat *out, const struct description *d) {
    const bool folder = d->kind == FOLDER || d->file.attributes & FAT16_ATTR_DIRECTORY;
    *out = (struct stat){
        .ino = d->file.first_cluster + 1u,
        .nlink = 1,
        .mode = d->kind == NOTHING || d->kind == RANDOM ? S_IFCHR | 0666
                : d->kind && d->kind < FILE             ? S_IFIFO | 0600
                : folder                                ? S_IFDIR | 0555
                                                        : S_IFREG | 0444,
        .size = d->file.size,
        .blksize = PAGE_SIZE,
        .blocks = (d->file.size + BLOCK - 1) / BLOCK,
    };
}

int64_t sys_fstat(uint64_t fd, struct stat *out) {
    const struct description *const d = description_of(fd);
    if (!d)
        return -EBADF;
    stat_fill(out, d);
    return 0;
}

int64_t sys_stat(const char *path, struct stat *out) {
    struct description found = {.kind = device_named(path)};
    const int64_t result = found.kind ? 0 : path_open(path, &found.file);
    if (!result)
        stat_fill(out, &found);
    return result;
}

int64_t sys_newfstatat(uint64_t folder, const char *path, struct stat *out, uint64_t flags) {
    return flags & AT_EMPTY_PATH && !*path ? sys_fstat(folder, out) : sys_stat(path, out);
}

int64_t sys_statx(uint64_t folder, const char *path, uint64_t flags, uint64_t mask, struct statx *out) {
    struct stat found;
    const int64_t result = sys_newfstatat(folder, path, &found, flags);
    (void)mask;
    if (!result)
        *out = (struct statx){
            .mask = 0x7ff, /* STATX_BASIC_STATS */
            .blksize = (uint32_t)found.blksize,
            .nlink = 1,
            .mode = (uint16_t)found.mode,
            .ino = found.ino,
            .size = (uint64_t)found.size,
            .blocks = (uint64_t)found.blocks,
        };
    return result;
}

int64_t sys_access(const char *path, uint64_t mode) {
    struct fat16_file file;
    if (device_named(path))
        return 0;
    const int64_t result = path_open(path, &file);
    return result ? result : mode & 2 ? -EROFS : 0;
}

int64_t sys_faccessat(uint64_t folder, const char *path, uint64_t mode) {
    (void)folder;
    return sys_access(path, mode);
}

int64_t sys_einval(void) {
    return -EINVAL;
}

int64_t sys_erofs(void) {
    return -EROFS;
}

int64_t sys_close(uint64_t fd);

static int64_t duplicate(uint64_t fd, uint64_t lowest) {
    return description_of(fd) ? descriptor_make(lowest, descriptors[fd] - 1u) : -EBADF;
}

int64_t sys_dup(uint64_t fd) {
    return duplicate(fd, 0);
}

int64_t sys_dup2(uint64_t fd, uint64_t wanted) {
    if (!description_of(fd) || wanted >= DESCRIPTORS)
        return -EBADF;
    if (fd == wanted)
        return (int64_t)fd;
    sys_close(wanted);
    return duplicate(fd, wanted);
}

int64_t sys_fcntl(uint64_t fd, uint64_t command, uint64_t value) {
    const struct description *const d = description_of(fd);
    if (!d)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return value < DESCRIPTORS ? duplicate(fd, value) : -EINVAL;
    case F_GETFL:
        return d->kind == CONSOLE_OUT || d->kind == CONSOLE_ERROR;
    case F_SETFL:
#ifdef CONFIG_GROW
        if (d->kind == WIRE)
            tty_announce(value & O_ASYNC);
#endif
        return 0;
    case F_GETFD:
    case F_SETFD:
        return 0;
    default:
        return -EINVAL;
    }
}

int64_t sys_getdents64(uint64_t fd, uint8_t *out, uint64_t room) {
    static struct fat16_entry entry;
    struct description *const d = description_of(fd);
    uint64_t used = 0;
    if (!d || d->kind != FOLDER)
        return d ? -ENOTDIR : -EBADF;
    for (;;) {
        uint32_t cursor = d->cursor;
        const int more = fat16_next(volume(), &d->file, &cursor, &entry);
        if (more < 1)
            return more ? error_of(more) : (int64_t)used;
        const uint64_t name_size = strlen(entry.name) + 1;
        const uint64_t length = (offsetof(struct dirent64, name) + name_size + 7) & -8ull;
        if (used + length > room)
            return used ? (int64_t)used : -EINVAL;
        struct dirent64 *const next = (void *)(out + used);
        next->ino = entry.first_cluster + 1u;
        next->offset = cursor;
        next->length = (uint16_t)length;
        next->type = entry.attributes & FAT16_ATTR_DIRECTORY ? DT_DIR : DT_REG;
        memcpy(next->name, entry.name, name_size);
        d->cursor = cursor;
        used += length;
    }
}

int64_t sys_getcwd(char *out, uint64_t room) {
    if (room < 2)
        return -ERANGE;
    memcpy(out, "/", 2);
    return 2;
}

/* Waits only for console input, and only without a limit; a limit is taken as already over. */
int64_t sys_poll(struct pollfd *list, uint64_t count, int64_t timeout) {
    int64_t ready = 0;
    do {
        for (uint64_t i = 0; i < count; i++) {
            const struct description *const d = description_of((uint64_t)(int64_t)list[i].fd);
            int16_t found = POLL_BAD;
            if (d)
                found = (int16_t)(list[i].events &
                                  (d->kind == CONSOLE_IN && !console_ready() ? 0 : POLL_IN | POLL_OUT));
            list[i].revents = list[i].fd < 0 ? 0 : found;
            ready += list[i].revents != 0;
        }
    } while (!ready && timeout < 0);
    return ready;
}

int64_t sys_ppoll(struct pollfd *list, uint64_t count, const struct timespec *timeout) {
    return sys_poll(list, count, timeout ? 0 : -1);
}
#endif
