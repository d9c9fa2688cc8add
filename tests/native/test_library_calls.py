"""Whatever LLVM may call although no source does is kept in a growing program's base."""

from __future__ import annotations

import io
import re
from itertools import product
from pathlib import Path

import llvmlite.binding as llvm
import pytest
from elftools.elf.elffile import ELFFile

from bareflow.compile.libc import libc_symbols
from bareflow.snapshot.library_calls import library_calls
from bareflow.toolchain import run, zig
from tests.native.interp_build import FLAGS, target_machine

SOURCE = Path(__file__).parent / "growth" / "simplified.c"
FLOATS = {"half": "f16", "float": "f32", "double": "f64", "x86_fp80": "f80", "fp128": "f128"}
ARITHMETIC = ("fadd", "fsub", "fmul", "fdiv", "frem")
INTRINSICS = {
    **dict.fromkeys(("sqrt", "floor", "ceil", "rint", "nearbyint", "round", "trunc", "sin", "cos", "tan"), 1),
    **dict.fromkeys(("exp", "exp2", "exp10", "log", "log2", "log10", "fabs", "canonicalize"), 1),
    **dict.fromkeys(("pow", "minnum", "maxnum", "copysign"), 2),
    **dict.fromkeys(("fma", "fmuladd"), 3),
}
FUNCTION = re.compile(r"^define .*?@([\w.]+)\([^\n]*\n(.*?)^}", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"@([\w.]+)\(")


def operations(kind: str) -> str:
    """A module with every operation of a floating-point type that may become a call, one in a function."""
    lines = ['target triple = "x86_64-unknown-linux-musl"']

    def define(body: str, result: str, *arguments: str) -> None:
        named = ", ".join(f"{one} %{letter}" for one, letter in zip(arguments, "abc", strict=False))
        lines.append(f"define {result} @f{len(lines)}({named}) {{\n %r = {body}\n ret {result} %r\n}}")

    for op in ARITHMETIC:
        define(f"{op} {kind} %a, %b", kind, kind, kind)
    for predicate in ("oeq", "olt", "oge", "one", "ueq", "ult", "ule", "uno", "ord"):
        define(f"fcmp {predicate} {kind} %a, %b", "i1", kind, kind)
    for width, sign in product((32, 64, 128), "su"):
        define(f"{sign}itofp i{width} %a to {kind}", kind, f"i{width}")
        define(f"fpto{sign}i {kind} %a to i{width}", f"i{width}", kind)
    names = list(FLOATS)
    for other in names[: names.index(kind)]:
        define(f"fpext {other} %a to {kind}", kind, other)
        define(f"fptrunc {kind} %a to {other}", other, kind)
    for name, count in INTRINSICS.items():
        arguments = [kind] * count
        lines.append(f"declare {kind} @llvm.{name}.{FLOATS[kind]}({', '.join(arguments)})")
        passed = ", ".join(f"{kind} %{letter}" for letter in "abc"[:count])
        define(f"call {kind} @llvm.{name}.{FLOATS[kind]}({passed})", kind, *arguments)
    return "\n".join(lines)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("level", [0, 2])
def test_what_code_generation_calls_is_kept(kind, level):
    text = operations(kind)
    table = ELFFile(io.BytesIO(target_machine(level).emit_object(llvm.parse_assembly(text))))
    symbols = table.get_section_by_name(".symtab").iter_symbols()
    undefined = {symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"}
    assert undefined & libc_symbols() <= library_calls(text)


@pytest.mark.parametrize("flag", ["-fmath-errno", "-ffast-math"])
def test_what_library_calls_are_simplified_to_is_kept(flag, tmp_path):
    out = tmp_path / "simplified.bc"
    run(zig("cc", *FLAGS, flag, SOURCE, "-o", out), what="compiling simplified.c")
    module = llvm.parse_bitcode(out.read_bytes())
    text = str(module)
    before = {name: set(CALL.findall(body)) for name, body in FUNCTION.findall(text)}
    builder = llvm.create_pass_builder(target_machine(3), llvm.create_pipeline_tuning_options(3))
    builder.getModulePassManager().run(module, builder)
    new = {call for name, body in FUNCTION.findall(str(module)) for call in set(CALL.findall(body)) - before[name]}
    assert len(new) > 10
    assert new & libc_symbols() <= library_calls(text)
