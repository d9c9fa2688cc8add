/* SPDX-License-Identifier: MIT */
/* The interpreter's bytecode. Generated from bareflow/layouts/bytecode.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_BYTECODE_H
#define BAREFLOW_GEN_BYTECODE_H

/* of opcodes (opcodes.md) and tables */
#define BYTECODE_VERSION 4
/* a symbol that is no interpreted function */
#define BYTECODE_NATIVE 0xffffffff
/* entries in a value table */
#define BYTECODE_VALUE_ENTRIES 4
/* bytes from one native entry thunk to the next */
#define BYTECODE_THUNK_SIZEOF 16
/* slots in a frame; a larger function is refused */
#define BYTECODE_MAX_SLOTS 0xfde8
/* argument slots; a call with more is refused */
#define BYTECODE_MAX_ARGUMENTS 255

/* Where the System V AMD64 ABI passes one slot of an argument or result. */
#define PLACE_GPR 0 /* general register number `index`: rdi rsi rdx rcx r8 r9, or rax rdx for results */
#define PLACE_XMM 1 /* vector register number `index` */
#define PLACE_STACK 2 /* the stack, `index` 8-byte words above the return address */
#define PLACE_BYVAL 3 /* `size` bytes are copied there; the slot holds their address */
#define PLACE_X87 4 /* results only: words 0 and 1 of `index` are st(0), 2 and 3 are st(1) */
#define PLACE_XMM_HIGH 5 /* the upper half of vector register number `index` */

/* One instruction, or 16 bytes of what follows one. */
#define BYTECODE_INSTRUCTION_OP_OFFSET 0
#define BYTECODE_INSTRUCTION_A_OFFSET 2
#define BYTECODE_INSTRUCTION_B_OFFSET 4
#define BYTECODE_INSTRUCTION_C_OFFSET 6
#define BYTECODE_INSTRUCTION_IMM_OFFSET 8
#define BYTECODE_INSTRUCTION_SIZEOF 16

/* One case of a switch; the first after the instruction is the default, its value unused. */
#define BYTECODE_CASE_VALUE_OFFSET 0
#define BYTECODE_CASE_TARGET_OFFSET 8
#define BYTECODE_CASE_EDGE_OFFSET 12
#define BYTECODE_CASE_SIZEOF 16

/* How one slot of an argument or result is passed to and from native code. */
#define BYTECODE_PLACE_PLACE_OFFSET 0
#define BYTECODE_PLACE_BITS_OFFSET 1
#define BYTECODE_PLACE_EXTEND_OFFSET 2
#define BYTECODE_PLACE_KIND_OFFSET 3
#define BYTECODE_PLACE_INDEX_OFFSET 4
#define BYTECODE_PLACE_SIZE_OFFSET 8
#define BYTECODE_PLACE_SIZEOF 12

/* The native convention of a call site or function. */
#define BYTECODE_SIGNATURE_FIRST_PLACE_OFFSET 0
#define BYTECODE_SIGNATURE_ARGUMENTS_OFFSET 4
#define BYTECODE_SIGNATURE_RESULTS_OFFSET 6
#define BYTECODE_SIGNATURE_STACK_WORDS_OFFSET 8
#define BYTECODE_SIGNATURE_VECTORS_OFFSET 10
#define BYTECODE_SIGNATURE_VARIADIC_OFFSET 11
#define BYTECODE_SIGNATURE_X87_OFFSET 12
#define BYTECODE_SIGNATURE_SIZEOF 16

/* One interpreted function. */
#define BYTECODE_FUNCTION_CODE_OFFSET 0
#define BYTECODE_FUNCTION_CODE_COUNT_OFFSET 4
#define BYTECODE_FUNCTION_FRAME_BYTES_OFFSET 8
#define BYTECODE_FUNCTION_FRAME_ALIGN_OFFSET 12
#define BYTECODE_FUNCTION_SLOTS_OFFSET 16
#define BYTECODE_FUNCTION_PARAMETERS_OFFSET 18
#define BYTECODE_FUNCTION_SIGNATURE_OFFSET 20
#define BYTECODE_FUNCTION_FIRST_EDGE_OFFSET 24
#define BYTECODE_FUNCTION_EDGES_OFFSET 28
#define BYTECODE_FUNCTION_FIRST_VALUE_OFFSET 32
#define BYTECODE_FUNCTION_VALUES_OFFSET 36
#define BYTECODE_FUNCTION_TWICE_OFFSET 38
#define BYTECODE_FUNCTION_EXTERNAL_OFFSET 40
#define BYTECODE_FUNCTION_RESERVED_OFFSET 44
#define BYTECODE_FUNCTION_SIZEOF 48

/* The most frequent values of one argument, counted by the space-saving algorithm (Metwally et al., 2005). */
#define BYTECODE_VALUES_VALUE_OFFSET 0
#define BYTECODE_VALUES_COUNT_OFFSET 32
#define BYTECODE_VALUES_ERROR_OFFSET 64
#define BYTECODE_VALUES_SIZEOF 96

/* A name that the code refers to. */
#define BYTECODE_SYMBOL_ADDRESS_OFFSET 0
#define BYTECODE_SYMBOL_FUNCTION_OFFSET 8
#define BYTECODE_SYMBOL_OWN_OFFSET 12
#define BYTECODE_SYMBOL_SIZEOF 16

#if !defined(__ASSEMBLER__) && !defined(BAREFLOW_LINKER_SCRIPT)
#include <stddef.h>
#include <stdint.h>

struct bytecode_instruction {
    uint16_t op; /* OP_… */
    uint16_t a; /* slot, mostly the one written */
    uint16_t b; /* slot */
    uint16_t c; /* slot, or a small number */
    uint64_t imm; /* immediate; d is its low half, e its high half */
};
_Static_assert(offsetof(struct bytecode_instruction, op) == BYTECODE_INSTRUCTION_OP_OFFSET, "op");
_Static_assert(offsetof(struct bytecode_instruction, a) == BYTECODE_INSTRUCTION_A_OFFSET, "a");
_Static_assert(offsetof(struct bytecode_instruction, b) == BYTECODE_INSTRUCTION_B_OFFSET, "b");
_Static_assert(offsetof(struct bytecode_instruction, c) == BYTECODE_INSTRUCTION_C_OFFSET, "c");
_Static_assert(offsetof(struct bytecode_instruction, imm) == BYTECODE_INSTRUCTION_IMM_OFFSET, "imm");
_Static_assert(sizeof(struct bytecode_instruction) == BYTECODE_INSTRUCTION_SIZEOF, "bytecode_instruction");

struct bytecode_case {
    uint64_t value; /* zero-extended */
    uint32_t target; /* instruction, relative to the function's first */
    uint32_t edge; /* edge counter */
};
_Static_assert(offsetof(struct bytecode_case, value) == BYTECODE_CASE_VALUE_OFFSET, "value");
_Static_assert(offsetof(struct bytecode_case, target) == BYTECODE_CASE_TARGET_OFFSET, "target");
_Static_assert(offsetof(struct bytecode_case, edge) == BYTECODE_CASE_EDGE_OFFSET, "edge");
_Static_assert(sizeof(struct bytecode_case) == BYTECODE_CASE_SIZEOF, "bytecode_case");

struct bytecode_place {
    uint8_t place; /* PLACE_… */
    uint8_t bits; /* width that counts; what comes in is cut to it */
    uint8_t extend; /* 1: sign-extend to 32 bits on the way out */
    uint8_t kind; /* 0: not an integer; 1: integer; 2: float (for the value tables) */
    uint32_t index; /* register number or stack word */
    uint32_t size; /* bytes, PLACE_BYVAL only */
};
_Static_assert(offsetof(struct bytecode_place, place) == BYTECODE_PLACE_PLACE_OFFSET, "place");
_Static_assert(offsetof(struct bytecode_place, bits) == BYTECODE_PLACE_BITS_OFFSET, "bits");
_Static_assert(offsetof(struct bytecode_place, extend) == BYTECODE_PLACE_EXTEND_OFFSET, "extend");
_Static_assert(offsetof(struct bytecode_place, kind) == BYTECODE_PLACE_KIND_OFFSET, "kind");
_Static_assert(offsetof(struct bytecode_place, index) == BYTECODE_PLACE_INDEX_OFFSET, "index");
_Static_assert(offsetof(struct bytecode_place, size) == BYTECODE_PLACE_SIZE_OFFSET, "size");
_Static_assert(sizeof(struct bytecode_place) == BYTECODE_PLACE_SIZEOF, "bytecode_place");

struct bytecode_signature {
    uint32_t first_place; /* in the place table: the arguments', then the results' */
    uint16_t arguments; /* argument slots */
    uint16_t results; /* result slots */
    uint16_t stack_words; /* 8-byte words of arguments on the stack */
    uint8_t vectors; /* vector registers used, for al in calls of variadic functions */
    uint8_t variadic; /* 1: more is passed or taken than is named, or the function calls setjmp: see goes_direct */
    uint32_t x87; /* x87 registers of the result */
};
_Static_assert(offsetof(struct bytecode_signature, first_place) == BYTECODE_SIGNATURE_FIRST_PLACE_OFFSET, "first_place");
_Static_assert(offsetof(struct bytecode_signature, arguments) == BYTECODE_SIGNATURE_ARGUMENTS_OFFSET, "arguments");
_Static_assert(offsetof(struct bytecode_signature, results) == BYTECODE_SIGNATURE_RESULTS_OFFSET, "results");
_Static_assert(offsetof(struct bytecode_signature, stack_words) == BYTECODE_SIGNATURE_STACK_WORDS_OFFSET, "stack_words");
_Static_assert(offsetof(struct bytecode_signature, vectors) == BYTECODE_SIGNATURE_VECTORS_OFFSET, "vectors");
_Static_assert(offsetof(struct bytecode_signature, variadic) == BYTECODE_SIGNATURE_VARIADIC_OFFSET, "variadic");
_Static_assert(offsetof(struct bytecode_signature, x87) == BYTECODE_SIGNATURE_X87_OFFSET, "x87");
_Static_assert(sizeof(struct bytecode_signature) == BYTECODE_SIGNATURE_SIZEOF, "bytecode_signature");

struct bytecode_function {
    uint32_t code; /* index of its first instruction */
    uint32_t code_count; /* instructions and words */
    uint32_t frame_bytes; /* memory of its allocas */
    uint32_t frame_align; /* their alignment */
    uint16_t slots; /* 64-bit slots in its frame */
    uint16_t parameters; /* argument slots, which are its first */
    uint32_t signature; /* how native code calls it */
    uint32_t first_edge; /* its first edge counter */
    uint32_t edges; /* edge counters */
    uint32_t first_value; /* its first value table */
    uint16_t values; /* value tables: one for each argument slot whose place has a kind, in order */
    uint16_t twice; /* 1: calls setjmp, so its frame outlives the run() that makes the call */
    uint32_t external; /* the caller's own number of this function (slot, agent) */
    uint32_t reserved; /* 0 */
};
_Static_assert(offsetof(struct bytecode_function, code) == BYTECODE_FUNCTION_CODE_OFFSET, "code");
_Static_assert(offsetof(struct bytecode_function, code_count) == BYTECODE_FUNCTION_CODE_COUNT_OFFSET, "code_count");
_Static_assert(offsetof(struct bytecode_function, frame_bytes) == BYTECODE_FUNCTION_FRAME_BYTES_OFFSET, "frame_bytes");
_Static_assert(offsetof(struct bytecode_function, frame_align) == BYTECODE_FUNCTION_FRAME_ALIGN_OFFSET, "frame_align");
_Static_assert(offsetof(struct bytecode_function, slots) == BYTECODE_FUNCTION_SLOTS_OFFSET, "slots");
_Static_assert(offsetof(struct bytecode_function, parameters) == BYTECODE_FUNCTION_PARAMETERS_OFFSET, "parameters");
_Static_assert(offsetof(struct bytecode_function, signature) == BYTECODE_FUNCTION_SIGNATURE_OFFSET, "signature");
_Static_assert(offsetof(struct bytecode_function, first_edge) == BYTECODE_FUNCTION_FIRST_EDGE_OFFSET, "first_edge");
_Static_assert(offsetof(struct bytecode_function, edges) == BYTECODE_FUNCTION_EDGES_OFFSET, "edges");
_Static_assert(offsetof(struct bytecode_function, first_value) == BYTECODE_FUNCTION_FIRST_VALUE_OFFSET, "first_value");
_Static_assert(offsetof(struct bytecode_function, values) == BYTECODE_FUNCTION_VALUES_OFFSET, "values");
_Static_assert(offsetof(struct bytecode_function, twice) == BYTECODE_FUNCTION_TWICE_OFFSET, "twice");
_Static_assert(offsetof(struct bytecode_function, external) == BYTECODE_FUNCTION_EXTERNAL_OFFSET, "external");
_Static_assert(offsetof(struct bytecode_function, reserved) == BYTECODE_FUNCTION_RESERVED_OFFSET, "reserved");
_Static_assert(sizeof(struct bytecode_function) == BYTECODE_FUNCTION_SIZEOF, "bytecode_function");

struct bytecode_values {
    uint64_t value[4]; /* zero-extended integer, or the bits of a float */
    uint64_t count[4]; /* times seen, at most `error` of them another value's */
    uint64_t error[4]; /* inherited from the value it displaced */
};
_Static_assert(offsetof(struct bytecode_values, value) == BYTECODE_VALUES_VALUE_OFFSET, "value");
_Static_assert(offsetof(struct bytecode_values, count) == BYTECODE_VALUES_COUNT_OFFSET, "count");
_Static_assert(offsetof(struct bytecode_values, error) == BYTECODE_VALUES_ERROR_OFFSET, "error");
_Static_assert(sizeof(struct bytecode_values) == BYTECODE_VALUES_SIZEOF, "bytecode_values");

struct bytecode_symbol {
    uint64_t address; /* filled in by the linker */
    uint32_t function; /* interpreted function of that name, or BYTECODE_NATIVE */
    uint32_t own; /* 1: it is that function's entry for calls to itself; else 0 */
};
_Static_assert(offsetof(struct bytecode_symbol, address) == BYTECODE_SYMBOL_ADDRESS_OFFSET, "address");
_Static_assert(offsetof(struct bytecode_symbol, function) == BYTECODE_SYMBOL_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct bytecode_symbol, own) == BYTECODE_SYMBOL_OWN_OFFSET, "own");
_Static_assert(sizeof(struct bytecode_symbol) == BYTECODE_SYMBOL_SIZEOF, "bytecode_symbol");

#endif

#endif
