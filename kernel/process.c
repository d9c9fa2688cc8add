/* SPDX-License-Identifier: MIT */
/* What a program asks about itself: identity, signals, limits, its end. There is one process with one thread.
 */
#include "kernel.h"
#include "x86.h"

#define SIGNALS 64
#define SIG_IGN 1

/* Calls whose answer is always the same. */
int64_t sys_zero(void) {
    return 0;
}

int64_t sys_one(void) {
    return 1;
}

int64_t sys_enosys(void) {
    return -ENOSYS;
}

int64_t sys_enotty(void) {
    return -ENOTTY;
}

int64_t sys_espipe(void) {
    return -ESPIPE;
}

int64_t sys_exit(uint64_t status) {
    finish(VERDICT_EXITED, (int32_t)(status & 255));
}

/* Said once for each call that a program wanted and we do not have. */
int64_t syscall_unknown(uint64_t number) {
    static bool said[512];
    if (number >= sizeof said || !said[number])
        say_values("bareflow: system call % is not served\n", number, 0);
    if (number < sizeof said)
        said[number] = true;
    return -ENOSYS;
}

int64_t sys_arch_prctl(uint64_t code, uint64_t address) {
    if (code == ARCH_SET_FS && (int64_t)address >= 0) {
        wrmsr(MSR_FS_BASE, address);
        return 0;
    }
#ifdef CONFIG_PROCESS
    if ((int64_t)address < 0)
        return -EPERM;
    if (code == ARCH_SET_GS) {
        wrmsr(MSR_GS_BASE, address);
        return 0;
    }
    if (code == ARCH_GET_FS || code == ARCH_GET_GS) {
        *(uint64_t *)address = rdmsr(code == ARCH_GET_FS ? MSR_FS_BASE : MSR_GS_BASE);
        return 0;
    }
#endif
    return -EINVAL;
}

int64_t sys_sched_getaffinity(uint64_t who, uint64_t size, uint64_t *mask) {
    (void)who;
    if (size < sizeof *mask)
        return -EINVAL;
    *mask = 1;
    return sizeof *mask;
}

/* RDRAND where there is one; else the time stamp, mixed: good against accidents, not attackers. */
uint64_t random_word(void) {
    static uint64_t state;
    state = (state ^ rdtsc()) * 0x9e3779b97f4a7c15;
    uint64_t word = state ^ state >> 32;
    if (cpu_words[CPUID_WORD_1_ECX] & 1u << 30)
        __asm__ volatile("rdrand %0" : "=r"(word)); /* 0 if it has run dry */
    return word;
}

#ifndef CONFIG_SIGNALS /* which has signal.c */
#ifdef CONFIG_PROCESS
static struct sigaction actions[SIGNALS + 1];

static uint64_t handler_of(uint64_t number) {
    return actions[number].handler;
}

static bool harmless(uint64_t number) {
    return number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
}
#else
static uint64_t handler_of(uint64_t number) {
    (void)number;
    return 0;
}

static bool harmless(uint64_t number) {
    (void)number;
    return false;
}
#endif

/* A signal to ourselves ends us, unless it is ignored. */
int64_t sys_kill(int64_t who, uint64_t number) {
    if (who != 1 && who != 0 && who != -1)
        return -ESRCH;
    if (number > SIGNALS)
        return -EINVAL;
    if (!number || handler_of(number) == SIG_IGN || (!handler_of(number) && harmless(number)))
        return 0;
    finish(VERDICT_KILLED, (int32_t)number);
}

int64_t sys_tgkill(int64_t group, int64_t who, uint64_t number) {
    return group == 1 ? sys_kill(who, number) : -ESRCH;
}
#endif

#ifdef CONFIG_PROCESS
int64_t sys_eagain(void) {
    return -EAGAIN;
}

int64_t sys_umask(void) {
    return 022;
}

#ifndef CONFIG_SIGNALS
int64_t sys_rt_sigaction(uint64_t number, const struct sigaction *wanted, struct sigaction *old) {
    if (!number || number > SIGNALS)
        return -EINVAL;
    if (old)
        *old = actions[number];
    if (wanted)
        actions[number] = *wanted;
    return 0;
}

/* Nothing can interrupt the workload, so a mask is only remembered. */
int64_t sys_rt_sigprocmask(uint64_t how, const uint64_t *set, uint64_t *old) {
    static uint64_t mask;
    const uint64_t was = mask;
    if (set && how > 2)
        return -EINVAL;
    if (set)
        mask = how == 0 ? mask | *set : how == 1 ? mask & ~*set : *set;
    if (old)
        *old = was;
    return 0;
}

int64_t sys_sigaltstack(const uint64_t *wanted, uint64_t *old) {
    (void)wanted;
    if (old)
        memset(old, 0, 24);
    return 0;
}
#endif

int64_t sys_futex(const uint32_t *word, uint64_t operation, uint32_t value) {
    const uint64_t command = operation & 127;
    if (command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET)
        return 0;
    if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    if (*word == value)
        panic("deadlock: the only thread waits for another");
    return -EAGAIN;
}

int64_t sys_getrandom(uint8_t *bytes, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)random_word();
    return (int64_t)count;
}

/* Programs look for Linux, whose calls these are. */
int64_t sys_uname(struct utsname *out) {
    memset(out, 0, sizeof *out);
    memcpy(out->sysname, "Linux", 6);
    memcpy(out->nodename, "bareflow", 9);
    memcpy(out->release, "6.1.0-bareflow", 15);
    memcpy(out->version, "#1", 3);
    memcpy(out->machine, "x86_64", 7);
    return 0;
}

int64_t sys_getrlimit(uint64_t which, struct rlimit *out) {
    if (which > 15)
        return -EINVAL;
    out->current = which == RLIMIT_STACK ? stack_size : which == RLIMIT_NOFILE ? 64 : ~0ull;
    out->maximum = out->current;
    return 0;
}

int64_t sys_prlimit64(uint64_t who, uint64_t which, const struct rlimit *wanted, struct rlimit *old) {
    (void)who;
    if (wanted)
        return -EPERM;
    return old ? sys_getrlimit(which, old) : 0;
}
#endif
