/* SPDX-License-Identifier: MIT */
/* Reads the snapshot, has every byte of it checked, maps it and starts it as Linux starts a program. */
#include "kernel.h"
#include "snapshot_check.h"
#include "x86.h"

#define SNAPSHOT_NAME "OPTIMIZED_SNAPSHOT.BIN"
#define AUXILIARY_MAX 20

bool workload_runs;
uint64_t stack_size;

/* By REFUSED_… from 1. */
static const char reasons[] = "no " SNAPSHOT_NAME "\0the disk cannot be read\0too short\0wrong magic number\0"
                              "wrong version\0wrong header size\0wrong total size\0CRC-32 differs\0"
                              "made for another kernel\0a table lies outside\0bad segment\0"
                              "writable and executable\0bad entry\0bad function\0bad relocation\0"
                              "the CPU lacks \0not enough memory";

static _Noreturn void refuse(uint32_t reason, const char *detail) {
    const char *text = reasons;
    for (uint32_t i = 1; i < reason; i++)
        text += strlen(text) + 1;
    say("bareflow: snapshot refused: ");
    say(text);
    say(detail);
    say("\n");
    finish(VERDICT_REFUSED, (int32_t)reason);
}

static void *snapshot_read(uint64_t *size) {
    struct fat16_file file;
    *size = boot.snapshot_size;
    if (boot.snapshot_phys)
        return direct(boot.snapshot_phys);
    struct fat16 *const fat = volume();
    const int missing = fat ? fat16_open(fat, SNAPSHOT_NAME, &file) : FAT16_EIO;
    if (missing)
        refuse(missing == FAT16_ENOENT ? REFUSED_NOT_FOUND : REFUSED_READ_ERROR, "");
    *size = file.size;
    const int64_t address = map_memory(0, file.size + 1ull, 0, ACCESS_DATA);
    if (address < 0)
        refuse(REFUSED_MEMORY, "");
    if (fat16_read(fat, &file, 0, (void *)address, file.size) != file.size)
        refuse(REFUSED_READ_ERROR, "");
    return (void *)address;
}

static void segments_map(const struct snapshot_header *header, uint64_t bias) {
    const struct snapshot_segment *segment = snapshot_segments(header);
    for (uint32_t i = 0; i < header->segment_count; i++, segment++) {
        const uint64_t address = segment->address + bias, start = page_floor(address);
        const uint64_t length = page_ceiling(address + segment->memory_size) - start;
        if (!length)
            continue;
        if (!space_valid(start, length))
            refuse(REFUSED_SEGMENT, "");
        if (map_memory(start, length, MAP_FIXED_NOREPLACE, ACCESS_DATA) < 0)
            refuse(REFUSED_MEMORY, "");
        memcpy((void *)address, (const uint8_t *)header + segment->file_offset, segment->file_size);
        if (start + length > break_start)
            break_start = start + length;
    }
}

static void segments_protect(const struct snapshot_header *header, uint64_t bias) {
    const struct snapshot_segment *segment = snapshot_segments(header);
    for (uint32_t i = 0; i < header->segment_count; i++, segment++) {
        const uint64_t address = segment->address + bias;
        const uint64_t access = PTE_PRESENT | (segment->flags & SEGMENT_WRITE ? PTE_WRITE : 0) |
                                (segment->flags & SEGMENT_EXECUTE ? 0 : PTE_NX);
        space_change(page_floor(address), page_ceiling(address + segment->memory_size), CHANGE_PROTECT,
                     access);
    }
}

static void relocate(const struct snapshot_header *header, uint64_t bias) {
    const struct snapshot_relocation *relocation = snapshot_relocations(header);
    for (uint32_t i = 0; i < header->relocation_count; i++, relocation++)
        *(uint64_t *)(relocation->address + bias) = bias + (uint64_t)relocation->addend;
}

/* Argument count, argument and environment pointers, auxiliary vector (System V ABI, x86-64
 * supplement, 3.4.1). Returns the stack pointer for _start. */
static uint64_t stack_build(const struct snapshot_header *header, uint64_t bias) {
    const struct arguments given = arguments_read();
    char *text = (char *)MEM_STACK_TOP - 16 - given.size;
    uint8_t *const random = (uint8_t *)page_floor((uint64_t)text) - 16;
    uint64_t *const words =
        (uint64_t *)(((uint64_t)random - 8 * (given.string_count + 3 + 2 * AUXILIARY_MAX)) & -16ull);
    uint64_t *next = words;
    if (given.size + 8 * given.string_count + LARGE_PAGE_SIZE / 8 > stack_size)
        panic("the arguments do not fit on the stack");
    memcpy((char *)MEM_STACK_TOP - 16, "x86_64", 7);
    memcpy(text, given.text, given.size);
    random_bytes(random, 16);
    const uint64_t name = (uint64_t)text;
    *next++ = given.argument_count;
    for (uint64_t i = 0; i <= given.string_count; i++) {
        if (i == given.argument_count)
            *next++ = 0;
        if (i < given.string_count) {
            *next++ = (uint64_t)text;
            text += strlen(text) + 1;
        }
    }
    *next++ = 0;
    const uint64_t auxiliary[AUXILIARY_MAX][2] = {
        {AT_PHDR, header->phdr_address ? header->phdr_address + bias : 0},
        {AT_PHENT, ELF64_PHDR_SIZE},
        {AT_PHNUM, header->phdr_count},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_BASE, 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, header->entry + bias},
        {AT_UID, 0},
        {AT_EUID, 0},
        {AT_GID, 0},
        {AT_EGID, 0},
        {AT_SECURE, 0},
        {AT_CLKTCK, 100},
        {AT_HWCAP, cpuid(1, 0).edx},
        {AT_RANDOM, (uint64_t)random},
        {AT_PLATFORM, MEM_STACK_TOP - 16},
        {AT_EXECFN, name},
    };
    memcpy(next, auxiliary, sizeof auxiliary); /* the rest of the array is AT_NULL */
    return (uint64_t)words;
}

_Noreturn void snapshot_start(void) {
    static struct frame frame;
    uint64_t size;
    uint32_t words[8];
    struct snapshot_view view;
    stack_bottom = MEM_STACK_TOP - LARGE_PAGE_SIZE; /* until the snapshot says */
    void *const file = snapshot_read(&size);
    cpu_words(words);
    const uint32_t reason = snapshot_check(file, size, words, &view);
    if (reason)
        refuse(reason, view.missing_feature ? view.missing_feature : "");
    const struct snapshot_header *const header = view.header;
    const uint64_t bias = header->flags & SNAPSHOT_FLAG_PIE ? MEM_WORKLOAD_BASE : 0;
    stack_size = page_ceiling(header->stack_size);
    if (stack_size > MEM_MMAP_BASE)
        refuse(REFUSED_MEMORY, "");
    stack_bottom = MEM_STACK_TOP - stack_size;
    segments_map(header, bias);
    relocate(header, bias);
    segments_protect(header, bias);
    frame = (struct frame){
        .rip = header->entry + bias,
        .rsp = stack_build(header, bias),
        .rflags = 2,
        .cs = WORKLOAD_CS,
        .ss = WORKLOAD_SS,
    };
    stamp(STAMP_WORKLOAD);
    wire_started(header->build_id);
    if (!boot.snapshot_phys)
        sys_munmap((uint64_t)file, size + 1);
    page_faults = 0; /* those of building the stack are ours */
    workload_runs = true;
    resume(&frame);
}
