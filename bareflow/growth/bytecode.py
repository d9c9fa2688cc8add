"""The interpreter's tables for a growing program, made in a child process (LLVM is 180 MB) and kept by digest.

`python -m bareflow.growth.bytecode` is that child: IR text on stdin, a JSON object on stdout.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from bareflow.compile.split import Split
from bareflow.errors import CompileError
from bareflow.toolchain import cache_dir, data_root, keep, kept, run

MOST_LINES = 50_000  # of a function's IR: one of 327,738 took more than a minute and 2.9 GB
THUNK = "bf_interp."  # before a function's symbol: its native entry into the interpreter


@dataclass(frozen=True)
class Interpreted:
    """What can begin in the interpreter.

    Args:
        assembly: its bytecode and tables.
        branches: function symbol → for each terminator the numbers of its edge counters, by successor.
        refused: function symbol → why it cannot.
    """

    assembly: str
    branches: Mapping[str, tuple[tuple[int, ...], ...]]
    refused: Mapping[str, str]


def interpret(name: str, split: Split) -> Interpreted:
    """Make the bytecode of every function that the interpreter can run.

    Args:
        name: of the workload, for messages.
        split: the program; functions are numbered in its order, as slots are.

    Raises:
        CompileError: LLVM cannot read the module, or died on it.
    """
    large = {symbol: f"{one.lines} lines of IR" for symbol, one in split.functions.items() if one.lines > MOST_LINES}
    text = json.dumps({"ir": split.whole_text(MOST_LINES), "functions": list(split.functions)})
    package = Path(__file__).resolve().parents[1] / "compile" / "bytecode"
    sources = [path.read_bytes() for path in sorted(package.glob("*.py"))]
    layout = data_root() / "runtime" / "include" / "bareflow" / "gen" / "bytecode.h"
    digest = hashlib.sha256(b"\0".join([text.encode(), layout.read_bytes(), *sources])).hexdigest()
    stored = cache_dir() / "bytecode" / f"{digest}.json"
    made = kept(stored)
    if made is None:
        command = [sys.executable, "-m", "bareflow.growth.bytecode"]
        done = run(command, what=f"making bytecode of {name}", error=CompileError, input=text.encode())
        made = keep(stored, done.stdout.encode())
    facts = json.loads(made)
    branches = {symbol: tuple(map(tuple, groups)) for symbol, groups in facts["branches"].items()}
    return Interpreted(facts["assembly"], branches, facts["refused"] | large)


def main() -> int:
    """Serve one request."""
    import llvmlite.binding as llvm  # noqa: PLC0415  only this child needs it

    from bareflow.compile.bytecode import compile_bytecode, describe_edges, emit_assembly  # noqa: PLC0415

    request = json.load(sys.stdin)
    module = llvm.parse_assembly(request["ir"])
    module.verify()
    index = {symbol: number for number, symbol in enumerate(request["functions"])}
    program = compile_bytecode(module.as_bitcode(), index)
    edges = describe_edges(str(module))
    facts: dict[str, Any] = {
        "assembly": emit_assembly(program, slots="bf_slots"),
        "refused": dict(program.refused),
        "branches": {
            function.name: [
                [edge.counter for edge in group] for _, group in groupby(edges[function.name], lambda edge: edge.block)
            ]
            for function in program.functions
        },
    }
    json.dump(facts, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
