"""The C library traps where its code would halt the CPU, and nothing else of it differs."""

from __future__ import annotations

import subprocess

from bareflow.compile.halts import halts, halts_as_breakpoints, members
from bareflow.compile.libc import static_libc

CODE = """
    .text
    .globl ends, keeps
    .type ends,@function
ends: mov $0xf4f4f4f4, %eax
    hlt
    ret
    .type keeps,@function
keeps: add $-12, %esp
    ret
    .data
    .byte 0xf4, 0xf4
"""


def test_no_function_of_the_c_library_halts():
    found = 0
    for path in static_libc().archives:
        archive = path.read_bytes()
        objects = [archive[start : start + size] for start, size in members(archive)]
        found += len(objects)
        assert not [one for one in objects if one.startswith(b"\x7fELF") and b"\xf4" in one and halts(one)]
    assert found > 1000


def test_only_the_instruction_is_changed(tmp_path):
    (tmp_path / "ends.S").write_text(CODE)
    subprocess.run(["cc", "-c", "ends.S", "-o", "ends.o"], cwd=tmp_path, check=True)
    subprocess.run(["ar", "rc", "lib.a", "ends.o"], cwd=tmp_path, check=True)
    before = (tmp_path / "lib.a").read_bytes()
    after = halts_as_breakpoints(before)
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [(0xF4, 0xCC)]
