"""Which functions of C programs the interpreter cannot run, and why: every reason, how often, one example.

Each path is a C file or a folder that is one program, or with --apart a folder whose files are one each. Exit status 1
if a reason turns up that docs/interpreter.md does not name.

    python -m bench.interp_refusals [--apart] [--json] PATH...
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from bareflow.compile.bytecode import compile_bytecode, promote_locals
from bareflow.compile.frontend import compile_sources
from bareflow.errors import BareFlowError

EXPECTED = re.compile(
    r"vector|inline assembly|instruction (indirectbr|callbr)|blockaddress|constant expression blockaddress"
    r"|calls .*which may return twice|calls setjmp and takes"
    r"|intrinsic llvm\.(x86\.|vector|eh\.)|address of a caller|tail call that must not"
    r"|type (x86_\w+cc|win64cc|preserve_\w+cc)|convention|integer of \d+ bits|fsh[lr] of|arithmetic of fp128"
)


def programs(paths: list[Path], *, apart: bool) -> Iterator[Path]:
    """The programs that the paths name."""
    for path in paths:
        yield from sorted(path.rglob("*.c")) if apart and path.is_dir() else [path]


def survey(path: Path, flags: list[str]) -> tuple[int, dict[str, str]]:
    """How many functions a program has, and the reasons of those that are refused, by name."""
    folder = path if path.is_dir() else path.parent
    bitcode = compile_sources([path], flags=[f"-I{folder.resolve()}", "-w", *flags], entry=None)
    program = compile_bytecode(promote_locals(bitcode.data))
    return len(program.functions) + len(program.refused), dict(program.refused)


def main() -> int:
    """Compile, collect, print; 1 if a reason is not among those that the documentation names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--apart", action="store_true", help="every file of a folder is a program of its own")
    parser.add_argument("--flag", action="append", default=[], help="for clang; may be repeated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    reasons: dict[str, list[str]] = defaultdict(list)
    total = 0
    for path in programs(options.paths, apart=options.apart):
        try:
            count, refused = survey(path, options.flag)
        except BareFlowError as error:
            print(f"{path}: left out: {error} {error.detail}", file=sys.stderr)
            continue
        total += count
        for name, reason in refused.items():
            reasons[reason].append(f"{path.stem}:{name}")
    rows = sorted(reasons.items(), key=lambda row: -len(row[1]))
    if options.json:
        print(json.dumps({"functions": total, "refused": dict(rows)}))
    else:
        for reason, names in rows:
            print(f"{len(names):6}  {reason:60} {names[0]}")
        print(f"{total - sum(map(len, reasons.values()))} of {total} functions are interpreted")
    return int(any(not EXPECTED.search(reason) for reason in reasons))


if __name__ == "__main__":
    sys.exit(main())
