"""Functions of the C library as part of the program: compiled with it, so that they are inlined and specialised.

They are zig's own sources, the same that the library linked otherwise is made of, so results are the same to the
last element of `qsort`. Only functions without state are taken, and none that LLVM understands by name: it knows more
of `strlen` than its body says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bareflow.compile.cfg import find_functions
from bareflow.compile.frontend import Bitcode, merge_modules
from bareflow.compile.text import module_text
from bareflow.errors import ToolError
from bareflow.toolchain import ZIG_VERSION, cache_dir, made, run, tell, zig

if TYPE_CHECKING:
    from bareflow.compile.choose import Program

TAKEN = frozenset(
    [
        *("isalnum", "isalpha", "isblank", "iscntrl", "isgraph", "islower", "isprint", "ispunct", "isspace"),
        *("isupper", "isxdigit", "tolower", "toupper", "qsort", "bsearch", "strcasecmp", "strncasecmp"),
    ]
)
FLAGS = (
    *("-lc", "-target", "x86_64-linux-musl", "-mcpu=x86_64", "-O", "ReleaseFast", "-fstrip", "-fsingle-threaded"),
    *("-fno-stack-check", "-fno-emit-bin"),
)
_ALIAS = re.compile(r"^@([\w.]+) = .*\balias .*, ptr @([\w.]+)$", re.MULTILINE)
_GLOBAL = re.compile(r'^(@(?:"[^"]*"|[-\w$.]+)) = ', re.MULTILINE)
_DECLARED = re.compile(r'^declare .*?(@(?:"[^"]*"|[-\w$.]+))\(')
_SYMBOL = re.compile(r'@(?:"[^"]*"|[-\w$.]+)')
_LINKAGE = re.compile(r"^define (?:private|internal|hidden) ")
_EXTRA = re.compile(r" uwtable\b")


def with_library(program: Program) -> Program:
    """A program with the bodies of the library functions that it calls; itself where it calls none of them.

    Raises:
        ToolError, CompileError: the library's sources cannot be compiled.
    """
    wanted = sorted(TAKEN & set(program.bitcode.undefined))
    if not wanted:
        return program
    names, text = library_text()
    own = program.text
    for name in wanted:
        own = re.sub(rf"@{name}\b(?![-$.])", f"@{names[name]}", own)
    taken = taken_text(text, [names[name] for name in wanted])
    parts = [("program", own.encode(errors="surrogateescape")), ("the C library", taken.encode())]
    merged = merge_modules(program.bitcode.name, parts)
    return replace(program, bitcode=merged, text=module_text(merged))


@cache
def library_text() -> tuple[dict[str, str], str]:
    """C names of the library's functions with the names of their bodies, and the whole library as LLVM prints it.

    Raises:
        ToolError: zig cannot compile it.
    """
    stored = cache_dir() / "libraries" / f"c-{ZIG_VERSION}.bc"
    data = made(stored, _compile).read_bytes()
    text = module_text(Bitcode("the C library", data, sha256(data).hexdigest()))
    return dict(_ALIAS.findall(text)), text


def _compile(scratch: Path) -> bytes:
    spec = find_spec("ziglang")
    if spec is None or not spec.origin:
        raise ToolError("The Python package ziglang is not installed.", "Run ./inv once; it makes .venv with it.")
    source = Path(spec.origin).parent / "lib" / "c.zig"
    tell("compiling the C library's sources for the first time, about 20 s")
    out = scratch / "c.bc"
    run(zig("build-obj", source, *FLAGS, f"-femit-llvm-bc={out}"), what="compiling the C library", timeout_s=600)
    return out.read_bytes()


def taken_text(text: str, names: Iterable[str]) -> str:
    """A module of some functions of another and all that they need; only they can be called from outside.

    Raises:
        ToolError: one of them keeps state, which the library linked beside it would have twice.
    """
    lines = text.splitlines()
    bodies = {f.symbol: "\n".join(lines[f.first : f.last + 1]) for f in find_functions(lines).values()}
    values = {match[1]: line for line in lines if (match := _GLOBAL.match(line)) and " alias " not in line}
    declared = {match[1]: line for line in lines if (match := _DECLARED.match(line))}
    needed: dict[str, str] = {}
    outside = {f"@{name}" for name in names}
    todo = list(outside)
    while todo:
        symbol = todo.pop()
        found = bodies.get(symbol) or values.get(symbol) or declared.get(symbol)
        if symbol in needed or found is None:
            continue
        if symbol in values and " constant " not in found:
            raise ToolError(f"The C library keeps state in {symbol}, so it cannot be taken apart.")
        needed[symbol] = _LINKAGE.sub("define hidden " if symbol in outside else "define internal ", found)
        todo += _SYMBOL.findall(found)
    types = [line for line in lines if line.startswith("%")]
    rest = [line for line in lines if line.startswith(("attributes ", "!"))]
    kept = [needed[symbol] for symbol in sorted(needed)]
    return _EXTRA.sub("", "\n".join([*types, *kept, *rest])) + "\n"
