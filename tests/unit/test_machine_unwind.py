"""Return addresses are recognised by the call before them; what is not certain says so."""

from __future__ import annotations

import pytest

from bareflow.machine.codemap import Code, CodeMap, Symbol
from bareflow.machine.unwind import MAX_FRAMES, StackWords, follows_call, unwind

BASE = 0x400000


@pytest.mark.parametrize(
    "call",
    [
        "e8 00 00 00 00",  # call rel32
        "ff d0",  # call *%rax
        "41 ff d4",  # call *%r12
        "ff 10",  # call *(%rax)
        "ff 50 08",  # call *8(%rax)
        "ff 90 00 01 00 00",  # call *256(%rax)
        "ff 15 00 00 00 00",  # call *0(%rip)
        "ff 14 c8",  # call *(%rax,%rcx,8)
        "ff 54 c8 08",  # call *8(%rax,%rcx,8)
        "ff 94 c8 00 01 00 00",  # call *256(%rax,%rcx,8)
        "ff 14 25 00 00 40 00",  # call *0x400000
    ],
)
def test_every_form_of_call_is_recognised(call: str):
    data = bytes.fromhex(call)
    assert follows_call(CodeMap(code=[Code(BASE, data + b"\x90")]), BASE + len(data))


@pytest.mark.parametrize("other", ["90 90 90 90 90 90 90", "ff e0 90", "e9 00 00 00 00 90 90", "ff 20", "ff 30"])
def test_other_instructions_are_not(other: str):
    data = bytes.fromhex(other)
    assert not follows_call(CodeMap(code=[Code(BASE, data)]), BASE + len(data))


def test_an_address_outside_of_the_code_follows_no_call():
    code = CodeMap(code=[Code(BASE, b"\xff\xd0")])
    assert not any(follows_call(code, address) for address in (0, BASE, BASE + 1, BASE + 3, 1 << 63))


def test_without_tables_the_stack_is_searched_and_frames_are_uncertain():
    code = CodeMap([Symbol("f", BASE, 64, "workload")], [Code(BASE, (b"\xff\xd0" + b"\x90" * 6) * 8)])
    words = (1, BASE + 2, BASE + 3, 0, BASE + 10)
    frames = unwind({"rip": BASE + 4, "rsp": 0x1000}, StackWords(0x1000, words), code)
    assert [(frame.address, frame.certain) for frame in frames] == [
        (BASE + 4, True),
        (BASE + 2, False),
        (BASE + 10, False),
    ]


def test_a_backtrace_has_an_end():
    code = CodeMap(code=[Code(BASE, b"\xff\xd0" * 8)])
    frames = unwind({"rip": BASE, "rsp": 0}, StackWords(0, (BASE + 2,) * 1000), code)
    assert len(frames) == MAX_FRAMES


def test_words_are_found_by_their_address_only():
    stack = StackWords(0x1000, (10, 20))
    assert (stack.at(0x1000), stack.at(0x1008)) == (10, 20)
    assert stack.at(0x1004) is stack.at(0xFF8) is stack.at(0x1010) is None


def test_symbols_are_found_by_what_they_cover():
    code = CodeMap([Symbol("b", 0x200, 0, "kernel"), Symbol("a", 0x100, 0x10, "kernel")])
    found = {address: code.find(address) for address in (0x0FF, 0x100, 0x10F, 0x110, 0x200, 0x300, 0x1000000)}
    names = {address: symbol.name if symbol else "" for address, symbol in found.items()}
    assert names == {0x0FF: "", 0x100: "a", 0x10F: "a", 0x110: "", 0x200: "b", 0x300: "b", 0x1000000: ""}
    assert code.describe(0x104) == "a+0x4"
