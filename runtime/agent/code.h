/* SPDX-License-Identifier: MIT */
/* The memory that better code goes to. A page of it is writable or executable, never both. All of it is
 * called from the tick, and before the tick ends everything is executable again. */
#ifndef BAREFLOW_AGENT_CODE_H
#define BAREFLOW_AGENT_CODE_H

#include <stdint.h>

/* Where it is, and how much of it holds code that may be called; size 0: there is none. */
struct bf_code {
    uint64_t base, size, used;
};
extern struct bf_code bf_code;

void bf_code_open(uint64_t hint, uint64_t size);
/* A piece of code: a code_piece and its bytes. What is not for this memory is left alone. */
void bf_code_take(const uint8_t *payload, uint32_t length);
/* Make what was written executable. */
void bf_code_close(void);
/* What keeps code that has come whole from being called: PUBLISH_… Behind bf_code_close only. */
uint16_t bf_code_usable(uint64_t start, uint64_t entry, uint32_t length, uint32_t crc);

#endif
