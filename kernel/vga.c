/* SPDX-License-Identifier: MIT */
/* Text on a VGA screen in the mode that a BIOS leaves: 80×25 cells at 0xb8000. Source: IBM VGA technical
 * reference; for the BIOS data area, Ralf Brown's memory list. */
#ifdef CONFIG_VGA
#include "kernel.h"
#include "x86.h"

#define CELLS 0xb8000
#define COLUMNS 80u
#define SIZE (COLUMNS * 25)
#define EMPTY 0x0720 /* a space, grey on black */
#define VIDEO_MODE 0x449
#define CURSOR_ROW 0x451
#define CRT_INDEX 0x3d4
#define CRT_DATA 0x3d5
#define CURSOR_HIGH 14

static volatile uint16_t *cells; /* null: there is no screen */
static unsigned at;

void vga_init(void) {
    const uint8_t mode = *(volatile uint8_t *)direct(VIDEO_MODE),
                  line = *(volatile uint8_t *)direct(CURSOR_ROW);
    if (boot.source != BOOT_SOURCE_BIOS || (mode != 2 && mode != 3))
        return;
    cells = direct(CELLS);
    at = line * COLUMNS < SIZE ? line * COLUMNS : 0;
}

static void scroll(void) {
    for (unsigned i = 0; i < SIZE - COLUMNS; i++)
        cells[i] = cells[i + COLUMNS];
    for (unsigned i = SIZE - COLUMNS; i < SIZE; i++)
        cells[i] = EMPTY;
    at -= COLUMNS;
}

static void cursor_set(void) {
    outb(CRT_INDEX, CURSOR_HIGH);
    outb(CRT_DATA, (uint8_t)(at >> 8));
    outb(CRT_INDEX, CURSOR_HIGH + 1);
    outb(CRT_DATA, (uint8_t)at);
}

void vga_put(uint8_t byte) {
    if (!cells)
        return;
    if (byte == '\n')
        at += COLUMNS - at % COLUMNS;
    else if (byte == '\r')
        at -= at % COLUMNS;
    else if (byte == '\b')
        at -= at % COLUMNS != 0;
    else if (byte >= ' ')
        cells[at++] = (uint16_t)((EMPTY & 0xff00) | byte);
    if (at >= SIZE)
        scroll();
    cursor_set();
}
#endif
