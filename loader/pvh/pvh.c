/* SPDX-License-Identifier: MIT */
/* PVH loader in 64-bit mode: checks itself and KERNEL.BIN, which lie in the disk in memory, and jumps into
 * it. Source: Xen, include/public/arch-x86/hvm/start_info.h. */
#include "bareflow/crc32.h"
#include "bareflow/gen/boot.h"
#include "bareflow/gen/memmap.h"
#include "kernel_check.h"

#define START_MAGIC 0x336ec578
#define LOW_END 0x100000
#define MAX_RANGES 512
#define COM1 0x3f8
#define COM2 0x2f8

struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp;
    uint64_t memory_map; /* from version 1 on; its entries are like ours */
    uint32_t memory_count, reserved;
};

extern struct pvh_header pvh_header;
static struct memory_range ranges[MAX_RANGES];
static struct boot_info info;
static char command_line[4096];

_Noreturn void pvh_fail(void);

/* Says "bareflow: boot failure" and a sentence that begins with its letter, and ends the machine. */
static _Noreturn void fail(const char *sentence) {
    __asm__ volatile("jmp pvh_fail" : : "S"(sentence));
    __builtin_unreachable();
}

static void check_self(void) {
    struct pvh_header *head = &pvh_header;
    const uint32_t crc = head->crc32;
    head->crc32 = 0;
    if (head->size > RAMDISK_LOADER - RAMDISK_PVH || bf_crc32(0, head, head->size) != crc)
        fail("C: checksum of the PVH loader");
}

static struct kernel_header *load_kernel(void) {
    const struct pvh_header *head = &pvh_header;
    struct kernel_header *kernel = (struct kernel_header *)(MEM_DISK_PHYS + RAMDISK_KERNEL);
    const void *from = (const void *)(uint64_t)(MEM_DISK_PHYS + head->kernel_offset);
    const uint64_t size = ((const struct kernel_header *)from)->file_size;
    if (size > RAMDISK_KERNEL_ROOM || head->kernel_offset + size > head->disk_size)
        fail("H: KERNEL.BIN is no kernel");
    void *to = kernel;
    uint64_t count = size;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    const char *sentence = kernel_check(kernel, size, RAMDISK_KERNEL_ROOM);
    if (sentence)
        fail(sentence);
    return kernel;
}

static void add_range(uint64_t base, uint64_t length, uint32_t kind) {
    ranges[info.memory_count++] = (struct memory_range){base, length, kind, 0};
}

static void read_memory_map(const struct start_info *start) {
    const struct memory_range *range = (const struct memory_range *)start->memory_map;
    if (start->magic != START_MAGIC || start->version == 0 || start->memory_count == 0)
        fail("M: no memory map");
    for (uint32_t i = 0; i < start->memory_count && i < MAX_RANGES - 2; i++)
        add_range(range[i].base, range[i].length, range[i].kind);
    add_range(0, LOW_END, MEMORY_LOADER);
    add_range(MEM_DISK_PHYS, (pvh_header.disk_size + 4095) & -4096ull, MEMORY_LOADER);
}

/* The monitor's own may lie in memory that the kernel takes for free. */
static void copy_command_line(const char *text) {
    for (uint32_t i = 0; text && i < sizeof command_line - 1 && text[i]; i++)
        command_line[i] = text[i];
    info.command_line = (uint64_t)command_line;
}

/* Called by entry.S with the time stamp of the first instruction. */
_Noreturn void pvh_main(const struct start_info *start, uint64_t stamp);
_Noreturn void pvh_main(const struct start_info *start, uint64_t stamp) {
    struct boot_info *boot = &info;
    __asm__("" : "+r"(boot)); /* keeps the address in a register: shorter stores */
    check_self();
    read_memory_map(start);
    struct kernel_header *kernel = load_kernel();
    boot->magic = BOOT_INFO_MAGIC;
    boot->size = sizeof info;
    boot->version = BOOT_INFO_VERSION;
    boot->source = BOOT_SOURCE_PVH;
    boot->memory_map = (uint64_t)ranges;
    boot->kernel_phys = (uint64_t)kernel;
    boot->ramdisk_phys = MEM_DISK_PHYS;
    boot->ramdisk_size = pvh_header.disk_size;
    copy_command_line((const char *)start->command_line);
    boot->rsdp = start->rsdp;
    boot->com1 = COM1;
    boot->com2 = COM2;
    boot->stamps[STAMP_LOADER] = stamp;
    ((void (*)(struct boot_info *))((uint64_t)kernel + kernel->entry_offset))(boot);
    fail("B: the kernel came back");
}
