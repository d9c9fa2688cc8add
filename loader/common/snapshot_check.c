/* SPDX-License-Identifier: MIT */
/* Judges a version 2 snapshot. Every byte of the file belongs to exactly one thing: the header, the four
 * tables, the strings and the segments' bytes follow one another without a gap, so `at` walks the file once
 * and nothing can overlap. The same checks in Python, in the same order: bareflow/snapshot/reader.py. */
#include <bareflow/crc32.h>
#include <bareflow/gen/boot.h>
#include <bareflow/gen/memmap.h>
#include <snapshot_check.h>

#define PAGE 4096ull
#define ELF64_PHDR_SIZEOF 56               /* System V gABI, Elf64_Phdr */
#define F64_INFINITY 0x7ff0000000000000ull /* IEEE 754: below it as a number are the finite, not negative */

_Static_assert(SNAPSHOT_HEADER_FEATURE_COUNT_OFFSET == SNAPSHOT_HEADER_SEGMENT_COUNT_OFFSET + 12, "counts");
_Static_assert(SNAPSHOT_HEADER_FEATURES_OFFSET_OFFSET == SNAPSHOT_HEADER_SEGMENTS_OFFSET_OFFSET + 12,
               "offsets");

/* The four tables in the order in which the header gives their counts and offsets. */
static const uint8_t RECORD_SIZES[] = {
    SNAPSHOT_SEGMENT_SIZEOF,
    SNAPSHOT_FUNCTION_SIZEOF,
    SNAPSHOT_RELOCATION_SIZEOF,
    SNAPSHOT_FEATURE_SIZEOF,
};

static uint32_t read32(const uint8_t *from) {
    uint32_t value;

    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

static uint32_t crc_of(const uint8_t *file, uint64_t size) {
    static const uint8_t zero[4];
    uint32_t crc = bf_crc32(0, file, SNAPSHOT_HEADER_CRC32_OFFSET);

    crc = bf_crc32(crc, zero, 4);
    return bf_crc32(crc, file + SNAPSHOT_HEADER_CRC32_OFFSET + 4, size - SNAPSHOT_HEADER_CRC32_OFFSET - 4);
}

/* Whether all of [address, address + size) and at least its first byte are file bytes of one segment with
 * `flag`. */
static int holds(const struct snapshot_view *view, uint32_t flag, uint64_t address, uint64_t size) {
    const struct snapshot_segment *segment = view->segments;

    for (uint32_t n = view->header->segment_count; n; n--, segment++) {
        uint64_t into = address - segment->address; /* huge when below it */
        if ((segment->flags & flag) && into < segment->file_size && size <= segment->file_size - into)
            return 1;
    }
    return 0;
}

/* One segment at `at` in the file and from page `page` on; moves both behind it. */
static uint32_t check_segment(const struct snapshot_segment *segment, uint64_t size, uint64_t *at,
                              uint64_t *page) {
    uint64_t address = segment->address;

    if ((segment->flags & (SEGMENT_WRITE | SEGMENT_EXECUTE)) == (SEGMENT_WRITE | SEGMENT_EXECUTE))
        return REFUSED_WRITE_AND_EXECUTE;
    if (!(segment->flags & SEGMENT_READ) || segment->flags > 7 || segment->reserved ||
        segment->file_offset != *at || segment->file_size > size - *at ||
        segment->file_size > segment->memory_size || !segment->memory_size || (address & -PAGE) < *page ||
        address >= MEM_MMAP_BASE || segment->memory_size > MEM_MMAP_BASE - address)
        return REFUSED_SEGMENT;
    *at += segment->file_size;
    *page = (address + segment->memory_size + PAGE - 1) & -PAGE;
    return 0;
}

static int good_function(const struct snapshot_view *view, const struct snapshot_function *function) {
    uint64_t cycles;

    __builtin_memcpy(&cycles, &function->average_cycles, sizeof cycles); /* no floating point in a loader */
    return function->name_offset < view->header->strings_size && function->tier <= TIER_FROZEN &&
           cycles < F64_INFINITY && holds(view, SEGMENT_EXECUTE, function->address, function->size);
}

/* What the tables say, once they are known to lie inside the file. */
static uint32_t check_contents(struct snapshot_view *view, const uint32_t *cpuid_words) {
    const struct snapshot_header *header = view->header;

    if (!holds(view, SEGMENT_EXECUTE, header->entry, 1))
        return REFUSED_ENTRY;
    if ((header->phdr_address || header->phdr_count) &&
        !holds(view, SEGMENT_READ, header->phdr_address, header->phdr_count * (uint64_t)ELF64_PHDR_SIZEOF))
        return REFUSED_TABLE;
    for (uint32_t i = 0; i < header->function_count; i++)
        if (!good_function(view, &view->functions[i]))
            return REFUSED_FUNCTION;
    for (uint32_t i = 0; i < header->relocation_count; i++)
        if (!(header->flags & SNAPSHOT_FLAG_PIE) ||
            !holds(view, SEGMENT_WRITE, view->relocations[i].address, 8))
            return REFUSED_RELOCATION;
    if (header->stack_size > MEM_STACK_TOP - MEM_MMAP_BASE)
        return REFUSED_MEMORY;
    for (uint32_t i = 0; i < header->feature_count; i++) {
        const struct snapshot_feature *feature = &view->features[i];
        if (feature->name_offset >= header->strings_size || feature->word > CPUID_WORD_80000001_EDX ||
            feature->bit > 31)
            return REFUSED_TABLE;
        if (!(cpuid_words[feature->word] >> feature->bit & 1)) {
            view->missing_feature = view->strings + feature->name_offset;
            return REFUSED_FEATURE;
        }
    }
    return 0;
}

uint32_t snapshot_check(const void *file, uint64_t size, const uint32_t cpuid_words[8],
                        struct snapshot_view *view) {
    const struct snapshot_header *header = file;
    const uint8_t *bytes = file;
    uint64_t at = SNAPSHOT_HEADER_SIZEOF, page = MEM_WORKLOAD_BASE;
    uint32_t refusal;

    if (size < SNAPSHOT_HEADER_SIZEOF)
        return REFUSED_TOO_SHORT;
    if (header->magic != SNAPSHOT_MAGIC)
        return REFUSED_MAGIC;
    if (header->version != SNAPSHOT_VERSION)
        return REFUSED_VERSION;
    if (header->header_size != SNAPSHOT_HEADER_SIZEOF)
        return REFUSED_HEADER_SIZE;
    if (header->total_size != size)
        return REFUSED_TOTAL_SIZE;
    if (header->crc32 != crc_of(bytes, size))
        return REFUSED_CRC;
    if (header->abi_version != KERNEL_ABI_VERSION || (header->flags & ~SNAPSHOT_FLAG_PIE) || header->reserved)
        return REFUSED_ABI;

    for (unsigned table = 0; table < sizeof RECORD_SIZES; table++) {
        uint64_t length = read32(bytes + SNAPSHOT_HEADER_SEGMENT_COUNT_OFFSET + 4 * table);
        length *= RECORD_SIZES[table];
        if (read32(bytes + SNAPSHOT_HEADER_SEGMENTS_OFFSET_OFFSET + 4 * table) != at || length > size - at)
            return REFUSED_TABLE;
        at += length;
    }
    if (header->strings_offset != at || header->strings_size > size - at)
        return REFUSED_TABLE;
    at += header->strings_size;
    if (header->strings_size && bytes[at - 1])
        return REFUSED_TABLE;

    view->header = header;
    view->segments = (const void *)(bytes + header->segments_offset);
    view->functions = (const void *)(bytes + header->functions_offset);
    view->relocations = (const void *)(bytes + header->relocations_offset);
    view->features = (const void *)(bytes + header->features_offset);
    view->strings = (const char *)(bytes + header->strings_offset);
    view->missing_feature = 0;

    for (uint32_t i = 0; i < header->segment_count; i++) {
        refusal = check_segment(&view->segments[i], size, &at, &page);
        if (refusal)
            return refusal;
    }
    if (at != size)
        return REFUSED_TOTAL_SIZE;
    return check_contents(view, cpuid_words);
}
