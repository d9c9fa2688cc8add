/* SPDX-License-Identifier: MIT */
/* Memory map. Generated from bareflow/layouts/memmap.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_MEMMAP_H
#define BAREFLOW_GEN_MEMMAP_H

/* stage 2's page tables: six pages */
#define MEM_LOADER_TABLES 0x1000
/* stage 2's variables and boot info */
#define MEM_LOADER_DATA 0x7000
/* what the boot sector tells stage 2; the end of the loader data */
#define MEM_HANDOVER 0x7bf0
/* where the firmware puts the boot sector */
#define MEM_BOOT_SECTOR 0x7c00
/* where the boot sector puts stage 2 */
#define MEM_STAGE2 0x8000
/* room for stage 2 in bytes */
#define MEM_STAGE2_MAX 0x10000
/* buffer for the firmware's disk calls */
#define MEM_BOUNCE 0x20000
/* its size: one INT 13h transfer */
#define MEM_BOUNCE_SIZE 0x10000
/* stack segment of firmware calls */
#define MEM_REAL_STACK 0x30000
/* top of the loader's stack */
#define MEM_LOADER_STACK_TOP 0x80000
/* where the kernel is put when the loader may choose */
#define MEM_KERNEL_PHYS 0x100000
/* link address of a workload */
#define MEM_WORKLOAD_BASE 0x400000
/* first address that mmap hands out */
#define MEM_MMAP_BASE 0x100000000000
/* top of the workload's stack */
#define MEM_STACK_TOP 0x7ffffffff000
/* all physical memory, readable and writable */
#define MEM_DIRECT_MAP 0xffff800000000000
/* link address of the kernel */
#define MEM_KERNEL_BASE 0xffffffff80000000
/* where a PVH machine puts the image's beginning */
#define MEM_DISK_PHYS 0x100000
/* on the disk and in memory: what checks the PVH loader, behind the ELF head */
#define PVH_GUARD_OFFSET 648
/* its bytes */
#define PVH_GUARD_SIZE 184
/* in a disk in memory: the PVH loader, as it lies on the disk */
#define RAMDISK_PVH 0x10000
/* the loader's tables and variables */
#define RAMDISK_LOADER 0x20000
/* the kernel */
#define RAMDISK_KERNEL 0x40000
/* room for it, up to the partition */
#define RAMDISK_KERNEL_ROOM 0xc0000
/* bytes of the boot sector left for an ELF header; its magic jumps here */
#define BOOT_HEAD_SIZE 71
/* in the boot sector, u16: bytes of stage 2 */
#define BOOT_STAGE2_SIZE_OFFSET 434
/* u32: CRC-32 of the boot sector's bytes before it, then of stage 2 */
#define BOOT_CRC_OFFSET 436
/* bytes of code in a boot sector; disk signature and partition table follow */
#define BOOT_CODE_SIZE 440
/* first partition table entry */
#define BOOT_PARTITION_OFFSET 446
/* in one INT 13h call: 127 by EDD-3, 3.3; whole 4 KiB blocks are kinder */
#define DISK_MAX_SECTORS 120
/* first sector of stage 2 on the disk; sector 1 is left for the ELF head */
#define DISK_STAGE2_LBA 2
/* first sector of the FAT16 partition */
#define DISK_PARTITION_LBA 2048
/* first sector of the PVH loader, behind the room for stage 2 */
#define DISK_PVH_LBA 128
/* bytes in a sector */
#define DISK_SECTOR_SIZE 512
/* partition type: EFI system partition */
#define DISK_PARTITION_TYPE 239

#endif
