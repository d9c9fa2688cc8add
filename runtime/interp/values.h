/* SPDX-License-Identifier: MIT */
/* Small helpers of the interpreter: bits and floats, memory, odd widths, value tables. */
#ifndef INTERP_VALUES_H
#define INTERP_VALUES_H

#include <bareflow/gen/bytecode.h>
#include <bareflow/gen/opcodes.h>

#define INTERP_PAGE 4096

static inline float to_float(uint64_t bits) {
    union {
        uint32_t u;
        float f;
    } v = {.u = (uint32_t)bits};
    return v.f;
}

static inline uint64_t from_float(float f) {
    union {
        float f;
        uint32_t u;
    } v = {.f = f};
    return v.u;
}

static inline double to_double(uint64_t bits) {
    union {
        uint64_t u;
        double d;
    } v = {.u = bits};
    return v.d;
}

static inline uint64_t from_double(double d) {
    union {
        double d;
        uint64_t u;
    } v = {.d = d};
    return v.u;
}

/* Keep the low `bits` (1 to 64). */
static inline uint64_t cut(uint64_t v, uint32_t bits) {
    return v & (~0ull >> (64 - bits));
}

/* Sign-extend the low `bits` (1 to 64). */
static inline int64_t extend(uint64_t v, uint32_t bits) {
    return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static inline unsigned __int128 pair(const uint64_t *slot) {
    return (unsigned __int128)slot[1] << 64 | slot[0];
}

static inline void set_pair(uint64_t *slot, unsigned __int128 v) {
    slot[0] = (uint64_t)v;
    slot[1] = (uint64_t)(v >> 64);
}

/* A long double in two slots: its significand; sign and exponent, whose upper bits are zero. */
static inline long double extended(const uint64_t *slot) {
    long double v;
    __builtin_memcpy(&v, slot, 10);
    return v;
}

static inline void set_extended(uint64_t *slot, long double v) {
    slot[1] = 0;
    __builtin_memcpy(slot, &v, 10);
}

/* The string instructions need no libc, which the workload may define itself. */
static inline void copy_forward(void *to, const void *from, uint64_t n) {
    uint64_t words = n / 8, rest = n % 8;
    __asm__ volatile("rep movsq\n\tmovq %3, %%rcx\n\trep movsb"
                     : "+D"(to), "+S"(from), "+c"(words)
                     : "r"(rest)
                     : "memory");
}

static inline void copy_any(void *to, const void *from, uint64_t n) {
    if ((uint64_t)(uintptr_t)to - (uint64_t)(uintptr_t)from >= n) {
        copy_forward(to, from, n);
        return;
    }
    const void *last_from = (const void *)((uintptr_t)from + n - 1);
    void *last_to = (void *)((uintptr_t)to + n - 1);
    __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(last_to), "+S"(last_from), "+c"(n) : : "memory");
}

static inline void fill(void *to, uint64_t byte, uint64_t n) {
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"((uint8_t)byte) : "memory");
}

static inline uint64_t load_bytes(uint64_t address, uint32_t n) {
    uint64_t v = 0;
    for (uint32_t i = 0; i < n; i++)
        v |= (uint64_t)((const volatile uint8_t *)(uintptr_t)address)[i] << (8 * i);
    return v;
}

static inline void store_bytes(uint64_t address, uint64_t v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        ((volatile uint8_t *)(uintptr_t)address)[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t tsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t thread_pointer(void) {
    uint64_t v;
    __asm__("movq %%fs:0, %0" : "=r"(v));
    return v;
}

/* Write to every page of fresh stack memory from the top down, so that too much of it meets the guard page.
 */
static inline void touch(char *memory, uint64_t size) {
    for (uint64_t at = size; at > INTERP_PAGE; at -= INTERP_PAGE)
        *(volatile char *)(memory + at - INTERP_PAGE) = 0;
}

/* Space-saving: a value that is not in the table takes the place and the count of the rarest one. */
static inline void count_value(struct bytecode_values *t, uint64_t v) {
    uint32_t rarest = 0;
    for (uint32_t i = 0; i < BYTECODE_VALUE_ENTRIES; i++) {
        if (t->value[i] == v && t->count[i]) {
            t->count[i]++;
            return;
        }
        if (t->count[i] < t->count[rarest])
            rarest = i;
    }
    t->value[rarest] = v;
    t->error[rarest] = t->count[rarest]++;
}

/* The class of a float as a bit of llvm.is.fpclass; `bits` has the fraction's width below the exponent. */
static inline uint32_t float_class(uint64_t v, uint32_t fraction, uint32_t exponent) {
    uint64_t exp = v >> fraction & ((1ull << exponent) - 1), frac = v & ((1ull << fraction) - 1);
    int negative = (int)(v >> (fraction + exponent) & 1);
    if (exp == (1ull << exponent) - 1 && frac)
        return frac >> (fraction - 1) ? 2 : 1;
    if (exp == (1ull << exponent) - 1)
        return negative ? 4 : 0x200;
    if (exp)
        return negative ? 8 : 0x100;
    if (frac)
        return negative ? 0x10 : 0x80;
    return negative ? 0x20 : 0x40;
}

/* Whether a long double is of a class in `classes`. Encodings that no x87 makes (the integer bit does not
 * fit the exponent) are NaNs, neither quiet nor signaling, as LLVM has it. */
static inline int extended_class(const uint64_t *v, uint32_t classes) {
    uint64_t exponent = v[1] & 0x7fff, fraction = v[0] << 1;
    int negative = (int)(v[1] >> 15 & 1);
    uint32_t class;
    if ((exponent == 0) == (v[0] >> 63))
        return (classes & 3) == 3;
    if (exponent == 0x7fff)
        class = fraction ? (fraction >> 63 ? 2 : 1) : negative ? 4 : 0x200;
    else if (exponent)
        class = negative ? 8 : 0x100;
    else if (fraction)
        class = negative ? 0x10 : 0x80;
    else
        class = negative ? 0x20 : 0x40;
    return (class & classes) != 0;
}

/* One ARITH_ operation on `bits`-wide operands, exact in 128 bits; *overflowed if it does not fit. */
static inline uint64_t arithmetic(uint32_t kind, uint64_t a, uint64_t b, uint32_t bits, int *overflowed) {
    int is_signed = kind == ARITH_SADD || kind == ARITH_SSUB || kind == ARITH_SMUL;
    __int128 x = is_signed ? (__int128)extend(a, bits) : (__int128)a;
    __int128 y = is_signed ? (__int128)extend(b, bits) : (__int128)b;
    __int128 v = x;
    if (kind == ARITH_UMUL)
        v = (__int128)((unsigned __int128)a * b);
    else if (kind == ARITH_SMUL)
        v = x * y;
    else
        v = kind == ARITH_SADD || kind == ARITH_UADD ? x + y : x - y;
    uint64_t low = cut((uint64_t)v, bits);
    *overflowed = is_signed ? v != (__int128)extend(low, bits) : v != (__int128)low;
    return low;
}

static inline uint64_t saturated(uint32_t kind, uint64_t a, uint64_t b, uint32_t bits) {
    int overflowed;
    uint64_t v = arithmetic(kind, a, b, bits, &overflowed);
    if (!overflowed)
        return v;
    uint64_t top = 1ull << (bits - 1);
    if (kind == ARITH_UADD)
        return cut(~0ull, bits);
    if (kind == ARITH_USUB)
        return 0;
    return a & top ? top : top - 1;
}

/* The exact result of two floats fits a double or is rounded twice without harm: 53 >= 2 * 24 + 2. */
static inline double combine_float(uint32_t kind, double old, double v) {
    if (kind == ATOMIC_FADD)
        return old + v;
    if (kind == ATOMIC_FSUB)
        return old - v;
    if (old != old || v != v)
        return old != old ? v : old;
    return (kind == ATOMIC_FMAX) == (old > v) ? old : v;
}

/* The new value of an atomicrmw. */
static inline uint64_t combine(uint32_t kind, uint64_t old, uint64_t v, uint32_t bits) {
    switch (kind) {
    case ATOMIC_ADD:
        return old + v;
    case ATOMIC_SUB:
        return old - v;
    case ATOMIC_AND:
        return old & v;
    case ATOMIC_NAND:
        return ~(old & v);
    case ATOMIC_OR:
        return old | v;
    case ATOMIC_XOR:
        return old ^ v;
    case ATOMIC_MAX:
        return extend(old, bits) > extend(v, bits) ? old : v;
    case ATOMIC_MIN:
        return extend(old, bits) < extend(v, bits) ? old : v;
    case ATOMIC_UMAX:
        return old > v ? old : v;
    case ATOMIC_UMIN:
        return old < v ? old : v;
    case ATOMIC_UINC_WRAP:
        return old >= v ? 0 : old + 1;
    case ATOMIC_UDEC_WRAP:
        return !old || old > v ? v : old - 1;
    case ATOMIC_USUB_COND:
        return old >= v ? old - v : old;
    case ATOMIC_USUB_SAT:
        return old >= v ? old - v : 0;
    case ATOMIC_FADD:
    case ATOMIC_FSUB:
    case ATOMIC_FMAX:
    case ATOMIC_FMIN:
        return bits == 32 ? from_float((float)combine_float(kind, to_float(old), to_float(v)))
                          : from_double(combine_float(kind, to_double(old), to_double(v)));
    default:
        return v;
    }
}

/* The same for 16 bytes. */
static inline unsigned __int128 combine_pair(uint32_t kind, unsigned __int128 old, unsigned __int128 v) {
    switch (kind) {
    case ATOMIC_ADD:
        return old + v;
    case ATOMIC_SUB:
        return old - v;
    case ATOMIC_AND:
        return old & v;
    case ATOMIC_NAND:
        return ~(old & v);
    case ATOMIC_OR:
        return old | v;
    case ATOMIC_XOR:
        return old ^ v;
    case ATOMIC_MAX:
        return (__int128)old > (__int128)v ? old : v;
    case ATOMIC_MIN:
        return (__int128)old < (__int128)v ? old : v;
    case ATOMIC_UMAX:
        return old > v ? old : v;
    case ATOMIC_UMIN:
        return old < v ? old : v;
    default:
        return v;
    }
}

/* Compare and exchange 16 bytes at an address that is a multiple of 16; *expected becomes what was there. */
static inline int exchange_pair(uint64_t address, unsigned __int128 *expected, unsigned __int128 desired) {
    uint64_t low = (uint64_t)*expected, high = (uint64_t)(*expected >> 64);
    uint8_t done;
    __asm__ volatile("lock cmpxchg16b (%3)\n\tsete %2"
                     : "+a"(low), "+d"(high), "=q"(done)
                     : "r"(address), "b"((uint64_t)desired), "c"((uint64_t)(desired >> 64))
                     : "memory", "cc");
    *expected = (unsigned __int128)high << 64 | low;
    return done;
}

#define EXCHANGE(TYPE)                                                                                       \
    do {                                                                                                     \
        TYPE seen = (TYPE) * expected;                                                                       \
        int done = __atomic_compare_exchange_n((TYPE *)(uintptr_t)address, &seen, (TYPE)desired, 0,          \
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                          \
        *expected = seen;                                                                                    \
        return done;                                                                                         \
    } while (0)

/* Compare and exchange `bytes` at an address; *expected becomes what was there. */
static inline int exchange(uint64_t address, uint64_t *expected, uint64_t desired, uint32_t bytes) {
    if (bytes == 1)
        EXCHANGE(uint8_t);
    if (bytes == 2)
        EXCHANGE(uint16_t);
    if (bytes == 4)
        EXCHANGE(uint32_t);
    EXCHANGE(uint64_t);
}

static inline uint64_t modify(uint32_t kind, uint64_t address, uint64_t v, uint32_t bytes) {
    uint64_t old = load_bytes(address, bytes);
    while (!exchange(address, &old, combine(kind, old, v, 8 * bytes), bytes))
        ;
    return old;
}

static inline uint64_t reverse_bits(uint64_t v, uint32_t bits) {
    uint64_t result = 0;
    for (uint32_t i = 0; i < bits; i++)
        result |= (v >> i & 1) << (bits - 1 - i);
    return result;
}

static inline uint64_t funnel_left(uint64_t high, uint64_t low, uint64_t amount, uint32_t bits) {
    uint64_t by = amount % bits;
    return by ? cut(high << by | low >> (bits - by), bits) : high;
}

#endif
