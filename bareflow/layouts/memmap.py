"""Where things are in physical and virtual memory, for the loaders, the kernel and the link scripts."""

from __future__ import annotations

from bareflow.layouts.record import Constant, Layout

MEMMAP = Layout(
    name="memmap",
    title="Memory map",
    doc="""Physical memory below 1 MiB belongs to the loader and stays so: under BIOS the disk is read through it.

    0x00000 real-mode vectors      0x07c00 boot sector     0x30000 real-mode stack (64 KiB)
    0x01000 loader's page tables   0x08000 stage 2          0x80000 top of the loader's stack
    0x07000 loader data            0x20000 disk bounce buffer (64 KiB)

The kernel is placed on a page boundary, at 1 MiB where the loader has the choice, and maps itself.

Without a firmware's disk calls (PVH, UEFI) the image's beginning, or all of it, lies in memory as a disk; what is
empty on the disk below the partition is room for the loader. From its first byte on:

    0x00000 sectors 0 to 127       0x20000 the loader's tables, variables, memory map, stack
    0x10000 PVH loader             0x40000 the kernel           0x100000 the FAT16 partition

    0x0000000000000000  page 0, never mapped
    0x0000000000400000  the workload, where a Linux program would be
    0x0000100000000000  mmap
    0x00007ffffffff000  top of the workload's stack, growing down to a guard page
    0xffff800000000000  all physical memory, never executable
    0xffffffff80000000  the kernel""",
    constants=(
        Constant("MEM_LOADER_TABLES", 0x1000, "stage 2's page tables: six pages"),
        Constant("MEM_LOADER_DATA", 0x7000, "stage 2's variables and boot info"),
        Constant("MEM_HANDOVER", 0x7BF0, "what the boot sector tells stage 2; the end of the loader data"),
        Constant("MEM_BOOT_SECTOR", 0x7C00, "where the firmware puts the boot sector"),
        Constant("MEM_STAGE2", 0x8000, "where the boot sector puts stage 2"),
        Constant("MEM_STAGE2_MAX", 0x10000, "room for stage 2 in bytes"),
        Constant("MEM_BOUNCE", 0x20000, "buffer for the firmware's disk calls"),
        Constant("MEM_BOUNCE_SIZE", 0x10000, "its size: one INT 13h transfer"),
        Constant("MEM_REAL_STACK", 0x30000, "stack segment of firmware calls"),
        Constant("MEM_LOADER_STACK_TOP", 0x80000, "top of the loader's stack"),
        Constant("MEM_KERNEL_PHYS", 0x100000, "where the kernel is put when the loader may choose"),
        Constant("MEM_WORKLOAD_BASE", 0x400000, "link address of a workload"),
        Constant("MEM_MMAP_BASE", 0x100000000000, "first address that mmap hands out"),
        Constant("MEM_STACK_TOP", 0x7FFFFFFFF000, "top of the workload's stack"),
        Constant("MEM_DIRECT_MAP", 0xFFFF800000000000, "all physical memory, readable and writable"),
        Constant("MEM_KERNEL_BASE", 0xFFFFFFFF80000000, "link address of the kernel"),
        Constant("MEM_DISK_PHYS", 0x100000, "where a PVH machine puts the image's beginning"),
        Constant(
            "PVH_GUARD_OFFSET", 0x288, "on the disk and in memory: what checks the PVH loader, behind the ELF head"
        ),
        Constant("PVH_GUARD_SIZE", 184, "its bytes"),
        Constant("RAMDISK_PVH", 0x10000, "in a disk in memory: the PVH loader, as it lies on the disk"),
        Constant("RAMDISK_LOADER", 0x20000, "the loader's tables and variables"),
        Constant("RAMDISK_KERNEL", 0x40000, "the kernel"),
        Constant("RAMDISK_KERNEL_ROOM", 0xC0000, "room for it, up to the partition"),
        Constant("BOOT_HEAD_SIZE", 0x47, "bytes of the boot sector left for an ELF header; its magic jumps here"),
        Constant("BOOT_STAGE2_SIZE_OFFSET", 434, "in the boot sector, u16: bytes of stage 2"),
        Constant("BOOT_CRC_OFFSET", 436, "u32: CRC-32 of the boot sector's bytes before it, then of stage 2"),
        Constant("BOOT_CODE_SIZE", 440, "bytes of code in a boot sector; disk signature and partition table follow"),
        Constant("BOOT_PARTITION_OFFSET", 446, "first partition table entry"),
        Constant("DISK_MAX_SECTORS", 120, "in one INT 13h call: 127 by EDD-3, 3.3; whole 4 KiB blocks are kinder"),
        Constant("DISK_STAGE2_LBA", 2, "first sector of stage 2 on the disk; sector 1 is left for the ELF head"),
        Constant("DISK_PARTITION_LBA", 2048, "first sector of the FAT16 partition"),
        Constant("DISK_PVH_LBA", 128, "first sector of the PVH loader, behind the room for stage 2"),
        Constant("DISK_SECTOR_SIZE", 512, "bytes in a sector"),
        Constant("DISK_PARTITION_TYPE", 0xEF, "partition type: EFI system partition"),
    ),
)
