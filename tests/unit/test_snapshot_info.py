"""snapshot-info: the data is JSON, the tables show every function, the disassembly names what is called."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest
from rich.console import Console

from bareflow.errors import UsageError
from bareflow.snapshot.contents import Function
from bareflow.snapshot.info import describe, disassemble, load, printable, render
from bareflow.snapshot.writer import write_snapshot
from tests.snapshot_samples import GOLDEN, program

V2 = load((GOLDEN / "program.v2.snapshot").read_bytes())
V1 = load((GOLDEN / "leaves.v1.snapshot").read_bytes())


def rendered(snapshot) -> str:
    out = io.StringIO()
    render(snapshot, Console(file=out, width=100))
    return out.getvalue()


def test_the_description_is_json_with_every_fact():
    document = json.loads(json.dumps(describe(V2)))
    assert (document["version"], document["entry"], document["code_bytes"]) == (2, 0x401000, 57)
    assert [s["permissions"] for s in document["segments"]] == ["r-x", "r--", "rw-"]
    assert document["functions"][0] == {
        "name": "triangle",
        "tier": "frozen",
        "address": 0x401020,
        "size": 10,
        "call_count": 1_000_000,
        "average_cycles": 21.5,
    }
    assert document["features"][0] == {"name": "sse4.2", "word": "1_ecx", "bit": 20}
    assert document["relocations"][1] == {"address": 0x403F08, "addend": 0x401030}


def test_what_version_1_does_not_know_is_null():
    document = describe(V1)
    assert [document[key] for key in ("entry", "crc32", "build_id", "abi_version")] == [None] * 4
    assert [f["name"] for f in document["functions"]] == ["add", "größe"]


def test_the_tables_show_every_function_and_feature():
    text = rendered(V2)
    for word in ("triangle", "twice", "_start", "sse4.2", "r-x", "0x401000", "1,000,000", "21.5", "Relocations: 2"):
        assert word in text
    assert "größe" in rendered(V1)


def test_a_call_a_jump_and_a_constant_are_named():
    lines = list(disassemble(V2))
    assert any("call" in line and line.endswith("; triangle") for line in lines)
    assert any("jmp" in line and line.endswith("; twice") for line in lines)
    assert any("jne" in line and line.endswith("; triangle+0x2") for line in lines)
    assert any("rip" in line and line.endswith("; 0x402000") for line in lines)


def test_one_function_alone():
    lines = list(disassemble(V2, "twice"))
    assert lines[0] == "0x401030 twice (O3, 9 bytes):"
    assert len(lines) == 5


def test_version_1_is_disassembled_too():
    assert any("lea eax, [rdi + rsi]" in line for line in disassemble(V1, "add"))


def test_a_function_that_does_not_exist_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean triangle"):
        list(disassemble(V2, "triangel"))


def test_code_of_no_function_is_shown_too():
    bare = load(write_snapshot(dataclasses.replace(program(), functions=())))
    lines = list(disassemble(bare))
    assert lines[0] == "0x401000 57 bytes of no function:"
    assert any("syscall" in line for line in lines)


def test_two_names_of_one_function_show_its_code_once():
    alias = Function("double", "O3", 0x401030, 9)
    both = load(write_snapshot(dataclasses.replace(program(), functions=(*program().functions, alias))))
    assert sum("ret" in line for line in disassemble(both)) == 1
    assert next(disassemble(both, "double")).startswith("0x401030 double")


def test_names_cannot_write_on_the_terminal():
    assert printable("a\x1b[31m\udcff") == "a\\x1b[31m\\xff"
    evil = load(write_snapshot(dataclasses.replace(program(), functions=(Function("[bold]\x07", "O1", 0x401000, 4),))))
    assert "[bold]\\x07" in rendered(evil)
