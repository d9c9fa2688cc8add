/* SPDX-License-Identifier: MIT */
/* Prints every character that has a glyph, then waits for a line, so that the screen can be looked at,
 * unless it has an argument. */
#include <stdio.h>

int main(int count, char **arguments) {
    (void)arguments;
    puts("On the screen:");
    for (int c = ' '; c <= '~'; c++) {
        putchar(c);
        if (c % 32 == 31)
            putchar('\n');
    }
    puts("\nthe end");
    fflush(stdout);
    if (count == 1)
        getchar();
    return 0;
}
