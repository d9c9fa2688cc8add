"""What the interpreter's instructions do (bytecode.py has their form), and how their fields are used."""

from __future__ import annotations

from bareflow.layouts.record import Enumeration, Layout

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

OPCODES = Layout(
    name="opcodes",
    title="The interpreter's opcodes",
    doc="What an instruction of the bytecode (bytecode.md) does. See docs/interpreter.md.",
    enumerations=(OPCODE, ARITH, ATOMIC),
)
