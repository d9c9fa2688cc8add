/* SPDX-License-Identifier: MIT */
/* The trial runtime: runs main several times, each time in a child of its own, and writes the CPU time of
 * each.
 *
 * Linked with --wrap=main. BAREFLOW_TRIAL_RUNS says how often, BAREFLOW_TRIAL_OUT where the nanoseconds go,
 * one 64-bit number a run; without them the program runs once, as it is. A child begins with nothing of the
 * one before, so a program is measured as often as it takes without being started as often. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int __real_main(int argc, char **argv, char **envp);
int __wrap_main(int argc, char **argv, char **envp);

static int out = -1;
static uint64_t started;

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void report(void) {
    uint64_t taken = cpu_ns() - started;
    if (write(out, &taken, sizeof taken) != (ssize_t)sizeof taken)
        _exit(125);
}

int __wrap_main(int argc, char **argv, char **envp) {
    const char *runs = getenv("BAREFLOW_TRIAL_RUNS"), *path = getenv("BAREFLOW_TRIAL_OUT");
    if (!runs || !path)
        return __real_main(argc, argv, envp);
    out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0)
        return 125;
    for (long left = strtol(runs, NULL, 10); left > 0; left--) {
        pid_t child = fork();
        if (child < 0)
            return 125;
        if (!child) {
            atexit(report);
            started = cpu_ns();
            return __real_main(argc, argv, envp);
        }
        int status;
        while (waitpid(child, &status, 0) < 0)
            if (errno != EINTR)
                return 125;
        if (!WIFEXITED(status))
            return 124;
    }
    _exit(0);
}
