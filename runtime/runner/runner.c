/* SPDX-License-Identifier: MIT */
/* Runs a code snapshot in a Linux process: the same bytes at the same addresses as in the guest, judged by
 * the loader's own check. Usage: runner SNAPSHOT [ARGUMENT…]; argv[0] of the workload is the first ARGUMENT.
 * The runner itself is position-independent, so that it is never where the snapshot wants to be. */
#include <bareflow/cpuid_words.h>
#include <bareflow/gen/memmap.h>
#include <bareflow/gen/verdict.h>
#include <elf.h>
#include <fcntl.h>
#include <snapshot_check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096ull
#define ROUND_UP(n) (((n) + PAGE - 1) & ~(PAGE - 1))
#define ARGUMENT_ROOM (1ull << 20) /* beside the stack that the snapshot asks for */

extern char **environ;

/* In a runner that measures (probe.c): called when everything is mapped. */
__attribute__((weak)) void before_entry(const struct snapshot_view *view);

static _Noreturn void refuse(const char *path, const char *why, int status) {
    fprintf(stderr, "run-native: %s: %s\n", path, why);
    exit(status);
}

static const void *read_file(const char *path, uint64_t *size) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    void *data;

    if (file < 0 || fstat(file, &status) || !status.st_size)
        refuse(path, "cannot be read", HOST_BAD_INPUT);
    data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED)
        refuse(path, "cannot be read", HOST_BAD_INPUT);
    close(file);
    *size = (uint64_t)status.st_size;
    return data;
}

static void map_segment(const char *path, const uint8_t *file, const struct snapshot_segment *segment) {
    uint64_t start = segment->address & ~(PAGE - 1);
    uint64_t size = ROUND_UP(segment->address + segment->memory_size) - start;
    int rights = PROT_READ | (segment->flags & SEGMENT_WRITE ? PROT_WRITE : 0) |
                 (segment->flags & SEGMENT_EXECUTE ? PROT_EXEC : 0);
    void *place = (void *)start;

    if (mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
        place)
        refuse(path, "a segment's place in memory is taken", HOST_REFUSED);
    memcpy((void *)segment->address, file + segment->file_offset, segment->file_size);
    if (mprotect(place, size, rights))
        refuse(path, "a segment's rights cannot be set", HOST_REFUSED);
}

/* A stack with a page below it that nothing may touch. Returns its top. */
static uint64_t *make_stack(const char *path, uint64_t size) {
    uint64_t whole = ROUND_UP(size) + ARGUMENT_ROOM + PAGE;
    uint8_t *stack = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (stack == MAP_FAILED || mprotect(stack, PAGE, PROT_NONE))
        refuse(path, "there is no memory for its stack", HOST_REFUSED);
    return (uint64_t *)(stack + whole);
}

static uint64_t *push_pair(uint64_t *top, uint64_t kind, uint64_t value) {
    top -= 2;
    top[0] = kind;
    top[1] = value;
    return top;
}

/* System V ABI, AMD64 supplement, 3.4.1: from the stack pointer up argc, argv, 0, environment, 0, auxiliary
 * vector. Strings stay where they are: this process's own stack lives on. */
static uint64_t *fill_stack(uint64_t *top, const struct snapshot_header *header, int argc, char **argv) {
    uint64_t count = 0;

    while (environ[count])
        count++;
    if ((uint64_t)argc + count > ARGUMENT_ROOM / 16)
        refuse("arguments", "there are too many", HOST_BAD_INPUT);
    if ((argc + count + 3) % 2)
        top--; /* the stack pointer is a multiple of 16 at the entry */
    top = push_pair(top, AT_NULL, 0);
    top = push_pair(top, AT_RANDOM, getauxval(AT_RANDOM));
    top = push_pair(top, AT_HWCAP, getauxval(AT_HWCAP));
    top = push_pair(top, AT_SYSINFO_EHDR, getauxval(AT_SYSINFO_EHDR));
    top = push_pair(top, AT_CLKTCK, 100);
    top = push_pair(top, AT_SECURE, 0);
    top = push_pair(top, AT_UID, getuid());
    top = push_pair(top, AT_EUID, geteuid());
    top = push_pair(top, AT_GID, getgid());
    top = push_pair(top, AT_EGID, getegid());
    top = push_pair(top, AT_EXECFN, (uint64_t)argv[0]);
    top = push_pair(top, AT_ENTRY, header->entry);
    top = push_pair(top, AT_PAGESZ, PAGE);
    top = push_pair(top, AT_PHNUM, header->phdr_count);
    top = push_pair(top, AT_PHENT, sizeof(Elf64_Phdr));
    top = push_pair(top, AT_PHDR, header->phdr_address);
    *--top = 0;
    top -= count;
    memcpy(top, environ, count * sizeof *top);
    *--top = 0;
    top -= argc;
    memcpy(top, argv, (size_t)argc * sizeof *top);
    *--top = (uint64_t)argc;
    return top;
}

static _Noreturn void enter(uint64_t entry, uint64_t *stack) {
    __asm__ volatile("mov %1, %%rsp\n\t"
                     "xor %%edx, %%edx\n\t" /* no function to run at exit */
                     "xor %%ebp, %%ebp\n\t" /* the outermost frame */
                     "jmp *%0"
                     :
                     : "r"(entry), "r"(stack)
                     : "rdx", "memory");
    __builtin_unreachable();
}

int main(int argc, char **argv) {
    struct snapshot_view view = {0};
    uint32_t words[8] = {0}, refusal;
    uint64_t size;
    const void *file;
    char why[96];

    if (argc < 3)
        refuse("usage", "runner SNAPSHOT NAME [ARGUMENT…]", HOST_BAD_INPUT);
    file = read_file(argv[1], &size);
    bf_cpuid_words(words);
    refusal = snapshot_pick(file, size, words, &view);
    if (refusal == REFUSED_FEATURE)
        snprintf(why, sizeof why, "this CPU lacks %s", view.missing_feature);
    else
        snprintf(why, sizeof why, "refused, reason %u of docs/formats/snapshot.md", refusal);
    if (refusal)
        refuse(argv[1], why, HOST_REFUSED);
    if (view.header->flags & SNAPSHOT_FLAG_PIE)
        refuse(argv[1], "is position-independent", HOST_REFUSED);
    for (uint32_t i = 0; i < view.header->segment_count; i++)
        map_segment(argv[1], (const uint8_t *)view.header, &snapshot_segments(view.header)[i]);
    if (before_entry)
        before_entry(&view);
    enter(view.header->entry,
          fill_stack(make_stack(argv[1], view.header->stack_size), view.header, argc - 2, argv + 2));
}
