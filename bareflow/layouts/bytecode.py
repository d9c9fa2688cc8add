"""The interpreter's bytecode: an instruction, and the tables beside the code; what instructions do is in opcodes.py.

An instruction is 16 bytes: op, three 16-bit fields a b c, and a 64-bit immediate that some instructions
read as two 32-bit halves, d (low) and e (high). A field that names a value is the index of a 64-bit slot
in the function's frame. Integers are kept zero-extended, floats as their bits, 128-bit integers in two
consecutive slots, and so are a long double (x86_fp80): its significand, then sign and exponent, and a
__float128 (fp128): its low half first.
Words that follow an instruction (call arguments, switch cases) are 16 bytes too.
"""

from __future__ import annotations

from bareflow.layouts.record import Constant, Enumeration, Field, Layout, Record

PLACE = Enumeration(
    name="place",
    prefix="PLACE",
    doc="Where the System V AMD64 ABI passes one slot of an argument or result.",
    members={
        "gpr": (0, "general register number `index`: rdi rsi rdx rcx r8 r9, or rax rdx for results"),
        "xmm": (1, "vector register number `index`"),
        "stack": (2, "the stack, `index` 8-byte words above the return address"),
        "byval": (3, "`size` bytes are copied there; the slot holds their address"),
        "x87": (4, "results only: words 0 and 1 of `index` are st(0), 2 and 3 are st(1)"),
        "xmm_high": (5, "the upper half of vector register number `index`"),
    },
)

BYTECODE_INSTRUCTION = Record(
    "bytecode_instruction",
    "One instruction, or 16 bytes of what follows one.",
    (
        Field("op", "u16", "OP_…"),
        Field("a", "u16", "slot, mostly the one written"),
        Field("b", "u16", "slot"),
        Field("c", "u16", "slot, or a small number"),
        Field("imm", "u64", "immediate; d is its low half, e its high half"),
    ),
)

BYTECODE_CASE = Record(
    "bytecode_case",
    "One case of a switch; the first after the instruction is the default, its value unused.",
    (
        Field("value", "u64", "zero-extended"),
        Field("target", "u32", "instruction, relative to the function's first"),
        Field("edge", "u32", "edge counter"),
    ),
)

BYTECODE_PLACE = Record(
    "bytecode_place",
    "How one slot of an argument or result is passed to and from native code.",
    (
        Field("place", "u8", "PLACE_…"),
        Field("bits", "u8", "width that counts; what comes in is cut to it"),
        Field("extend", "u8", "1: sign-extend to 32 bits on the way out"),
        Field("kind", "u8", "0: not an integer; 1: integer; 2: float (for the value tables)"),
        Field("index", "u32", "register number or stack word"),
        Field("size", "u32", "bytes, PLACE_BYVAL only"),
    ),
)

BYTECODE_SIGNATURE = Record(
    "bytecode_signature",
    "The native convention of a call site or function.",
    (
        Field("first_place", "u32", "in the place table: the arguments', then the results'"),
        Field("arguments", "u16", "argument slots"),
        Field("results", "u16", "result slots"),
        Field("stack_words", "u16", "8-byte words of arguments on the stack"),
        Field("vectors", "u8", "vector registers used, for al in calls of variadic functions"),
        Field(
            "variadic", "u8", "1: more is passed or taken than is named, or the function calls setjmp: see goes_direct"
        ),
        Field("x87", "u32", "x87 registers of the result"),
    ),
)

BYTECODE_FUNCTION = Record(
    "bytecode_function",
    "One interpreted function.",
    (
        Field("code", "u32", "index of its first instruction"),
        Field("code_count", "u32", "instructions and words"),
        Field("frame_bytes", "u32", "memory of its allocas"),
        Field("frame_align", "u32", "their alignment"),
        Field("slots", "u16", "64-bit slots in its frame"),
        Field("parameters", "u16", "argument slots, which are its first"),
        Field("signature", "u32", "how native code calls it"),
        Field("first_edge", "u32", "its first edge counter"),
        Field("edges", "u32", "edge counters"),
        Field("first_value", "u32", "its first value table"),
        Field("values", "u16", "value tables: one for each argument slot whose place has a kind, in order"),
        Field("twice", "u16", "1: calls setjmp, so its frame outlives the run() that makes the call"),
        Field("external", "u32", "the caller's own number of this function (slot, agent)"),
        Field("reserved", "u32", "0"),
    ),
)

BYTECODE_VALUES = Record(
    "bytecode_values",
    "The most frequent values of one argument, counted by the space-saving algorithm (Metwally et al., 2005).",
    (
        Field("value", "u64", "zero-extended integer, or the bits of a float", 4),
        Field("count", "u64", "times seen, at most `error` of them another value's", 4),
        Field("error", "u64", "inherited from the value it displaced", 4),
    ),
)

BYTECODE_SYMBOL = Record(
    "bytecode_symbol",
    "A name that the code refers to.",
    (
        Field("address", "u64", "filled in by the linker"),
        Field("function", "u32", "interpreted function of that name, or BYTECODE_NATIVE"),
        Field("own", "u32", "1: it is that function's entry for calls to itself; else 0"),
    ),
)

BYTECODE = Layout(
    name="bytecode",
    title="The interpreter's bytecode",
    doc="What the host makes of LLVM IR, and the interpreter runs. See docs/interpreter.md.",
    constants=(
        Constant("BYTECODE_VERSION", 4, "of opcodes (opcodes.md) and tables"),
        Constant("BYTECODE_NATIVE", 0xFFFFFFFF, "a symbol that is no interpreted function"),
        Constant("BYTECODE_VALUE_ENTRIES", 4, "entries in a value table"),
        Constant("BYTECODE_THUNK_SIZEOF", 16, "bytes from one native entry thunk to the next"),
        Constant("BYTECODE_MAX_SLOTS", 65000, "slots in a frame; a larger function is refused"),
        Constant("BYTECODE_MAX_ARGUMENTS", 255, "argument slots; a call with more is refused"),
    ),
    enumerations=(PLACE,),
    records=(
        BYTECODE_INSTRUCTION,
        BYTECODE_CASE,
        BYTECODE_PLACE,
        BYTECODE_SIGNATURE,
        BYTECODE_FUNCTION,
        BYTECODE_VALUES,
        BYTECODE_SYMBOL,
    ),
)
