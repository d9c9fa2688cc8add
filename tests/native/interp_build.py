"""Builds C for the interpreter's tests: bitcode, its compiled object, its bytecode as assembly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding as llvm

from bareflow.compile.bytecode import BytecodeProgram, compile_bytecode, emit_assembly, promote_locals
from bareflow.toolchain import run, zig

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ("runtime/interp/interp.c", "runtime/interp/interp_call.S")
FLAGS = (
    *("-target", "x86_64-linux-musl", "-O3", "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c"),
    *("-std=gnu11", "-w", "-fwrapv", "-ffp-contract=on", "-fno-strict-aliasing"),
    *("-fno-sanitize=all", "-g0", "-fno-pie", "-fno-stack-protector"),
)


@dataclass(frozen=True)
class Built:
    """What came of one source: its program, and the files to link."""

    program: BytecodeProgram
    text: str
    files: tuple[Path, Path]


def target_machine(level: int) -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple("x86_64-unknown-linux-musl")
    return target.create_target_machine(cpu="x86-64-v2", opt=level, reloc="static", codemodel="small")


def compile_object(bitcode: bytes, level: int) -> bytes:
    module = llvm.parse_bitcode(bitcode)
    machine = target_machine(level)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(level))
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)


def c_to_bitcode(source: Path) -> bytes:
    out = source.with_suffix(".bc")
    include = ROOT / "tests" / "native" / "interp"
    run(zig("cc", *FLAGS, "-I", include, source, "-o", out), what=f"compiling {source.name}")
    return promote_locals(out.read_bytes(), prefix=f"{source.stem}.")


def build(source: Path, folder: Path, level: int = 2) -> Built:
    """Compile one C file to an object and to a bytecode program in assembly, in that folder."""
    bitcode = c_to_bitcode(source)
    program = compile_bytecode(bitcode)
    files = (folder / f"{source.stem}.o", folder / f"{source.stem}.S")
    files[0].write_bytes(compile_object(bitcode, level))
    files[1].write_text(emit_assembly(program))
    return Built(program, str(llvm.parse_bitcode(bitcode)), files)


def harnessed(program: BytecodeProgram) -> list[str]:
    """Names of the functions that have a harness."""
    names = {function.name for function in program.functions}
    return sorted(name[2:] for name in names if name.startswith("h_") and name[2:] in names)


def driver_table(names: list[str]) -> str:
    """Assembly of the driver's table."""
    lines = ["    .data", "    .balign 8", "    .globl tests, test_count", "tests:"]
    for at, name in enumerate(names):
        symbols = (f"p_{name}", name, f"bf_interp.{name}", f"h_{name}", f"bf_interp.h_{name}")
        lines += [f"    .quad .Lname{at}", *(f'    .quad "{symbol}"' for symbol in symbols)]
    lines.append(f"test_count: .long {len(names)}")
    lines += [f'.Lname{at}: .asciz "{name}"' for at, name in enumerate(names)]
    return "\n".join([*lines, '    .section .note.GNU-stack,"",@progbits', ""])


def refusals(program: BytecodeProgram) -> dict[str, str]:
    """Refusals without numbers, to compare with what is expected."""
    return {name: re.sub(r"\d+", "N", reason) for name, reason in program.refused.items()}
