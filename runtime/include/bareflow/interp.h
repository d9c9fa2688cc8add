/* SPDX-License-Identifier: MIT */
/* The interpreter tier: runs bytecode that the host made from LLVM IR, and counts what it sees.
 * Freestanding. See docs/interpreter.md for what is counted and how native code and bytecode call each other.
 */
#ifndef BAREFLOW_INTERP_H
#define BAREFLOW_INTERP_H

#include <bareflow/gen/bytecode.h>
#include <bareflow/gen/growth.h>
#include <bareflow/gen/opcodes.h>

/* Offsets for interp_call.S, asserted below. */
#define INTERP_REGS_XMM 48
#define INTERP_REGS_STACK 176
#define INTERP_REGS_RESULT 184
#define INTERP_REGS_SIZEOF 272
#define INTERP_OUT_GPR 8
#define INTERP_OUT_XMM 56
#define INTERP_OUT_VECTORS 184
#define INTERP_OUT_STACK_WORDS 192
#define INTERP_OUT_STACK 200
#define INTERP_OUT_RESULT 208
#define INTERP_TWICE_BACK 0
#define INTERP_TWICE_SAVED 8 /* rsp rbx rbp r12 r13 r14 r15 */
#define INTERP_TWICE_TARGET 64
#define INTERP_TWICE_ARGUMENT 72
#define INTERP_TWICE_SITE 88
#define INTERP_TWICE_CAME 96
/* Within a result. */
#define INTERP_RESULT_XMM 16
#define INTERP_RESULT_X87 48
#define INTERP_RESULT_X87S 80

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/* Result registers: rax rdx xmm0 xmm1, then st(0) and st(1), of which `x87s` are in use. */
struct interp_result {
    uint64_t gpr[2];
    uint64_t xmm[2][2];
    uint64_t x87[4];
    uint64_t x87s;
};

/* What native code passed: gpr and xmm are laid out as the ABI's register save area, for va_start. */
struct interp_regs {
    uint64_t gpr[6];
    uint64_t xmm[8][2];
    uint64_t *stack; /* the first word above the return address */
    struct interp_result result;
};

/* A call into native code, ready to be made. stack_words MUST be even. */
struct interp_out {
    uint64_t target;
    uint64_t gpr[6];
    uint64_t xmm[8][2];
    uint64_t vectors;
    uint64_t stack_words;
    const uint64_t *stack;
    struct interp_result result;
};

/* The dynamic memory of one call. */
struct interp_heap {
    uint64_t first; /* of the newest chunk */
    uint64_t next;  /* 0: no chunk yet */
    uint64_t end;
};

/* A call of a function that calls setjmp, in a frame that lives until it returns. */
struct interp_twice {
    uint64_t back; /* where bf_interp_twice returns to, and with which registers */
    uint64_t saved[7];
    uint64_t target; /* setjmp, when run() has left to have it called; else 0 */
    uint64_t argument[2];
    const struct bytecode_instruction *site; /* which of its instructions called setjmp, or wants memory */
    uint64_t came;                           /* what setjmp returned */
    const struct bytecode_instruction *next; /* where run() goes on */
    uint64_t *slots;
    uint64_t frame; /* address of its memory */
    uint64_t chunk; /* bytes of dynamic memory, when run() has left to have them; else 0 */
    struct interp_heap heap;
};

_Static_assert(offsetof(struct interp_twice, saved) == INTERP_TWICE_SAVED, "saved");
_Static_assert(offsetof(struct interp_twice, target) == INTERP_TWICE_TARGET, "target");
_Static_assert(offsetof(struct interp_twice, argument) == INTERP_TWICE_ARGUMENT, "argument");
_Static_assert(offsetof(struct interp_twice, site) == INTERP_TWICE_SITE, "site");
_Static_assert(offsetof(struct interp_twice, came) == INTERP_TWICE_CAME, "came");
_Static_assert(offsetof(struct interp_result, xmm) == INTERP_RESULT_XMM, "xmm");
_Static_assert(offsetof(struct interp_result, x87) == INTERP_RESULT_X87, "x87");
_Static_assert(offsetof(struct interp_result, x87s) == INTERP_RESULT_X87S, "x87s");
_Static_assert(offsetof(struct interp_regs, xmm) == INTERP_REGS_XMM, "xmm");
_Static_assert(offsetof(struct interp_regs, stack) == INTERP_REGS_STACK, "stack");
_Static_assert(offsetof(struct interp_regs, result) == INTERP_REGS_RESULT, "result");
_Static_assert(sizeof(struct interp_regs) == INTERP_REGS_SIZEOF, "size");
_Static_assert(offsetof(struct interp_out, gpr) == INTERP_OUT_GPR, "gpr");
_Static_assert(offsetof(struct interp_out, xmm) == INTERP_OUT_XMM, "xmm");
_Static_assert(offsetof(struct interp_out, vectors) == INTERP_OUT_VECTORS, "vectors");
_Static_assert(offsetof(struct interp_out, stack_words) == INTERP_OUT_STACK_WORDS, "stack_words");
_Static_assert(offsetof(struct interp_out, stack) == INTERP_OUT_STACK, "stack");
_Static_assert(offsetof(struct interp_out, result) == INTERP_OUT_RESULT, "result");

/* A bytecode program. The tables are read only; the counters only ever grow, and their arrays may be
 * replaced between calls. */
struct bf_interp_program {
    uint32_t version;
    uint32_t functions;
    uint32_t symbols;
    uint32_t signatures;
    uint32_t edges;
    uint32_t values;
    const struct bytecode_instruction *code;
    const struct bytecode_function *function;
    const struct bytecode_signature *signature;
    const struct bytecode_place *place;
    const struct bytecode_symbol *symbol;
    const char *thunks;            /* native entries, BYTECODE_THUNK_SIZEOF apart */
    uint64_t *calls;               /* invocations, by function */
    uint64_t *backs;               /* back edges taken, by function */
    uint64_t *cycles;              /* TSC ticks in it and what it called, by function; NULL: not measured */
    uint64_t *edge;                /* by edge counter */
    struct bytecode_values *value; /* by value table */
    /* The stubs' slots, by the functions' external numbers; NULL: interpreted functions call each other
     * directly. With slots, a call from bytecode goes straight to an interpreted function only while its slot
     * holds its thunk and its counter, which is counted down as the stub would, is not used up. */
    struct slot *slots;
};

/* The program that emit_assembly() made; exactly one is linked in. */
extern struct bf_interp_program bf_interp_program;

/* The native entry of interpreted function `index` (not its external number). */
static inline uint64_t bf_interp_thunk(uint32_t index) {
    return (uint64_t)(uintptr_t)bf_interp_program.thunks + (uint64_t)index * BYTECODE_THUNK_SIZEOF;
}

/* In interp_call.S. */
void bf_interp_entry(void);
void bf_interp_native(struct interp_out *out);
/* Calls t->target, a setjmp, and returns as often as it does; t->site and t->came are then those of the call
 * that returned. The caller's variables MUST NOT change once the first call has been made. */
void bf_interp_twice(struct interp_twice *t) __attribute__((returns_twice));
/* Called by bf_interp_entry alone. */
void bf_interp_enter(uint32_t index, struct interp_regs *regs);

#endif
#endif
