/* SPDX-License-Identifier: MIT */
/* The definitions of fuzz_fat16_root.h: runtime/fat16.c as stage 2 compiles it, renamed. */
#define FAT16_ROOT_ONLY 1
#define fat16_mount small_mount
#define fat16_open_root small_open_root
#define fat16_read small_read
#include "fuzz_fat16_root.h"

#include "../../runtime/fat16.c"
