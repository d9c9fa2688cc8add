"""The backtrace of a real process: followed through its unwind tables, and searched for without them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bareflow.machine.codemap import CodeMap
from bareflow.machine.symbols import elf_code
from bareflow.machine.unwind import StackWords, unwind

CHAIN = ["inner", "middle", "outer", "main"]


@pytest.fixture(scope="module", params=["-O0", "-O2"])
def crash(request: pytest.FixtureRequest, build_native) -> tuple[CodeMap, dict]:
    source = Path(__file__).with_name("crasher.c").relative_to(Path(__file__).parents[2])
    flags = [request.param, "-no-pie", "-fomit-frame-pointer", "-static"]
    program = build_native(f"crasher{request.param}", [str(source)], flags, sanitize=False)
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=20)
    return elf_code(program, "workload"), json.loads(done.stdout)


def names(code: CodeMap, crash: dict) -> list[tuple[str, bool]]:
    stack = StackWords(crash["registers"]["rsp"], crash["stack"])
    named = []
    for index, frame in enumerate(unwind(crash["registers"], stack, code)):
        symbol = code.find(frame.address - (1 if index else 0))
        named.append((symbol.name if symbol else "", frame.certain))
    return named


def test_tables_give_every_caller(crash):
    code, seen = crash
    assert names(code, seen)[:4] == [(name, True) for name in CHAIN]


def test_without_tables_every_caller_is_among_the_uncertain(crash):
    code, seen = crash
    found = names(CodeMap(code.symbols, code.code), seen)
    assert found[0] == ("inner", True)
    rest = iter(name for name, certain in found[1:] if not certain)
    assert all(name in rest for name in CHAIN[1:]), found


def test_a_short_piece_of_stack_gives_a_short_backtrace(crash):
    code, seen = crash
    found = names(code, {**seen, "stack": seen["stack"][:1]})
    assert found[0] == ("inner", True)
