"""What compilers expect of their run-time library and zig's has not, or has with another calling convention."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from bareflow.compile.frontend import clang
from bareflow.toolchain import ZIG_VERSION, cache_dir, data_root, made, run, zig

FLAGS = (
    *("-O2", "-g0", "-fno-pie", "-fno-stack-protector", "-fno-sanitize=all", "-ffunction-sections"),
    *("-Wall", "-Wextra", "-Wshadow", "-Werror"),
)


@cache
def builtins_archive() -> Path:
    """A static library of runtime/builtins; it stands before zig's compiler-rt.

    Raises:
        ToolError: zig cannot compile it.
    """
    sources = sorted((data_root() / "runtime" / "builtins").glob("*.c"))
    digest = sha256(" ".join([ZIG_VERSION, *FLAGS]).encode())
    for source in sources:
        digest.update(source.read_bytes())

    def make(folder: Path) -> bytes:
        objects = [folder / f"{source.stem}.o" for source in sources]
        for source, out in zip(sources, objects, strict=True):
            run(clang(*FLAGS, "-c", source, "-o", out), what=f"compiling {source.name}")
        archive = folder / "builtins.a"
        run(zig("ar", "rcsD", archive, *objects), what="collecting builtins.a")
        return archive.read_bytes()

    return made(cache_dir() / "libraries" / f"builtins-{digest.hexdigest()[:32]}.a", make)
