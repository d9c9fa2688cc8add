/* SPDX-License-Identifier: MIT */
/* System calls: the Linux x86-64 ABI's numbers, arguments in rdi rsi rdx r10 r8 r9, result or -errno in rax.
 */
#include "kernel.h"

/* calls.S has the table; one entry is a number with a mask of the arguments that are pointers, and the
 * distance from this field to the function. */
struct call {
    uint16_t key;
    int16_t distance;
};

struct constant {
    int16_t number, result;
};

typedef int64_t (*call_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

extern const struct call calls[], calls_end[];
extern const struct constant constants[], constants_end[];

#define NUMBER_BITS 9
#define NUMBERS (1u << NUMBER_BITS)

/* Says once for each number that a program wanted what we do not have. */
static int64_t unknown(uint64_t number) {
    static bool said[NUMBERS];
    if (number >= NUMBERS || !said[number])
        say_values("bareflow: system call % is not served\n", number, 0);
    if (number < NUMBERS)
        said[number] = true;
    return -ENOSYS;
}

int64_t syscall_handle(struct frame *frame) {
    const uint64_t number = frame->rax;
    const uint64_t arguments[6] = {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9};
    for (const struct constant *constant = constants; constant < constants_end; constant++)
        if ((uint64_t)constant->number == number)
            return constant->result;
    for (const struct call *call = calls; call < calls_end; call++) {
        if ((call->key & (NUMBERS - 1)) != number)
            continue;
        for (unsigned i = 0; i < 6; i++)
            if (call->key >> NUMBER_BITS >> i & 1 && (int64_t)arguments[i] < 0)
                return -EFAULT; /* the kernel's own half of the address space */
        const call_fn function = (call_fn)((uint64_t)&call->distance + (uint64_t)(int64_t)call->distance);
        return function(frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9);
    }
    return unknown(number);
}
