/* SPDX-License-Identifier: MIT */
/* Linux's calls: clock_gettime(2), rt_sigaction(2). */

#include "system.h"

#include <sys/syscall.h>
#include <time.h>

#include "text.h"

SMALL_BEGIN

#define SA_RESTORER 0x04000000ul /* asm/signal.h, which libc's headers hide */

/* As the kernel has it; libc's differs. */
struct action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static __attribute__((noinline)) long call(long number, long a, const void *b, const void *c, long d) {
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
    return number;
}

uint64_t system_clock_ns(int clock) {
    struct timespec time = {.tv_sec = 0};
    call(SYS_clock_gettime, clock, &time, NULL, 0);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Where a handler returns to. */
static __attribute__((naked)) void leave(void) {
    __asm__("movl $15, %eax\n\tsyscall"); /* rt_sigreturn */
}

void system_on_signal(int number, void (*handler)(int)) {
    const struct action action = {.handler = handler, .flags = SA_RESTORER, .restorer = leave};
    call(SYS_rt_sigaction, number, &action, NULL, sizeof action.mask);
}

SMALL_END
