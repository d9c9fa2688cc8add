/* SPDX-License-Identifier: MIT */
/* Stage 2 in 64-bit mode: memory map, KERNEL.BIN from the FAT16 partition, checks, and the jump into it. */
#include <bareflow/crc32.h>
#include <bareflow/fat16.h>
#include <bareflow/gen/boot.h>

#include "bios.h"
#include "report.h"

#define MAX_RANGES 56
#define CARRY 1
#define SMAP 0x534d4150
#define LOW_END 0x100000
#define IDENTITY_END 0x100000000 /* what our page tables map */
#define LARGE_PAGE 0x200000
#define PAGE 4096

/* EDD-3, 3.2: disk address packet. */
struct packet {
    uint8_t size, reserved;
    uint16_t count, offset, segment;
    uint64_t lba;
};

static struct boot_info info;
static struct memory_range ranges[MAX_RANGES];
static struct packet packet;

/* boot_info.block_read: stays here for the kernel. The firmware reads to below 1 MiB only, so through a
 * buffer. */
static int read_disk(void *context, uint64_t lba, uint32_t count, void *buffer) {
    while (count > 0) {
        uint32_t now = count < DISK_MAX_SECTORS ? count : DISK_MAX_SECTORS;
        packet = (struct packet){sizeof packet, 0, (uint16_t)now, 0, MEM_BOUNCE >> 4, lba};
        bios_registers.eax = 0x4200;
        bios_registers.edx = (uint32_t)(uintptr_t)context;
        bios_registers.esi = (uint32_t)(uintptr_t)&packet;
        bios_call(0x13);
        if (bios_registers.flags & CARRY)
            return -1;
        const void *from = (const void *)MEM_BOUNCE;
        uint64_t bytes = (uint64_t)now * DISK_SECTOR_SIZE;
        __asm__ volatile("rep movsb" : "+D"(buffer), "+S"(from), "+c"(bytes)::"memory");
        lba += now;
        count -= now;
    }
    return 0;
}

/* ACPI 15.1: INT 15h, E820h. Its entries are ours, but for extended attributes where we have zero. */
static void read_memory_map(void) {
    bios_registers.ebx = 0;
    do {
        struct memory_range *range = &ranges[info.memory_count];
        bios_registers.eax = 0xe820;
        bios_registers.ecx = 20;
        bios_registers.edx = SMAP;
        bios_registers.edi = (uint32_t)(uintptr_t)range;
        bios_call(0x15);
        if (bios_registers.eax != SMAP || (bios_registers.flags & CARRY))
            break;
        if (range->length != 0)
            info.memory_count++;
    } while (bios_registers.ebx != 0 && info.memory_count < MAX_RANGES - 2);
    if (info.memory_count == 0)
        fail("M: the firmware gives no memory map");
}

static void add_range(uint64_t base, uint64_t length) {
    ranges[info.memory_count++] = (struct memory_range){base, length, MEMORY_LOADER, 0};
}

/* Whether [base, base + size) lies in usable memory and in nothing else. */
static int is_free(uint64_t base, uint64_t size) {
    int usable = 0;
    for (uint32_t i = 0; i < info.memory_count; i++) {
        uint64_t start = ranges[i].base, end = start + ranges[i].length;
        if (ranges[i].kind == MEMORY_USABLE)
            usable |= base >= start && base + size <= end;
        else if (base < end && start < base + size)
            return 0;
    }
    return usable;
}

/* A place for the kernel: 1 MiB, else the first page of a usable range that has room. */
static uint64_t find_room(uint64_t size) {
    if (is_free(MEM_KERNEL_PHYS, size))
        return MEM_KERNEL_PHYS;
    for (uint32_t i = 0; i < info.memory_count; i++) {
        uint64_t base = (ranges[i].base + PAGE - 1) & -(uint64_t)PAGE;
        if (base >= LOW_END && base + size <= IDENTITY_END && is_free(base, size))
            return base;
    }
    fail("Z: no memory for the kernel");
}

static void check(int error) {
    if (error == FAT16_EIO)
        fail("D: the disk cannot be read");
    if (error == FAT16_EFORMAT)
        fail("F: no FAT16 volume in the partition");
    if (error == FAT16_ENOENT)
        fail("K: KERNEL.BIN is missing");
    if (error < 0)
        fail("X: KERNEL.BIN's cluster chain is wrong");
}

static void check_header(const struct kernel_header *header, uint32_t size) {
    if (header->magic != KERNEL_MAGIC || header->file_size != size || header->memory_size < size ||
        header->entry_offset >= size)
        fail("H: KERNEL.BIN is no kernel, or cut short");
    if (header->abi_version != KERNEL_ABI_VERSION)
        fail("V: KERNEL.BIN is of another version");
}

/* Reads the whole file in one piece, clears the memory behind it, and compares the checksum. */
static void load_kernel(struct fat16 *fs, struct fat16_file *file, uint32_t memory_size) {
    uint8_t *kernel = (uint8_t *)info.kernel_phys;
    check((int)fat16_read(fs, file, 0, kernel, file->size));
    for (uint32_t i = file->size; i < memory_size; i++)
        kernel[i] = 0;
    struct kernel_header *header = (struct kernel_header *)kernel;
    uint32_t wanted = header->crc32;
    header->crc32 = 0;
    if (bf_crc32(0, kernel, file->size) != wanted)
        fail("S: KERNEL.BIN's checksum is wrong");
    header->crc32 = wanted;
}

/* The first table entry beyond the low 2 MiB was made no-execute; the kernel may lie there. */
static void allow_execution(uint64_t base, uint64_t size) {
    uint64_t *tables = (uint64_t *)(MEM_LOADER_TABLES + 0x2000);
    for (uint64_t at = base & -(uint64_t)LARGE_PAGE; at < base + size; at += LARGE_PAGE)
        tables[at / LARGE_PAGE] &= ~((uint64_t)PAGE_NX_HIGH << 32);
    __asm__ volatile("mov %0, %%cr3" ::"r"((uint64_t)MEM_LOADER_TABLES) : "memory");
}

static void fill_boot_info(uint8_t drive) {
    info.magic = BOOT_INFO_MAGIC;
    info.size = sizeof info;
    info.version = BOOT_INFO_VERSION;
    info.source = BOOT_SOURCE_BIOS;
    info.memory_map = (uint64_t)ranges;
    info.block_read = (uint64_t)read_disk;
    info.block_context = drive;
    info.block_max_sectors = UINT32_MAX;
    info.com1 = serial_port(BDA_COM1, 0x3f8);
    info.com2 = serial_port(BDA_COM2, 0x2f8);
    info.stamps[STAMP_LOADER] = *(const uint64_t *)(MEM_HANDOVER + HANDOVER_TSC);
}

_Noreturn void stage2_main(void) {
    struct fat16 fs;
    struct fat16_file file;
    struct kernel_header header = {0};
    fill_boot_info(*(const volatile uint8_t *)(MEM_HANDOVER + HANDOVER_DRIVE));
    read_memory_map();
    check(fat16_mount(&fs, read_disk, (void *)info.block_context, DISK_PARTITION_LBA));
    check(fat16_open(&fs, "KERNEL.BIN", &file));
    check((int)fat16_read(&fs, &file, 0, &header, sizeof header));
    check_header(&header, file.size);
    info.kernel_phys = find_room(header.memory_size);
    load_kernel(&fs, &file, header.memory_size);
    add_range(0, LOW_END);
    add_range(info.kernel_phys, header.memory_size);
    allow_execution(info.kernel_phys, header.memory_size);
    void (*kernel)(struct boot_info *) =
        (void (*)(struct boot_info *))(info.kernel_phys + header.entry_offset);
    kernel(&info);
    fail("B: the kernel came back");
}
