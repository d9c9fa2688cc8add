/* SPDX-License-Identifier: MIT */
/* All that Linux ends for any handler: it ends by the clock or by a signal of the program's own, whoever
 * looks in. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LENGTH_US 30000

static volatile sig_atomic_t alarms;
static volatile unsigned x = 1;
static sigjmp_buf back;
static int epoll;

__attribute__((noinline)) static unsigned step(unsigned value) {
    return value * 1664525u + 1013904223u;
}

__attribute__((noinline)) static unsigned late(unsigned value) {
    return value * 22695477u + 1;
}

static void work(void) {
    for (int i = 0; i < 20000; i++)
        x = step(x);
}

static void on_alarm(int number) {
    volatile char room[256 << 10]; /* as much as a program may use on the stack that it has */
    room[0] = room[sizeof room - 1] = (char)number;
    alarms++;
}

static void leave(int number) {
    work();
    siglongjmp(back, number);
}

static const struct timespec length = {0, LENGTH_US * 1000};

static int absolute(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += length.tv_nsec;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int by_select(void) {
    struct timeval time = {0, LENGTH_US};
    return select(0, NULL, NULL, NULL, &time);
}

static int by_pselect(void) {
    sigset_t none;
    sigemptyset(&none);
    return pselect(0, NULL, NULL, NULL, &length, &none);
}

static int by_ppoll(void) {
    sigset_t none;
    sigemptyset(&none);
    return ppoll(NULL, 0, &length, &none);
}

static int by_epoll_pwait(void) {
    struct epoll_event event;
    sigset_t none;
    sigemptyset(&none);
    return epoll_pwait(epoll, &event, 1, LENGTH_US / 1000, &none);
}

static int by_epoll(void) {
    struct epoll_event event;
    return epoll_wait(epoll, &event, 1, LENGTH_US / 1000);
}

static int by_poll(void) {
    return poll(NULL, 0, LENGTH_US / 1000);
}

static int by_nanosleep(void) {
    return nanosleep(&length, NULL);
}

static int any_signal(void) {
    sigset_t all;
    sigfillset(&all);
    return sigtimedwait(&all, NULL, &length) < 0 && errno == EAGAIN ? 0 : -1;
}

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void whole(const char *name, int (*wait)(void)) {
    int early = 0, failed = 0;
    for (int i = 0; i < 4; i++) {
        work();
        const int64_t began = now_us();
        failed += wait() != 0;
        early += now_us() - began < LENGTH_US - 1000; /* a poll's milliseconds may be cut */
    }
    printf("%s: failed %d, early %d\n", name, failed, early);
}

static void alarm_soon(void) {
    const struct itimerval once = {{0, 0}, {0, LENGTH_US}};
    alarms = 0;
    setitimer(ITIMER_REAL, &once, NULL);
}

static void suspend(void) {
    sigset_t alarm_only, before;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm_only, &before);
    alarm_soon();
    int result = sigsuspend(&before);
    printf("sigsuspend: %d %d, alarms %d\n", result, errno == EINTR, (int)alarms);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(void) {
    epoll = epoll_create1(0);
    whole("nanosleep", by_nanosleep);
    whole("until", absolute);
    whole("poll", by_poll);
    whole("ppoll", by_ppoll);
    whole("select", by_select);
    whole("pselect", by_pselect);
    whole("epoll_wait", by_epoll);
    whole("epoll_pwait", by_epoll_pwait);
    whole("sigtimedwait", any_signal);
    signal(SIGALRM, on_alarm);
    alarm_soon();
    int result = pause();
    printf("pause: %d %d, alarms %d\n", result, errno == EINTR, (int)alarms);
    suspend();
    alarm_soon();
    result = by_select();
    printf("select: %d, alarms %d\n", result == 0 || errno == EINTR, (int)alarms);
    signal(SIGALRM, leave);
    alarm_soon();
    if (!sigsetjmp(back, 0)) /* without the mask: what is held back while it waits would be for ever */
        pause();
    signal(SIGALRM, SIG_DFL);
    for (int i = 0; i < 30000000; i++)
        x = late(x);
    printf("%u\n", x);
    return 7;
}
