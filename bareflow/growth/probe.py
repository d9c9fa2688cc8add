"""Cycles per call of frozen code and of clang's ahead-of-time code, timed in a Linux process by runtime/runner/probe.c.

Both are snapshots: the same layout, C library and runner. Calls are timed one by one with everything below them, as in
growing programs; the figure of a function is the median. Functions that the compiler has put into others have none.
"""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from bareflow.compile.ahead import compile_ahead
from bareflow.compile.cpu import Target, required_features
from bareflow.compile.frontend import compile_parts
from bareflow.errors import MachineError
from bareflow.image.recipe import Recipe
from bareflow.native import runner
from bareflow.snapshot.contents import Function
from bareflow.snapshot.link import LinkedProgram, link_frozen, snapshot_contents
from bareflow.snapshot.writer import write_snapshot

PROBE = "runtime/runner/probe.c"
SAMPLES = 256  # that the probe keeps for each function
SHORTEST = 1000.0  # ticks: of shorter calls a trap's disturbance is too large a part
FEWEST = 3  # timed calls of a function that make a figure
ALONE = 1e6  # ticks: a call as long makes one by itself
_HEAD = struct.Struct("<QQ")
_RECORD = struct.Struct(f"<QQ{SAMPLES}Q")


def aot_snapshot(recipe: Recipe, target: Target, frozen: LinkedProgram) -> tuple[bytes, tuple[Function, ...]]:
    """A snapshot of the ahead-of-time program, each source through plain `clang -O3` by itself.

    Its function table has what the frozen program's has.

    Raises:
        CompileError, LinkError: see the tools.
    """
    parts = compile_parts(recipe.sources, flags=recipe.flags, name=recipe.name)
    program = link_frozen([compile_ahead(parts, target)], name=recipe.name, tier="O3")
    wanted = {one.name for one in frozen.functions}
    functions = tuple(one for one in functions_of(program.elf) if one.name in wanted)
    linked = LinkedProgram(
        program.elf, program.entry, program.phdr_address, program.phdr_count, program.segments, functions
    )
    contents = snapshot_contents(linked, features=required_features(target), stack_size=recipe.stack_bytes)
    return write_snapshot(contents), functions


def functions_of(elf: bytes) -> list[Function]:
    """Every function in a program's symbol table, by address."""
    import io  # noqa: PLC0415  with the next: only here

    from elftools.elf.elffile import ELFFile  # noqa: PLC0415
    from elftools.elf.sections import SymbolTableSection  # noqa: PLC0415

    table = ELFFile(io.BytesIO(elf)).get_section_by_name(".symtab")
    found: dict[int, Function] = {}
    if isinstance(table, SymbolTableSection):
        for one in table.iter_symbols():
            if one["st_info"]["type"] == "STT_FUNC" and one["st_size"]:
                found[one["st_value"]] = Function(one.name, "O3", one["st_value"], one["st_size"])
    return [found[address] for address in sorted(found)]


def probe(
    snapshot: bytes,
    functions: tuple[Function, ...],
    recipe: Recipe,
    *,
    stdin: bytes = b"",
    folder: Path | None = None,
    timeout_s: float | None = None,
) -> dict[str, float]:
    """Run a snapshot as a Linux process and time its functions.

    Args:
        snapshot: the program.
        functions: of its table, in order.
        recipe: its name, arguments and environment.
        stdin: its standard input.
        folder: where it runs.
        timeout_s: seconds after which it is ended.

    Returns:
        TSC ticks per call by function name, of those that could be timed.

    Raises:
        MachineError: it did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as place:
        path, results = Path(place) / "snapshot", Path(place) / "times"
        path.write_bytes(snapshot)
        results.touch()
        environment = {**os.environ, **dict(recipe.environment), "BAREFLOW_PROBE": str(results)}
        command = [str(runner((PROBE,))), str(path), recipe.name, *recipe.arguments]
        try:
            subprocess.run(
                command,
                input=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MachineError(f"{recipe.name} did not end within {timeout_s:g} s while it was timed.") from None
        return read_times(results.read_bytes(), functions)


def read_times(data: bytes, functions: tuple[Function, ...]) -> dict[str, float]:
    """The medians in a probe's file; nothing where the file is not whole."""
    if len(data) < _HEAD.size:
        return {}
    count, overhead = _HEAD.unpack_from(data)
    if count != len(functions) or len(data) < _HEAD.size + count * _RECORD.size:
        return {}
    found: dict[str, float] = {}
    for number, function in enumerate(functions):
        _, samples, *ticks = _RECORD.unpack_from(data, _HEAD.size + number * _RECORD.size)
        kept = ticks[: min(samples, SAMPLES)]
        taken = median(kept) - overhead if kept else 0.0
        if taken >= (SHORTEST if len(kept) >= FEWEST else ALONE):
            found[function.name] = taken
    return found


def measure_frozen(
    snapshot: bytes,
    program: LinkedProgram,
    target: Target,
    recipe: Recipe,
    *,
    stdin: bytes = b"",
    folder: Path | None = None,
    timeout_s: float | None = None,
) -> Mapping[str, Mapping[str, float]]:
    """Ticks per call of the frozen and of the ahead-of-time program: {"frozen": {name: ticks}, "aot": …}."""
    found = {
        "frozen": probe(snapshot, program.functions, recipe, stdin=stdin, folder=folder, timeout_s=timeout_s),
    }
    data, functions = aot_snapshot(recipe, target, program)
    found["aot"] = probe(data, functions, recipe, stdin=stdin, folder=folder, timeout_s=timeout_s)
    return found
