/* SPDX-License-Identifier: MIT */
/* Hands the kernel, which came as the first module (-initrd), a boot info without firmware: its disk is
 * virtio-blk, or the second half of the module where the kernel's file ends before it: a disk image in
 * memory. */
#include "bareflow/gen/boot.h"
#include "bareflow/gen/memmap.h"

#define MAX_RANGES 32
#define KERNEL_PLACE 0x2000000ul

struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp, memory_map;
    uint32_t memory_count, reserved;
};

struct module {
    uint64_t address, size, command_line, reserved;
};

struct range {
    uint64_t base, length;
    uint32_t kind, reserved;
};

extern char image_start[], image_end[];
static struct memory_range ranges[MAX_RANGES];
static struct boot_info info;

static void add(uint64_t base, uint64_t length, uint32_t kind) {
    ranges[info.memory_count++] = (struct memory_range){base, length, kind, 0};
}

static void copy(uint8_t *to, const uint8_t *from, uint64_t count) {
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

static void clear(uint8_t *to, uint64_t count) {
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0) : "memory");
}

void pvh_main(const struct start_info *start);
void pvh_main(const struct start_info *start) {
    const struct module *module = (const struct module *)start->modules;
    const struct kernel_header *header = (const struct kernel_header *)module->address;
    const struct range *range = (const struct range *)start->memory_map;
    for (uint32_t i = 0; i < start->memory_count; i++)
        add(range[i].base, range[i].length, range[i].kind);
    add((uint64_t)image_start, (uint64_t)(image_end - image_start), MEMORY_LOADER);
    add(KERNEL_PLACE, header->memory_size, MEMORY_LOADER);
    add(module->address & -4096ul, module->size + 4096, MEMORY_LOADER);
    copy((uint8_t *)KERNEL_PLACE, (const uint8_t *)header, header->file_size);
    clear((uint8_t *)KERNEL_PLACE + header->file_size, header->memory_size - header->file_size);
    info.magic = BOOT_INFO_MAGIC;
    info.size = BOOT_INFO_SIZEOF;
    info.version = BOOT_INFO_VERSION;
    info.source = BOOT_SOURCE_PVH;
    info.memory_map = (uint64_t)ranges;
    info.kernel_phys = KERNEL_PLACE;
    info.com1 = 0x3f8;
    info.com2 = 0x2f8;
    if (module->size > header->file_size) {
        info.ramdisk_phys = module->address + header->file_size;
        info.ramdisk_size = module->size - header->file_size;
    }
    ((void (*)(struct boot_info *))(KERNEL_PLACE + header->entry_offset))(&info);
}
