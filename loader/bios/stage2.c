/* SPDX-License-Identifier: MIT */
/* Stage 2 in 64-bit mode: memory map, KERNEL.BIN from the FAT16 partition, checks, and the jump into it. */
#include <bareflow/fat16.h>
#include <bareflow/gen/boot.h>

#include "bios.h"
#include "kernel_check.h"

#define MAX_RANGES 56
#define CARRY 1
#define SMAP 0x534d4150
#define LOW_END 0x100000
#define FAIL BIOS_VECTOR_AT(MEM_HANDOVER + HANDOVER_FAIL)
#define IDENTITY_END 0x100000000 /* what our page tables map */
#define KERNEL_ROOM 0x200000     /* kernel.ld keeps it below */
#define PAGE 4096LL

/* EDD-3, 3.2: disk address packet. */
struct packet {
    uint32_t size_and_count; /* u8 size, u8 zero, u16 sectors */
    uint32_t buffer;         /* segment:offset */
    uint64_t lba;
};

static struct boot_info info;
static struct memory_range ranges[MAX_RANGES];
static struct packet packet;

/* An address that the compiler takes for unknown stays in a processor register: shorter stores. */
static struct bios_registers *registers(void) {
    struct bios_registers *r = &bios_registers;
    __asm__("" : "+r"(r));
    return r;
}

/* Says "bareflow: boot failure" and a sentence that begins with its letter, and ends the machine. */
static _Noreturn void fail(const char *sentence) {
    bios_registers.esi = (uint32_t)(uintptr_t)sentence;
    bios_call(FAIL);
    __builtin_unreachable();
}

/* boot_info.block_read: stays here for the kernel. The firmware reads to below 1 MiB only, so through a
 * buffer. */
static int read_disk(void *context, uint64_t lba, uint32_t count, void *buffer) {
    struct bios_registers *r = registers();
    while (count > 0) {
        uint32_t now = count < DISK_MAX_SECTORS ? count : DISK_MAX_SECTORS;
        packet.size_and_count = now << 16 | sizeof packet;
        packet.buffer = MEM_BOUNCE >> 4 << 16;
        packet.lba = lba;
        r->eax = 0x4200;
        r->edx = (uint32_t)(uintptr_t)context;
        r->esi = (uint32_t)(uintptr_t)&packet;
        bios_call(0x13);
        if (r->flags & CARRY)
            return -1;
        const void *from = (const void *)MEM_BOUNCE;
        uint64_t words = (uint64_t)now * (DISK_SECTOR_SIZE / 8);
        __asm__ volatile("rep movsq" : "+D"(buffer), "+S"(from), "+c"(words)::"memory");
        lba += now;
        count -= now;
    }
    return 0;
}

/* ACPI 15.1: INT 15h, E820h. Its entries are ours, but for extended attributes where we have zero. */
static void read_memory_map(void) {
    struct bios_registers *r = registers();
    r->ebx = 0;
    do {
        struct memory_range *range = &ranges[info.memory_count];
        r->eax = 0xe820;
        r->ecx = 20;
        r->edx = SMAP;
        r->edi = (uint32_t)(uintptr_t)range;
        bios_call(0x15);
        if (r->eax != SMAP || (r->flags & CARRY))
            break;
        if (range->length != 0)
            info.memory_count++;
    } while (r->ebx != 0 && info.memory_count < MAX_RANGES - 2);
    if (info.memory_count == 0)
        fail("M: no memory map");
}

/* A place for the kernel: the start of the first usable range from 1 MiB on that has room, whatever it needs.
 */
static uint8_t *find_room(void) {
    for (uint32_t i = 0; i < info.memory_count; i++) {
        uint64_t end = ranges[i].base + ranges[i].length;
        uint64_t base =
            ranges[i].base < MEM_KERNEL_PHYS ? MEM_KERNEL_PHYS : (ranges[i].base + PAGE - 1) & -PAGE;
        if (ranges[i].kind == MEMORY_USABLE && base + KERNEL_ROOM <= end && end <= IDENTITY_END)
            return (uint8_t *)base;
    }
    fail("Z: no memory for the kernel");
}

/* The sentences of fat16.c's errors, by their numbers. */
static void check(int error) {
    static const char sentences[][20] = {"D: disk read error", "F: no FAT16 volume", "X: cluster chain",
                                         "K: no KERNEL.BIN"};
    if (error < 0)
        fail(sentences[-1 - error]);
}

/* Reads KERNEL.BIN and has it checked. */
static struct kernel_header *load_kernel(struct fat16 *fs) {
    struct fat16_file file;
    check(fat16_open_root(fs, "KERNEL  BIN", &file));
    uint8_t *kernel = find_room();
    if (file.size > KERNEL_ROOM)
        file.size = KERNEL_ROOM; /* the head will tell */
    check((int)fat16_read(fs, &file, 0, kernel, file.size));
    const char *sentence = kernel_check((struct kernel_header *)kernel, file.size, KERNEL_ROOM);
    if (sentence)
        fail(sentence);
    return (struct kernel_header *)kernel;
}

static void add_range(uint64_t base, uint64_t length) {
    ranges[info.memory_count++] = (struct memory_range){base, length, MEMORY_LOADER, 0};
}

static void fill_boot_info(struct boot_info *boot) {
    boot->magic = BOOT_INFO_MAGIC;
    boot->size = sizeof info;
    boot->version = BOOT_INFO_VERSION;
    boot->source = BOOT_SOURCE_BIOS;
    boot->memory_map = (uint64_t)ranges;
    boot->block_read = (uint64_t)read_disk;
    boot->block_context = *(volatile uint8_t *)(MEM_HANDOVER + HANDOVER_DRIVE);
    boot->block_max_sectors = UINT32_MAX;
    boot->com1 = *(volatile uint16_t *)BDA_COM1;
    boot->com2 = *(volatile uint16_t *)BDA_COM2;
    boot->stamps[STAMP_LOADER] = *(volatile uint64_t *)(MEM_HANDOVER + HANDOVER_TSC);
}

_Noreturn void stage2_main(void) {
    struct fat16 fs;
    struct boot_info *boot = &info;
    __asm__("" : "+r"(boot)); /* keeps the address in a register: shorter stores */
    fill_boot_info(boot);
    read_memory_map();
    check(fat16_mount(&fs, read_disk, (void *)boot->block_context, DISK_PARTITION_LBA));
    struct kernel_header *header = load_kernel(&fs);
    boot->kernel_phys = (uint64_t)header;
    add_range(0, LOW_END);
    add_range(boot->kernel_phys, header->memory_size);
    void (*kernel)(struct boot_info *) =
        (void (*)(struct boot_info *))(boot->kernel_phys + header->entry_offset);
    kernel(boot);
    fail("B: the kernel came back");
}
