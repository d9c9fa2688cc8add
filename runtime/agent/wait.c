/* SPDX-License-Identifier: MIT */
/* Calls that Linux ends for any handler, SA_RESTART or not (signal(7)): ticks are held back until such a call
 * ends by itself or by a signal of the workload's own. All of them go through musl's __syscall_cp, in whose
 * place the linker puts what is here (--wrap). */
#include "port.h"
#include "sys.h"

long __real___syscall_cp(long number, long a, long b, long c, long d, long e, long f);
long __wrap___syscall_cp(long number, long a, long b, long c, long d, long e, long f);

static int ends_early(long number) {
    switch (number) {
    case SYS_POLL:
    case SYS_SELECT:
    case SYS_PAUSE:
    case SYS_NANOSLEEP:
    case SYS_MSGSND:
    case SYS_MSGRCV:
    case SYS_RT_SIGTIMEDWAIT:
    case SYS_RT_SIGSUSPEND:
    case SYS_CLOCK_NANOSLEEP:
    case SYS_EPOLL_WAIT:
    case SYS_PSELECT6:
    case SYS_PPOLL:
    case SYS_EPOLL_PWAIT:
        return 1;
    default:
        return 0;
    }
}

struct masks {
    uint64_t set;
    uint64_t argument[2]; /* pselect6: where it is, and its size */
};

/* A copy of the mask that a call is to wait with, in which ticks are masked, too. 0: it has none. */
static long masked(struct masks *masks, long mask) {
    if (!mask)
        return 0;
    masks->set = *(const uint64_t *)mask | SYS_TICKS;
    return (long)&masks->set;
}

long __wrap___syscall_cp(long number, long a, long b, long c, long d, long e, long f) {
    struct masks masks;
    if (!bf_ticks_interrupt() || !ends_early(number))
        return __real___syscall_cp(number, a, b, c, d, e, f);
    if (number == SYS_RT_SIGSUSPEND)
        a = masked(&masks, a);
    else if (number == SYS_PPOLL)
        d = masked(&masks, d);
    else if (number == SYS_EPOLL_PWAIT)
        e = masked(&masks, e);
    else if (number == SYS_PSELECT6 && f) {
        masks.argument[0] = (uint64_t)masked(&masks, ((const long *)f)[0]);
        masks.argument[1] = ((const uint64_t *)f)[1];
        f = (long)masks.argument;
    } else if (number == SYS_RT_SIGTIMEDWAIT) {
        masks.set = *(const uint64_t *)a & ~SYS_TICKS; /* ticks are not what it waits for */
        a = (long)&masks.set;
    }
    int held = bf_ticks_hold();
    long result = __real___syscall_cp(number, a, b, c, d, e, f);
    if (held)
        bf_ticks_release();
    return result;
}
