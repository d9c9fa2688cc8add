/* SPDX-License-Identifier: MIT */
/* Copying without libc, for code that runs while the workload may be inside its own memcpy. */
#ifndef BAREFLOW_COPY_H
#define BAREFLOW_COPY_H

#include <stddef.h>
#include <stdint.h>

static inline void bf_copy(void *to, const void *from, size_t n) {
    uint8_t *out = to;
    const uint8_t *in = from;
    while (n--)
        *out++ = *in++;
}

#endif
