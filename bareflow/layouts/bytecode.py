"""The interpreter's bytecode: opcodes, and the tables beside the code.

An instruction is 16 bytes: op, three 16-bit fields a b c, and a 64-bit immediate that some instructions
read as two 32-bit halves, d (low) and e (high). A field that names a value is the index of a 64-bit slot
in the function's frame. Integers are kept zero-extended, floats as their bits, 128-bit integers in two
consecutive slots, and so are a long double (x86_fp80): its significand, then sign and exponent, and a
__float128 (fp128): its low half first.
Words that follow an instruction (call arguments, switch cases) are 16 bytes too.
"""

from __future__ import annotations

from bareflow.layouts.record import Constant, Enumeration, Field, Layout, Record

# Roles of the fields a, b, c and d: D a slot written, U a slot read, P and Q the same for two slots,
# "." a number. They are what the slot allocator and the disassembler need to know about an opcode.
_OPS: dict[str, tuple[str, str]] = {}


def _family(names: str, roles: str, doc: str) -> None:
    for name in names.split():
        _OPS[name] = (roles, doc.replace("OP", name))


_family("const", "D...", "a = immediate")
_family("sym", "D...", "a = address of symbol d, plus signed e")
_family("mov", "DU..", "a = b")
_family("mov2", "DU..", "a = b, then c = d; made after allocation, where neither disturbs the other")
_family("frame", "D...", "a = address of this call's memory plus immediate")

INT_WIDTH = ("add", "sub", "mul", "shl", "ashr", "sdiv", "srem")  # differ between 32 and 64 bits
INT_ANY = ("and", "or", "xor", "lshr", "udiv", "urem")  # do not, on zero-extended values
_family(" ".join(f"{n}{w}" for n in INT_WIDTH for w in (32, 64)), "DUU.", "a = b OP c")
_family(" ".join(INT_ANY), "DUU.", "a = b OP c")
_family(" ".join(f"{n}{w}-i" for n in INT_WIDTH for w in (32, 64)), "DU..", "a = b OP immediate")
_family(" ".join(f"{n}-i" for n in INT_ANY), "DU..", "a = b OP immediate")
_family("rsub32-i rsub64-i", "DU..", "a = immediate - b")

INT_COMPARE = (
    *("eq", "ne", "ult", "ule", "ugt", "uge"),
    *(f"{p}{w}" for w in (32, 64) for p in ("slt", "sle", "sgt", "sge")),
)
FLOAT_PREDICATES = ("oeq", "olt", "ole", "one", "ord", "ueq", "ult", "ule", "une", "uno")
FLOAT_COMPARE = tuple(f"{p}-{t}" for t in "fd" for p in FLOAT_PREDICATES)
_family(" ".join(f"set-{p}" for p in INT_COMPARE + FLOAT_COMPARE), "DUU.", "a = 1 if the comparison of b, c holds")
_family(" ".join(f"set-{p}-i" for p in INT_COMPARE), "DU..", "a = 1 if the comparison of b, immediate holds")
_family(
    " ".join(f"br-{p}" for p in INT_COMPARE + FLOAT_COMPARE),
    "UU..",
    "if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1",
)
_family(
    " ".join(f"br-{p}-i" for p in INT_COMPARE),
    "U...",
    "the same for a and c, a signed 16-bit number",
)
_family("select", "DUUU", "a = b ? c : d")
_family("sext32 sext64", "DU..", "a = b shifted left by immediate, then arithmetically right; to 32 or 64 bits")

_family("add128 sub128 mul128", "PQQ.", "a = b OP c")
_family("shl128 lshr128 ashr128", "PQU.", "a = b OP c")
_family("set-eq128 set-ult128 set-ule128 set-slt128 set-sle128", "DQQ.", "a = 1 if the comparison holds")

_family("addf subf mulf divf addd subd muld divd", "DUU.", "a = b OP c, as float or double")
_family("muladdf muladdd", "DUUU", "a = b * c + d, rounded twice (llvm.fmuladd without a fused instruction)")
_family("sqrtf sqrtd ftod dtof stof stod s32tof s32tod utof utod ftos dtos ftou dtou", "DU..", "a = OP(b)")
_family(
    "fpclassf fpclassd fpclassh fpclassq",
    "DU..",
    "a = 1 if b is of a class in the immediate, as llvm.is.fpclass; q: its upper half",
)

_family("addx subx mulx divx", "PQQ.", "a = b OP c, as long double")
_family("sqrtx", "PQ..", "a = OP(b)")
_family("ftox dtox stox utox", "PU..", "a = OP(b)")
_family("xtof xtod xtos xtou", "DQ..", "a = OP(b)")
_family(" ".join(f"set-{p}-x" for p in FLOAT_PREDICATES), "DQQ.", "a = 1 if the comparison of b, c holds")
_family("fpclassx", "DQ..", "a = 1 if b is of a class in the immediate, as llvm.is.fpclass")

_family("ctpop", "DU..", "a = bits set in b")
_family("ctlz cttz bitreverse", "DU..", "a = OP of the low immediate bits of b")
_family("bswap", "DU..", "a = b with bytes swapped, shifted right by immediate")
_family("fshl fshr", "DUUU", "a = OP(b, c, amount d) of e bits")
_family("overflow", "PUU.", "a = result, a + 1 = overflow flag; d: ARITH_…, e: bits")
_family("saturate", "DUU.", "a = saturated result; d: ARITH_…, e: bits")

_family("load8 load16 load32 load64", "DU..", "a = memory at b + immediate")
_family("load8-x load16-x load32-x load64-x", "DUU.", "a = memory at b + c * d + signed e")
_family("load8-w load16-w load32-w load64-w", "DUU.", "the same with c a signed 32-bit index")
_family("load-n", "DU..", "a = c bytes of memory at b + immediate")
_family("store8 store16 store32 store64", "UU..", "memory at b + immediate = a")
_family("store8-x store16-x store32-x store64-x", "UUU.", "memory at b + c * d + signed e = a")
_family("store8-w store16-w store32-w store64-w", "UUU.", "the same with c a signed 32-bit index")
_family("store-n", "UU..", "c bytes of memory at b + immediate = a")
_family("lea-x lea-w", "DUU.", "a = b + c * d + signed e; -w: c is a signed 32-bit index")
_family("memcpy memmove memset", "UUU.", "OP(a, b, c bytes)")
_family("memcpy-i", "UU..", "copy immediate bytes from b to a")
_family("alloca", "DU..", "a = b fresh bytes, aligned to immediate, until this call returns")
_family("stacksave", "D...", "a = mark of the dynamic memory")
_family("stackrestore", "U...", "give back the dynamic memory taken since mark a")
_family("atomicrmw", "DUU.", "a = old memory at b; memory = old ATOMIC d c; e bytes")
_family("cmpxchg", "PUUU", "a, a + 1 = old memory at b, whether it was c and became d; e bytes")
_family("atomicrmw128", "PUQ.", "the same with 16 bytes")
_family("cmpxchg128", "PUQQ", "a = old memory at b; where it was c it becomes d; 16 bytes")
_family("fence", "....", "full memory barrier")

_family("jmp", "....", "go to d")
_family("back", "....", "count a back edge of the function, go to d")
_family("back-e", "....", "the same, and count edge e")
_family("br-nz", "U...", "if a is not zero: count edge e, go to d; else count edge e ^ 1")
_family("br-z", "U...", "if a is zero: count edge e, go to d; else count edge e ^ 1")
_family("switch", "U...", "d cases follow, after the default, as bytecode_case; sorted by value")
_family("ret", "....", "return nothing")
_family("ret1", "U...", "return slot a")
_family("ret-n", "....", "return b slots, listed in the words that follow")
_family("trap", "....", "stop: unreachable code was reached")
_family("call", "....", "a.. = call of symbol d with b argument slots, listed in the words that follow; e: signature")
_family("call-r", "..U.", "the same for the address in c")
_family(
    "setjmp",
    "D...",
    "a = call of symbol d, setjmp, with b argument slots in the words that follow; it may return again",
)
_family("va-start", "U...", "va_list at a; d: gp_offset | fp_offset << 16, e: bytes of named stack arguments")
_family("tsc", "D...", "a = time stamp counter")
_family("frame-address", "D...", "a = an address in the interpreter's frame of this call")
_family("return-address", "D...", "a = where this call came from: native code, or the interpreter")
_family("thread", "DU..", "a = thread pointer plus b, a thread-local symbol's distance to it")

OPCODE = Enumeration(
    name="opcode",
    prefix="OP",
    doc="What an instruction does.",
    members={name: (number, doc) for number, (name, (_, doc)) in enumerate(_OPS.items())},
)
ROLES = {name: roles for name, (roles, _) in _OPS.items()}

ARITH = Enumeration(
    name="arithmetic",
    prefix="ARITH",
    doc="Which operation may overflow or saturate.",
    members={
        "sadd": (0, "signed addition"),
        "uadd": (1, "unsigned addition"),
        "ssub": (2, "signed subtraction"),
        "usub": (3, "unsigned subtraction"),
        "smul": (4, "signed multiplication"),
        "umul": (5, "unsigned multiplication"),
    },
)

_ATOMIC = (
    *("xchg", "add", "sub", "and", "nand", "or", "xor", "max", "min", "umax", "umin"),
    *("fadd", "fsub", "fmax", "fmin", "uinc_wrap", "udec_wrap", "usub_cond", "usub_sat"),
)
ATOMIC = Enumeration(
    name="atomic operation",
    prefix="ATOMIC",
    doc="The operation of an atomicrmw.",
    members={name: (number, f"{name}, as LLVM's atomicrmw") for number, name in enumerate(_ATOMIC)},
)

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
        Field("reserved", "u32", "0"),
    ),
)

BYTECODE = Layout(
    name="bytecode",
    title="The interpreter's bytecode",
    doc="What the host makes of LLVM IR, and the interpreter runs. See docs/interpreter.md.",
    constants=(
        Constant("BYTECODE_VERSION", 3, "of opcodes and tables"),
        Constant("BYTECODE_NATIVE", 0xFFFFFFFF, "a symbol that is no interpreted function"),
        Constant("BYTECODE_VALUE_ENTRIES", 4, "entries in a value table"),
        Constant("BYTECODE_THUNK_SIZEOF", 16, "bytes from one native entry thunk to the next"),
        Constant("BYTECODE_MAX_SLOTS", 65000, "slots in a frame; a larger function is refused"),
        Constant("BYTECODE_MAX_ARGUMENTS", 255, "argument slots; a call with more is refused"),
    ),
    enumerations=(OPCODE, ARITH, ATOMIC, PLACE),
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
