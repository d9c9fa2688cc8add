/* SPDX-License-Identifier: MIT */
/* Picks the snapshot for this CPU out of a version 3 file. Whichever is picked, all are checked whole: a file
 * of which a byte was changed is refused everywhere. The same in Python: bareflow/snapshot/reader.py. */
#include <bareflow/crc32.h>
#include <snapshot_check.h>

static uint32_t check_directory(const struct snapshot_targets *head, uint64_t size, uint64_t end) {
    static const uint32_t zero;
    uint32_t crc;

    if (head->header_size != SNAPSHOT_TARGETS_SIZEOF)
        return REFUSED_HEADER_SIZE;
    if (head->total_size != size)
        return REFUSED_TOTAL_SIZE;
    if (end > size || !head->target_count || head->reserved)
        return REFUSED_TABLE;
    crc = bf_crc32(0, head, SNAPSHOT_TARGETS_CRC32_OFFSET);
    crc = bf_crc32(crc, &zero, sizeof zero);
    crc = bf_crc32(crc, &head->total_size, end - SNAPSHOT_TARGETS_TOTAL_SIZE_OFFSET);
    return head->crc32 == crc ? 0 : REFUSED_CRC;
}

uint32_t snapshot_pick(const void *file, uint64_t size, const uint32_t cpuid_words[8],
                       struct snapshot_view *view) {
    const struct snapshot_targets *head = file;
    const struct snapshot_target *target = (const void *)(head + 1);
    const struct snapshot_header *picked = 0;
    const uint8_t *bytes = file;

    if (size < SNAPSHOT_HEADER_SIZEOF || head->magic != SNAPSHOT_MAGIC ||
        head->version != SNAPSHOT_TARGETS_VERSION)
        return snapshot_check(file, size, cpuid_words, view);
    view->missing_feature = 0;
    uint64_t at = SNAPSHOT_TARGETS_SIZEOF + (uint64_t)head->target_count * SNAPSHOT_TARGET_SIZEOF;
    uint32_t refusal = check_directory(head, size, at);
    if (refusal)
        return refusal;
    for (uint32_t n = head->target_count; n; n--, target++) {
        for (; at % 8; at++)
            if (at == size || bytes[at])
                return REFUSED_TABLE;
        if (target->offset != at || target->size > size - at || target->name[sizeof target->name - 1])
            return REFUSED_TABLE;
        refusal = snapshot_check(bytes + at, target->size, cpuid_words, view);
        if (refusal && refusal != REFUSED_FEATURE)
            return refusal;
        if (!refusal && !picked)
            picked = view->header;
        at += target->size;
    }
    if (at != size)
        return REFUSED_TABLE;
    view->header = picked;
    return picked ? 0 : REFUSED_FEATURE;
}
