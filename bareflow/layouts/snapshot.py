"""optimized_snapshot.bin: version 2 (what the loader boots), several of them (3), what is fixed of version 1."""

from __future__ import annotations

from bareflow.layouts.record import Constant, Enumeration, Field, Layout, Record

SNAPSHOT_MAGIC = 0x534E4150

TIER = Enumeration(
    name="tier",
    prefix="TIER",
    doc="One way of running a function.",
    members={
        "interp": (0, "interpreted bytecode"),
        "O0": (1, "LLVM, not optimised"),
        "O1": (2, "LLVM -O1"),
        "O2": (3, "LLVM -O2"),
        "O3": (4, "LLVM -O3"),
        "frozen": (5, "whole program, O3 with the profile, no stub, slot or counter"),
    },
)

REFUSAL = Enumeration(
    name="refusal",
    prefix="REFUSED",
    doc="Why a snapshot is refused; 0 means that it is not.",
    members={
        "not-found": (1, "there is no OPTIMIZED_SNAPSHOT.BIN on the image"),
        "read-error": (2, "the disk could not be read"),
        "too-short": (3, "shorter than a header"),
        "magic": (4, "it does not begin with the magic number"),
        "version": (5, "a version that the loader does not boot"),
        "header-size": (6, "header size"),
        "total-size": (7, "total size and file size differ"),
        "crc": (8, "CRC-32: a byte was changed"),
        "abi": (9, "made for another kernel ABI, or with flags it does not know"),
        "table": (10, "a table, a name or the program headers lie outside"),
        "segment": (11, "a segment lies outside the file or the address space, or meets another"),
        "write-and-execute": (12, "a segment is both writable and executable"),
        "entry": (13, "the entry lies in no executable segment"),
        "function": (14, "a function's code or name lies outside, or its tier or cycles are impossible"),
        "relocation": (15, "a relocation lies outside the writable data"),
        "feature": (16, "the CPU lacks a feature; its name is printed"),
        "memory": (17, "not enough memory"),
    },
)

CPUID_WORD = Enumeration(
    name="CPUID word",
    prefix="CPUID_WORD",
    doc="The CPUID outputs in which a required feature's bit is looked up.",
    members={
        "1_ecx": (0, "leaf 1, ECX"),
        "1_edx": (1, "leaf 1, EDX"),
        "7_ebx": (2, "leaf 7 subleaf 0, EBX"),
        "7_ecx": (3, "leaf 7 subleaf 0, ECX"),
        "7_edx": (4, "leaf 7 subleaf 0, EDX"),
        "7_1_eax": (5, "leaf 7 subleaf 1, EAX"),
        "80000001_ecx": (6, "leaf 0x80000001, ECX"),
        "80000001_edx": (7, "leaf 0x80000001, EDX"),
    },
)

SNAPSHOT_HEADER = Record(
    "snapshot_header",
    "Version 2. Offsets count from the header's first byte.",
    (
        Field("magic", "u32", "SNAPSHOT_MAGIC"),
        Field("version", "u32", "2"),
        Field("header_size", "u32", "SNAPSHOT_HEADER_SIZEOF"),
        Field("crc32", "u32", "CRC-32 of the whole file with this field zero"),
        Field("total_size", "u64", "size of the file in bytes"),
        Field("build_id", "bytes", "identifies the linked program: start of its SHA-256", 16),
        Field("abi_version", "u32", "KERNEL_ABI_VERSION"),
        Field("flags", "u32", "SNAPSHOT_FLAG_…"),
        Field("entry", "u64", "address of _start"),
        Field("phdr_address", "u64", "address of the ELF program headers (AT_PHDR); 0: none"),
        Field("phdr_count", "u32", "their number (AT_PHNUM)"),
        Field("segment_count", "u32", "number of segments"),
        Field("function_count", "u32", "number of functions"),
        Field("relocation_count", "u32", "number of relocations; 0 unless position-independent"),
        Field("feature_count", "u32", "number of required CPU features"),
        Field("segments_offset", "u32", "array of snapshot_segment"),
        Field("functions_offset", "u32", "array of snapshot_function"),
        Field("relocations_offset", "u32", "array of snapshot_relocation"),
        Field("features_offset", "u32", "array of snapshot_feature"),
        Field("strings_offset", "u32", "names, each ended by a zero byte"),
        Field("strings_size", "u32", "their total size"),
        Field("reserved", "u32", "zero"),
        Field("stack_size", "u64", "bytes of stack that the workload may use"),
    ),
)

SNAPSHOT_SEGMENT = Record(
    "snapshot_segment",
    "One piece of the address space. Memory beyond the file's bytes is zero.",
    (
        Field("address", "u64", "virtual address"),
        Field("file_offset", "u64", "where its bytes are"),
        Field("file_size", "u64", "how many there are"),
        Field("memory_size", "u64", "how much memory it takes"),
        Field("flags", "u32", "SEGMENT_…; never writable and executable"),
        Field("reserved", "u32", "zero"),
    ),
)

SNAPSHOT_FUNCTION = Record(
    "snapshot_function",
    "What is known of one function.",
    (
        Field("name_offset", "u32", "its name, from the start of the strings"),
        Field("tier", "u32", "TIER_…"),
        Field("address", "u64", "first byte of its code"),
        Field("size", "u64", "bytes of code"),
        Field("call_count", "u64", "calls in the profile"),
        Field("average_cycles", "f64", "cycles per call in the profile"),
    ),
)

SNAPSHOT_RELOCATION = Record(
    "snapshot_relocation",
    "R_X86_64_RELATIVE: the 64-bit word at `address` becomes load bias + addend.",
    (
        Field("address", "u64", "virtual address before the bias"),
        Field("addend", "i64", "value before the bias"),
    ),
)

SNAPSHOT_FEATURE = Record(
    "snapshot_feature",
    "A CPU feature without which the code must not run.",
    (
        Field("name_offset", "u32", "its LLVM name, from the start of the strings"),
        Field("word", "u16", "CPUID_WORD_…"),
        Field("bit", "u16", "bit number"),
    ),
)

SNAPSHOT_V1_HEADER = Record(
    "snapshot_v1_header",
    "Version 1, historical: read and written by the host tool, never booted. Then, per function without padding: "
    "name length u32, name, code size u64, call count u64, average cycles f64, machine code.",
    (
        Field("magic", "u32", "SNAPSHOT_MAGIC"),
        Field("version", "u32", "1"),
        Field("function_count", "u32", "number of functions"),
    ),
)

SNAPSHOT_TARGETS = Record(
    "snapshot_targets",
    "Version 3: several complete version 2 snapshots of one program, for several CPUs. An array of snapshot_target "
    "follows, then the snapshots in its order, each at the next multiple of 8, with zero bytes between. All are "
    "checked whole; the first whose features the CPU has is booted. If none fits, the last one's feature is named.",
    (
        Field("magic", "u32", "SNAPSHOT_MAGIC"),
        Field("version", "u32", "SNAPSHOT_TARGETS_VERSION"),
        Field("header_size", "u32", "SNAPSHOT_TARGETS_SIZEOF"),
        Field("crc32", "u32", "CRC-32 of this record and the array with this field zero"),
        Field("total_size", "u64", "size of the file in bytes"),
        Field("target_count", "u32", "number of targets, at least one"),
        Field("reserved", "u32", "zero"),
    ),
)

SNAPSHOT_TARGET = Record(
    "snapshot_target",
    "One of the snapshots.",
    (
        Field("name", "bytes", "the CPU it was compiled for, ended by a zero byte", 32),
        Field("offset", "u64", "where it begins, from the file's first byte"),
        Field("size", "u64", "its bytes"),
    ),
)

SNAPSHOT = Layout(
    name="snapshot",
    title="optimized_snapshot.bin",
    doc="""The frozen program. The header, the segments, functions, relocations and features, the strings and the
segments' bytes follow one another in this order without a gap: every byte of the file belongs to exactly one thing.
So the tables are 8-byte aligned, and the segments' bytes are not: they are copied, not mapped in place.

A loader refuses whatever is not so: a segment's memory lies in [MEM_WORKLOAD_BASE, MEM_MMAP_BASE), ascends, shares no
4 KiB page with another, is readable and never both writable and executable; the entry and every function's code are
file bytes of an executable segment, the program headers of any, what is relocated of a writable one; reserved fields
and unknown flags are zero; cycles are finite and not negative; the stack is smaller than MEM_MMAP_BASE.""",
    constants=(
        Constant("SNAPSHOT_MAGIC", SNAPSHOT_MAGIC, '"SNAP" read as a big-endian word'),
        Constant("SNAPSHOT_VERSION", 2, "what the loader boots"),
        Constant("SNAPSHOT_TARGETS_VERSION", 3, "several version 2 snapshots in one file"),
        Constant("SNAPSHOT_FLAG_PIE", 1, "position-independent: relocations apply"),
        Constant("SEGMENT_EXECUTE", 1, "as ELF's PF_X"),
        Constant("SEGMENT_WRITE", 2, "as ELF's PF_W"),
        Constant("SEGMENT_READ", 4, "as ELF's PF_R"),
    ),
    enumerations=(TIER, REFUSAL, CPUID_WORD),
    records=(
        SNAPSHOT_HEADER,
        SNAPSHOT_SEGMENT,
        SNAPSHOT_FUNCTION,
        SNAPSHOT_RELOCATION,
        SNAPSHOT_FEATURE,
        SNAPSHOT_TARGETS,
        SNAPSHOT_TARGET,
        SNAPSHOT_V1_HEADER,
    ),
)
