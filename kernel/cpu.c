/* SPDX-License-Identifier: MIT */
/* Descriptor tables, interrupt stacks and the CPU features that the workload may use. */
#include "kernel.h"
#include "x86.h"

/* x87, SSE, AVX, and AVX-512's three parts (SDM volume 1, 13.1). */
#define XCR0_VECTOR_STATE 0xe7u
/* Cleared on entry to a system call: trap, interrupt, direction, nested task, alignment check. */
#define FLAGS_CLEARED 0x44700u

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct table_pointer {
    uint16_t limit;
    const void *base;
} __attribute__((packed));

static uint64_t gdt[5];
static struct gate idt[TRAP_VECTORS];
static struct tss tss;

static void segments_init(void) {
    const uint64_t base = (uint64_t)&tss;
    gdt[KERNEL_CS / 8] = 0x00af9b000000ffff; /* 64-bit code */
    gdt[KERNEL_SS / 8] = 0x00cf93000000ffff; /* data */
    gdt[TSS_SELECTOR / 8] =
        (sizeof tss - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
    const struct table_pointer pointer = {sizeof gdt - 1, gdt};
    __asm__ volatile("lgdt %0\n\t"
                     "push %1\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "push %%rax\n\t"
                     "lretq\n"
                     "1:\tmov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%ss\n\t"
                     "mov %3, %%fs\n\t"
                     "mov %3, %%gs\n\t"
                     "ltr %w4"
                     :
                     : "m"(pointer), "i"(KERNEL_CS), "r"(KERNEL_SS), "r"(0), "r"(TSS_SELECTOR)
                     : "rax", "memory");
}

/* Vectors that can come while another trap is being handled have the last stack to themselves. */
static bool interrupts_traps(unsigned vector) {
    return vector == 2 || vector == 8 || vector == 18; /* NMI, double fault, machine check */
}

static void traps_init(void) {
    tss.ist[0] = (uint64_t)stacks + 2 * STACK_STRIDE;
    tss.ist[1] = (uint64_t)stacks + 3 * STACK_STRIDE;
    tss.io_map = sizeof tss;
    for (unsigned vector = 0; vector < TRAP_VECTORS; vector++) {
        const uint64_t stub = (uint64_t)trap_stubs + 4 * vector;
        idt[vector] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = KERNEL_CS,
            .stack = interrupts_traps(vector) ? 2 : 1,
            .type = 0x8e, /* interrupt gate */
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
    const struct table_pointer pointer = {sizeof idt - 1, idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

/* Turns on exactly the vector state that CPUID offers, and no bit that it does not: one would reset us. */
static void vectors_init(void) {
    const struct cpuid one = cpuid(1, 0);
    const uint32_t leaves = cpuid(0, 0).eax;
    uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (one.ecx & 1u << 26)
        cr4 |= CR4_OSXSAVE;
    if (leaves >= 7 && cpuid(7, 0).ebx & 1)
        cr4 |= CR4_FSGSBASE;
    write_cr0((read_cr0() & ~(uint64_t)(CR0_EMULATION | CR0_TASK_SWITCHED)) | CR0_MONITOR_COPROCESSOR |
              CR0_NUMERIC_ERROR | CR0_WRITE_PROTECT);
    write_cr4(cr4);
    if (cr4 & CR4_OSXSAVE)
        __asm__ volatile("xsetbv" : : "c"(0), "a"(cpuid(13, 0).eax & XCR0_VECTOR_STATE), "d"(0));
    const uint32_t mxcsr = 0x1f80; /* all exceptions masked, round to nearest: what Linux starts with */
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

void cpu_init(void) {
    segments_init();
    traps_init();
    vectors_init();
    wrmsr(MSR_STAR, (uint64_t)KERNEL_CS << 32);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    wrmsr(MSR_FMASK, FLAGS_CLEARED);
}

void cpu_words(uint32_t words[8]) {
    const struct cpuid one = cpuid(1, 0), extended = cpuid(0x80000001, 0);
    memset(words, 0, 8 * sizeof words[0]);
    words[CPUID_WORD_1_ECX] = one.ecx;
    words[CPUID_WORD_1_EDX] = one.edx;
    words[CPUID_WORD_80000001_ECX] = extended.ecx;
    words[CPUID_WORD_80000001_EDX] = extended.edx;
    if (cpuid(0, 0).eax < 7)
        return;
    const struct cpuid seven = cpuid(7, 0);
    words[CPUID_WORD_7_EBX] = seven.ebx;
    words[CPUID_WORD_7_ECX] = seven.ecx;
    words[CPUID_WORD_7_EDX] = seven.edx;
    words[CPUID_WORD_7_1_EAX] = seven.eax ? cpuid(7, 1).eax : 0;
}
