"""The bytecode compiler, from IR text to tables: no tools, only llvmlite."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from bareflow.compile.bytecode import compile_bytecode, describe_edges, emit_assembly, promote_locals
from bareflow.compile.bytecode.abi import make_signature, named_counts
from bareflow.compile.bytecode.encode import sequential_moves
from bareflow.compile.bytecode.intrinsics import _base_name
from bareflow.compile.bytecode.ir import Argument, RefusedError, Type, int_type
from bareflow.compile.bytecode.opcode_list import PATH, list_text
from bareflow.compile.bytecode.parse import parse_module
from bareflow.compile.bytecode.tokens import float_bits
from bareflow.layouts.bytecode import BYTECODE_INSTRUCTION, PLACE
from bareflow.layouts.opcodes import OPCODE, ROLES

TRIPLE = 'target triple = "x86_64-unknown-linux-musl"\n'
I64, DOUBLE, PTR = int_type(64), Type("double"), Type("ptr")


def compile_text(text: str, index=None):
    return compile_bytecode(llvm.parse_assembly(TRIPLE + text).as_bitcode(), index)


def opcodes(code: bytes) -> list[str]:
    return [
        OPCODE.name_of(BYTECODE_INSTRUCTION.decode(code, at)["op"])
        for at in range(0, len(code), BYTECODE_INSTRUCTION.size)
    ]


LOOP = """
define i32 @sum(ptr %a, i32 %n) {
entry:
  br label %head
head:
  %i = phi i32 [ 0, %entry ], [ %next, %body ]
  %k = phi i32 [ 0, %entry ], [ %more, %body ]
  %go = icmp slt i32 %i, %n
  br i1 %go, label %body, label %out
body:
  %wide = sext i32 %i to i64
  %at = getelementptr inbounds i32, ptr %a, i64 %wide
  %v = load i32, ptr %at
  %more = add i32 %k, %v
  %next = add i32 %i, 1
  br label %head
out:
  ret i32 %k
}
"""


def test_loop_has_no_copies_and_folds_its_address():
    (function,) = compile_text(LOOP).functions
    assert opcodes(function.code)[2:] == [
        *("br-sge32", "load32-w", "add32", "add32-i", "back-e", "ret1"),
    ]


def test_edges_number_branches_by_the_blocks_of_the_text():
    edges = describe_edges(TRIPLE + LOOP)["sum"]
    assert [(e.counter, e.block, e.successor, e.target, e.terminator, e.back) for e in edges] == [
        (0, 1, 0, 2, "br", False),
        (1, 1, 1, 3, "br", False),
        (2, 2, 0, 1, "jump", True),
    ]


def test_only_functions_with_a_number_are_compiled():
    text = "define i32 @a() {\n ret i32 1\n}\ndefine i32 @b() {\n ret i32 2\n}\n"
    program = compile_text(text, {"b": 17})
    assert [(function.name, function.external) for function in program.functions] == [("b", 17)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("%v = load <4 x i32>, ptr %p\n ret void", "vector type"),
        ('call void asm sideeffect "nop", ""()\n ret void', "inline assembly"),
        ("indirectbr ptr %p, [label %x]\nx:\n ret void", "instruction indirectbr"),
        ("%v = load ppc_fp128, ptr %p\n ret void", "type ppc_fp128"),
        ("%v = call i32 @vfork()\n ret void", "calls vfork, which may return twice"),
        ("%v = load i192, ptr %p\n ret void", "integer of 192 bits"),
        ("%v = alloca [4294967296 x i8]\n store volatile ptr %v, ptr %p\n ret void", "variables of 4294967296 bytes"),
        ("%v = call ptr @llvm.returnaddress.p0(i32 1)\n ret void", "returnaddress of a caller"),
        ("%v = load fp128, ptr %p\n %w = frem fp128 %v, %v\n ret void", "arithmetic of fp128"),
        ("musttail call void @f(ptr %p)\n ret void", "tail call that must not take a frame"),
        ("%v = call fastcc i32 @setjmp(ptr %p)\n ret void", "calling convention that is not C's"),
    ],
)  # fmt: skip
def test_what_cannot_be_expressed_is_refused_with_its_reason(body, reason):
    text = (
        "declare i32 @setjmp(ptr)\ndeclare i32 @vfork()\ndeclare ptr @llvm.returnaddress.p0(i32)\n"
        f"define void @f(ptr %p) {{\n {body}\n}}\ndefine void @good() {{\n ret void\n}}\n"
    )
    module = llvm.parse_assembly(TRIPLE + text)
    program = compile_bytecode(module.as_bitcode())
    assert program.refused == {"f": reason}
    assert [function.name for function in program.functions] == ["good"]


def test_what_lives_behind_a_setjmp_keeps_its_slot():
    program = compile_text("""
declare i32 @setjmp(ptr)
declare void @use(i64, i64, i64, i64, i64)
define i64 @f(ptr %p, i64 %a) {
entry:
  %kept = mul i64 %a, 7
  %came = call i32 @setjmp(ptr %p)
  %first = icmp eq i32 %came, 0
  br i1 %first, label %work, label %back
work:
  %b = mul i64 %a, 3
  %c = mul i64 %b, 5
  %d = mul i64 %c, 9
  %e = mul i64 %d, 11
  call void @use(i64 %a, i64 %b, i64 %c, i64 %d, i64 %e)
  unreachable
back:
  ret i64 %kept
}
""")
    (function,) = program.functions
    assert function.twice
    words = [BYTECODE_INSTRUCTION.decode(function.code, at) for at in range(0, len(function.code), 16)]
    targets = [word["a"] for word in words if OPCODE.name_of(word["op"]) == "mul64-i"]
    assert len(targets) == 5
    assert targets[0] not in targets[1:]


def test_parallel_copies_are_ordered_and_cycles_broken():
    def run(moves):
        slots = list(range(10))
        for target, source in sequential_moves(moves, 9):
            slots[target] = slots[source]
        return slots[:9]

    assert run([(0, 1), (1, 2), (2, 0), (3, 0)]) == [1, 2, 0, 0, 4, 5, 6, 7, 8]
    assert run([(0, 1), (1, 0), (2, 3), (3, 2), (4, 4)]) == [1, 0, 3, 2, 4, 5, 6, 7, 8]


def test_arguments_go_to_registers_then_to_the_stack():
    kinds = [I64] * 7 + [DOUBLE] * 9
    signature = make_signature((Argument(kind, None) for kind in kinds), DOUBLE, sign=False, variadic=False)
    places = [(place.place, place.index) for place in signature.arguments]
    assert places[5:8] == [(PLACE["gpr"], 5), (PLACE["stack"], 0), (PLACE["xmm"], 0)]
    assert places[14:] == [(PLACE["xmm"], 7), (PLACE["stack"], 1)]
    assert (signature.stack_words, signature.vectors) == (2, 8)


def test_a_128_bit_argument_is_never_split():
    kinds = [I64] * 5 + [int_type(128), I64, I64]
    signature = make_signature((Argument(kind, None) for kind in kinds), PTR, sign=False, variadic=False)
    assert [(place.place, place.index) for place in signature.arguments[5:]] == [
        *((PLACE["stack"], 0), (PLACE["stack"], 1), (PLACE["gpr"], 5), (PLACE["stack"], 2)),
    ]


def test_memory_arguments_are_aligned_and_counted():
    big = Argument(PTR, None, byval=Type("array", count=3, members=(I64,)), align=8)
    aligned = Argument(PTR, None, byval=Type("array", count=2, members=(I64,)), align=16)
    signature = make_signature((big, aligned, Argument(I64, None)), PTR, sign=False, variadic=True)
    assert [(place.index, place.size) for place in signature.arguments] == [(0, 24), (4, 16), (0, 0)]
    assert named_counts((big, aligned)) == (0, 0, 6)


def test_a_long_double_travels_in_aligned_memory_and_comes_back_in_x87_registers():
    extended = Type("x86_fp80")
    kinds = [I64] * 7 + [extended, DOUBLE, extended]
    pair = Type("struct", members=(extended, extended))
    signature = make_signature((Argument(kind, None) for kind in kinds), pair, sign=False, variadic=False)
    assert [(place.place, place.index, place.bits) for place in signature.arguments[7:]] == [
        *((PLACE["stack"], 2, 64), (PLACE["stack"], 3, 16), (PLACE["xmm"], 0, 64)),
        *((PLACE["stack"], 4, 64), (PLACE["stack"], 5, 16)),
    ]
    assert [(place.place, place.index) for place in signature.results] == [(PLACE["x87"], n) for n in range(4)]
    assert (signature.stack_words, signature.vectors, signature.x87) == (6, 1, 2)


def test_thread_locals_are_distances_to_the_thread_pointer():
    text = "@own = thread_local global i32 3\ndefine ptr @f() {\n ret ptr @own\n}\n"
    program = compile_text(text)
    assert program.thread_locals == {"own"}
    assert opcodes(program.functions[0].code) == ["sym", "thread", "ret1"]
    assert '.quad "own"@tpoff' in emit_assembly(program)


def test_long_double_constants_keep_their_bits():
    program = compile_text("define x86_fp80 @f() {\n ret x86_fp80 0xKC000A000000000000001\n}\n")
    words = [BYTECODE_INSTRUCTION.decode(program.functions[0].code, at) for at in (0, 16)]
    assert [word["imm"] for word in words] == [0xA000000000000001, 0xC000]


def test_result_in_too_many_registers_is_refused():
    with pytest.raises(RefusedError, match="two registers"):
        make_signature((), Type("struct", members=(I64, I64, I64)), sign=False, variadic=False)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("memcpy.p0.p0.i64", "memcpy"),
        ("smul.with.overflow.i32", "smul.with.overflow"),
        ("log2.f64", "log2"),
        ("is.fpclass.f32", "is.fpclass"),
        ("vector.reduce.add.v4i32", "vector.reduce.add"),
    ],
)
def test_type_suffixes_of_intrinsics_are_dropped(name, base):
    assert _base_name(name) == base


@pytest.mark.parametrize(
    ("kind", "word", "bits"),
    [
        ("double", "1.5", 0x3FF8000000000000),
        ("float", "1.5", 0x3FC00000),
        ("float", "0x36A0000000000000", 1),
        ("float", "0x7FF8000000000000", 0x7FC00000),
        ("double", "0xFFF0000000000000", 0xFFF0000000000000),
    ],
)
def test_float_constants_keep_their_bits(kind, word, bits):
    assert float_bits(kind, word) == bits


def type_of(text):
    module = parse_module(f"%s = type {text}\ndeclare void @f(ptr byval(%s) align 4)\n")
    kind = module.functions["f"].parameters[0].byval
    assert kind is not None
    return kind


def test_layout_of_types_follows_the_abi():
    kind = type_of("{ i8, i128, i24, <{ i8, i32 }>, [3 x i16] }")
    assert kind.offsets == (0, 16, 32, 36, 42, 48)
    assert (kind.size, kind.align) == (48, 16)


def test_an_array_of_minus_one_bytes_moves_what_follows_it_back():
    kind = type_of("<{ i32, i8, i32, i32, [18446744073709551615 x i8], i8, [3 x i8] }>")
    assert kind.offsets == (0, 4, 5, 9, 13, 12, 13, 16)


def test_local_symbols_become_global_names():
    text = 'source_filename = "x"\n@.str = private constant [1 x i8] zeroinitializer\n'
    text += "define internal ptr @f() {\n ret ptr @.str\n}\n"
    bitcode = promote_locals(llvm.parse_assembly(TRIPLE + text).as_bitcode(), prefix="unit.")
    program = compile_bytecode(bitcode)
    assert program.functions[0].name == "unit.f"
    assert program.symbols == ("unit..str",)


def test_names_beyond_ascii_are_those_of_the_object_file():
    text = '@"\\C3\\BCber" = global i32 1\ndefine i32 @f() {\n  %v = load i32, ptr @"\\C3\\BCber"\n  ret i32 %v\n}\n'
    assert compile_text(text).symbols == ("über",)


def test_assembly_holds_every_table_and_is_the_same_twice():
    first, second = (emit_assembly(compile_text(LOOP), slots="bf_slots") for _ in range(2))
    assert first == second
    assert '"bf_interp.sum":' in first
    assert first.count(".globl") == 2
    assert ".quad bf_slots" in first


def test_every_opcode_has_roles_and_is_in_the_committed_list():
    assert set(ROLES) == set(OPCODE.members)
    assert PATH.read_text(encoding="utf-8") == list_text(), "run python -m bareflow.compile.bytecode.opcode_list"
