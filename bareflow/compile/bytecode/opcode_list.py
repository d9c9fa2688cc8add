"""Makes runtime/interp/opcode_list.h: `python -m bareflow.compile.bytecode.opcode_list`; a test compares."""

from __future__ import annotations

from pathlib import Path

from bareflow.layouts.opcodes import OPCODE

PATH = Path(__file__).resolve().parents[3] / "runtime" / "interp" / "opcode_list.h"


def list_text() -> str:
    """The header: an X macro over all opcodes, so that one without a handler does not compile."""
    names = [name.upper().replace("-", "_") for name in OPCODE.members]
    lines = ["/* SPDX-License-Identifier: MIT */"]
    lines += ["/* Every opcode. Generated from bareflow/layouts/opcodes.py: do not edit. */", "/* clang-format off */"]
    lines += ["#ifndef INTERP_OPCODE_LIST_H", "#define INTERP_OPCODE_LIST_H", "#define BYTECODE_OPCODES(X) \\"]
    lines += [f"    X({name}) \\" for name in names[:-1]]
    lines += [f"    X({names[-1]})", "#endif", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PATH.write_text(list_text(), encoding="utf-8")
