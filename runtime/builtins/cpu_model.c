/* SPDX-License-Identifier: MIT */
/* What `__builtin_cpu_supports` and functions with `target_clones` read; zig's compiler-rt has none of it.
 * Names, layout and feature numbers are libgcc's, as clang compiles them in. Models are not told apart: type
 * and subtype stay 0, so that `__builtin_cpu_is` knows vendors only. CPUID's bits: Intel's manual, volume 2A,
 * CPUID. */
#include <cpuid.h>
#include <stdint.h>

enum { VENDOR_INTEL = 1, VENDOR_AMD = 2, VENDOR_OTHER = 3 };
enum { FEATURES = 128, X86_64_V1 = 95, X86_64_V2 = 96, X86_64_V3 = 97, X86_64_V4 = 98 };
enum word { L1_C, L1_D, L7_B, L7_C, L7_D, L7_1_A, L7_1_D, LD_A, X1_C, WORDS };
enum state { NONE, YMM, ZMM };
enum { XCR0_YMM = 6, XCR0_ZMM = 0xe6, OSXSAVE = 1 << 27 };

struct feature {
    uint8_t number, word, bit, state; /* `state`: the registers that the system must keep */
};

static const struct feature FEATURE[] = {
    {0, L1_D, 15, NONE},   {1, L1_D, 23, NONE},  {2, L1_C, 23, NONE},  {3, L1_D, 25, NONE},
    {4, L1_D, 26, NONE},   {5, L1_C, 0, NONE},   {6, L1_C, 9, NONE},   {7, L1_C, 19, NONE},
    {8, L1_C, 20, NONE},   {9, L1_C, 28, YMM},   {10, L7_B, 5, YMM},   {11, X1_C, 6, NONE},
    {12, X1_C, 16, YMM},   {13, X1_C, 11, YMM},  {14, L1_C, 12, YMM},  {15, L7_B, 16, ZMM},
    {16, L7_B, 3, NONE},   {17, L7_B, 8, NONE},  {18, L1_C, 25, NONE}, {19, L1_C, 1, NONE},
    {20, L7_B, 31, ZMM},   {21, L7_B, 30, ZMM},  {22, L7_B, 17, ZMM},  {23, L7_B, 28, ZMM},
    {26, L7_C, 1, ZMM},    {27, L7_B, 21, ZMM},  {30, L7_C, 14, ZMM},  {31, L7_C, 6, ZMM},
    {32, L7_C, 8, NONE},   {33, L7_C, 10, YMM},  {34, L7_C, 11, ZMM},  {35, L7_C, 12, ZMM},
    {36, L7_1_A, 5, ZMM},  {37, L7_D, 8, ZMM},   {40, L7_B, 19, NONE}, {42, L7_C, 25, NONE},
    {43, L7_B, 23, NONE},  {44, L7_B, 24, NONE}, {49, L1_C, 29, YMM},  {50, L7_B, 0, NONE},
    {57, X1_C, 5, NONE},   {58, L1_C, 22, NONE}, {59, L7_C, 28, NONE}, {60, L7_C, 27, NONE},
    {64, L7_C, 4, NONE},   {66, X1_C, 8, NONE},  {68, L7_C, 22, NONE}, {69, L1_C, 30, NONE},
    {70, L7_B, 18, NONE},  {74, L7_B, 29, NONE}, {76, X1_C, 21, NONE}, {78, L7_C, 9, YMM},
    {79, L7_C, 5, NONE},   {81, L1_C, 27, NONE}, {82, LD_A, 1, NONE},  {83, LD_A, 0, NONE},
    {84, LD_A, 3, NONE},   {93, L7_1_A, 4, YMM}, {94, L7_D, 23, ZMM},  {99, L7_1_A, 23, YMM},
    {100, L7_1_D, 4, YMM},
};

/* Levels of the psABI, as the numbers of what each adds to the one before. */
static const uint8_t LEVEL[][8] = {
    {0, 1, 3, 4}, {2, 5, 6, 7, 8}, {9, 10, 14, 16, 17, 49, 57, 58}, {15, 20, 21, 22, 23}};
static const uint8_t MEMBERS[] = {4, 5, 8, 5};

struct cpu_model {
    uint32_t vendor, type, subtype, features;
} __cpu_model;
uint32_t __cpu_features2[FEATURES / 32 - 1];

static int has(unsigned number) {
    uint32_t word = number < 32 ? __cpu_model.features : __cpu_features2[number / 32 - 1];
    return word >> number % 32 & 1;
}

static void set(unsigned number) {
    *(number < 32 ? &__cpu_model.features : &__cpu_features2[number / 32 - 1]) |= 1u << number % 32;
}

static enum state kept(uint32_t leaf1_c) {
    if (!(leaf1_c & OSXSAVE))
        return NONE;
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & XCR0_ZMM) == XCR0_ZMM ? ZMM : (low & XCR0_YMM) == XCR0_YMM ? YMM : NONE;
}

static void read_words(uint32_t word[WORDS]) {
    uint32_t a = 0, b = 0, c = 0, d = 0;
    __get_cpuid(1, &a, &b, &word[L1_C], &word[L1_D]);
    if (__get_cpuid_count(7, 0, &a, &word[L7_B], &word[L7_C], &word[L7_D]) && a >= 1)
        __get_cpuid_count(7, 1, &word[L7_1_A], &b, &c, &word[L7_1_D]);
    __get_cpuid_count(0xd, 1, &word[LD_A], &b, &c, &d);
    __get_cpuid(0x80000001, &a, &b, &word[X1_C], &d);
}

static uint32_t vendor(void) {
    uint32_t a, b = 0, c, d;
    __get_cpuid(0, &a, &b, &c, &d);
    return b == signature_INTEL_ebx ? VENDOR_INTEL : b == signature_AMD_ebx ? VENDOR_AMD : VENDOR_OTHER;
}

/* Asked for by `__builtin_cpu_init` and by whoever chooses among clones, which may be before any constructor.
 */
__attribute__((constructor(101))) int __cpu_indicator_init(void) {
    if (__cpu_model.vendor)
        return 0;
    uint32_t word[WORDS] = {0};
    read_words(word);
    enum state state = kept(word[L1_C]);
    for (unsigned i = 0; i < sizeof FEATURE / sizeof *FEATURE; i++)
        if (FEATURE[i].state <= state && word[FEATURE[i].word] >> FEATURE[i].bit & 1)
            set(FEATURE[i].number);
    for (unsigned level = 0; level < sizeof MEMBERS; level++) {
        for (unsigned i = 0; i < MEMBERS[level]; i++)
            if (!has(LEVEL[level][i]))
                goto known;
        set(X86_64_V1 + level);
    }
known:
    __cpu_model.vendor = vendor();
    return 0;
}
