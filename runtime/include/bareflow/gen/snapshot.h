/* SPDX-License-Identifier: MIT */
/* optimized_snapshot.bin. Generated from bareflow/layouts/snapshot.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_SNAPSHOT_H
#define BAREFLOW_GEN_SNAPSHOT_H

/* "SNAP" read as a big-endian word */
#define SNAPSHOT_MAGIC 0x534e4150
/* what the loader boots */
#define SNAPSHOT_VERSION 2
/* several version 2 snapshots in one file */
#define SNAPSHOT_TARGETS_VERSION 3
/* position-independent: relocations apply */
#define SNAPSHOT_FLAG_PIE 1
/* as ELF's PF_X */
#define SEGMENT_EXECUTE 1
/* as ELF's PF_W */
#define SEGMENT_WRITE 2
/* as ELF's PF_R */
#define SEGMENT_READ 4

/* One way of running a function. */
#define TIER_INTERP 0 /* interpreted bytecode */
#define TIER_O0 1 /* LLVM, not optimised */
#define TIER_O1 2 /* LLVM -O1 */
#define TIER_O2 3 /* LLVM -O2 */
#define TIER_O3 4 /* LLVM -O3 */
#define TIER_FROZEN 5 /* whole program, O3 with the profile, no stub, slot or counter */

/* Why a snapshot is refused; 0 means that it is not. */
#define REFUSED_NOT_FOUND 1 /* there is no OPTIMIZED_SNAPSHOT.BIN on the image */
#define REFUSED_READ_ERROR 2 /* the disk could not be read */
#define REFUSED_TOO_SHORT 3 /* shorter than a header */
#define REFUSED_MAGIC 4 /* it does not begin with the magic number */
#define REFUSED_VERSION 5 /* a version that the loader does not boot */
#define REFUSED_HEADER_SIZE 6 /* header size */
#define REFUSED_TOTAL_SIZE 7 /* total size and file size differ */
#define REFUSED_CRC 8 /* CRC-32: a byte was changed */
#define REFUSED_ABI 9 /* made for another kernel ABI, or with flags it does not know */
#define REFUSED_TABLE 10 /* a table, a name or the program headers lie outside */
#define REFUSED_SEGMENT 11 /* a segment lies outside the file or the address space, or meets another */
#define REFUSED_WRITE_AND_EXECUTE 12 /* a segment is both writable and executable */
#define REFUSED_ENTRY 13 /* the entry lies in no executable segment */
#define REFUSED_FUNCTION 14 /* a function's code or name lies outside, or its tier or cycles are impossible */
#define REFUSED_RELOCATION 15 /* a relocation lies outside the writable data */
#define REFUSED_FEATURE 16 /* the CPU lacks a feature; its name is printed */
#define REFUSED_MEMORY 17 /* not enough memory */

/* The CPUID outputs in which a required feature's bit is looked up. */
#define CPUID_WORD_1_ECX 0 /* leaf 1, ECX */
#define CPUID_WORD_1_EDX 1 /* leaf 1, EDX */
#define CPUID_WORD_7_EBX 2 /* leaf 7 subleaf 0, EBX */
#define CPUID_WORD_7_ECX 3 /* leaf 7 subleaf 0, ECX */
#define CPUID_WORD_7_EDX 4 /* leaf 7 subleaf 0, EDX */
#define CPUID_WORD_7_1_EAX 5 /* leaf 7 subleaf 1, EAX */
#define CPUID_WORD_80000001_ECX 6 /* leaf 0x80000001, ECX */
#define CPUID_WORD_80000001_EDX 7 /* leaf 0x80000001, EDX */

/* Version 2. Offsets count from the header's first byte. */
#define SNAPSHOT_HEADER_MAGIC_OFFSET 0
#define SNAPSHOT_HEADER_VERSION_OFFSET 4
#define SNAPSHOT_HEADER_HEADER_SIZE_OFFSET 8
#define SNAPSHOT_HEADER_CRC32_OFFSET 12
#define SNAPSHOT_HEADER_TOTAL_SIZE_OFFSET 16
#define SNAPSHOT_HEADER_BUILD_ID_OFFSET 24
#define SNAPSHOT_HEADER_ABI_VERSION_OFFSET 40
#define SNAPSHOT_HEADER_FLAGS_OFFSET 44
#define SNAPSHOT_HEADER_ENTRY_OFFSET 48
#define SNAPSHOT_HEADER_PHDR_ADDRESS_OFFSET 56
#define SNAPSHOT_HEADER_PHDR_COUNT_OFFSET 64
#define SNAPSHOT_HEADER_SEGMENT_COUNT_OFFSET 68
#define SNAPSHOT_HEADER_FUNCTION_COUNT_OFFSET 72
#define SNAPSHOT_HEADER_RELOCATION_COUNT_OFFSET 76
#define SNAPSHOT_HEADER_FEATURE_COUNT_OFFSET 80
#define SNAPSHOT_HEADER_SEGMENTS_OFFSET_OFFSET 84
#define SNAPSHOT_HEADER_FUNCTIONS_OFFSET_OFFSET 88
#define SNAPSHOT_HEADER_RELOCATIONS_OFFSET_OFFSET 92
#define SNAPSHOT_HEADER_FEATURES_OFFSET_OFFSET 96
#define SNAPSHOT_HEADER_STRINGS_OFFSET_OFFSET 100
#define SNAPSHOT_HEADER_STRINGS_SIZE_OFFSET 104
#define SNAPSHOT_HEADER_RESERVED_OFFSET 108
#define SNAPSHOT_HEADER_STACK_SIZE_OFFSET 112
#define SNAPSHOT_HEADER_SIZEOF 120

/* One piece of the address space. Memory beyond the file's bytes is zero. */
#define SNAPSHOT_SEGMENT_ADDRESS_OFFSET 0
#define SNAPSHOT_SEGMENT_FILE_OFFSET_OFFSET 8
#define SNAPSHOT_SEGMENT_FILE_SIZE_OFFSET 16
#define SNAPSHOT_SEGMENT_MEMORY_SIZE_OFFSET 24
#define SNAPSHOT_SEGMENT_FLAGS_OFFSET 32
#define SNAPSHOT_SEGMENT_RESERVED_OFFSET 36
#define SNAPSHOT_SEGMENT_SIZEOF 40

/* What is known of one function. */
#define SNAPSHOT_FUNCTION_NAME_OFFSET_OFFSET 0
#define SNAPSHOT_FUNCTION_TIER_OFFSET 4
#define SNAPSHOT_FUNCTION_ADDRESS_OFFSET 8
#define SNAPSHOT_FUNCTION_SIZE_OFFSET 16
#define SNAPSHOT_FUNCTION_CALL_COUNT_OFFSET 24
#define SNAPSHOT_FUNCTION_AVERAGE_CYCLES_OFFSET 32
#define SNAPSHOT_FUNCTION_SIZEOF 40

/* R_X86_64_RELATIVE: the 64-bit word at `address` becomes load bias + addend. */
#define SNAPSHOT_RELOCATION_ADDRESS_OFFSET 0
#define SNAPSHOT_RELOCATION_ADDEND_OFFSET 8
#define SNAPSHOT_RELOCATION_SIZEOF 16

/* A CPU feature without which the code must not run. */
#define SNAPSHOT_FEATURE_NAME_OFFSET_OFFSET 0
#define SNAPSHOT_FEATURE_WORD_OFFSET 4
#define SNAPSHOT_FEATURE_BIT_OFFSET 6
#define SNAPSHOT_FEATURE_SIZEOF 8

/* Version 3: several complete version 2 snapshots of one program, for several CPUs. An array of snapshot_target follows, then the snapshots in its order, each at the next multiple of 8, with zero bytes between. All are checked whole; the first whose features the CPU has is booted. If none fits, the last one's feature is named. */
#define SNAPSHOT_TARGETS_MAGIC_OFFSET 0
#define SNAPSHOT_TARGETS_VERSION_OFFSET 4
#define SNAPSHOT_TARGETS_HEADER_SIZE_OFFSET 8
#define SNAPSHOT_TARGETS_CRC32_OFFSET 12
#define SNAPSHOT_TARGETS_TOTAL_SIZE_OFFSET 16
#define SNAPSHOT_TARGETS_TARGET_COUNT_OFFSET 24
#define SNAPSHOT_TARGETS_RESERVED_OFFSET 28
#define SNAPSHOT_TARGETS_SIZEOF 32

/* One of the snapshots. */
#define SNAPSHOT_TARGET_NAME_OFFSET 0
#define SNAPSHOT_TARGET_OFFSET_OFFSET 32
#define SNAPSHOT_TARGET_SIZE_OFFSET 40
#define SNAPSHOT_TARGET_SIZEOF 48

/* Version 1, historical: read and written by the host tool, never booted. Then, per function without padding: name length u32, name, code size u64, call count u64, average cycles f64, machine code. */
#define SNAPSHOT_V1_HEADER_MAGIC_OFFSET 0
#define SNAPSHOT_V1_HEADER_VERSION_OFFSET 4
#define SNAPSHOT_V1_HEADER_FUNCTION_COUNT_OFFSET 8
#define SNAPSHOT_V1_HEADER_SIZEOF 12

#if !defined(__ASSEMBLER__) && !defined(BAREFLOW_LINKER_SCRIPT)
#include <stddef.h>
#include <stdint.h>

struct snapshot_header {
    uint32_t magic; /* SNAPSHOT_MAGIC */
    uint32_t version; /* 2 */
    uint32_t header_size; /* SNAPSHOT_HEADER_SIZEOF */
    uint32_t crc32; /* CRC-32 of the whole file with this field zero */
    uint64_t total_size; /* size of the file in bytes */
    uint8_t build_id[16]; /* identifies the linked program: start of its SHA-256 */
    uint32_t abi_version; /* KERNEL_ABI_VERSION */
    uint32_t flags; /* SNAPSHOT_FLAG_… */
    uint64_t entry; /* address of _start */
    uint64_t phdr_address; /* address of the ELF program headers (AT_PHDR); 0: none */
    uint32_t phdr_count; /* their number (AT_PHNUM) */
    uint32_t segment_count; /* number of segments */
    uint32_t function_count; /* number of functions */
    uint32_t relocation_count; /* number of relocations; 0 unless position-independent */
    uint32_t feature_count; /* number of required CPU features */
    uint32_t segments_offset; /* array of snapshot_segment */
    uint32_t functions_offset; /* array of snapshot_function */
    uint32_t relocations_offset; /* array of snapshot_relocation */
    uint32_t features_offset; /* array of snapshot_feature */
    uint32_t strings_offset; /* names, each ended by a zero byte */
    uint32_t strings_size; /* their total size */
    uint32_t reserved; /* zero */
    uint64_t stack_size; /* bytes of stack that the workload may use */
};
_Static_assert(offsetof(struct snapshot_header, magic) == SNAPSHOT_HEADER_MAGIC_OFFSET, "magic");
_Static_assert(offsetof(struct snapshot_header, version) == SNAPSHOT_HEADER_VERSION_OFFSET, "version");
_Static_assert(offsetof(struct snapshot_header, header_size) == SNAPSHOT_HEADER_HEADER_SIZE_OFFSET, "header_size");
_Static_assert(offsetof(struct snapshot_header, crc32) == SNAPSHOT_HEADER_CRC32_OFFSET, "crc32");
_Static_assert(offsetof(struct snapshot_header, total_size) == SNAPSHOT_HEADER_TOTAL_SIZE_OFFSET, "total_size");
_Static_assert(offsetof(struct snapshot_header, build_id) == SNAPSHOT_HEADER_BUILD_ID_OFFSET, "build_id");
_Static_assert(offsetof(struct snapshot_header, abi_version) == SNAPSHOT_HEADER_ABI_VERSION_OFFSET, "abi_version");
_Static_assert(offsetof(struct snapshot_header, flags) == SNAPSHOT_HEADER_FLAGS_OFFSET, "flags");
_Static_assert(offsetof(struct snapshot_header, entry) == SNAPSHOT_HEADER_ENTRY_OFFSET, "entry");
_Static_assert(offsetof(struct snapshot_header, phdr_address) == SNAPSHOT_HEADER_PHDR_ADDRESS_OFFSET, "phdr_address");
_Static_assert(offsetof(struct snapshot_header, phdr_count) == SNAPSHOT_HEADER_PHDR_COUNT_OFFSET, "phdr_count");
_Static_assert(offsetof(struct snapshot_header, segment_count) == SNAPSHOT_HEADER_SEGMENT_COUNT_OFFSET, "segment_count");
_Static_assert(offsetof(struct snapshot_header, function_count) == SNAPSHOT_HEADER_FUNCTION_COUNT_OFFSET, "function_count");
_Static_assert(offsetof(struct snapshot_header, relocation_count) == SNAPSHOT_HEADER_RELOCATION_COUNT_OFFSET, "relocation_count");
_Static_assert(offsetof(struct snapshot_header, feature_count) == SNAPSHOT_HEADER_FEATURE_COUNT_OFFSET, "feature_count");
_Static_assert(offsetof(struct snapshot_header, segments_offset) == SNAPSHOT_HEADER_SEGMENTS_OFFSET_OFFSET, "segments_offset");
_Static_assert(offsetof(struct snapshot_header, functions_offset) == SNAPSHOT_HEADER_FUNCTIONS_OFFSET_OFFSET, "functions_offset");
_Static_assert(offsetof(struct snapshot_header, relocations_offset) == SNAPSHOT_HEADER_RELOCATIONS_OFFSET_OFFSET, "relocations_offset");
_Static_assert(offsetof(struct snapshot_header, features_offset) == SNAPSHOT_HEADER_FEATURES_OFFSET_OFFSET, "features_offset");
_Static_assert(offsetof(struct snapshot_header, strings_offset) == SNAPSHOT_HEADER_STRINGS_OFFSET_OFFSET, "strings_offset");
_Static_assert(offsetof(struct snapshot_header, strings_size) == SNAPSHOT_HEADER_STRINGS_SIZE_OFFSET, "strings_size");
_Static_assert(offsetof(struct snapshot_header, reserved) == SNAPSHOT_HEADER_RESERVED_OFFSET, "reserved");
_Static_assert(offsetof(struct snapshot_header, stack_size) == SNAPSHOT_HEADER_STACK_SIZE_OFFSET, "stack_size");
_Static_assert(sizeof(struct snapshot_header) == SNAPSHOT_HEADER_SIZEOF, "snapshot_header");

struct snapshot_segment {
    uint64_t address; /* virtual address */
    uint64_t file_offset; /* where its bytes are */
    uint64_t file_size; /* how many there are */
    uint64_t memory_size; /* how much memory it takes */
    uint32_t flags; /* SEGMENT_…; never writable and executable */
    uint32_t reserved; /* zero */
};
_Static_assert(offsetof(struct snapshot_segment, address) == SNAPSHOT_SEGMENT_ADDRESS_OFFSET, "address");
_Static_assert(offsetof(struct snapshot_segment, file_offset) == SNAPSHOT_SEGMENT_FILE_OFFSET_OFFSET, "file_offset");
_Static_assert(offsetof(struct snapshot_segment, file_size) == SNAPSHOT_SEGMENT_FILE_SIZE_OFFSET, "file_size");
_Static_assert(offsetof(struct snapshot_segment, memory_size) == SNAPSHOT_SEGMENT_MEMORY_SIZE_OFFSET, "memory_size");
_Static_assert(offsetof(struct snapshot_segment, flags) == SNAPSHOT_SEGMENT_FLAGS_OFFSET, "flags");
_Static_assert(offsetof(struct snapshot_segment, reserved) == SNAPSHOT_SEGMENT_RESERVED_OFFSET, "reserved");
_Static_assert(sizeof(struct snapshot_segment) == SNAPSHOT_SEGMENT_SIZEOF, "snapshot_segment");

struct snapshot_function {
    uint32_t name_offset; /* its name, from the start of the strings */
    uint32_t tier; /* TIER_… */
    uint64_t address; /* first byte of its code */
    uint64_t size; /* bytes of code */
    uint64_t call_count; /* calls in the profile */
    double average_cycles; /* cycles per call in the profile */
};
_Static_assert(offsetof(struct snapshot_function, name_offset) == SNAPSHOT_FUNCTION_NAME_OFFSET_OFFSET, "name_offset");
_Static_assert(offsetof(struct snapshot_function, tier) == SNAPSHOT_FUNCTION_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct snapshot_function, address) == SNAPSHOT_FUNCTION_ADDRESS_OFFSET, "address");
_Static_assert(offsetof(struct snapshot_function, size) == SNAPSHOT_FUNCTION_SIZE_OFFSET, "size");
_Static_assert(offsetof(struct snapshot_function, call_count) == SNAPSHOT_FUNCTION_CALL_COUNT_OFFSET, "call_count");
_Static_assert(offsetof(struct snapshot_function, average_cycles) == SNAPSHOT_FUNCTION_AVERAGE_CYCLES_OFFSET, "average_cycles");
_Static_assert(sizeof(struct snapshot_function) == SNAPSHOT_FUNCTION_SIZEOF, "snapshot_function");

struct snapshot_relocation {
    uint64_t address; /* virtual address before the bias */
    int64_t addend; /* value before the bias */
};
_Static_assert(offsetof(struct snapshot_relocation, address) == SNAPSHOT_RELOCATION_ADDRESS_OFFSET, "address");
_Static_assert(offsetof(struct snapshot_relocation, addend) == SNAPSHOT_RELOCATION_ADDEND_OFFSET, "addend");
_Static_assert(sizeof(struct snapshot_relocation) == SNAPSHOT_RELOCATION_SIZEOF, "snapshot_relocation");

struct snapshot_feature {
    uint32_t name_offset; /* its LLVM name, from the start of the strings */
    uint16_t word; /* CPUID_WORD_… */
    uint16_t bit; /* bit number */
};
_Static_assert(offsetof(struct snapshot_feature, name_offset) == SNAPSHOT_FEATURE_NAME_OFFSET_OFFSET, "name_offset");
_Static_assert(offsetof(struct snapshot_feature, word) == SNAPSHOT_FEATURE_WORD_OFFSET, "word");
_Static_assert(offsetof(struct snapshot_feature, bit) == SNAPSHOT_FEATURE_BIT_OFFSET, "bit");
_Static_assert(sizeof(struct snapshot_feature) == SNAPSHOT_FEATURE_SIZEOF, "snapshot_feature");

struct snapshot_targets {
    uint32_t magic; /* SNAPSHOT_MAGIC */
    uint32_t version; /* SNAPSHOT_TARGETS_VERSION */
    uint32_t header_size; /* SNAPSHOT_TARGETS_SIZEOF */
    uint32_t crc32; /* CRC-32 of this record and the array with this field zero */
    uint64_t total_size; /* size of the file in bytes */
    uint32_t target_count; /* number of targets, at least one */
    uint32_t reserved; /* zero */
};
_Static_assert(offsetof(struct snapshot_targets, magic) == SNAPSHOT_TARGETS_MAGIC_OFFSET, "magic");
_Static_assert(offsetof(struct snapshot_targets, version) == SNAPSHOT_TARGETS_VERSION_OFFSET, "version");
_Static_assert(offsetof(struct snapshot_targets, header_size) == SNAPSHOT_TARGETS_HEADER_SIZE_OFFSET, "header_size");
_Static_assert(offsetof(struct snapshot_targets, crc32) == SNAPSHOT_TARGETS_CRC32_OFFSET, "crc32");
_Static_assert(offsetof(struct snapshot_targets, total_size) == SNAPSHOT_TARGETS_TOTAL_SIZE_OFFSET, "total_size");
_Static_assert(offsetof(struct snapshot_targets, target_count) == SNAPSHOT_TARGETS_TARGET_COUNT_OFFSET, "target_count");
_Static_assert(offsetof(struct snapshot_targets, reserved) == SNAPSHOT_TARGETS_RESERVED_OFFSET, "reserved");
_Static_assert(sizeof(struct snapshot_targets) == SNAPSHOT_TARGETS_SIZEOF, "snapshot_targets");

struct snapshot_target {
    uint8_t name[32]; /* the CPU it was compiled for, ended by a zero byte */
    uint64_t offset; /* where it begins, from the file's first byte */
    uint64_t size; /* its bytes */
};
_Static_assert(offsetof(struct snapshot_target, name) == SNAPSHOT_TARGET_NAME_OFFSET, "name");
_Static_assert(offsetof(struct snapshot_target, offset) == SNAPSHOT_TARGET_OFFSET_OFFSET, "offset");
_Static_assert(offsetof(struct snapshot_target, size) == SNAPSHOT_TARGET_SIZE_OFFSET, "size");
_Static_assert(sizeof(struct snapshot_target) == SNAPSHOT_TARGET_SIZEOF, "snapshot_target");

struct snapshot_v1_header {
    uint32_t magic; /* SNAPSHOT_MAGIC */
    uint32_t version; /* 1 */
    uint32_t function_count; /* number of functions */
};
_Static_assert(offsetof(struct snapshot_v1_header, magic) == SNAPSHOT_V1_HEADER_MAGIC_OFFSET, "magic");
_Static_assert(offsetof(struct snapshot_v1_header, version) == SNAPSHOT_V1_HEADER_VERSION_OFFSET, "version");
_Static_assert(offsetof(struct snapshot_v1_header, function_count) == SNAPSHOT_V1_HEADER_FUNCTION_COUNT_OFFSET, "function_count");
_Static_assert(sizeof(struct snapshot_v1_header) == SNAPSHOT_V1_HEADER_SIZEOF, "snapshot_v1_header");

#endif

#endif
