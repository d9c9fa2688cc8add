/* SPDX-License-Identifier: MIT */
/* Sleeps that nobody ends but the clock or a signal of the program's own, whoever looks in meanwhile. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

__attribute__((noinline)) static unsigned step(unsigned x) {
    return x * 1664525u + 1013904223u;
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
    volatile char room[256 << 10]; /* as much as a program may use on the stack that it has */
    room[0] = room[sizeof room - 1] = (char)number;
    alarms++;
}

int main(int argc, char **argv) {
    const struct timespec nap = {0, 3000000};
    const struct itimerval once = {{0, 0}, {0, 5000}};
    struct timespec left = {1000, 0};
    unsigned x = 1, ended = 0;
    (void)argv;
    for (int i = 0; i < 20; i++) {
        for (int j = 0; j < 1000; j++)
            x = step(x);
        ended += i % 2 ? nanosleep(&nap, &left) != 0 : poll(NULL, 0, 3) < 0;
    }
    printf("%u, naps that ended early: %u\n", x, ended);
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &once, NULL);
    left.tv_sec = 1000;
    printf("sleep: %d", nanosleep(&left, &left));
    printf(" %d, left %ld, alarms %d\n", errno == EINTR, (long)left.tv_sec, (int)alarms);
    if (argc > 1) {
        setitimer(ITIMER_REAL, &once, NULL);
        printf("pause: %d", pause());
        printf(" %d, alarms %d\n", errno == EINTR, (int)alarms);
    }
    return 7;
}
