/* SPDX-License-Identifier: MIT */
/* Judges a version 2 snapshot (bareflow/layouts/snapshot.py) before anything of it is mapped or run. */
#ifndef BAREFLOW_SNAPSHOT_CHECK_H
#define BAREFLOW_SNAPSHOT_CHECK_H

#include <bareflow/gen/snapshot.h>

/* What the caller may use of the file. All pointers point into it. */
struct snapshot_view {
    const struct snapshot_header *header; /* set by a verdict of 0 */
    const char *missing_feature;          /* the name that REFUSED_FEATURE is about, else null */
};

/* Check the whole file. Returns 0 or the first REFUSED_… that applies.
 *
 * `file` MUST be 8-byte aligned and MUST NOT change afterwards; `size` is what was read from the disk.
 * `cpuid_words` is indexed by CPUID_WORD_….
 *
 * After 0 the caller may map segments and copy file_size bytes from file_offset without further checks;
 * it MUST NOT assume that file_offset has any alignment, nor that the memory asked for exists.
 * After REFUSED_FEATURE only `missing_feature` may be used, after any other refusal nothing. */
uint32_t snapshot_check(const void *file, uint64_t size, const uint32_t cpuid_words[8],
                        struct snapshot_view *view);

/* The same for a file that may hold several targets (version 3): after 0 the view is of the first whose
 * features the CPU has. After REFUSED_FEATURE no target fits, and the last one's feature is named. */
uint32_t snapshot_pick(const void *file, uint64_t size, const uint32_t cpuid_words[8],
                       struct snapshot_view *view);

/* The tables of a file that passed: header->…_count records each; segments ascend, never two on one page. */
static inline const struct snapshot_segment *snapshot_segments(const struct snapshot_header *header) {
    return (const void *)((const uint8_t *)header + header->segments_offset);
}

static inline const struct snapshot_function *snapshot_functions(const struct snapshot_header *header) {
    return (const void *)((const uint8_t *)header + header->functions_offset);
}

static inline const struct snapshot_relocation *snapshot_relocations(const struct snapshot_header *header) {
    return (const void *)((const uint8_t *)header + header->relocations_offset);
}

static inline const struct snapshot_feature *snapshot_features(const struct snapshot_header *header) {
    return (const void *)((const uint8_t *)header + header->features_offset);
}

/* Every name_offset counts from here and meets a zero byte. */
static inline const char *snapshot_strings(const struct snapshot_header *header) {
    return (const char *)header + header->strings_offset;
}

#endif
