/* SPDX-License-Identifier: MIT */
/* Functions whose counts are known, for the profile and slot tests. */
#include <setjmp.h>

int loops(int n) {
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (i % 3 == 0)
            k++;
        switch (i & 3) {
        case 1:
            k += 2;
            break;
        case 2:
            k += 5;
        }
    }
    do
        k--;
    while (k > 4);
    return k;
}

int leaf(int a, double b, char *p) {
    return a + (int)b + (p != 0);
}

int caller(int n) {
    int k = 0;
    while (n-- > 0)
        k += leaf(7, 2.5, 0);
    return k;
}

int forever(int n) {
    volatile char pad[600];
    pad[n & 511] = 1;
    return forever(n + 1) + pad[n & 255];
}

static jmp_buf *home;
void leave(int n) {
    if (n == 0)
        longjmp(*home, 5);
    leave(n - 1);
}
void set_home(jmp_buf *env) {
    home = env;
}

int comes_back(int n) {
    jmp_buf env;
    int came = setjmp(env);
    char memory[n + came];
    memory[0] = 1;
    return memory[0];
}

int vfork(void) __attribute__((returns_twice));
int forks(void) {
    return vfork();
}
