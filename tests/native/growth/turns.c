/* A function whose tunings differ widely: sums of short loops, called until there is a file "done", or for as
 * many seconds as the argument says. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__attribute__((noinline)) static double work(const double *a, const double *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

int main(int argc, char **argv) {
    static double a[256], b[256];
    double limit = argc > 1 ? atof(argv[1]) : 1e9, total = 0;
    struct timespec from, now;
    for (int i = 0; i < 256; i++) {
        a[i] = i;
        b[i] = 256 - i;
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    do {
        for (int i = 0; i < 1000; i++)
            total = work(a, b, 256);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (access("done", F_OK) < 0 &&
             (double)(now.tv_sec - from.tv_sec) + 1e-9 * (double)(now.tv_nsec - from.tv_nsec) < limit);
    printf("%.0f\n", total);
    return 0;
}
