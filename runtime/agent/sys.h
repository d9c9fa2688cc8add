/* SPDX-License-Identifier: MIT */
/* The Linux system calls that the agent makes, itself: libc's wrappers set errno, which is the workload's.
 * Numbers and structures: Linux x86-64 ABI (arch/x86/entry/syscalls/syscall_64.tbl, uapi headers). */
#ifndef BAREFLOW_AGENT_SYS_H
#define BAREFLOW_AGENT_SYS_H

#include <stddef.h>
#include <stdint.h>

#define SYS_READ 0
#define SYS_WRITE 1
#define SYS_OPEN 2
#define SYS_POLL 7
#define SYS_MMAP 9
#define SYS_MPROTECT 10
#define SYS_MUNMAP 11
#define SYS_RT_SIGACTION 13
#define SYS_RT_SIGPROCMASK 14
#define SYS_PREAD64 17
#define SYS_PWRITE64 18
#define SYS_SELECT 23
#define SYS_PAUSE 34
#define SYS_NANOSLEEP 35
#define SYS_SETITIMER 38
#define SYS_GETPID 39
#define SYS_SENDTO 44
#define SYS_RECVFROM 45
#define SYS_MSGSND 69
#define SYS_MSGRCV 70
#define SYS_FCNTL 72
#define SYS_RT_SIGTIMEDWAIT 128
#define SYS_RT_SIGSUSPEND 130
#define SYS_SIGALTSTACK 131
#define SYS_TIMER_CREATE 222
#define SYS_TIMER_SETTIME 223
#define SYS_CLOCK_GETTIME 228
#define SYS_CLOCK_NANOSLEEP 230
#define SYS_EPOLL_WAIT 232
#define SYS_PSELECT6 270
#define SYS_PPOLL 271
#define SYS_EPOLL_PWAIT 281
#define SYS_GETRANDOM 318

#define SYS_O_RDWR 2
#define SYS_O_NOCTTY 0x100
#define SYS_O_NONBLOCK 0x800
#define SYS_O_ASYNC 0x2000
#define SYS_F_SETFL 4
#define SYS_F_SETOWN 8
#define SYS_EAGAIN (-11)
#define SYS_EINTR (-4)
#define SYS_MSG_QUIET 0x4040 /* MSG_DONTWAIT | MSG_NOSIGNAL */
#define SYS_POLLIN 1
#define SYS_GRND_NONBLOCK 1
#define SYS_PROT_READ 1
#define SYS_PROT_WRITE 2
#define SYS_PROT_EXEC 4
#define SYS_MAP_PRIVATE_ANONYMOUS 0x22
#define SYS_MAP_32BIT 0x40
#define SYS_MAP_FIXED_NOREPLACE 0x100000
#define SYS_SIGTICK 63                        /* SIGRTMAX - 1: SIGALRM is the workload's */
#define SYS_TICKS (1ull << (SYS_SIGTICK - 1)) /* in a set of signals */
#define SYS_SIGIO 29
#define SYS_SIG_BLOCK 0
#define SYS_SIG_UNBLOCK 1
#define SYS_ALL_SIGNALS                                                                                      \
    UINT64_MAX            /* the workload's handlers run when a tick has ended, on the workload's stack */
#define SYS_ITIMER_TICK 3 /* our kernel's timer for SYS_SIGTICK; Linux has none */
#define SYS_CLOCK_MONOTONIC 1
#define SYS_SA_FLAGS 0x1c000000 /* SA_RESTORER | SA_ONSTACK | SA_RESTART */
#define SYS_UCONTEXT_RIP 168    /* offset of uc_mcontext.gregs[REG_RIP] */

struct sys_sigaction {
    void (*handler)(int, void *, void *);
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* struct sigevent; `notify` 0 is SIGEV_SIGNAL. */
struct sys_sigevent {
    uint64_t value;
    int32_t number, notify;
    uint64_t pad[6];
};

struct sys_stack {
    void *base;
    uint64_t flags, size;
};

struct sys_pollfd {
    int32_t fd;
    int16_t events, revents;
};

static inline int64_t sys_call(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                               uint64_t f) {
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    int64_t result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define SYS3(number, a, b, c) sys_call(number, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0, 0, 0)

#endif
