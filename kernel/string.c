/* SPDX-License-Identifier: MIT */
/* The memory functions that the compiler may call, as the CPU's own string instructions. */
#include "kernel.h"

#define LIBRARY __attribute__((used, noinline))

LIBRARY void *memcpy(void *to, const void *from, size_t count) {
    void *const result = to;
    size_t words = count / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
    count %= 8;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    return result;
}

LIBRARY void *memset(void *to, int byte, size_t count) {
    void *const result = to;
    size_t words = byte ? 0 : count / 8;
    count -= 8 * words;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(byte) : "memory");
    return result;
}

LIBRARY void *memmove(void *to, const void *from, size_t count) {
    if ((uint64_t)to - (uint64_t)from >= count)
        return memcpy(to, from, count);
    const uint8_t *last = (const uint8_t *)from + count - 1;
    uint8_t *end = (uint8_t *)to + count - 1;
    __asm__ volatile("std; rep movsb; cld" : "+D"(end), "+S"(last), "+c"(count)::"memory");
    return to;
}

LIBRARY int memcmp(const void *a, const void *b, size_t count) {
    const uint8_t *left = a, *right = b;
    for (; count; count--, left++, right++)
        if (*left != *right)
            return *left - *right;
    return 0;
}

LIBRARY size_t strlen(const char *text) {
    const char *end = text;
    while (*end)
        end++;
    return (size_t)(end - text);
}

LIBRARY const char *text_at(const char *list, unsigned index) {
    for (; index; index--)
        list += strlen(list) + 1;
    return list;
}
