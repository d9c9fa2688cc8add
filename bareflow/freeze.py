"""A recipe's workload → optimized_snapshot.bin: whole program, O3, linked at fixed addresses.

With a profile, what never ran goes last and values that dominate get guarded clones; with trials, the fastest of
several variants as measured is taken, and plain O3 where none is faster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bareflow.compile.choose import Program as Choosable
from bareflow.compile.cpu import Target, required_features, target_by_name
from bareflow.compile.frontend import Bitcode, compile_parts, compile_sources
from bareflow.compile.leave_out import leave_out
from bareflow.compile.libc import libc_symbols
from bareflow.compile.libcode import with_library
from bareflow.compile.tiers import DEFAULT_OPTIONS, ObjectCode, Options, compile_object, object_key
from bareflow.errors import LinkError, ProfileError
from bareflow.image.recipe import COMPILED_IN, LEAVE_OUT, Recipe
from bareflow.layouts.snapshot import TIER
from bareflow.profile.values import FunctionProfile, Profile
from bareflow.snapshot.contents import Function
from bareflow.snapshot.link import LinkedProgram, link_frozen, snapshot_contents
from bareflow.snapshot.writer import write_snapshot, write_targets
from bareflow.toolchain import ZIG_VERSION, cache_dir, write_atomic
from bareflow.trials.evidence import special_cases
from bareflow.trials.freeze import Chosen, TrialRun, can_run, choose, program_of
from bareflow.trials.train import with_reads

MIB = 1 << 20
KERNEL_MIB = 4  # loader, kernel, page tables and the snapshot as it is read
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Frozen:
    """A frozen program.

    Args:
        snapshot: bytes of optimized_snapshot.bin.
        elf: the linked program in the cache, with symbols and unwind tables.
        program: the same, taken apart.
        bitcode: what it was compiled from.
        target: the CPU it was compiled for.
        compile_ms: CPU time of the compilation in milliseconds; that of the first time, if cached.
        evidence: JSON: what was specialised and tuned, on which evidence and for what gain; empty without a
            profile. It is also beside the ELF file, with the suffix .json.
        targets: for a recipe of several CPUs: the same program for each, in the order in which a machine tries
            them. `snapshot` holds them all, and everything else here is of the last, for the least CPU.
    """

    snapshot: bytes
    elf: Path
    program: LinkedProgram
    bitcode: Bitcode
    target: Target
    compile_ms: float
    evidence: dict[str, Any] = field(default_factory=dict)
    targets: tuple[Frozen, ...] = ()

    @property
    def least(self) -> Frozen:
        """The program for one CPU, the least of its targets."""
        return self.targets[-1] if self.targets else self


def freeze(
    recipe: Recipe,
    *,
    tier: str = "frozen",
    options: Options = DEFAULT_OPTIONS,
    order: Sequence[str] = (),
    cold: Sequence[str] = (),
    profile: Profile | None = None,
    trials: TrialRun | None = None,
    progress: Progress | None = None,
) -> Frozen:
    """Compile, link and write a recipe's workload as a snapshot.

    Args:
        recipe: names sources, flags, CPU, memory and stack.
        tier: "frozen", or a lower one for comparisons.
        options: compile options other than the tier's own.
        order: functions to place first, hottest first.
        cold: functions to place last: never called in the profile.
        profile: of this program; it then decides on order and cold functions, and "frozen" is the tier.
        trials: what to run, and for how long, to find the fastest variant.
        progress: told what is being done.

    Raises:
        CompileError, LinkError, UsageError: see the stages; a program larger than the recipe's memory.
        ProfileError: the profile is of another program.
    """
    say = progress or (lambda _text: None)
    if recipe.targets:
        one = partial(freeze, tier=tier, options=options, order=order, cold=cold, profile=profile)
        one = partial(one, trials=trials, progress=progress)
        return side_by_side([one(replace(recipe, cpu=cpu, targets=())) for cpu in recipe.targets])
    target = target_by_name(recipe.cpu)
    say(f"compiling {recipe.name}")
    bitcode = compile_sources(recipe.sources, flags=recipe.flags, name=recipe.name)
    say(f"optimising {recipe.name}")
    evidence: dict[str, Any] = {}
    if profile is not None or trials is not None:
        parts = compile_parts(recipe.sources, flags=recipe.flags, name=recipe.name)
        seen = profile
        if trials is not None and can_run(target):
            say(f"counting what {recipe.name} reads")
            seen = with_reads(profile or Profile(), bitcode, trials.load.arguments[1:], trials.load.stdin)
        whole = program_of(bitcode, target, seen, parts)
        if profile is not None:
            check_profile(recipe.name, profile, whole.digests)
        whole = with_library(whole) if recipe.c_library == COMPILED_IN else whole
        lean, names = leave_out(whole) if recipe.never_called == LEAVE_OUT else (whole, ())
        chosen = choose(lean, trials, progress=say)
        code, order, evidence = chosen.code, chosen.order, explain(chosen, profile)
        if names:
            evidence["left_out"] = {"functions": list(names), **saved_bytes(whole, chosen, recipe.name)}
    else:
        code = compile_program(bitcode, tier=tier, target=target, options=options, cold=cold)
    say(f"linking {recipe.name}")
    program = link_frozen([code], name=recipe.name, order=order, tier=tier)
    check_memory(recipe, program)
    program = program if profile is None else replace(program, functions=with_counts(program.functions, profile))
    features = required_features(target, intrinsics=bitcode.intrinsics)
    snapshot = write_snapshot(snapshot_contents(program, features=features, stack_size=recipe.stack_bytes))
    elf = cache_dir() / "elf" / f"{program.build_id.hex()}.elf"
    if not elf.exists():
        write_atomic(elf, program.elf)
    if evidence:
        write_atomic(elf.with_suffix(".json"), json.dumps(evidence, indent=1, sort_keys=True).encode() + b"\n")
    return Frozen(snapshot, elf, program, bitcode, target, code.compile_ms, evidence)


def side_by_side(programs: Sequence[Frozen]) -> Frozen:
    """Put the same program for several CPUs into one snapshot; what asks for most of a CPU is tried first.

    Raises:
        SnapshotError: there is no such snapshot.
    """
    tried = sorted({p.target.name: p for p in programs}.values(), key=lambda p: -len(p.target.enabled))
    snapshot = write_targets([(p.target.name, p.snapshot) for p in tried])
    compile_ms = sum(p.compile_ms for p in tried)
    return replace(tried[-1], snapshot=snapshot, compile_ms=compile_ms, targets=tuple(tried))


def with_counts(functions: Sequence[Function], profile: Profile) -> tuple[Function, ...]:
    """Give functions the calls that a profile counted, and their cycles per call at the highest tier timed."""
    known: dict[str, FunctionProfile] = {}
    for one in profile.functions.values():
        known[one.name] = max(one, known.get(one.name, one), key=lambda entry: entry.all_calls)
    counted = []
    for function in functions:
        seen = known.get(function.name, FunctionProfile(function.name))
        timed = [seen.times[tier].cycles_per_call for tier in TIER.members if tier in seen.times]
        cycles = next((value for value in reversed(timed) if value is not None), 0.0)
        counted.append(replace(function, call_count=seen.all_calls, average_cycles=cycles))
    return tuple(counted)


def saved_bytes(whole: Choosable, chosen: Chosen, name: str) -> dict[str, int]:
    """What leaving functions out brings: bytes of the segments with them and without them.

    Raises:
        CompileError, LinkError: the program does not compile with them.
    """
    without, with_them = (
        sum(len(segment.data) for segment in link_frozen([code], name=name, order=chosen.order).segments)
        for code in (chosen.code, whole.compile(chosen.choice))
    )
    return {"bytes": without, "bytes_with_them": with_them, "bytes_saved": with_them - without}


def check_profile(name: str, profile: Profile, digests: Mapping[str, str]) -> None:
    """See that a profile says anything of a program.

    Raises:
        ProfileError: none of its functions is one of the program's.
    """
    if profile.functions and digests and not profile.fit(digests).profile.functions:
        raise ProfileError(
            f"The profile is of another program: none of its functions is in {name} as it is now.",
            f"Grow {name}, which makes one, or name another --profile.",
        )


def explain(chosen: Chosen, profile: Profile | None) -> dict[str, Any]:
    """What was done to a program and why, for people and reports."""
    functions = (profile or Profile()).functions.values()
    called = {f.name for f in functions if f.all_calls}
    return {
        **chosen.evidence,
        "special": special_cases(chosen.choice, chosen.evidence.get("findings", ())),
        "called": sorted(called),
        "never_called": sorted({f.name for f in functions} - called),
        "order": list(chosen.order),
    }


def compile_program(
    bitcode: Bitcode, *, tier: str, target: Target, options: Options = DEFAULT_OPTIONS, cold: Sequence[str] = ()
) -> ObjectCode:
    """Compile a whole program at a tier, or take the object from the cache."""
    keep = libc_symbols() if tier == "frozen" else None
    tools = [ZIG_VERSION, version("llvmlite"), sorted(cold), sorted(keep or ())]
    stored = cache_dir() / "objects" / object_key(bitcode, tier, target, options, tools)
    known = _read_object(stored)
    if known:
        return known
    code = compile_object(
        bitcode, tier=tier, target=target, options=options, keep=keep, sections=True, cold=cold, deadline_s=600
    )
    facts = {
        "compile_ms": code.compile_ms,
        "functions": code.functions,
        "sha256": hashlib.sha256(code.data).hexdigest(),
    }
    write_atomic(stored.with_suffix(".o"), code.data)
    write_atomic(stored.with_suffix(".json"), json.dumps(facts).encode())
    return code


def _read_object(stored: Path) -> ObjectCode | None:
    try:
        facts = json.loads(stored.with_suffix(".json").read_bytes())
        data = stored.with_suffix(".o").read_bytes()
        if hashlib.sha256(data).hexdigest() != facts["sha256"]:
            return None
        return ObjectCode(data, facts["compile_ms"], tuple(facts["functions"]))
    except (OSError, ValueError, KeyError):
        return None


def check_memory(recipe: Recipe, program: LinkedProgram) -> None:
    """Refuse a program that the recipe's machine cannot hold.

    Raises:
        LinkError: with how much there is and how much it takes.
    """
    needed = program.memory_bytes + recipe.stack_bytes + KERNEL_MIB * MIB
    if needed > recipe.memory_mib * MIB:
        whole = -(-needed // MIB)
        raise LinkError(
            f"{recipe.name} needs {whole} MiB and its machine has {recipe.memory_mib} MiB.",
            f"Set memory_mib = {whole} or more under [machine] in its recipe.",
        )
