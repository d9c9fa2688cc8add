/* SPDX-License-Identifier: MIT */
/* Reads a file as dd does, a mebibyte at a time, and says how long it took by the machine's own clock. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static char piece[1 << 20];

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    const int file = open(count > 1 ? arguments[1] : "", O_RDONLY);
    const double start = seconds();
    long long size = 0;
    ssize_t got;
    while ((got = read(file, piece, sizeof piece)) > 0)
        size += got;
    printf("%lld %.6f\n", size, seconds() - start);
    return got < 0;
}
