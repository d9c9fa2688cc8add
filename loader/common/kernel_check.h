/* SPDX-License-Identifier: MIT */
/* What every loader checks of KERNEL.BIN before it jumps there. */
#ifndef LOADER_KERNEL_CHECK_H
#define LOADER_KERNEL_CHECK_H

#include <stddef.h>

#include "bareflow/crc32.h"
#include "bareflow/gen/boot.h"

/* `size` bytes of the file are in memory, which has `room` bytes from there on, both at least a head's.
 * Returns NULL, with all memory behind the file zeroed, or a sentence that begins with its letter. */
static inline const char *kernel_check(struct kernel_header *header, uint64_t size, uint64_t room) {
    const uint32_t memory_size = header->memory_size, crc = header->crc32;
    if (header->magic != KERNEL_MAGIC || header->file_size != size || memory_size > room)
        return "H: KERNEL.BIN is no kernel";
    if (header->abi_version != KERNEL_ABI_VERSION)
        return "V: KERNEL.BIN's version";
    header->crc32 = 0;
    if (bf_crc32(0, header, size) != crc)
        return "S: KERNEL.BIN's checksum";
    header->crc32 = crc;
    void *rest = (uint8_t *)header + size;
    uint64_t bytes = memory_size > size ? memory_size - size : 0;
    __asm__ volatile("rep stosb" : "+D"(rest), "+c"(bytes) : "a"(0) : "memory");
    return NULL;
}

#endif
