/* SPDX-License-Identifier: MIT */
/* Text on the linear framebuffer that UEFI firmware leaves (GOP), 8×16 pixels a character. Behind the lowest
 * line comes the highest again, with the next one emptied: to scroll, the framebuffer would have to be read,
 * which is slow. */
#ifdef CONFIG_FRAMEBUFFER
#include "font.h"
#include "kernel.h"

#define WIDTH 8
#define HEIGHT 16
#define GREY 0xaaaaaa
#define GIB_SHIFT 30
#define FIRST_GIB 4 /* those before are in the direct map already */
#define DIRECT_MAP_ENTRIES 512

static uint8_t *pixels; /* null: there is no screen */
static unsigned columns, rows, column, row;

static uint64_t high_pd[512] __attribute__((aligned(4096), section(".bss.pages")));

/* A framebuffer above 4 GiB is not in the direct map, which is of memory: its gibibyte is added. */
static bool map(uint64_t physical, uint64_t size) {
    const uint64_t first = physical >> GIB_SHIFT, last = (physical + size - 1) >> GIB_SHIFT;
    if (last < FIRST_GIB)
        return true;
    if (first != last || first < FIRST_GIB || first >= DIRECT_MAP_ENTRIES)
        return false;
    for (uint64_t i = 0; i < 512; i++)
        high_pd[i] = first << GIB_SHIFT | i * LARGE_PAGE_SIZE | PTE_LARGE | PTE_WRITE | PTE_PRESENT | PTE_NX;
    const uint64_t table = (uint64_t)((uint8_t *)high_pd - kernel_start) + boot.kernel_phys;
    direct_pdpt[first] = table | PTE_WRITE | PTE_PRESENT;
    return true;
}

static void line_clear(unsigned line) {
    for (unsigned y = line * HEIGHT; y < (line + 1) * HEIGHT; y++)
        memset(pixels + (uint64_t)y * boot.framebuffer_pitch, 0, columns * WIDTH * 4);
}

void framebuffer_init(void) {
    columns = boot.framebuffer_width / WIDTH;
    rows = boot.framebuffer_height / HEIGHT;
    if (!boot.framebuffer || !columns || !rows ||
        !map(boot.framebuffer, (uint64_t)boot.framebuffer_height * boot.framebuffer_pitch))
        return;
    pixels = direct(boot.framebuffer);
    for (unsigned line = 0; line < rows; line++)
        line_clear(line);
}

static void next_line(void) {
    column = 0;
    if (++row == rows)
        row = 0;
    line_clear(row);
}

static void draw(const uint8_t *glyph) {
    uint8_t *line = pixels + (uint64_t)row * HEIGHT * boot.framebuffer_pitch + column * WIDTH * 4;
    for (unsigned y = 0; y < HEIGHT; y++, line += boot.framebuffer_pitch)
        for (unsigned x = 0; x < FONT_COLUMNS; x++)
            ((uint32_t *)line)[x + 1] = glyph[x] >> y / 2 & 1 ? GREY : 0;
}

void framebuffer_put(uint8_t byte) {
    if (!pixels)
        return;
    if (byte == '\n')
        next_line();
    else if (byte == '\r')
        column = 0;
    else if (byte == '\b')
        column -= column != 0;
    if (byte < FONT_FIRST || (byte >= 0x80 && byte < 0xc0)) /* the rest of a character that we do not have */
        return;
    if (column == columns)
        next_line();
    draw(font[(byte > FONT_LAST ? '?' : byte) - FONT_FIRST]);
    column++;
}
#endif
