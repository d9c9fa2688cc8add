"""Edits of LLVM IR as text, where llvmlite has no call for them. Text in, text out; no LLVM needed.

The frontend's attribute groups would override the target machine that a tier is compiled for, so the
CPU is taken out of them. A function with features of its own (`__attribute__((target("avx2")))`) keeps
those: they are put on top of the target's when it is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bareflow.compile.irtext import split_list

# What clang writes for plain x86-64; any further feature was asked for by the source.
BASELINE_FEATURES = frozenset(["64bit", "cmov", "cx8", "fxsr", "mmx", "nopl", "sse", "sse2", "x87"])

_GROUP = re.compile(r"^attributes #\d+ = \{.*\}$", re.MULTILINE)
_CPU_ATTRIBUTE = re.compile(r' "(?:target-cpu|tune-cpu|frame-pointer)"="[^"]*"')
_FEATURES = re.compile(r' "target-features"="([^"]*)"')
_FMULADD = re.compile(
    r"^(?P<indent>\s*)(?P<result>%[\w.\"$-]+) = (?:(?:tail|notail) )?call (?P<flags>(?:[a-z]+ )*?)"
    r"(?P<type>float|double|<\d+ x (?:float|double)>) @llvm\.fmuladd\.\w+\((?P<args>.*)\)[^()\n]*$",
    re.MULTILINE,
)
_DEFINE = re.compile(
    r"^(?P<head>define .*\)(?: (?:unnamed_addr|local_unnamed_addr))?(?: #\d+)*)"
    r"(?P<tail>(?: align \d+| ![\w.]+ !\d+)*) \{$",
    re.MULTILINE,
)
_INTRINSIC = re.compile(r"@llvm\.x86\.(?!rdtsc|sse\.|sse2\.|mmx\.|flags\.)")  # beyond what every x86-64 CPU has
_IN_NAMED_SECTION = re.compile(r'^@"?([\w.$-]+)"? = .*, section "[A-Za-z_]\w*"', re.MULTILINE)
_VECTOR_SIGNATURE = re.compile(r"^(?:define|declare|.* call) .*<\d+ x ", re.MULTILINE)
_OUTLINED = re.compile(r"\.cold\.\d+$")  # llvm/lib/Transforms/IPO/HotColdSplitting.cpp
_NAME = re.compile(r'@(?:"([^"]+)"|([\w.$-]+))\(')
_STRUCTORS = re.compile(r"^@llvm\.global_(c|d)tors = appending .*$", re.MULTILINE)
_STRUCTOR = re.compile(r"\{ i32 (\d+), ptr (@(?:\"[^\"]*\"|[-\w.$]+)), ptr ")
_LAST_PRIORITY = 65535
_USED = re.compile(r"^@llvm\.used = appending global \[\d+ x ptr\] \[(.*)\], section .*\n?", re.MULTILINE)


def strip_cpu(text: str) -> str:
    """Take the frontend's CPU out of every attribute group; keep features that one function asked for."""
    return _GROUP.sub(lambda group: _FEATURES.sub(_own_features, _CPU_ATTRIBUTE.sub("", group[0])), text)


def _own_features(match: re.Match[str]) -> str:
    own = own_features(match[1])
    return f' "target-features"="{",".join(own)}"' if own else ""


def own_features(listed: str) -> tuple[str, ...]:
    """The entries of a "+a,-b" list that plain x86-64 does not have."""
    entries = [entry for entry in listed.split(",") if entry]
    return tuple(
        entry
        for entry in entries
        if not (entry[0] == "+" and entry[1:] in BASELINE_FEATURES) and not (entry[0] == "-" and len(entries) > 60)
    )


def has_own_features(text: str) -> bool:
    """Whether some function asks for CPU features of its own."""
    return any(_FEATURES.search(group[0]) for group in _GROUP.finditer(text))


def add_target_features(text: str, features: str) -> str:
    """Put the target's features below those that single functions ask for."""
    if not features:
        return text
    return _GROUP.sub(
        lambda group: _FEATURES.sub(lambda own: f' "target-features"="{features},{own[1]}"', group[0]), text
    )


def split_fmuladd(text: str) -> str:
    """Write `a * b + c` as two operations: FMA contraction off, whatever the CPU offers."""

    def split(match: re.Match[str]) -> str:
        args = split_list(match["args"])
        if len(args) != 3:
            return match[0]
        first, second, third = (argument.removeprefix(match["type"]).split()[-1] for argument in args)
        if match["type"].startswith("<"):
            first, second, third = (argument.removeprefix(match["type"]).strip() for argument in args)
        product = f'%"product.{match["result"][1:].strip(chr(34))}"'
        kind, flags = match["type"], match["flags"]
        return (
            f"{match['indent']}{product} = fmul {flags}{kind} {first}, {second}\n"
            f"{match['indent']}{match['result']} = fadd {flags}{kind} {product}, {third}"
        )

    return _FMULADD.sub(split, text)


def add_sections(text: str, cold: Iterable[str] = ()) -> str:
    """Give every defined function a section of its own, so that the linker can order them.

    `.text.NAME`, or `.text_cold.NAME` for functions that are never called and for code that LLVM has taken out of
    others because it is cold: the link script puts those last.
    """
    last = set(cold)

    def add(match: re.Match[str]) -> str:
        found = _NAME.search(match["head"])
        if not found or " section " in match["head"]:
            return match[0]
        name = found[1] or found[2]
        prefix = ".text_cold" if name in last or _OUTLINED.search(name) else ".text"
        return f'{match["head"]} section "{prefix}.{name}"{match["tail"]} {{'

    return _DEFINE.sub(add, text)


def name_source(text: str, name: str) -> str:
    """Set the module's source file name, which becomes the ELF file symbol before its internal symbols."""
    rest = re.sub(r'^source_filename = ".*"\n', "", text, count=1, flags=re.MULTILINE)
    return f'source_filename = "{name}"\n{rest}'


def with_init_arrays(text: str) -> str:
    """Write constructors and destructors as entries of .init_array and .fini_array, in their order.

    llvmlite's target machines make .ctors of them, which has the order reversed and which nobody runs.
    """
    if not _STRUCTORS.search(text):
        return text
    names: list[str] = []

    def entries(match: re.Match[str]) -> str:
        kind = {"c": "init", "d": "fini"}[match[1]]
        lines = []
        for number, (priority, function) in enumerate(_STRUCTOR.findall(match[0])):
            order = f".{int(priority):05}" if int(priority) != _LAST_PRIORITY else ""
            names.append(f"@bf_{kind}.{number}")
            lines.append(f'{names[-1]} = internal global ptr {function}, section ".{kind}_array{order}", align 8')
        return "\n".join(lines)

    text = _STRUCTORS.sub(entries, text)
    if not names:
        return text
    used = _USED.search(text)
    kept = [*(split_list(used[1]) if used else ()), *(f"ptr {name}" for name in names)]
    text = _USED.sub("", text)
    return f'{text}\n@llvm.used = appending global [{len(kept)} x ptr] [{", ".join(kept)}], section "llvm.metadata"\n'


def named_in_assembly(text: str) -> set[str]:
    """Words in inline and module assembly: it may call functions by names that LLVM does not see."""
    lines = [line for line in text.splitlines() if line.startswith("module asm") or " asm " in line]
    return {word for line in lines for word in re.findall(r"[A-Za-z_][\w.$]*", line)}


def named_by_section(text: str) -> set[str]:
    """Globals in sections whose names are C identifiers: a linker's `__start_` and `__stop_` symbols reach them."""
    return set(_IN_NAMED_SECTION.findall(text))


def passes_vectors(text: str) -> bool:
    """Whether a function takes or returns vectors, which travel in other registers with AVX and AVX-512."""
    return bool(_VECTOR_SIGNATURE.search(text))


def uses_intrinsics(text: str) -> bool:
    """Whether x86 intrinsics are called that plain x86-64 does not have."""
    return bool(_INTRINSIC.search(text))
