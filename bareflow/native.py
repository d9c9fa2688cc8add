"""Runs a snapshot's own code in a Linux process: the same bytes at the same addresses, no machine."""

from __future__ import annotations

import hashlib
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from bareflow.compile.frontend import clang
from bareflow.compile.libc import static_libc
from bareflow.errors import MachineError, UsageError
from bareflow.layouts.verdict import HOST_STATUS
from bareflow.snapshot.reader import read_snapshot
from bareflow.toolchain import ZIG_VERSION, cache_dir, data_root, made, run, zig

SOURCES = (
    *("runtime/runner/runner.c", "runtime/crc32.c"),
    *("loader/common/snapshot_check.c", "loader/common/snapshot_pick.c"),
)
HEADERS = ("runtime/include", "loader/common")
FLAGS = ("-std=gnu11", "-O2", "-fno-pie", "-fno-stack-protector", "-Wall", "-Wextra", "-Wshadow", "-Werror")
BASE = 0x7000_0000  # far above the workload's link address, and below the 2 GiB that small code reaches


def runner(extra: Sequence[str] = ()) -> Path:
    """The runner program, built once for these sources.

    Args:
        extra: C files on top, such as the probe.
    """
    root = data_root()
    sources = (*SOURCES, *extra)
    inputs = [root / name for name in sources]
    inputs += sorted(file for folder in HEADERS for file in (root / folder).rglob("*.h"))
    digest = hashlib.sha256(repr((ZIG_VERSION, FLAGS, BASE, sources)).encode())
    for file in inputs:
        digest.update(file.read_bytes())
    out = cache_dir() / "runner" / digest.hexdigest()[:32]
    return made(out, partial(_build, root, sources), mode=0o755)


def _build(root: Path, sources: Sequence[str], folder: Path) -> bytes:
    libc = static_libc()
    include = [part for folder in HEADERS for part in ("-I", root / folder)]
    objects = []
    for name in sources:
        objects.append(folder / (Path(name).stem + ".o"))
        run(clang(*FLAGS, *include, "-c", root / name, "-o", objects[-1]), what=f"compiling {name}")
    program = folder / "runner"
    flags = ("-m", "elf_x86_64", "-static", "--gc-sections", f"--image-base={BASE:#x}", "--build-id=none", "-s")
    inputs: list[str | Path] = [libc.start, *objects, "--start-group", *libc.archives, "--end-group"]
    run(zig("ld.lld", *flags, "-o", program, *inputs), what="linking the runner")
    return program.read_bytes()


def native_command(snapshot: Path, arguments: Sequence[str]) -> list[str]:
    """The command that runs a snapshot; `arguments` begins with argv[0].

    Raises:
        UsageError: there is no such file.
        SnapshotError: it is no snapshot that can be run, with the loader's reason.
    """
    try:
        data = snapshot.read_bytes()
    except OSError as problem:
        raise UsageError(
            f"{snapshot} cannot be read: {problem.strerror}.", "Build it with freeze or build-image."
        ) from None
    found = read_snapshot(data)
    if found.version == 1:
        raise UsageError(f"{snapshot} is a version 1 snapshot.", "Only version 2 can be run: freeze the program again.")
    return [str(runner()), str(snapshot), *(arguments or [snapshot.stem])]


def run_native(
    snapshot: Path,
    arguments: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    stdout: IO[bytes] | None = None,
) -> int:
    """Run a snapshot with this process's stdin and stderr; return its exit status.

    A fatal signal is told as the guest's would be: `HOST_STATUS["trapped"]`, or "killed" for SIGABRT.

    Args:
        snapshot: its file.
        arguments: the program's, argv[0] first.
        environment: its variables; None: this process's.
        timeout_s: seconds after which it is ended; None: never.
        stdout: a file for what it prints; None: this process's stdout.

    Raises:
        MachineError: the time is over.
    """
    command = native_command(snapshot, arguments)
    try:
        done = subprocess.run(command, check=False, env=environment, timeout=timeout_s, stdout=stdout)
    except subprocess.TimeoutExpired:
        raise MachineError(f"{snapshot} did not end within {timeout_s:g} s.", "Give --timeout-s more.") from None
    if done.returncode >= 0:
        return done.returncode
    return HOST_STATUS["killed" if -done.returncode in (signal.SIGABRT, signal.SIGKILL, signal.SIGTERM) else "trapped"]
