/* SPDX-License-Identifier: MIT */
/* The CPU features that the workload may use, and the way into system calls. */
#include "kernel.h"
#include "x86.h"

#define LEAF1_ECX_XSAVE (1u << 26)
#define LEAF7_EBX_FSGSBASE 1u
/* x87, SSE, AVX, and AVX-512's three parts (SDM volume 1, 13.1). */
#define XCR0_VECTOR_STATE 0xe7u
/* Cleared on entry to a system call: trap, direction, nested task, alignment check. Interrupts are off
 * anyway. */
#define FLAGS_CLEARED 0x44500u

uint32_t cpu_words[8]; /* by CPUID_WORD_… */

static void words_read(void) {
    const struct cpuid one = cpuid(1, 0), extended = cpuid(0x80000001, 0);
    cpu_words[CPUID_WORD_1_ECX] = one.ecx;
    cpu_words[CPUID_WORD_1_EDX] = one.edx;
    cpu_words[CPUID_WORD_80000001_ECX] = extended.ecx;
    cpu_words[CPUID_WORD_80000001_EDX] = extended.edx;
    if (cpuid(0, 0).eax < 7)
        return;
    const struct cpuid seven = cpuid(7, 0);
    cpu_words[CPUID_WORD_7_EBX] = seven.ebx;
    cpu_words[CPUID_WORD_7_ECX] = seven.ecx;
    cpu_words[CPUID_WORD_7_EDX] = seven.edx;
    if (seven.eax)
        cpu_words[CPUID_WORD_7_1_EAX] = cpuid(7, 1).eax;
}

/* Turns on exactly the vector state that CPUID offers, and no bit that it does not: one would reset us. */
void cpu_init(void) {
    static const uint32_t mxcsr =
        0x1f80; /* all exceptions masked, round to nearest: what Linux starts with */
    words_read();
    uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (cpu_words[CPUID_WORD_7_EBX] & LEAF7_EBX_FSGSBASE)
        cr4 |= CR4_FSGSBASE;
    if (cpu_words[CPUID_WORD_1_ECX] & LEAF1_ECX_XSAVE)
        cr4 |= CR4_OSXSAVE;
    write_cr4(cr4);
    if (cr4 & CR4_OSXSAVE)
        __asm__ volatile("xsetbv" : : "c"(0), "a"(cpuid(13, 0).eax & XCR0_VECTOR_STATE), "d"(0));
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
    wrmsr(MSR_STAR, (uint64_t)KERNEL_CS << 32);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    wrmsr(MSR_FMASK, FLAGS_CLEARED);
}
