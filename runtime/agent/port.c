/* SPDX-License-Identifier: MIT */
/* What the agent asks of Linux, or of a kernel that looks like it. Whatever is missing is done without. */
#include "port.h"

#include "bareflow/agent.h"
#include "sys.h"

#define PAGE 4096ull
#define ARENA_LIMIT 0x80000000ull /* 32-bit absolute addresses reach below it */

static int port = -1;
static int is_socket;
static int linux_timer, timer; /* whether there is one of timer_create, and which */
static void (*on_tick)(uint64_t);
int bf_ticks_held;
static uint8_t signal_stack[65536] __attribute__((aligned(16)));

/* The value of a variable, which is taken out of the environment: the workload does not get to see it. */
static const char *take_variable(char **environment, const char *name) {
    for (char **entry = environment; entry && *entry; entry++) {
        const char *text = *entry;
        unsigned at = 0;
        while (name[at] && text[at] == name[at])
            at++;
        if (name[at] || text[at] != '=')
            continue;
        do
            entry[0] = entry[1];
        while (*entry++);
        return text + at + 1;
    }
    return 0;
}

static int number(const char *text) {
    int value = 0;
    for (; *text >= '0' && *text <= '9' && value < 1 << 20; text++)
        value = value * 10 + (*text - '0');
    return value;
}

int bf_port_open(char **environment) {
    const char *descriptor = take_variable(environment, "BAREFLOW_WIRE_FD");
    const char *path = take_variable(environment, "BAREFLOW_WIRE");
    is_socket = descriptor != 0;
    if (descriptor)
        port = number(descriptor);
    else if (path)
        port = (int)SYS3(SYS_OPEN, path, SYS_O_RDWR | SYS_O_NOCTTY | SYS_O_NONBLOCK, 0);
    return port < 0 ? -1 : 0;
}

int bf_port_alive(void) {
    return port >= 0;
}

/* How many bytes went through; a port that failed for good is given up. */
static size_t moved(int64_t result, int closed) {
    if (result == SYS_EAGAIN || result == SYS_EINTR)
        return 0;
    if (result < 0 || closed) {
        port = -1;
        return 0;
    }
    return (size_t)result;
}

size_t bf_port_read(void *context, uint8_t *bytes, size_t n) {
    (void)context;
    if (port < 0 || !n)
        return 0;
    int64_t result = is_socket
                         ? sys_call(SYS_RECVFROM, (uint64_t)port, (uint64_t)bytes, n, SYS_MSG_QUIET, 0, 0)
                         : SYS3(SYS_READ, port, bytes, n);
    return moved(result, is_socket && result == 0);
}

size_t bf_port_write(void *context, const uint8_t *bytes, size_t n) {
    (void)context;
    if (port < 0 || !n)
        return 0;
    int64_t result = is_socket ? sys_call(SYS_SENDTO, (uint64_t)port, (uint64_t)bytes, n, SYS_MSG_QUIET, 0, 0)
                               : SYS3(SYS_WRITE, port, bytes, n);
    return moved(result, 0);
}

size_t bf_port_text(void *bytes, size_t n, uint64_t offset) {
    int64_t result = port < 0 ? 0 : sys_call(SYS_PREAD64, (uint64_t)port, (uint64_t)bytes, n, offset, 0, 0);
    return result > 0 ? (size_t)result : 0;
}

void bf_port_type(const void *bytes, size_t n, uint64_t offset) {
    if (port >= 0)
        sys_call(SYS_PWRITE64, (uint64_t)port, (uint64_t)bytes, n, offset, 0, 0);
}

void bf_port_wait(uint32_t ms) {
    struct sys_pollfd wanted = {.fd = port, .events = SYS_POLLIN};
    SYS3(SYS_POLL, &wanted, 1, ms);
}

uint64_t bf_clock_ns(void) {
    uint64_t now[2] = {0, 0};
    if (SYS3(SYS_CLOCK_GETTIME, 1, now, 0) < 0)
        return 0;
    return now[0] * 1000000000 + now[1];
}

uint64_t bf_clock_us(void) {
    uint64_t ns = bf_clock_ns();
    return ns ? ns / 1000 : bf_tsc() >> 11; /* as if at 2 GHz: it only times resends */
}

uint64_t bf_run_identity(void) {
    uint64_t random = 0;
    SYS3(SYS_GETRANDOM, &random, sizeof random, SYS_GRND_NONBLOCK);
    return (random ^ bf_tsc()) | 1;
}

static void handler(int number, void *info, void *context) {
    (void)number;
    (void)info;
    on_tick(*(uint64_t *)((uint8_t *)context + SYS_UCONTEXT_RIP));
}

/* A device says by SIGIO when something has come: then a tick need not wait for its time. */
static void announce(void) {
    if (is_socket || port < 0)
        return; /* a socket would signal for every byte that the host has taken, too */
    SYS3(SYS_FCNTL, port, SYS_F_SETOWN, SYS3(SYS_GETPID, 0, 0, 0));
    SYS3(SYS_FCNTL, port, SYS_F_SETFL, SYS_O_RDWR | SYS_O_NONBLOCK | SYS_O_ASYNC);
}

int bf_timer_prepare(void (*tick)(uint64_t interrupted)) {
    on_tick = tick;
    struct sys_sigaction action = {handler, SYS_SA_FLAGS, bf_signal_return, SYS_ALL_SIGNALS};
    struct sys_stack stack = {signal_stack, 0, sizeof signal_stack};
    if (SYS3(SYS_SIGALTSTACK, &stack, 0, 0) < 0 ||
        sys_call(SYS_RT_SIGACTION, SYS_SIGTICK, (uint64_t)&action, 0, 8, 0, 0) < 0)
        return -1;
    if (sys_call(SYS_RT_SIGACTION, SYS_SIGIO, (uint64_t)&action, 0, 8, 0, 0) == 0)
        announce();
    return 0;
}

int bf_timer_start(uint32_t first, uint32_t us) {
    uint64_t times[4] = {us / 1000000, us % 1000000, first / 1000000, first % 1000000};
    if (!linux_timer) {
        if (SYS3(SYS_SETITIMER, SYS_ITIMER_TICK, times, 0) == 0)
            return 0;
        struct sys_sigevent event = {.number = SYS_SIGTICK};
        if (SYS3(SYS_TIMER_CREATE, SYS_CLOCK_MONOTONIC, &event, &timer) < 0)
            return -1;
        linux_timer = 1;
    }
    times[1] *= 1000;
    times[3] *= 1000;
    return sys_call(SYS_TIMER_SETTIME, (uint64_t)timer, 0, (uint64_t)times, 0, 0, 0) < 0 ? -1 : 0;
}

int bf_ticks_interrupt(void) {
    return linux_timer;
}

int bf_ticks_hold(void) {
    uint64_t set = SYS_TICKS, before = 0;
    if (sys_call(SYS_RT_SIGPROCMASK, SYS_SIG_BLOCK, (uint64_t)&set, (uint64_t)&before, 8, 0, 0) < 0 ||
        before & SYS_TICKS)
        return 0;
    bf_ticks_held = 1;
    return 1;
}

void bf_ticks_release(void) {
    uint64_t set = SYS_TICKS;
    bf_ticks_held = 0;
    sys_call(SYS_RT_SIGPROCMASK, SYS_SIG_UNBLOCK, (uint64_t)&set, 0, 8, 0, 0);
}

static void *map_code(uint64_t hint, uint64_t size, uint64_t flags) {
    int64_t at = sys_call(SYS_MMAP, hint, size, SYS_PROT_READ | SYS_PROT_EXEC,
                          SYS_MAP_PRIVATE_ANONYMOUS | flags, (uint64_t)-1, 0);
    if (at < 0 && at > -4096)
        return 0;
    if ((uint64_t)at + size <= ARENA_LIMIT)
        return (void *)at;
    SYS3(SYS_MUNMAP, at, size, 0);
    return 0;
}

void *bf_code_memory(uint64_t hint, uint64_t size) {
    void *memory = map_code(hint, size, SYS_MAP_FIXED_NOREPLACE);
    return memory ? memory : map_code(0, size, SYS_MAP_32BIT);
}

int bf_code_writable(uint64_t start, uint64_t end, int writable) {
    start &= ~(PAGE - 1);
    end = (end + PAGE - 1) & ~(PAGE - 1);
    return (int)SYS3(SYS_MPROTECT, start, end - start,
                     SYS_PROT_READ | (writable ? SYS_PROT_WRITE : SYS_PROT_EXEC));
}
