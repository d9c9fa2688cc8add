"""The code that clang makes ahead of time of the same sources: what frozen code has to beat, and falls back on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bareflow.compile.cpu import Target
from bareflow.compile.frontend import Bitcode, clang
from bareflow.compile.tiers import ObjectCode
from bareflow.errors import CompileError, LinkError
from bareflow.toolchain import run, zig


def machine_flags(target: Target) -> list[str]:
    """Clang's words for a target."""
    if target.name == "native":
        return ["-march=native"]
    switches = filter(None, target.features.split(","))
    return [
        f"-march={target.cpu}",
        *(word for one in switches for word in ("-Xclang", "-target-feature", "-Xclang", one)),
    ]


def compile_ahead(parts: Sequence[Bitcode], target: Target) -> ObjectCode:
    """Compile each source by itself with clang -O3, as a user would; several become one object.

    Args:
        parts: one module a source.
        target: the CPU.

    Raises:
        CompileError, LinkError: clang or the linker fails.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as temporary:
        folder = Path(temporary)
        started = time.perf_counter()
        made = [_compile(part, target, folder, number) for number, part in enumerate(parts)]
        took = 1000 * (time.perf_counter() - started)
        whole = made[0]
        if len(made) > 1:
            whole = folder / "whole.o"
            run(zig("ld.lld", "-r", *made, "-o", whole), what=f"merging {parts[0].name}", error=LinkError)
        names = tuple(dict.fromkeys(name for part in parts for name in part.functions))
        return ObjectCode(whole.read_bytes(), took, names)


def _compile(part: Bitcode, target: Target, folder: Path, number: int) -> Path:
    suffix = "bc" if part.data.startswith(b"BC") else "ll"
    source, out = folder / f"{number}.{suffix}", folder / f"{number}.o"
    source.write_bytes(part.data)
    flags = [*machine_flags(target), "-O3", "-fno-pie", "-Wno-everything", "-c"]
    run(clang(*flags, source, "-o", out), what=f"compiling {part.name}", error=CompileError)
    return out
