/* SPDX-License-Identifier: MIT */
/* Program arguments: ARGS.BIN on the image, or fw_cfg's opt/bareflow/args, which QEMU's user gives.
 * Both hold decimal argc, NUL, then argc strings and the environment's, each ended by NUL.
 * Source of fw_cfg: QEMU docs/specs/fw_cfg. */
#include "kernel.h"
#include "x86.h"

#define FW_CFG_SELECT 0x510
#define FW_CFG_DATA 0x511
#define FW_CFG_SIGNATURE 0
#define FW_CFG_DIRECTORY 0x19
#define MAX_SIZE 0x20000u

struct fw_cfg_file {
    uint32_t size;             /* big-endian */
    uint16_t select, reserved; /* big-endian */
    char name[56];
};

static void fw_cfg_read(void *bytes, uint64_t count) {
    __asm__ volatile("rep insb" : "+D"(bytes), "+c"(count) : "d"(FW_CFG_DATA) : "memory");
}

/* Selects the file; its size, 0 if there is none. */
static uint32_t fw_cfg_find(const char *name) {
    struct fw_cfg_file file = {0};
    uint32_t count;
    outw(FW_CFG_SELECT, FW_CFG_SIGNATURE);
    fw_cfg_read(&count, sizeof count);
    if (memcmp(&count, "QEMU", 4))
        return 0;
    outw(FW_CFG_SELECT, FW_CFG_DIRECTORY);
    fw_cfg_read(&count, sizeof count);
    for (count = __builtin_bswap32(count); count; count--) {
        fw_cfg_read(&file, sizeof file);
        if (memcmp(file.name, name, strlen(name) + 1))
            continue;
        outw(FW_CFG_SELECT, __builtin_bswap16(file.select));
        return __builtin_bswap32(file.size);
    }
    return 0;
}

/* The text, zero-padded to whole pages with at least one zero after it; null: there is none. */
static char *text_read(uint64_t *size) {
    struct fat16_file file;
    struct fat16 *const fat = volume();
    const uint32_t given = fw_cfg_find("opt/bareflow/args");
    *size = given;
    if (!given && fat && !fat16_open(fat, "ARGS.BIN", &file))
        *size = file.size;
    if (!*size || *size > MAX_SIZE)
        return NULL;
    const int64_t address = map_memory(0, *size + 1, 0, ACCESS_DATA);
    if (address < 0)
        panic("no memory for the arguments");
    if (given)
        fw_cfg_read((void *)address, given);
    else if (fat16_read(fat, &file, 0, (void *)address, file.size) != file.size)
        panic("ARGS.BIN cannot be read");
    return (char *)address;
}

struct arguments arguments_read(void) {
    struct arguments found = {0};
    uint64_t size;
    char *text = text_read(&size), *const end = text + size;
    if (!text) {
        static const char fallback[] = "workload";
        return (struct arguments){(char *)fallback, sizeof fallback, 1, 1};
    }
    for (; *text; text++)
        found.argument_count = 10 * found.argument_count + (uint64_t)(*text - '0');
    found.text = text + 1;
    while (++text < end) {
        text += strlen(text);
        found.string_count++;
    }
    found.size = (uint64_t)(text - found.text);
    if (found.argument_count > found.string_count)
        found.argument_count = found.string_count;
    return found;
}
