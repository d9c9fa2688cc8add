/* SPDX-License-Identifier: MIT */
/* Signals, as programs and a growing one's agent rely on them. Prints the same on Linux. With `abort`
 * or `alarm` it ends by a signal that it does not handle. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define TICKS 50

static volatile int ticks;
static volatile uint64_t inside;
static char stack[65536];
static sigjmp_buf back;
static volatile int where;

extern char spin_begin[], spin_end[];

/* Fills registers, flags and the red zone, spins until TICKS ticks have come, and returns what has changed.
 */
uint64_t spin(volatile int *counter, const uint64_t *pattern);
__asm__(
    ".text\n.globl spin, spin_begin, spin_end\n"
    "spin:\n push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
    " mov (%rsi), %rax\n mov %rax, -8(%rsp)\n mov %rax, -128(%rsp)\n"
    " movq %rax, %xmm0\n movq %rax, %xmm7\n movq %rax, %xmm15\n"
    " mov %rax, %rbx\n mov %rax, %rbp\n mov %rax, %r8\n mov %rax, %r11\n mov %rax, %r12\n mov %rax, %r15\n"
    " fldpi\n stc\n"
    "spin_begin:\n1: mov (%rdi), %ecx\n lea -50(%ecx), %ecx\n jecxz 2f\n jmp 1b\n"
    "2: nop\nspin_end:\n"
    " setnc %cl\n movzbl %cl, %ecx\n"
    " fldpi\n fucomip %st(1), %st\n fstp %st(0)\n setne %dl\n movzbl %dl, %edx\n or %rdx, %rcx\n"
    " xor %rax, %rbx\n or %rbx, %rcx\n xor %rax, %rbp\n or %rbp, %rcx\n xor %rax, %r8\n or %r8, %rcx\n"
    " xor %rax, %r11\n or %r11, %rcx\n xor %rax, %r12\n or %r12, %rcx\n xor %rax, %r15\n or %r15, %rcx\n"
    " movq %xmm0, %rdx\n xor %rax, %rdx\n or %rdx, %rcx\n movq %xmm7, %rdx\n xor %rax, %rdx\n or %rdx, %rcx\n"
    " movq %xmm15, %rdx\n xor %rax, %rdx\n or %rdx, %rcx\n"
    " mov -8(%rsp), %rdx\n xor %rax, %rdx\n or %rdx, %rcx\n mov -128(%rsp), %rdx\n xor %rax, %rdx\n or %rdx, "
    "%rcx\n"
    " mov %rcx, %rax\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");

static void on_tick(int number, siginfo_t *info, void *context) {
    const ucontext_t *const was = context;
    const uint64_t rip = (uint64_t)was->uc_mcontext.gregs[REG_RIP];
    (void)info;
    __asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15; fninit"
                     :
                     :
                     : "memory");
    if (ticks < TICKS) {
        inside += rip >= (uint64_t)spin_begin && rip < (uint64_t)spin_end;
        ticks++;
    }
    where |= number == SIGPROF;
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags, int masked) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    if (masked)
        sigaddset(&action.sa_mask, masked);
    sigaction(number, &action, NULL);
}

static void set_timer(int which, long us) {
    const struct itimerval times = {{0, us}, {0, us}};
    printf("setitimer: %d\n", setitimer(which, &times, NULL));
}

static void timers(void) {
    const uint64_t pattern = 0x123456789abcdef1;
    struct itimerval now;
    handle(SIGALRM, on_tick, 0, 0);
    set_timer(ITIMER_REAL, 1000);
    const uint64_t changed = spin(&ticks, &pattern);
    printf("changed: %llx\nmost inside: %d\n", (unsigned long long)changed, inside > TICKS / 2);
    getitimer(ITIMER_REAL, &now);
    printf("interval: %ld\n", (long)now.it_interval.tv_usec);
    set_timer(ITIMER_REAL, 0);
    getitimer(ITIMER_REAL, &now);
    printf("stopped: %d\n", !now.it_value.tv_sec && !now.it_value.tv_usec);
    ticks = 0;
    for (volatile int i = 0; i < 3000000; i++)
        ;
    printf("ticks afterwards: %d\n", ticks);
    handle(SIGPROF, on_tick, 0, 0);
    set_timer(ITIMER_PROF, 2000);
    while (!where)
        ;
    set_timer(ITIMER_PROF, 0);
}

static void on_second(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    printf("handler of %d\n", number == SIGUSR2 ? 2 : 1);
}

static void on_first(int number, siginfo_t *info, void *context) {
    const ucontext_t *const was = context;
    (void)number, (void)info;
    printf("first begins, blocked before: %d\n", sigismember(&was->uc_sigmask, SIGUSR2));
    raise(SIGUSR2);
    raise(SIGUSR1);
    handle(SIGUSR1, on_second, 0, 0);
    printf("first ends\n");
}

static void masks(void) {
    sigset_t set, old;
    handle(SIGUSR1, on_first, 0, SIGUSR2);
    handle(SIGUSR2, on_second, 0, 0);
    raise(SIGUSR1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, &old);
    printf("blocked\n");
    raise(SIGUSR2);
    sigpending(&old);
    printf("pending: %d\n", sigismember(&old, SIGUSR2));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf("unblocked\n");
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR2);
    raise(SIGCHLD);
    handle(SIGUSR2, on_second, SA_RESETHAND, 0);
    raise(SIGUSR2);
    struct sigaction now;
    sigaction(SIGUSR2, NULL, &now);
    printf("reset: %d\n", now.sa_handler == SIG_DFL);
}

static void on_stack(int number, siginfo_t *info, void *context) {
    const char here = 0;
    stack_t now;
    (void)number, (void)info, (void)context;
    sigaltstack(NULL, &now);
    printf("inside: %d, flags %d\n", &here >= stack && &here < stack + sizeof stack, now.ss_flags);
}

static void on_fault(int number, siginfo_t *info, void *context) {
    (void)context;
    printf("fault %d at %d, code above 0: %d\n", number, info->si_addr == (void *)0x10, info->si_code > 0);
    siglongjmp(back, 1);
}

static int deep(volatile char *above) {
    volatile char here[4096];
    here[0] = above ? *above : 1;
    return deep(here) + here[0];
}

static void faults(void) {
    const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    stack_t now;
    volatile int zero = 0;
    sigaltstack(NULL, &now);
    printf("flags %d\n", now.ss_flags);
    printf("sigaltstack: %d\n", sigaltstack(&alternative, NULL));
    handle(SIGUSR1, on_stack, SA_ONSTACK, 0);
    raise(SIGUSR1);
    handle(SIGSEGV, on_fault, SA_ONSTACK, 0);
    handle(SIGFPE, on_fault, 0, 0);
    handle(SIGILL, on_fault, 0, 0);
    if (!sigsetjmp(back, 1))
        *(volatile int *)0x10 = 1;
    if (!sigsetjmp(back, 1))
        printf("%d\n", 1 / zero);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("ud2");
    if (!sigsetjmp(back, 1))
        printf("%d\n", deep(NULL));
    puts("all handled");
}

/* Disk, console and clock work while ticks come. */
static void calls(void) {
    static char data[10000];
    int wrong = 0;
    ticks = 0;
    handle(SIGALRM, on_tick, SA_RESTART, 0);
    set_timer(ITIMER_REAL, 300);
    for (int i = 0; i < 20; i++) {
        const int fd = open("data.txt", O_RDONLY);
        wrong +=
            fd != 3 || read(fd, data, sizeof data) != sizeof data || data[9999] != '9' || data[5000] != '0';
        close(fd);
        memset(data, 0, sizeof data);
        void *const memory = malloc(1 << 20);
        wrong += !memory;
        free(memory);
        printf("%d: the quick brown fox jumps over the lazy dog\n", i);
    }
    while (ticks < TICKS)
        ;
    set_timer(ITIMER_REAL, 0);
    printf("wrong: %d\n", wrong);
}

static volatile int handled;

static void on_end_of_wait(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    handled++;
}

/* Ticks until `wait_ended`: one that comes before the call does not leave it waiting for ever. */
static void begin_ticks(void) {
    const struct itimerval times = {{0, 5000}, {0, 5000}};
    handled = 0;
    handle(SIGALRM, on_end_of_wait, 0, 0);
    setitimer(ITIMER_REAL, &times, NULL);
}

static void wait_ended(const char *call, int result) {
    const struct itimerval never = {{0, 0}, {0, 0}};
    const int interrupted = errno == EINTR;
    setitimer(ITIMER_REAL, &never, NULL);
    printf("%s: %d %d, handled %d\n", call, result, interrupted, handled > 0);
}

/* Calls that wait end when a handler has run. */
static void waits(void) {
    struct timespec time = {1000, 0};
    sigset_t set, old;
    begin_ticks();
    wait_ended("pause", pause());
    begin_ticks();
    wait_ended("nanosleep", nanosleep(&time, &time));
    printf("left: %d\n", (int)time.tv_sec);
    handle(SIGUSR2, on_second, 0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR2);
    sigemptyset(&set);
    printf("sigsuspend: %d", sigsuspend(&set));
    sigprocmask(SIG_BLOCK, NULL, &old);
    printf(" %d, blocked again: %d\n", errno == EINTR, sigismember(&old, SIGUSR2));
}

/* Signals that are blocked are taken without their handlers. */
static void takes(void) {
    const struct itimerval once = {{0, 0}, {0, 5000}};
    const struct timespec none = {0, 0}, some = {0, 5000000};
    siginfo_t info;
    sigset_t set;
    int number = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    printf("sigtimedwait: %d", sigtimedwait(&set, &info, &none));
    printf(" %d", errno == EAGAIN);
    printf(" %d", sigtimedwait(&set, &info, &some));
    printf(" %d\n", errno == EAGAIN);
    setitimer(ITIMER_REAL, &once, NULL);
    raise(SIGUSR1);
    printf("sigwaitinfo: %d", sigwaitinfo(&set, &info));
    printf(" %d\n", info.si_signo);
    printf("sigwait: %d", sigwait(&set, &number));
    printf(" %d\n", number == SIGALRM);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && !strcmp(argv[1], "abort"))
        abort();
    if (argc > 1 && !strcmp(argv[1], "alarm")) {
        set_timer(ITIMER_REAL, 1000);
        for (;;)
            ;
    }
    timers();
    masks();
    faults();
    calls();
    waits();
    takes();
    return 3;
}
