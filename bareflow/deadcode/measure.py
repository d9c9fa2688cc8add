"""How much of LLVM a whole growth runs: measured by a copy of the library that notes each function's first call.

A function's first byte is a breakpoint in the copy; the first call puts the right byte back. So everything runs at
full speed, and what is counted is whole functions that were entered, from the library's own start-up on. Compilers of
the growth find the copy by an environment variable (bareflow/compile/cover.py); caches of compiled code are left out,
so that everything is compiled.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from bareflow.compile.cover import LIBRARY, VARIABLE
from bareflow.compile.frontend import clang
from bareflow.deadcode.library import Library, file_offset, read_library
from bareflow.errors import ToolError
from bareflow.toolchain import cache_dir, data_root, run, write_atomic, zig

FORMAT = 1  # raise it when the same growth gives other figures
INT3 = 0xCC
DEADLINE_S = 560.0
# What of our cache holds nothing that LLVM in its child processes has made.
KEPT = ("accel.json", "agent", "bitcode", "freestanding", "musl-*", "runner", "zig")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Executed:
    """What one growth ran of the library.

    Args:
        workload: the recipe or source that grew.
        functions: of the library, entered at least once by any compiler process.
        code_bytes: theirs, whole.
        calls: names of the library's functions that our Python calls.
        processes: compiler processes that took part.
    """

    workload: str
    functions: int
    code_bytes: int
    calls: tuple[str, ...]
    processes: int


def llvm_library() -> Library:
    """Llvmlite's library.

    Raises:
        ToolError: it is not installed.
    """
    spec = importlib.util.find_spec("llvmlite")
    if spec is None or not spec.origin:
        raise ToolError("The Python package llvmlite is not installed.", "Run ./inv once; it makes .venv with it.")
    return read_library(Path(spec.origin).parent / "binding" / LIBRARY)


def stored_measurement(library: Library) -> Executed | None:
    """What was measured of this very library before."""
    try:
        known = json.loads(_stored(library).read_bytes())
        return Executed(**{**known, "calls": tuple(known["calls"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def measure(library: Library, grow: Sequence[str], workload: str, progress: Progress = lambda _text: None) -> Executed:
    """Grow a workload with compilers that note what they run, and keep the figures.

    Args:
        library: llvmlite's.
        grow: options of `grow` that say which workload.
        workload: its name.
        progress: told what is being done.

    Raises:
        ToolError: the growth fails.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as place:
        folder = Path(place)
        progress(f"preparing a copy of {LIBRARY} that notes what runs")
        _prepare(library, folder)
        progress(f"growing {workload} with it")
        _grow(folder, grow, workload)
        found = _collect(library, folder, workload)
    write_atomic(_stored(library), json.dumps(asdict(found)).encode())
    return found


def _stored(library: Library) -> Path:
    status = library.path.stat()
    key = hashlib.sha256(repr((FORMAT, library.size_bytes, status.st_mtime_ns)).encode()).hexdigest()[:24]
    return cache_dir() / "deadcode" / f"llvm-{key}.json"


def _prepare(library: Library, folder: Path) -> None:
    """Make the copy, its tables, and the C part that serves its breakpoints."""
    data = bytearray(library.path.read_bytes())
    with library.path.open("rb") as stream:
        elf = ELFFile(stream)
        first = file_offset(elf, next(iter(library.sizes)))
    shift = first - next(iter(library.sizes))  # one segment holds all code
    originals = bytearray()
    for start in library.sizes:
        originals.append(data[start + shift])
        data[start + shift] = INT3
    (folder / LIBRARY).write_bytes(data)
    (folder / "bytes").write_bytes(originals)
    (folder / "starts").write_bytes(struct.pack(f"<{len(library.sizes)}Q", *library.sizes))
    (folder / "range").write_bytes(struct.pack("<QQ", *library.code))
    source, made = data_root() / "runtime" / "cover" / "cover.c", folder / "cover.o"
    run(clang("-std=gnu11", "-O2", "-fPIC", "-Wall", "-Wextra", "-c", source, "-o", made), what="compiling cover.c")
    run(zig("ld.lld", "-m", "elf_x86_64", "-shared", made, "-o", folder / "cover.so"), what="linking cover.so")


def _grow(folder: Path, options: Sequence[str], workload: str) -> None:
    cache = folder / "cache"
    cache.mkdir()
    for pattern in KEPT:
        for known in cache_dir().glob(pattern):
            (cache / known.name).symlink_to(known)
    command = [sys.executable, "-m", "bareflow", "grow", *options, "--native", "--fresh", "--out", str(folder / "out")]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, VARIABLE: str(folder), "BAREFLOW_CACHE": str(cache), "PYTHONPATH": path}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        raise ToolError(f"Growing {workload} took more than {DEADLINE_S:.0f} s.", "Give it smaller --args.") from None
    if done.returncode:
        raise ToolError(
            f"Growing {workload} to measure LLVM ended with status {done.returncode}.",
            "Does ./inv grow --native work with the same options?",
            done.stderr[-4000:],
        )


def _collect(library: Library, folder: Path, workload: str) -> Executed:
    files = sorted(folder.glob("hits-*"))
    if not files:
        raise ToolError("No compiler process took part in the growth that measures LLVM.")
    entered = 0
    for file in files:
        entered |= int.from_bytes(file.read_bytes(), "little")
    noted = entered.to_bytes(len(library.sizes), "little")
    sizes = [size for size, hit in zip(library.sizes.values(), noted, strict=True) if hit]
    calls = {line for file in folder.glob("calls-*") for line in file.read_text().splitlines()}
    shutil.rmtree(folder / "out", ignore_errors=True)
    return Executed(workload, len(sizes), sum(sizes), tuple(sorted(calls)), len(files))
