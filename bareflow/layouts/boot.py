"""What a loader hands the kernel (boot info), and the head of KERNEL.BIN."""

from __future__ import annotations

from bareflow.layouts.record import Constant, Enumeration, Field, Layout, Record

KERNEL_ABI_VERSION = 1

BOOT_SOURCE = Enumeration(
    name="boot source",
    prefix="BOOT_SOURCE",
    doc="Which way in was taken.",
    members={
        "bios": (1, "boot sector and stage 2"),
        "uefi": (2, "BOOTX64.EFI"),
        "pvh": (3, "PVH entry: -kernel, microvm, Firecracker"),
    },
)

MEMORY_KIND = Enumeration(
    name="memory kind",
    prefix="MEMORY",
    doc="Kinds of physical memory; the numbers are ACPI's (E820), 16 and above are ours.",
    members={
        "usable": (1, "free memory"),
        "reserved": (2, "never touched"),
        "acpi": (3, "ACPI tables"),
        "nvs": (4, "ACPI non-volatile storage"),
        "loader": (16, "in use by the loader or the kernel image"),
    },
)

BOOT_STAMP = Enumeration(
    name="boot stamp",
    prefix="STAMP",
    doc="Index of a time stamp (TSC) in `boot_info.stamps`.",
    members={
        "loader": (0, "first instruction of ours"),
        "kernel": (1, "kernel entry"),
        "snapshot": (2, "kernel is up; the snapshot is read from here on"),
        "workload": (3, "first instruction of the workload"),
        "end": (4, "the workload has ended"),
    },
)

KERNEL_HEADER = Record(
    "kernel_header",
    "The first bytes of KERNEL.BIN. Whoever loads it checks all of it before jumping.",
    (
        Field("magic", "u32", "KERNEL_MAGIC"),
        Field("abi_version", "u32", "KERNEL_ABI_VERSION; a loader refuses any other"),
        Field("file_size", "u32", "size of KERNEL.BIN in bytes"),
        Field("memory_size", "u32", "bytes it needs in memory from its first byte on; the rest is zeroed"),
        Field("entry_offset", "u32", "64-bit entry, from the first byte: rdi = boot info, low 4 GiB mapped 1:1"),
        Field("pvh_offset", "u32", "32-bit PVH entry, from the first byte; 0: none"),
        Field("crc32", "u32", "CRC-32 of the file with this field zero"),
        Field("reserved", "u32", "zero"),
    ),
)

PVH_HEADER = Record(
    "pvh_header",
    "The first bytes of the PVH loader; the image's maker fills it in.",
    (
        Field("magic", "u32", "PVH_MAGIC"),
        Field("size", "u32", "bytes of the PVH loader, this head included"),
        Field("crc32", "u32", "CRC-32 of those bytes with this field zero"),
        Field("kernel_offset", "u32", "KERNEL.BIN, which is in one piece, from the image's first byte"),
        Field("disk_size", "u64", "bytes of the image that the machine puts at MEM_DISK_PHYS"),
        Field("entry", "u64", "its 32-bit entry, a physical address"),
    ),
)

MEMORY_RANGE = Record(
    "memory_range",
    "One range of physical memory. Ranges may come in any order; where two overlap the less usable one holds. "
    "What the loader still uses, the kernel image, and a disk or snapshot in memory are in MEMORY_LOADER ranges.",
    (
        Field("base", "u64", "physical address"),
        Field("length", "u64", "bytes"),
        Field("kind", "u32", "MEMORY_…"),
        Field("reserved", "u32", "zero"),
    ),
)

BOOT_INFO = Record(
    "boot_info",
    "Every way in ends with a pointer to this in rdi. All addresses are physical.",
    (
        Field("magic", "u64", "BOOT_INFO_MAGIC"),
        Field("size", "u32", "BOOT_INFO_SIZEOF"),
        Field("version", "u32", "BOOT_INFO_VERSION"),
        Field("source", "u32", "BOOT_SOURCE_…"),
        Field("memory_count", "u32", "number of memory ranges"),
        Field("memory_map", "u64", "array of memory_range"),
        Field("kernel_phys", "u64", "where KERNEL.BIN was put"),
        Field(
            "block_read",
            "u64",
            "function (context, lba, any count, mapped buffer) -> 0 or error; 0: none",
        ),
        Field("block_context", "u64", "its first argument"),
        Field(
            "ramdisk_phys",
            "u64",
            "the disk in memory; below the partition only in name; 0: none",
        ),
        Field("ramdisk_size", "u64", "bytes of it that are in memory; the rest is on a virtio disk, if anywhere"),
        Field("snapshot_phys", "u64", "the snapshot already in memory; 0: the kernel reads it"),
        Field("snapshot_size", "u64", "its size in bytes"),
        Field("command_line", "u64", "NUL-terminated text; 0: none"),
        Field("rsdp", "u64", "ACPI root pointer; 0: unknown"),
        Field("framebuffer", "u64", "linear framebuffer; 0: none"),
        Field("framebuffer_width", "u32", "pixels"),
        Field("framebuffer_height", "u32", "pixels"),
        Field("framebuffer_pitch", "u32", "bytes from one line to the next"),
        Field("framebuffer_format", "u32", "0: blue lowest, 1: red lowest"),
        Field("com1", "u16", "I/O port of the text console; 0: none"),
        Field("com2", "u16", "I/O port of the wire; 0: none"),
        Field(
            "block_max_sectors",
            "u32",
            "most sectors that block_read takes in one call",
        ),
        Field("stamps", "u64", "TSC at STAMP_…; 0: not reached", 8),
    ),
)

BOOT = Layout(
    name="boot",
    title="Boot info and kernel header",
    doc="The one 64-bit kernel entry and what it is given, whichever way the machine came up.",
    constants=(
        Constant("KERNEL_MAGIC", 0x4B4E4642, 'the bytes "BFNK"'),
        Constant("KERNEL_ABI_VERSION", KERNEL_ABI_VERSION, "between kernel, loader and snapshot"),
        Constant("PVH_MAGIC", 0x50564642, 'the bytes "BFVP"'),
        Constant("BOOT_INFO_MAGIC", 0x4F464E49544F4F42, 'the bytes "BOOTINFO"'),
        Constant("BOOT_INFO_VERSION", 1, "a kernel refuses any other"),
    ),
    enumerations=(BOOT_SOURCE, MEMORY_KIND, BOOT_STAMP),
    records=(KERNEL_HEADER, PVH_HEADER, MEMORY_RANGE, BOOT_INFO),
)
