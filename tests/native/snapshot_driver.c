/* SPDX-License-Identifier: MIT */
/* Asks the loader's snapshot_pick about files that it reads from stdin, each in memory of exactly its size,
 * so that the sanitizers see any step outside. Per file: u64 size, eight u32 CPUID words, the bytes; the
 * answer is one line, "VERDICT CRC OFFSET MISSING-FEATURE". Ends at end of file. */
#include <bareflow/crc32.h>
#include <snapshot_check.h>
#include <stdio.h>
#include <stdlib.h>

/* What the kernel does with a good snapshot: touch every byte that it was promised. */
static uint32_t use(const struct snapshot_view *view) {
    const struct snapshot_header *header = view->header;
    const uint8_t *file = (const uint8_t *)header;
    uint32_t sum = 0;

    for (uint32_t i = 0; i < header->segment_count; i++) {
        const struct snapshot_segment *segment = &snapshot_segments(header)[i];
        sum = bf_crc32(sum, file + segment->file_offset, segment->file_size);
    }
    for (uint32_t i = 0; i < header->function_count; i++)
        for (const char *c = snapshot_strings(header) + snapshot_functions(header)[i].name_offset; *c; c++)
            sum += (uint8_t)*c;
    for (uint32_t i = 0; i < header->feature_count; i++)
        sum += (uint8_t)snapshot_strings(header)[snapshot_features(header)[i].name_offset];
    for (uint32_t i = 0; i < header->relocation_count; i++)
        sum += (uint32_t)snapshot_relocations(header)[i].addend;
    return sum;
}

int main(void) {
    volatile uint32_t used;
    uint64_t size;

    while (fread(&size, sizeof size, 1, stdin) == 1) {
        uint32_t words[8], verdict, crc;
        struct snapshot_view view = {0, 0};
        uint8_t *file = malloc(size);

        if (fread(words, sizeof words, 1, stdin) != 1 || fread(file, 1, size, stdin) != size)
            return 1;
        verdict = snapshot_pick(file, size, words, &view);
        if (verdict == 0)
            used = use(&view);
        crc = bf_crc32(bf_crc32(0, file, size / 3), file + size / 3, size - size / 3);
        printf("%u %u %td %s\n", verdict, crc, verdict ? 0 : (const uint8_t *)view.header - file,
               verdict == REFUSED_FEATURE ? view.missing_feature : "");
        fflush(stdout);
        free(file);
    }
    (void)used;
    return 0;
}
