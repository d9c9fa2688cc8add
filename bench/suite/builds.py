"""Builds one program in every configuration, all linked the same way: static, against the same musl."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import Bitcode, compile_parts, compile_sources
from bareflow.compile.frontend import clang as clang_command
from bareflow.compile.tiers import compile_object
from bareflow.errors import CompileError, ProfileError, UsageError
from bareflow.profile.values import Profile
from bareflow.toolchain import run
from bareflow.trials.executable import link_executable
from bareflow.trials.freeze import Chosen, TrialRun, choose, program_of
from bareflow.trials.measure import Workload
from bareflow.trials.search import Settings
from bareflow.trials.train import train
from bench.suite.programs import SuiteProgram

REFERENCE = "aot-O3-native"
TIERS = ("O0", "O1", "O2", "O3")
OURS = (*TIERS, "frozen", "frozen-no-trials", "frozen-no-specialisation", "frozen-no-profile")


@dataclass(frozen=True)
class Built:
    """An executable.

    Args:
        path: where it is.
        compile_ms: what making it took: training and trials included.
        bytes: size of the program's own code and constants.
        evidence: of frozen code, how it was chosen.
    """

    path: Path
    compile_ms: float
    bytes: int
    evidence: Mapping[str, Any] = field(default_factory=dict)


Builder = Callable[[SuiteProgram, Path], Built]
Compiler = Callable[[Path, Path], Sequence[str | Path]]
Linker = Callable[[list[Path], Path], None]


def object_bytes(objects: list[Path]) -> int:
    """Bytes of code and constants that go into memory from these objects."""
    total = 0
    for path in objects:
        for section in ELFFile(BytesIO(path.read_bytes())).iter_sections():
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_type"] != "SHT_NOBITS":
                total += section["sh_size"]
    return total


def sources_of(program: SuiteProgram) -> list[Path]:
    """The C files of a program."""
    return sorted(program.source.rglob("*.c")) if program.source.is_dir() else [program.source]


def _includes(program: SuiteProgram) -> list[str]:
    """Where headers are searched: a file's folder; of a folder, itself and all folders with headers."""
    root = program.source if program.source.is_dir() else program.source.parent
    inside = sorted({file.parent for file in root.rglob("*.h")} - {root}) if program.source.is_dir() else []
    return [f"-I{root}", *(f"-I{folder}" for folder in inside)]


def link(objects: list[Path], out: Path, order: Sequence[str] = ()) -> None:
    """Link objects with musl, statically, at the addresses that a snapshot has: the same for every compiler."""
    link_executable([path.read_bytes() for path in objects], out, name=out.name, order=order)


def _ahead_of_time(compiler: Compiler, link_: Linker) -> Builder:
    """A builder around a compiler's command line from a source to an object."""

    def build(program: SuiteProgram, folder: Path) -> Built:
        objects = []
        started = time.perf_counter()
        for number, source in enumerate(sources_of(program)):
            target = folder / f"{number}-{source.stem}.o"
            run([*compiler(source, target), *_includes(program)], what=f"compiling {source}", error=CompileError)
            objects.append(target)
        compile_ms = 1000 * (time.perf_counter() - started)
        out = folder / program.name
        link_(objects, out)
        return Built(out, compile_ms, object_bytes(objects))

    return build


def clang(level: str, cpu: str) -> Builder:
    """Clang ahead of time, as a user would call it; not `zig cc`, which tunes for no CPU in particular."""
    flags = [level, f"-march={cpu}", "-fno-pie", "-fno-stack-protector", "-c"]
    return _ahead_of_time(lambda source, out: clang_command(*flags, source, "-o", out), link)


def gcc(level: str) -> Builder:
    """GCC ahead of time, with the host's own C library."""

    def link_gcc(objects: list[Path], out: Path) -> None:
        run(["gcc", "-static", *objects, "-o", out, "-lm"], what=f"linking {out.name}")

    return _ahead_of_time(lambda source, out: ["gcc", level, "-march=native", "-c", source, "-o", out], link_gcc)


def tier(name: str, cpu: str = "native") -> Builder:
    """Our own compilation at one tier, the whole module at once."""

    def build(program: SuiteProgram, folder: Path) -> Built:
        bitcode = compile_sources([program.source], name=program.name)
        code = compile_object(bitcode, tier=name, target=target_by_name(cpu))
        target, out = folder / f"{program.name}.o", folder / program.name
        target.write_bytes(code.data)
        link([target], out)
        return Built(out, code.compile_ms, object_bytes([target]))

    return build


def _trained(bitcode: Bitcode, program: SuiteProgram, timeout_s: float) -> Profile | None:
    """The profile of the program's training run; None where that run cannot be counted."""
    try:
        return train(bitcode, program.train, timeout_s=2 * timeout_s)
    except ProfileError:
        return None


def frozen(
    *,
    profile: bool = True,
    trials: bool = True,
    specialise: bool = True,
    settings: Settings | None = None,
    timeout_s: float = 120.0,
) -> Builder:
    """Frozen code: trained and tried with the program's training arguments, all of it or parts."""

    def build(program: SuiteProgram, folder: Path) -> Built:
        bitcode = compile_sources([program.source], name=program.name)
        started = time.perf_counter()
        trained = _trained(bitcode, program, timeout_s)
        native = target_by_name("native")
        given = (
            TrialRun(Workload((program.name, *program.train), timeout_s=timeout_s), settings or Settings())
            if trials
            else None
        )
        parts = compile_parts([program.source], name=program.name)
        chosen = choose(program_of(bitcode, native, trained, parts), given) if trials or profile else None
        if chosen is None or _uses_more(chosen, profile=profile, specialise=specialise):
            less = program_of(bitcode, native, trained if profile else None, parts)
            chosen = choose(less, given, specialise=specialise and profile, weights=profile)
        compile_ms = 1000 * max(time.perf_counter() - started, chosen.evidence.get("seconds", 0.0))
        target, out = folder / f"{program.name}.o", folder / program.name
        target.write_bytes(chosen.code.data)
        link([target], out, chosen.order)
        return Built(out, compile_ms, object_bytes([target]), chosen.evidence)

    return build


def _uses_more(chosen: Chosen, *, profile: bool, specialise: bool) -> bool:
    """Whether what was found uses what is to be left out; otherwise the same search would find the same again."""
    special = bool(chosen.choice.clones or chosen.choice.versions)
    return (special and not (specialise and profile)) or (not profile and (chosen.choice.weights or bool(chosen.order)))


def builders(
    only: Sequence[str] = (), *, trials_s: float = Settings.budget_s, timeout_s: float = 120.0
) -> Mapping[str, Builder]:
    """Every configuration that this machine can build, by its name; the reference always.

    Args:
        only: names; none takes all.
        trials_s: seconds of trials for one program; without specialisation and without a profile half of them.
        timeout_s: seconds after which a training run is given up.

    Raises:
        UsageError: a name that is none.
    """
    found: dict[str, Builder] = {"aot-O2": clang("-O2", "native"), REFERENCE: clang("-O3", "native")}
    if shutil.which("gcc"):
        found["gcc-O3-native"] = gcc("-O3")
    for name in TIERS:
        found[name] = tier(name)
    given, half = (
        partial(frozen, settings=Settings(budget_s=budget_s), timeout_s=timeout_s)
        for budget_s in (trials_s, trials_s / 2)
    )
    found["frozen"] = given()
    found["frozen-no-trials"] = given(trials=False)
    found["frozen-no-specialisation"] = half(specialise=False)
    found["frozen-no-profile"] = half(profile=False)
    for name in only:
        if name not in found:
            raise UsageError(f"there is no configuration {name}.", f"There are {', '.join(found)}.")
    return {name: found[name] for name in found if not only or name in only or name == REFERENCE}
