/* SPDX-License-Identifier: MIT */
/* Reads the snapshot, has every byte of it checked, maps it and starts it as Linux starts a program. */
#include "kernel.h"
#include "snapshot_check.h"
#include "x86.h"

bool workload_runs;
uint64_t stack_size;

/* The names of REFUSED_… from 1, as bareflow/layouts/snapshot.py has them. */
static const char reasons[] =
    "not-found\0read-error\0too-short\0magic\0version\0header-size\0total-size\0crc\0abi\0"
    "table\0segment\0write-and-execute\0entry\0function\0relocation\0feature\0memory";

static _Noreturn void refuse(uint32_t reason, const char *detail) {
    say("bareflow: snapshot refused: ");
    say(text_at(reasons, reason - 1));
    if (detail) {
        say(" ");
        say(detail);
    }
    say("\n");
    finish(VERDICT_REFUSED, (int32_t)reason);
}

/* Finds a file in the root; a kernel that serves no files to the workload knows short names only. */
int file_find(struct fat16 *fat, const char *name, const char *short_name, struct fat16_file *file) {
#ifdef CONFIG_FILES
    (void)short_name;
    return fat16_open(fat, name, file);
#else
    (void)name;
    return fat16_open_root(fat, short_name, file);
#endif
}

/* The file in memory; its size goes to boot info, where a loader may have put both already. */
static void *snapshot_read(void) {
    struct fat16_file file;
    if (boot.snapshot_phys)
        return direct(boot.snapshot_phys);
    struct fat16 *const fat = volume();
    if (!fat)
        refuse(REFUSED_READ_ERROR, NULL);
    const int missing = file_find(fat, "OPTIMIZED_SNAPSHOT.BIN", "OPTIMI~1BIN", &file);
    if (missing)
        refuse(missing == FAT16_ENOENT ? REFUSED_NOT_FOUND : REFUSED_READ_ERROR, NULL);
    boot.snapshot_size = file.size;
    void *const address = (void *)MEM_MMAP_BASE;
    if (space_fill(MEM_MMAP_BASE, page_ceiling(file.size), ACCESS_DATA))
        refuse(REFUSED_MEMORY, NULL);
    if (fat16_read(fat, &file, 0, address, file.size) != file.size)
        refuse(REFUSED_READ_ERROR, NULL);
    return address;
}

/* Maps every segment, or with `copied` gives each the access that it asks for. */
static void segments_map(const struct snapshot_header *header, uint64_t bias, bool copied) {
    const struct snapshot_segment *segment = snapshot_segments(header);
    for (uint32_t i = header->segment_count; i; i--, segment++) {
        const uint64_t address = segment->address + bias, start = page_floor(address);
        const uint64_t end = page_ceiling(address + segment->memory_size);
        if (copied) { /* SEGMENT_EXECUTE, _WRITE, _READ are 1, 2, 4 */
            space_change(start, end, CHANGE_PROTECT,
                         (segment->flags & SEGMENT_WRITE) | ACCESS_READ |
                             (segment->flags & SEGMENT_EXECUTE) * ACCESS_EXECUTE);
            continue;
        }
        if (!space_valid(start, end - start))
            refuse(REFUSED_SEGMENT, NULL);
        if (space_fill(start, end - start, ACCESS_DATA))
            refuse(REFUSED_MEMORY, NULL);
        memcpy((void *)address, (const uint8_t *)header + segment->file_offset, segment->file_size);
        break_start = end; /* segments ascend */
    }
}

static void relocate(const struct snapshot_header *header, uint64_t bias) {
    const struct snapshot_relocation *relocation = snapshot_relocations(header);
    for (uint32_t i = header->relocation_count; i; i--, relocation++)
        *(uint64_t *)(relocation->address + bias) = bias + (uint64_t)relocation->addend;
}

/* The auxiliary vector (System V ABI, x86-64 supplement, 3.4.3). */
static void auxiliary_fill(uint64_t *next, const struct snapshot_header *header, uint64_t bias,
                           const uint64_t *random) {
    static const uint8_t fixed[][2] = {{AT_PHENT, ELF64_PHDR_SIZE},
                                       {AT_CLKTCK, 100},
                                       {AT_UID, 0},
                                       {AT_EUID, 0},
                                       {AT_GID, 0},
                                       {AT_EGID, 0},
                                       {AT_SECURE, 0}};
    const uint64_t measured[][2] = {{AT_PAGESZ, PAGE_SIZE},
                                    {AT_PHNUM, header->phdr_count},
                                    {AT_ENTRY, header->entry + bias},
                                    {AT_RANDOM, (uint64_t)random},
                                    {AT_PLATFORM, (uint64_t)(random + 2)},
                                    {AT_HWCAP, cpu_words[CPUID_WORD_1_EDX]},
                                    {AT_EXECFN, (uint64_t)(random + 3)},
                                    {header->phdr_address ? AT_PHDR : AT_NULL, header->phdr_address + bias}};
    for (unsigned i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        *next++ = fixed[i][0];
        *next++ = fixed[i][1];
    }
    memcpy(next, measured, sizeof measured);
}

#define AUXILIARY_WORDS 32 /* the vector and its end */

/* Builds what _start expects; returns its stack pointer. The strings lie on top, above 16 random bytes and
 * the platform's name; below come the vectors. */
static uint64_t *stack_build(const struct snapshot_header *header, uint64_t bias) {
    static struct arguments given;
    arguments_read(&given);
    char *text = (char *)((MEM_STACK_TOP - given.size) & -16ull);
    uint64_t *const random = (uint64_t *)text - 3;
    uint64_t *const words =
                        (uint64_t *)((uint64_t)(random - AUXILIARY_WORDS - given.string_count - 3) & -16ull),
                    *next = words;
    if ((uint64_t)words < stack_bottom + PAGE_SIZE)
        panic("the arguments do not fit on the stack");
    memcpy(text, given.text, given.size);
    random[0] = random_word();
    random[1] = random_word();
    random[2] = 0x34365f363878; /* "x86_64" */
    *next++ = given.argument_count;
    for (uint32_t i = 0; i < given.string_count; i++) {
        if (i == given.argument_count)
            next++;
        *next++ = (uint64_t)text;
        text += strlen(text) + 1;
    }
    if (given.string_count == given.argument_count)
        next++;
    auxiliary_fill(next + 1, header, bias, random);
    return words;
}

_Noreturn void snapshot_start(void) {
    static struct frame frame;
    static struct snapshot_view view;
    stack_bottom = MEM_STACK_TOP - LARGE_PAGE_SIZE; /* until the snapshot says */
    void *const file = snapshot_read();
#ifdef CONFIG_TARGETS
    const uint32_t reason = snapshot_pick(file, boot.snapshot_size, cpu_words, &view);
#else
    const uint32_t reason = snapshot_check(file, boot.snapshot_size, cpu_words, &view);
#endif
    if (reason)
        refuse(reason, view.missing_feature);
    const struct snapshot_header *const header = view.header;
    const uint64_t bias = header->flags & SNAPSHOT_FLAG_PIE ? MEM_WORKLOAD_BASE : 0;
    stack_size = page_ceiling(header->stack_size);
    if (stack_size > MEM_MMAP_BASE)
        refuse(REFUSED_MEMORY, NULL);
    stack_bottom = MEM_STACK_TOP - stack_size;
    segments_map(header, bias, false);
    relocate(header, bias);
    segments_map(header, bias, true);
    frame.rip = header->entry + bias;
    frame.rsp = (uint64_t)stack_build(header, bias);
    frame.rflags = 2;
    frame.cs = WORKLOAD_CS;
    frame.ss = WORKLOAD_SS;
    stamp(STAMP_WORKLOAD);
    struct started_record *const started = &wire_payload->started;
    memcpy(started->build_id, header->build_id, sizeof started->build_id);
    memcpy(started->stamps, boot.stamps, sizeof started->stamps);
    wire_send(FRAME_STARTED, sizeof *started);
    space_change(MEM_MMAP_BASE, MEM_MMAP_BASE + BUFFERS_SIZE, CHANGE_UNMAP, 0);
    page_faults = 0; /* those of building the stack are ours */
    workload_runs = true;
    resume(&frame);
}
