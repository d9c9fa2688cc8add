/* SPDX-License-Identifier: MIT */
/* Adds up big.bin, read once in one piece and once from an odd offset to an odd place. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long sum(const unsigned char *p, long size) {
    long total = 0;
    while (size-- > 0)
        total += *p++;
    return total;
}

int main(void) {
    unsigned char *buffer = malloc(4 << 20);
    int fd = open("big.bin", O_RDONLY);
    long size = read(fd, buffer + 12345, 4000000);
    printf("%ld %ld", size, sum(buffer + 12345, size));
    size = pread(fd, buffer + 777, 1000000, 4095);
    printf(" %ld\n", sum(buffer + 777, size));
    return 0;
}
