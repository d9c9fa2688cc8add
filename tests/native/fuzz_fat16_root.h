/* SPDX-License-Identifier: MIT */
/* Stage 2's build of the FAT16 reader (FAT16_ROOT_ONLY) under names of its own, beside the whole one. */
#ifndef FUZZ_FAT16_ROOT_H
#define FUZZ_FAT16_ROOT_H

#include "bareflow/fat16.h"

int small_mount(struct fat16 *fs, fat16_read_fn read, void *context, uint32_t partition_lba);
int small_open_root(struct fat16 *fs, const char name[11], struct fat16_file *file);
int64_t small_read(struct fat16 *fs, struct fat16_file *file, uint64_t offset, void *buffer, uint64_t length);

#endif
