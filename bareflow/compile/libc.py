"""musl, crt1.o and compiler-rt as static libraries, built once by zig from its wheel; before them what it lacks."""

from __future__ import annotations

import shlex
import struct
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bareflow.compile.builtins import builtins_archive
from bareflow.compile.halts import halts_as_breakpoints
from bareflow.errors import ToolError
from bareflow.toolchain import ZIG_VERSION, cache_dir, is_whole, run, tell, write_whole, zig

FORMAT = 2  # raise it when the same zig is to give another library
ARCHIVES = ("libc.a", "libzigc.a", "libcompiler_rt.a")
START = "crt1.o"


@dataclass(frozen=True)
class Libc:
    """Where the libraries are; to be linked in this order, `start` first of all."""

    start: Path
    archives: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        """The folder that holds them all, but for our additions."""
        return self.start.parent

    @property
    def version(self) -> str:
        """What other than this would be another library: part of the key of whatever is linked with it and kept."""
        return " ".join([self.folder.name, *(archive.name for archive in self.archives)])


@cache
def static_libc() -> Libc:
    """The libraries of a static x86-64 program; the first call on a machine builds them (about 30 s).

    Where they would halt the CPU, they trap (halts.py).

    Raises:
        ToolError: zig cannot build them.
    """
    folder = cache_dir() / f"musl-{ZIG_VERSION}-{FORMAT}"
    wanted = (START, *ARCHIVES)
    if not all(is_whole(folder / name) for name in wanted):
        tell("building the C library for the first time, about 30 s")
        built = _build()
        for name in wanted:
            data = built[name].read_bytes()
            write_whole(folder / name, halts_as_breakpoints(data) if name in ARCHIVES else data)
    return Libc(folder / START, (builtins_archive(), *(folder / name for name in ARCHIVES)))


def _build() -> dict[str, Path]:
    """Have zig link an empty program and take the libraries from the linker's command line."""
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        source = Path(folder) / "empty.c"
        # A name of its own, so that zig's cache cannot answer without linking.
        source.write_text(f"int main(void) {{ return 0; }} /* {folder} */\n")
        done = run(
            zig(
                "cc",
                "-target",
                "x86_64-linux-musl",
                "-O3",
                "-static",
                source,
                "-o",
                Path(folder) / "empty",
                "--verbose",
            ),
            what="building the C library",
            timeout_s=900,
        )
    line = next(
        (text for text in reversed(done.stderr.splitlines()) if text.startswith("ld.lld") and START in text), ""
    )
    found = {Path(word).name: Path(word) for word in shlex.split(line)}
    missing = [name for name in (START, *ARCHIVES) if name not in found]
    if missing:
        raise ToolError(f"zig {ZIG_VERSION} does not say where {missing[0]} is.", detail=done.stderr[-4000:])
    return found


@cache
def libc_symbols() -> frozenset[str]:
    """Names that the libraries define, or that crt1.o takes from the program.

    A workload's own function of such a name replaces the library's, as it would on Linux: it must stay visible.
    """
    names = {"main", "_init", "_fini", "_DYNAMIC"}
    for archive in static_libc().archives:
        names.update(archive_symbols(archive.read_bytes()))
    return frozenset(names)


def archive_symbols(data: bytes) -> set[str]:
    """The names in a System V archive's symbol table: member "/", a big-endian count, offsets, names."""
    if data[:8] != b"!<arch>\n" or data[8:10] != b"/ ":
        return set()
    size = int(data[56:66])
    table = data[68 : 68 + size]
    (count,) = struct.unpack_from(">I", table)
    return {name.decode() for name in table[4 + 4 * count :].split(b"\0")[:count]}
