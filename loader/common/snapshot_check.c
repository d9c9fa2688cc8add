/* SPDX-License-Identifier: MIT */
/* Judges a version 2 snapshot. Every byte of the file belongs to exactly one thing: the header, the four
 * tables, the strings and the segments' bytes follow one another without a gap, so `at` walks the file once
 * and nothing can overlap. The same checks in Python, in the same order: bareflow/snapshot/reader.py.
 *
 * One function a stage, kept apart (noinline): small functions have short jumps, and size is what counts. */
#include <bareflow/crc32.h>
#include <bareflow/gen/boot.h>
#include <bareflow/gen/memmap.h>
#include <snapshot_check.h>

#define STAGE static __attribute__((noinline)) uint32_t
#define PAGE 4096ull
#define WRITE_EXECUTE (SEGMENT_WRITE | SEGMENT_EXECUTE)
#define ELF64_PHDR_SIZEOF 56ull /* System V gABI, Elf64_Phdr */
#define F64_EXPONENT_MAX                                                                                     \
    0x7ff /* IEEE 754: sign and exponent below it are the finite, not negative numbers                       \
           */

_Static_assert((MEM_MMAP_BASE & (MEM_MMAP_BASE - 1)) == 0, "a power of two");
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

STAGE check_header(const struct snapshot_header *header, uint64_t size) {
    static const uint32_t zero;
    const uint8_t *rest = (const uint8_t *)header + SNAPSHOT_HEADER_TOTAL_SIZE_OFFSET;
    uint32_t crc;

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
    crc = bf_crc32(0, header, SNAPSHOT_HEADER_CRC32_OFFSET);
    crc = bf_crc32(crc, &zero, sizeof zero);
    if (header->crc32 != bf_crc32(crc, rest, size - SNAPSHOT_HEADER_TOTAL_SIZE_OFFSET))
        return REFUSED_CRC;
    if (header->abi_version != KERNEL_ABI_VERSION || (header->flags & ~SNAPSHOT_FLAG_PIE) || header->reserved)
        return REFUSED_ABI;
    return 0;
}

/* Table after table; then the strings, which end in a zero byte. */
STAGE check_tables(const struct snapshot_header *header, uint64_t size) {
    const uint8_t *bytes = (const uint8_t *)header;
    uint64_t at = SNAPSHOT_HEADER_SIZEOF;

    for (unsigned i = 0; i < sizeof RECORD_SIZES; i++) {
        if (read32(bytes + SNAPSHOT_HEADER_SEGMENTS_OFFSET_OFFSET + 4 * i) != at)
            return REFUSED_TABLE;
        at += (uint64_t)read32(bytes + SNAPSHOT_HEADER_SEGMENT_COUNT_OFFSET + 4 * i) * RECORD_SIZES[i];
    }
    if (header->strings_offset != at)
        return REFUSED_TABLE;
    at += header->strings_size; /* below 2^40 in all: cannot have wrapped */
    if (at > size || (header->strings_size && bytes[at - 1]))
        return REFUSED_TABLE;
    return 0;
}

/* Addresses ascend from page to page; the bytes follow the strings in order and end with the file. */
STAGE check_segments(const struct snapshot_header *header, uint64_t size) {
    const struct snapshot_segment *segment = snapshot_segments(header);
    uint64_t at = (uint64_t)header->strings_offset + header->strings_size;
    uint64_t taken = MEM_WORKLOAD_BASE - 1; /* last byte of the last page in use */

    for (uint32_t n = header->segment_count; n; n--, segment++) {
        uint64_t address = segment->address, last = segment->memory_size - 1;

        if ((segment->flags & WRITE_EXECUTE) == WRITE_EXECUTE)
            return REFUSED_WRITE_AND_EXECUTE;
        if ((segment->flags & ~WRITE_EXECUTE) != SEGMENT_READ || segment->reserved)
            return REFUSED_SEGMENT;
        /* a power of two: no bit at or above it, in none of them, means that the sum did not wrap either */
        if (address <= taken || (address | last | (address + last)) >= MEM_MMAP_BASE)
            return REFUSED_SEGMENT;
        if (segment->file_offset != at || segment->file_size > segment->memory_size)
            return REFUSED_SEGMENT;
        taken = (address + last) | (PAGE - 1);
        at += segment->file_size; /* in all no more than the address space: cannot wrap */
    }
    return at == size ? 0 : REFUSED_SEGMENT;
}

/* Whether [address, address + size), and at least its first byte, are file bytes of one segment with `flag`.
 */
STAGE holds(const struct snapshot_header *header, uint32_t flag, uint64_t address, uint64_t size) {
    const struct snapshot_segment *segment = snapshot_segments(header);

    for (uint32_t n = header->segment_count; n; n--, segment++) {
        uint64_t into = address - segment->address; /* huge when below it */
        if ((segment->flags & flag) && into < segment->file_size)
            return size <= segment->file_size - into; /* no other segment has this address */
    }
    return 0;
}

STAGE check_functions(const struct snapshot_header *header) {
    const struct snapshot_function *function = snapshot_functions(header);

    for (uint32_t n = header->function_count; n; n--, function++) {
        uint64_t cycles; /* as bits: a loader has no floating point */
        __builtin_memcpy(&cycles, &function->average_cycles, sizeof cycles);
        if (function->name_offset >= header->strings_size || function->tier > TIER_FROZEN ||
            cycles >> 52 >= F64_EXPONENT_MAX ||
            !holds(header, SEGMENT_EXECUTE, function->address, function->size))
            return REFUSED_FUNCTION;
    }
    return 0;
}

/* Entry, program headers, relocations, stack: what the kernel is going to use. */
STAGE check_uses(const struct snapshot_header *header) {
    const struct snapshot_relocation *relocation = snapshot_relocations(header);
    uint64_t phdrs = header->phdr_count * ELF64_PHDR_SIZEOF;

    if (!holds(header, SEGMENT_EXECUTE, header->entry, 1))
        return REFUSED_ENTRY;
    if ((header->phdr_address | phdrs) && !holds(header, SEGMENT_READ, header->phdr_address, phdrs))
        return REFUSED_TABLE;
    for (uint32_t n = header->relocation_count; n; n--, relocation++)
        if (!(header->flags & SNAPSHOT_FLAG_PIE) || !holds(header, SEGMENT_WRITE, relocation->address, 8))
            return REFUSED_RELOCATION;
    if (header->stack_size >= MEM_MMAP_BASE)
        return REFUSED_MEMORY;
    return 0;
}

STAGE check_features(const struct snapshot_header *header, const uint32_t *cpuid_words,
                     const char **missing) {
    const struct snapshot_feature *feature = snapshot_features(header);

    for (uint32_t n = header->feature_count; n; n--, feature++) {
        if (feature->name_offset >= header->strings_size || feature->word > CPUID_WORD_80000001_EDX ||
            feature->bit > 31)
            return REFUSED_TABLE;
        if (!(cpuid_words[feature->word] >> feature->bit & 1)) {
            *missing = snapshot_strings(header) + feature->name_offset;
            return REFUSED_FEATURE;
        }
    }
    return 0;
}

uint32_t snapshot_check(const void *file, uint64_t size, const uint32_t cpuid_words[8],
                        struct snapshot_view *view) {
    uint32_t refusal;

    view->header = file;
    view->missing_feature = 0;
    if ((refusal = check_header(file, size)) || (refusal = check_tables(file, size)) ||
        (refusal = check_segments(file, size)) || (refusal = check_uses(file)) ||
        (refusal = check_functions(file)))
        return refusal;
    return check_features(file, cpuid_words, &view->missing_feature);
}
