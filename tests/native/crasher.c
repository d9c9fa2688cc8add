/* SPDX-License-Identifier: MIT
 * Executes an invalid instruction three calls deep, and prints registers and stack as the trap record has
 * them.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define WORDS 96

static volatile int sink;

static void report(int number, siginfo_t *info, void *context) {
    static const char *const names[] = {"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rdi",
                                        "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip"};
    const greg_t *values = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint64_t *stack = (const uint64_t *)values[REG_RSP];
    (void)number;
    (void)info;
    printf("{\"registers\": {");
    for (int i = 0; i < 17; i++)
        printf("%s\"%s\": %llu", i ? ", " : "", names[i], (unsigned long long)values[i]);
    printf("}, \"stack\": [");
    for (int i = 0; i < WORDS; i++)
        printf("%s%llu", i ? ", " : "", (unsigned long long)stack[i]);
    printf("]}\n");
    exit(0);
}

__attribute__((noinline)) static int inner(int x) {
    volatile int room[8] = {x};
    __asm__ volatile("ud2");
    return room[x & 7];
}

__attribute__((noinline)) static int middle(int x) {
    volatile int room[32] = {x};
    int got = inner(x + 1);
    return got + room[x & 31];
}

__attribute__((noinline)) static int outer(int x) {
    int got = middle(x * 3);
    sink = got;
    return got + 1;
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO};
    (void)argv;
    sigaction(SIGILL, &action, NULL);
    sink = outer(argc);
    return sink + 1;
}
