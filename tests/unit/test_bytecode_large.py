"""Slots of functions so large that they are given out in another way."""

from __future__ import annotations

import llvmlite.binding as llvm

from bareflow.compile.bytecode import allocate, compile_bytecode
from bareflow.layouts.bytecode import BYTECODE_INSTRUCTION
from bareflow.layouts.opcodes import OPCODE

COUNT, REACH = 5000, 9


def chain(count):
    """A function whose every value is the sum of its predecessor and one further back."""
    lines = [f"  %v{n} = add i64 %v{n - 1}, %v{max(n - REACH, 0)}" for n in range(1, count)]
    return "\n".join(["define i64 @f(i64 %v0) {", *lines, f"  ret i64 %v{count - 1}", "}"])


def compiled(text):
    return compile_bytecode(llvm.parse_assembly(text).as_bitcode())


def test_values_alive_at_once_never_share_a_slot_in_a_function_of_thousands_of_them():
    (function,) = compiled(chain(COUNT)).functions
    slots, expected = [1] + [0] * function.slots, [1]
    for n in range(1, COUNT):
        expected.append((expected[-1] + expected[max(n - REACH, 0)]) % 2**64)
    for at in range(0, len(function.code), BYTECODE_INSTRUCTION.size):
        word = BYTECODE_INSTRUCTION.decode(function.code, at)
        if OPCODE.name_of(word["op"]) == "add64":
            slots[word["a"]] = (slots[word["b"]] + slots[word["c"]]) % 2**64
    assert OPCODE.name_of(word["op"]) == "ret1"
    assert slots[word["a"]] == expected[-1]
    assert function.slots < 2 * REACH


def test_results_of_several_slots_have_room_of_their_own_in_a_large_function(monkeypatch):
    monkeypatch.setattr(allocate, "_MANY", 0)
    text = (
        "declare { x86_fp80, x86_fp80 } @g()\ndefine { x86_fp80, x86_fp80 } @f(i64 %a) {\n"
        "  %v = call { x86_fp80, x86_fp80 } @g()\n  ret { x86_fp80, x86_fp80 } %v\n}"
    )
    program = compiled(text)
    assert program.refused == {}
    assert program.functions[0].slots >= 1 + 4 + 1


def test_a_function_that_would_take_minutes_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(allocate, "_MAX_LIVE", 0)
    loop = "define void @f(i64 %a) {\n  br label %1\n1:\n  %b = add i64 %a, 1\n  br label %1\n}"
    assert compiled(loop).refused == {"f": "3 instructions with very many values alive"}
