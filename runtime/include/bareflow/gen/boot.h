/* SPDX-License-Identifier: MIT */
/* Boot info and kernel header. Generated from bareflow/layouts/boot.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_BOOT_H
#define BAREFLOW_GEN_BOOT_H

/* the bytes "BFNK" */
#define KERNEL_MAGIC 0x4b4e4642
/* between kernel, loader and snapshot */
#define KERNEL_ABI_VERSION 1
/* the bytes "BFVP" */
#define PVH_MAGIC 0x50564642
/* the bytes "BOOTINFO" */
#define BOOT_INFO_MAGIC 0x4f464e49544f4f42
/* a kernel refuses any other */
#define BOOT_INFO_VERSION 1

/* Which way in was taken. */
#define BOOT_SOURCE_BIOS 1 /* boot sector and stage 2 */
#define BOOT_SOURCE_UEFI 2 /* BOOTX64.EFI */
#define BOOT_SOURCE_PVH 3 /* PVH entry: -kernel, microvm, Firecracker */

/* Kinds of physical memory; the numbers are ACPI's (E820), 16 and above are ours. */
#define MEMORY_USABLE 1 /* free memory */
#define MEMORY_RESERVED 2 /* never touched */
#define MEMORY_ACPI 3 /* ACPI tables */
#define MEMORY_NVS 4 /* ACPI non-volatile storage */
#define MEMORY_LOADER 16 /* in use by the loader or the kernel image */

/* Index of a time stamp (TSC) in `boot_info.stamps`. */
#define STAMP_LOADER 0 /* first instruction of ours */
#define STAMP_KERNEL 1 /* kernel entry */
#define STAMP_SNAPSHOT 2 /* kernel is up; the snapshot is read from here on */
#define STAMP_WORKLOAD 3 /* first instruction of the workload */
#define STAMP_END 4 /* the workload has ended */

/* The first bytes of KERNEL.BIN. Whoever loads it checks all of it before jumping. */
#define KERNEL_HEADER_MAGIC_OFFSET 0
#define KERNEL_HEADER_ABI_VERSION_OFFSET 4
#define KERNEL_HEADER_FILE_SIZE_OFFSET 8
#define KERNEL_HEADER_MEMORY_SIZE_OFFSET 12
#define KERNEL_HEADER_ENTRY_OFFSET_OFFSET 16
#define KERNEL_HEADER_PVH_OFFSET_OFFSET 20
#define KERNEL_HEADER_CRC32_OFFSET 24
#define KERNEL_HEADER_RESERVED_OFFSET 28
#define KERNEL_HEADER_SIZEOF 32

/* The first bytes of the PVH loader; the image's maker fills it in. */
#define PVH_HEADER_MAGIC_OFFSET 0
#define PVH_HEADER_SIZE_OFFSET 4
#define PVH_HEADER_CRC32_OFFSET 8
#define PVH_HEADER_KERNEL_OFFSET_OFFSET 12
#define PVH_HEADER_DISK_SIZE_OFFSET 16
#define PVH_HEADER_ENTRY_OFFSET 24
#define PVH_HEADER_SIZEOF 32

/* One range of physical memory. Ranges may come in any order; where two overlap the less usable one holds. What the loader still uses, the kernel image, and a disk or snapshot in memory are in MEMORY_LOADER ranges. */
#define MEMORY_RANGE_BASE_OFFSET 0
#define MEMORY_RANGE_LENGTH_OFFSET 8
#define MEMORY_RANGE_KIND_OFFSET 16
#define MEMORY_RANGE_RESERVED_OFFSET 20
#define MEMORY_RANGE_SIZEOF 24

/* Every way in ends with a pointer to this in rdi. All addresses are physical. */
#define BOOT_INFO_MAGIC_OFFSET 0
#define BOOT_INFO_SIZE_OFFSET 8
#define BOOT_INFO_VERSION_OFFSET 12
#define BOOT_INFO_SOURCE_OFFSET 16
#define BOOT_INFO_MEMORY_COUNT_OFFSET 20
#define BOOT_INFO_MEMORY_MAP_OFFSET 24
#define BOOT_INFO_KERNEL_PHYS_OFFSET 32
#define BOOT_INFO_BLOCK_READ_OFFSET 40
#define BOOT_INFO_BLOCK_CONTEXT_OFFSET 48
#define BOOT_INFO_RAMDISK_PHYS_OFFSET 56
#define BOOT_INFO_RAMDISK_SIZE_OFFSET 64
#define BOOT_INFO_SNAPSHOT_PHYS_OFFSET 72
#define BOOT_INFO_SNAPSHOT_SIZE_OFFSET 80
#define BOOT_INFO_COMMAND_LINE_OFFSET 88
#define BOOT_INFO_RSDP_OFFSET 96
#define BOOT_INFO_FRAMEBUFFER_OFFSET 104
#define BOOT_INFO_FRAMEBUFFER_WIDTH_OFFSET 112
#define BOOT_INFO_FRAMEBUFFER_HEIGHT_OFFSET 116
#define BOOT_INFO_FRAMEBUFFER_PITCH_OFFSET 120
#define BOOT_INFO_FRAMEBUFFER_FORMAT_OFFSET 124
#define BOOT_INFO_COM1_OFFSET 128
#define BOOT_INFO_COM2_OFFSET 130
#define BOOT_INFO_BLOCK_MAX_SECTORS_OFFSET 132
#define BOOT_INFO_STAMPS_OFFSET 136
#define BOOT_INFO_SIZEOF 200

#if !defined(__ASSEMBLER__) && !defined(BAREFLOW_LINKER_SCRIPT)
#include <stddef.h>
#include <stdint.h>

struct kernel_header {
    uint32_t magic; /* KERNEL_MAGIC */
    uint32_t abi_version; /* KERNEL_ABI_VERSION; a loader refuses any other */
    uint32_t file_size; /* size of KERNEL.BIN in bytes */
    uint32_t memory_size; /* bytes it needs in memory from its first byte on; the rest is zeroed */
    uint32_t entry_offset; /* 64-bit entry, from the first byte: rdi = boot info, low 4 GiB mapped 1:1 */
    uint32_t pvh_offset; /* 32-bit PVH entry, from the first byte; 0: none */
    uint32_t crc32; /* CRC-32 of the file with this field zero */
    uint32_t reserved; /* zero */
};
_Static_assert(offsetof(struct kernel_header, magic) == KERNEL_HEADER_MAGIC_OFFSET, "magic");
_Static_assert(offsetof(struct kernel_header, abi_version) == KERNEL_HEADER_ABI_VERSION_OFFSET, "abi_version");
_Static_assert(offsetof(struct kernel_header, file_size) == KERNEL_HEADER_FILE_SIZE_OFFSET, "file_size");
_Static_assert(offsetof(struct kernel_header, memory_size) == KERNEL_HEADER_MEMORY_SIZE_OFFSET, "memory_size");
_Static_assert(offsetof(struct kernel_header, entry_offset) == KERNEL_HEADER_ENTRY_OFFSET_OFFSET, "entry_offset");
_Static_assert(offsetof(struct kernel_header, pvh_offset) == KERNEL_HEADER_PVH_OFFSET_OFFSET, "pvh_offset");
_Static_assert(offsetof(struct kernel_header, crc32) == KERNEL_HEADER_CRC32_OFFSET, "crc32");
_Static_assert(offsetof(struct kernel_header, reserved) == KERNEL_HEADER_RESERVED_OFFSET, "reserved");
_Static_assert(sizeof(struct kernel_header) == KERNEL_HEADER_SIZEOF, "kernel_header");

struct pvh_header {
    uint32_t magic; /* PVH_MAGIC */
    uint32_t size; /* bytes of the PVH loader, this head included */
    uint32_t crc32; /* CRC-32 of those bytes with this field zero */
    uint32_t kernel_offset; /* KERNEL.BIN, which is in one piece, from the image's first byte */
    uint64_t disk_size; /* bytes of the image that the machine puts at MEM_DISK_PHYS */
    uint64_t entry; /* its 32-bit entry, a physical address */
};
_Static_assert(offsetof(struct pvh_header, magic) == PVH_HEADER_MAGIC_OFFSET, "magic");
_Static_assert(offsetof(struct pvh_header, size) == PVH_HEADER_SIZE_OFFSET, "size");
_Static_assert(offsetof(struct pvh_header, crc32) == PVH_HEADER_CRC32_OFFSET, "crc32");
_Static_assert(offsetof(struct pvh_header, kernel_offset) == PVH_HEADER_KERNEL_OFFSET_OFFSET, "kernel_offset");
_Static_assert(offsetof(struct pvh_header, disk_size) == PVH_HEADER_DISK_SIZE_OFFSET, "disk_size");
_Static_assert(offsetof(struct pvh_header, entry) == PVH_HEADER_ENTRY_OFFSET, "entry");
_Static_assert(sizeof(struct pvh_header) == PVH_HEADER_SIZEOF, "pvh_header");

struct memory_range {
    uint64_t base; /* physical address */
    uint64_t length; /* bytes */
    uint32_t kind; /* MEMORY_… */
    uint32_t reserved; /* zero */
};
_Static_assert(offsetof(struct memory_range, base) == MEMORY_RANGE_BASE_OFFSET, "base");
_Static_assert(offsetof(struct memory_range, length) == MEMORY_RANGE_LENGTH_OFFSET, "length");
_Static_assert(offsetof(struct memory_range, kind) == MEMORY_RANGE_KIND_OFFSET, "kind");
_Static_assert(offsetof(struct memory_range, reserved) == MEMORY_RANGE_RESERVED_OFFSET, "reserved");
_Static_assert(sizeof(struct memory_range) == MEMORY_RANGE_SIZEOF, "memory_range");

struct boot_info {
    uint64_t magic; /* BOOT_INFO_MAGIC */
    uint32_t size; /* BOOT_INFO_SIZEOF */
    uint32_t version; /* BOOT_INFO_VERSION */
    uint32_t source; /* BOOT_SOURCE_… */
    uint32_t memory_count; /* number of memory ranges */
    uint64_t memory_map; /* array of memory_range */
    uint64_t kernel_phys; /* where KERNEL.BIN was put */
    uint64_t block_read; /* function (context, lba, any count, mapped buffer) -> 0 or error; 0: none */
    uint64_t block_context; /* its first argument */
    uint64_t ramdisk_phys; /* the disk in memory; below the partition only in name; 0: none */
    uint64_t ramdisk_size; /* bytes of it that are in memory; the rest is on a virtio disk, if anywhere */
    uint64_t snapshot_phys; /* the snapshot already in memory; 0: the kernel reads it */
    uint64_t snapshot_size; /* its size in bytes */
    uint64_t command_line; /* NUL-terminated text; 0: none */
    uint64_t rsdp; /* ACPI root pointer; 0: unknown */
    uint64_t framebuffer; /* linear framebuffer; 0: none */
    uint32_t framebuffer_width; /* pixels */
    uint32_t framebuffer_height; /* pixels */
    uint32_t framebuffer_pitch; /* bytes from one line to the next */
    uint32_t framebuffer_format; /* 0: blue lowest, 1: red lowest */
    uint16_t com1; /* I/O port of the text console; 0: none */
    uint16_t com2; /* I/O port of the wire; 0: none */
    uint32_t block_max_sectors; /* most sectors that block_read takes in one call */
    uint64_t stamps[8]; /* TSC at STAMP_…; 0: not reached */
};
_Static_assert(offsetof(struct boot_info, magic) == BOOT_INFO_MAGIC_OFFSET, "magic");
_Static_assert(offsetof(struct boot_info, size) == BOOT_INFO_SIZE_OFFSET, "size");
_Static_assert(offsetof(struct boot_info, version) == BOOT_INFO_VERSION_OFFSET, "version");
_Static_assert(offsetof(struct boot_info, source) == BOOT_INFO_SOURCE_OFFSET, "source");
_Static_assert(offsetof(struct boot_info, memory_count) == BOOT_INFO_MEMORY_COUNT_OFFSET, "memory_count");
_Static_assert(offsetof(struct boot_info, memory_map) == BOOT_INFO_MEMORY_MAP_OFFSET, "memory_map");
_Static_assert(offsetof(struct boot_info, kernel_phys) == BOOT_INFO_KERNEL_PHYS_OFFSET, "kernel_phys");
_Static_assert(offsetof(struct boot_info, block_read) == BOOT_INFO_BLOCK_READ_OFFSET, "block_read");
_Static_assert(offsetof(struct boot_info, block_context) == BOOT_INFO_BLOCK_CONTEXT_OFFSET, "block_context");
_Static_assert(offsetof(struct boot_info, ramdisk_phys) == BOOT_INFO_RAMDISK_PHYS_OFFSET, "ramdisk_phys");
_Static_assert(offsetof(struct boot_info, ramdisk_size) == BOOT_INFO_RAMDISK_SIZE_OFFSET, "ramdisk_size");
_Static_assert(offsetof(struct boot_info, snapshot_phys) == BOOT_INFO_SNAPSHOT_PHYS_OFFSET, "snapshot_phys");
_Static_assert(offsetof(struct boot_info, snapshot_size) == BOOT_INFO_SNAPSHOT_SIZE_OFFSET, "snapshot_size");
_Static_assert(offsetof(struct boot_info, command_line) == BOOT_INFO_COMMAND_LINE_OFFSET, "command_line");
_Static_assert(offsetof(struct boot_info, rsdp) == BOOT_INFO_RSDP_OFFSET, "rsdp");
_Static_assert(offsetof(struct boot_info, framebuffer) == BOOT_INFO_FRAMEBUFFER_OFFSET, "framebuffer");
_Static_assert(offsetof(struct boot_info, framebuffer_width) == BOOT_INFO_FRAMEBUFFER_WIDTH_OFFSET, "framebuffer_width");
_Static_assert(offsetof(struct boot_info, framebuffer_height) == BOOT_INFO_FRAMEBUFFER_HEIGHT_OFFSET, "framebuffer_height");
_Static_assert(offsetof(struct boot_info, framebuffer_pitch) == BOOT_INFO_FRAMEBUFFER_PITCH_OFFSET, "framebuffer_pitch");
_Static_assert(offsetof(struct boot_info, framebuffer_format) == BOOT_INFO_FRAMEBUFFER_FORMAT_OFFSET, "framebuffer_format");
_Static_assert(offsetof(struct boot_info, com1) == BOOT_INFO_COM1_OFFSET, "com1");
_Static_assert(offsetof(struct boot_info, com2) == BOOT_INFO_COM2_OFFSET, "com2");
_Static_assert(offsetof(struct boot_info, block_max_sectors) == BOOT_INFO_BLOCK_MAX_SECTORS_OFFSET, "block_max_sectors");
_Static_assert(offsetof(struct boot_info, stamps) == BOOT_INFO_STAMPS_OFFSET, "stamps");
_Static_assert(sizeof(struct boot_info) == BOOT_INFO_SIZEOF, "boot_info");

#endif

#endif
