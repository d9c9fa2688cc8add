"""Trap records become words that say what happened."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from bareflow.layouts.wire import TRAP_RECORD
from bareflow.machine.codemap import Code, CodeMap, Symbol
from bareflow.machine.crash import EXCEPTIONS, TrapReport, decode_trap, with_backtrace

STACK_TOP = 0x7FFFFFFFF000


def trap(vector: int, error_code: int = 0, *, words: tuple[int, ...] = (), **values: int) -> TrapReport:
    registers = [0] * 16
    registers[4] = values.pop("rsp", STACK_TOP - 256)
    record: dict[str, Any] = {"rip": 0x400010, **values}
    payload = TRAP_RECORD.encode(
        vector=vector, error_code=error_code, stack_words=len(words), registers=registers, **record
    )
    report = decode_trap(payload + struct.pack(f"<{len(words)}Q", *words))
    assert report is not None
    return report


@pytest.mark.parametrize(("vector", "words"), [(0, "divide error"), (6, "invalid opcode"), (13, "general protection")])
def test_exceptions_have_their_names(vector: int, words: str):
    assert words in trap(vector).summary()


def test_every_number_has_a_name():
    assert all(trap(vector).name for vector in range(256))
    assert len({name for name, _ in EXCEPTIONS.values()}) == len(EXCEPTIONS)


@pytest.mark.parametrize(
    ("error_code", "cr2", "words"),
    [
        (0, 0x8, "null pointer: read from 0x8"),
        (2, 0x0, "null pointer: wrote to 0x0"),
        (0x10, 0x0, "null pointer called"),
        (3, 0x400000, "read-only memory"),
        (0x11, 0x600000, "not executable"),
        (0x10, 0x600000000, "where nothing is"),
        (0, 0x900000000, "read from 0x900000000, where nothing is"),
        (2, STACK_TOP - 0x100008, "stack overflow"),
        (8, 0x400000, "page tables are damaged"),
    ],
)
def test_page_faults_say_what_was_tried(error_code: int, cr2: int, words: str):
    assert words in trap(14, error_code, cr2=cr2, rsp=STACK_TOP - 0x100000).cause


def test_a_double_fault_on_the_stack_is_an_overflow():
    assert trap(8, cr2=STACK_TOP - 0x100010, rsp=STACK_TOP - 0x100000).cause == "stack overflow"


def test_a_short_record_is_none():
    assert decode_trap(bytes(TRAP_RECORD.size - 1)) is None


def test_words_beyond_what_came_are_not_made_up():
    payload = TRAP_RECORD.encode(vector=6, stack_words=96) + bytes(8 * 3)
    report = decode_trap(payload)
    assert report is not None
    assert len(report.stack.words) == 3


def test_the_stack_of_several_frames_is_put_together():
    first = trap(6, words=(1, 2, 3))

    def more(at, *words):
        record = TRAP_RECORD.encode(vector=6, stack_words=len(words), stack_first=at)
        return record + struct.pack(f"<{len(words)}Q", *words)

    both = decode_trap(more(3, 4, 5), first)
    assert (both.stack.base, both.stack.words) == (first.stack.base, (1, 2, 3, 4, 5))
    assert decode_trap(more(6, 9), first) == first, "one was lost"
    assert decode_trap(b"", first) == first
    assert decode_trap(more(96, 9)).stack.words == (), "the first was lost"


def test_a_call_into_nowhere_is_attributed_to_its_caller():
    # main at 0x400000: `call *%rax` (ff d0) at +4, so the return address is +6
    code = CodeMap(
        symbols=[Symbol("main", 0x400000, 16, "workload", "frozen")],
        code=[Code(0x400000, b"\x90" * 4 + b"\xff\xd0" + b"\x90" * 10)],
    )
    report = with_backtrace(trap(14, 0x10, rip=0, words=(0x400006, 1, 2)), code)
    assert [(frame.function, frame.offset) for frame in report.frames] == [("", 0), ("main", 6)]
    assert report.frames[1].certain


@pytest.mark.parametrize(("tier", "explained"), [("", True), ("frozen", False)])
def test_a_breakpoint_is_the_c_librarys_unless_it_is_in_the_workloads_own_code(tier, explained):
    code = CodeMap([Symbol("asctime_r", 0x400000, 64, "workload", tier)], [Code(0x400000, b"\xcc" * 64)])
    assert ("the C library stops" in with_backtrace(trap(3), code).summary()) is explained


def test_the_report_reads_well_and_is_json():
    code = CodeMap([Symbol("work", 0x400000, 64, "workload", "O2")], [Code(0x400000, b"\x90" * 64)])
    report = with_backtrace(trap(0), code)
    assert report.summary() == "divide error (#DE) at 0x400010 in work+0x10"
    text = "\n".join(report.lines())
    assert "[workload, O2]" in text
    assert json.loads(json.dumps(report.as_dict()))["backtrace"][0]["function"] == "work"
