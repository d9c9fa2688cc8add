"""Leaves functions out of a module: their bodies go, and whoever calls one is stopped with its name.

The function stays defined, so that its address may be taken and called. Its body says on standard error which
function it was and traps; on a machine as in a Linux process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace

from bareflow.compile.cfg import FunctionText, find_functions
from bareflow.compile.choose import Program
from bareflow.compile.ir import named_in_assembly
from bareflow.compile.irtext import balanced, bare
from bareflow.compile.libc import libc_symbols
from bareflow.compile.prof import profile_of

HANDLER = "__bareflow_left_out"
BEFORE, AFTER = "bareflow: ", " was left out, since the profile never saw it called\n"
_GROUP = re.compile(r"^attributes (#\d+) = \{(.*)\}$", re.MULTILINE)
_KEPT = re.compile(r"\b(?:local_)?unnamed_addr\b|\bcomdat(?:\([^)]*\))?")
_CALL_ATTRIBUTES = re.compile(r"\)(?: #\d+)+")
_CALL = re.compile(r'\bcall\b[^@]*(@(?:"[^"]*"|[-\w$.]+))\(')
_LABELS = re.compile(r'\bblockaddress\((@(?:"[^"]*"|[-\w$.]+)),')
_EVERYWHERE = re.compile(r"\b(?:alwaysinline|naked)\b")
_ATTRIBUTES = "noreturn nounwind noinline cold"

# The name's bytes are counted here, not by strlen: a program without it need not get it.
_RUNTIME = """
@.bareflow.before = private unnamed_addr constant [{before_size} x i8] c"{before}"
@.bareflow.after = private unnamed_addr constant [{after_size} x i8] c"{after}"

define internal void @{handler}(ptr %name, i64 %size) {group} {{
  call void @{handler}.say(ptr @.bareflow.before, i64 {before_size})
  call void @{handler}.say(ptr %name, i64 %size)
  call void @{handler}.say(ptr @.bareflow.after, i64 {after_size})
  call void @llvm.trap()
  unreachable
}}

define internal void @{handler}.say(ptr %text, i64 %size) noinline nounwind cold {{
  %done = call i64 asm sideeffect "syscall", "={{rax}},{{rax}},{{rdi}},{{rsi}},{{rdx}},~{{rcx}},~{{r11}},~{{memory}}"(\
i64 1, i64 2, ptr %text, i64 %size)
  ret void
}}
"""
_TRAP = "\ndeclare void @llvm.trap()\n"


def leave_out(program: Program) -> tuple[Program, tuple[str, ...]]:
    """A program without the functions that its profile knows and never saw called, and their names."""
    names = never_called(program)
    if not names:
        return program, ()
    text = without_bodies(program.text, names)
    data = text.encode(errors="surrogateescape")
    bitcode = replace(program.bitcode, data=data, digest=hashlib.sha256(data).hexdigest())
    return replace(program, bitcode=bitcode, text=text), names


def never_called(program: Program) -> tuple[str, ...]:
    """Functions that can be left out, in the module's order.

    Not among them: what the profile does not know with this very body, what the C library may call by name or
    assembly may name, what is inlined into whoever calls it at any tier, and what has a label's address taken.
    """
    if not program.heat.hottest():
        return ()
    kept = {"main", *libc_symbols(), *named_in_assembly(program.text)}
    inlined = {
        group for group, words in _GROUP.findall(program.text) if re.search(r"\b(?:alwaysinline|naked)\b", words)
    }
    jumped_to = set(_LABELS.findall(program.text))
    found = []
    for name, function in find_functions(program.text.splitlines()).items():
        known = profile_of(program.profile, name, program.digests)
        if known is None or known.all_calls or name in kept:
            continue
        if not inlined & set(function.tail.split()) and function.symbol not in jumped_to:
            found.append(name)
    return tuple(found)


def without_bodies(text: str, names: Iterable[str]) -> str:
    """Replace the bodies of functions by the words that stop the program."""
    lines: list[str | None] = list(text.splitlines())
    functions = find_functions(text.splitlines())
    wanted = {name: functions[name] for name in names}
    group = f"#{max((int(found[0][1:]) for found in _GROUP.findall(text)), default=-1) + 1}"
    strings = []
    for number, (name, function) in enumerate(wanted.items()):
        label = f"@.bareflow.name.{number}"
        size, spelled = _spelled(name)
        strings.append(f'{label} = private unnamed_addr constant [{size} x i8] c"{spelled}"')
        body = f"  call void @{HANDLER}(ptr {label}, i64 {size})\n  unreachable\n}}"
        lines[function.first : function.last + 1] = [
            f"{_head(function)} {group} {{\n{body}",
            *[None] * (function.last - function.first),
        ]
    kept = "\n".join(_call(line, wanted) for line in lines if line is not None)
    before, after = _spelled(BEFORE), _spelled(AFTER)
    runtime = _RUNTIME.format(
        handler=HANDLER, group=group, before_size=before[0], before=before[1], after_size=after[0], after=after[1]
    )
    trap = "" if "@llvm.trap()" in text else _TRAP
    return "\n".join([kept, *strings, runtime, trap, f"attributes {group} = {{ {_ATTRIBUTES} }}\n"])


def _head(function: FunctionText) -> str:
    """The `define` line up to its parameters; of what follows them only what is no promise about the body."""
    start = function.line.index(f"{function.symbol}(") + len(function.symbol)
    return " ".join([function.line[: balanced(function.line, start)], *_KEPT.findall(function.tail)])


def _call(line: str, wanted: dict[str, FunctionText]) -> str:
    """A call without the promises that it repeats of a function whose body is gone."""
    found = _CALL.search(line) if " #" in line else None
    return _CALL_ATTRIBUTES.sub(")", line) if found and bare(found[1]) in wanted else line


def _spelled(text: str) -> tuple[int, str]:
    """A string as LLVM writes constants: its size in bytes, and its characters with escapes."""
    data = text.encode("utf-8", "surrogateescape")
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:$, -"
    return len(data), "".join(chr(byte) if byte in plain else f"\\{byte:02X}" for byte in data)
