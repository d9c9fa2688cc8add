/* SPDX-License-Identifier: MIT */
/* Judges a version 2 snapshot (bareflow/layouts/snapshot.py) before anything of it is mapped or run. */
#ifndef BAREFLOW_SNAPSHOT_CHECK_H
#define BAREFLOW_SNAPSHOT_CHECK_H

#include <bareflow/gen/snapshot.h>

/* Where the parts of a good snapshot are. All pointers point into the file. */
struct snapshot_view {
    const struct snapshot_header *header;
    const struct snapshot_segment *segments; /* ascending, never two on one page; header->segment_count */
    const struct snapshot_function *functions;
    const struct snapshot_relocation *relocations;
    const struct snapshot_feature *features;
    const char *strings;         /* every name_offset counts from here and meets a zero byte */
    const char *missing_feature; /* the name that REFUSED_FEATURE is about, else null */
};

/* Check the whole file. Returns 0, or the first REFUSED_… in the order of the enumeration's stages.
 *
 * `file` MUST be 8-byte aligned and MUST NOT change afterwards; `size` is what was read from the disk.
 * `cpuid_words` is indexed by CPUID_WORD_….
 *
 * After 0 the caller may map segments and copy file_size bytes from file_offset without further checks;
 * it MUST NOT assume that file_offset has any alignment, nor that the memory asked for exists.
 * After REFUSED_FEATURE only `missing_feature` may be used, after any other refusal nothing. */
uint32_t snapshot_check(const void *file, uint64_t size, const uint32_t cpuid_words[8],
                        struct snapshot_view *view);

#endif
