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

static uint32_t fw_cfg_word(uint16_t select) {
    uint32_t word;
    outw(FW_CFG_SELECT, select);
    fw_cfg_read(&word, sizeof word);
    return __builtin_bswap32(word);
}

/* Selects the file of arguments; its size, 0 if there is none. */
static uint32_t fw_cfg_find(void) {
    static struct fw_cfg_file file;
    if (fw_cfg_word(FW_CFG_SIGNATURE) != 0x51454d55) /* "QEMU" */
        return 0;
    for (uint32_t count = fw_cfg_word(FW_CFG_DIRECTORY); count; count--) {
        static const char name[] = "opt/bareflow/args";
        fw_cfg_read(&file, sizeof file);
        if (memcmp(file.name, name, sizeof name))
            continue;
        outw(FW_CFG_SELECT, __builtin_bswap16(file.select));
        return __builtin_bswap32(file.size);
    }
    return 0;
}

/* The text, with zeros to the end of its last page, of which there is at least one. Null: there is no text.
 */
static char *text_read(uint32_t *size) {
    struct fat16_file file;
    struct fat16 *const fat = volume();
    const uint32_t given = fw_cfg_find();
    *size = given;
    if (!given && fat && !file_find(fat, "ARGS.BIN", "ARGS    BIN", &file))
        *size = file.size;
    if (!*size || *size > MAX_SIZE)
        return NULL;
    char *const text = (char *)ARGUMENTS_BUFFER;
    if (space_fill(ARGUMENTS_BUFFER, page_ceiling(*size + 1), ACCESS_DATA))
        panic("no memory for the arguments");
    if (given)
        fw_cfg_read(text, given);
    else if (fat16_read(fat, &file, 0, text, file.size) != file.size)
        panic("ARGS.BIN cannot be read");
    return text;
}

void arguments_read(struct arguments *found) {
    uint32_t size;
    char *text = text_read(&size), *const end = text + size;
    if (!text) {
        found->text = "workload";
        found->size = 9;
        found->argument_count = found->string_count = 1;
        return;
    }
    for (; *text; text++)
        found->argument_count = 10 * found->argument_count + (uint32_t)(*text - '0');
    found->text = ++text;
    for (; text < end; text += strlen(text) + 1)
        found->string_count++;
    found->size = (uint32_t)(text - found->text);
    if (found->argument_count > found->string_count)
        found->argument_count = found->string_count;
}
