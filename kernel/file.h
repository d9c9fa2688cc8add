/* SPDX-License-Identifier: MIT */
/* Descriptors, shared by the console's calls (file.c) and the files' (files.c). */
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

#include "grow.h"

enum kind { FREE, CONSOLE_IN, CONSOLE_OUT, CONSOLE_ERROR, WIRE, PORT, NOTHING, RANDOM, FILE, FOLDER };

#define DESCRIPTORS 64

/* What a descriptor stands for; dup makes two stand for one, with a common offset. */
struct description {
    enum kind kind;
    uint32_t users; /* descriptors; 0: free */
    uint32_t cursor;
    uint64_t offset;
    struct fat16_file file;
};

extern struct description descriptions[DESCRIPTORS];
extern uint8_t descriptors[DESCRIPTORS]; /* index of the description, plus one; 0: free */

struct description *description_of(uint64_t fd); /* null: not open */
int64_t file_read(struct description *d, void *bytes, uint64_t count, uint64_t offset);

#endif
