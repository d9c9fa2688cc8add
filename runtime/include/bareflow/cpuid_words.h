/* SPDX-License-Identifier: MIT */
/* What the CPU says of itself, in the words that CPUID_WORD_… number. */
#ifndef BAREFLOW_CPUID_WORDS_H
#define BAREFLOW_CPUID_WORDS_H

#include <cpuid.h>
#include <stdint.h>

#include "bareflow/gen/snapshot.h"

/* Words of leaves that the CPU does not have are left as they are. */
static inline void bf_cpuid_words(uint32_t words[8]) {
    uint32_t eax, ebx, ecx, edx;

    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
        words[CPUID_WORD_1_ECX] = ecx;
        words[CPUID_WORD_1_EDX] = edx;
    }
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        words[CPUID_WORD_7_EBX] = ebx;
        words[CPUID_WORD_7_ECX] = ecx;
        words[CPUID_WORD_7_EDX] = edx;
        if (eax && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx))
            words[CPUID_WORD_7_1_EAX] = eax;
    }
    if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx)) {
        words[CPUID_WORD_80000001_ECX] = ecx;
        words[CPUID_WORD_80000001_EDX] = edx;
    }
}

#endif
