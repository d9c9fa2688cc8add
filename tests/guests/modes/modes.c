/* SPDX-License-Identifier: MIT
 * A workload with many ends: its first argument says which. One image serves many tests.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static volatile int zero;
static char not_code[64] = {(char)0xc3};

__attribute__((noinline)) static int divide(int x) {
    int got = x / zero;
    zero = got;
    return got + 1;
}

__attribute__((noinline)) static int through(int x) {
    int got = divide(x + 1);
    return got * 3 + zero;
}

__attribute__((noinline)) static int deeper(int x) {
    volatile char room[256] = {(char)x};
    int got = deeper(x + 1);
    return got + room[x & 255];
}

/* Far more of the stack than one frame of the wire holds. */
__attribute__((noinline)) static int down(int levels) {
    volatile char room[256] = {(char)levels};
    int got = levels ? down(levels - 1) : divide(levels);
    return got + room[levels & 255];
}

static void call(uintptr_t address) {
    void (*function)(void) = (void (*)(void))address;
    __asm__("" : "+r"(function));
    function();
}

static int echo(void) {
    char line[256];
    int lines = 0;
    while (fgets(line, sizeof line, stdin)) {
        fputs(line, stdout);
        lines++;
    }
    return lines;
}

static int show(int argc, char **argv) {
    for (int i = 0; i < argc; i++)
        printf("argv[%d]=%s\n", i, argv[i]);
    for (char **entry = environ; *entry; entry++)
        printf("env %s\n", *entry);
    return argc;
}

/* musl stops a program that asks for what does not fit its buffer, by an instruction that ring 3 may not do.
 */
__attribute__((noinline)) static void write_date(void) {
    volatile int year = 2000000000;
    struct tm date = {.tm_year = year};
    puts(asctime(&date));
}

static void speak(void) {
    puts("to stdout");
    fflush(stdout);
    fputs("to stderr\n", stderr);
    puts("to stdout again");
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    volatile int *nowhere = NULL;
    if (!strcmp(mode, "show"))
        return show(argc, argv);
    if (!strcmp(mode, "echo"))
        return echo();
    if (!strcmp(mode, "speak"))
        speak();
    if (!strcmp(mode, "status"))
        return atoi(argv[2]);
    if (!strcmp(mode, "divide"))
        return through(argc);
    if (!strcmp(mode, "down"))
        return down(atoi(argv[2]));
    if (!strcmp(mode, "invalid"))
        __asm__ volatile("ud2");
    if (!strcmp(mode, "null"))
        *nowhere = argc;
    if (!strcmp(mode, "call-null"))
        call(0);
    if (!strcmp(mode, "overflow"))
        return deeper(argc);
    if (!strcmp(mode, "execute-data"))
        call((uintptr_t)not_code);
    if (!strcmp(mode, "write-code"))
        *(volatile char *)(uintptr_t)main = 0;
    if (!strcmp(mode, "wild"))
        *(volatile char *)(uintptr_t)0x123456789000 = 1;
    if (!strcmp(mode, "abort"))
        abort();
    if (!strcmp(mode, "date"))
        write_date();
    if (!strcmp(mode, "kill"))
        raise(SIGTERM);
    if (!strcmp(mode, "spin"))
        for (;;)
            __asm__ volatile("");
    if (!strcmp(mode, "halt"))
        __asm__ volatile("cli; hlt");
    if (!strcmp(mode, "triple"))
        __asm__ volatile("lidt %0; int3" : : "m"(*(const char (*)[10]) & (const char[10]){0}));
    return 0;
}
