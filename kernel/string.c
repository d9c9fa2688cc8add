/* SPDX-License-Identifier: MIT */
/* The memory functions that the compiler may call, as the CPU's own string instructions. */
#include "kernel.h"

__attribute__((used)) void *memcpy(void *to, const void *from, size_t count) {
    void *result = to;
    size_t words = count / 8, rest = count % 8;
    __asm__ volatile("rep movsq; mov %3, %%rcx; rep movsb"
                     : "+D"(to), "+S"(from), "+c"(words)
                     : "r"(rest)
                     : "memory");
    return result;
}

__attribute__((used)) void *memset(void *to, int byte, size_t count) {
    void *result = to;
    size_t words = count / 8, rest = count % 8;
    const uint64_t pattern = (uint8_t)byte * 0x0101010101010101u;
    __asm__ volatile("rep stosq; mov %2, %%rcx; rep stosb"
                     : "+D"(to), "+c"(words)
                     : "r"(rest), "a"(pattern)
                     : "memory");
    return result;
}

__attribute__((used)) void *memmove(void *to, const void *from, size_t count) {
    void *result = to;
    if ((uint64_t)to - (uint64_t)from >= count)
        return memcpy(to, from, count);
    const uint8_t *last = (const uint8_t *)from + count - 1;
    uint8_t *end = (uint8_t *)to + count - 1;
    __asm__ volatile("std; rep movsb; cld" : "+D"(end), "+S"(last), "+c"(count) : : "memory");
    return result;
}

__attribute__((used)) int memcmp(const void *a, const void *b, size_t count) {
    const uint8_t *left = a, *right = b;
    for (size_t i = 0; i < count; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}

__attribute__((used)) size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}
