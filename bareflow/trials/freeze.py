"""From a program and its profile to the object that is frozen: by trials where it can be run, else by the profile."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from bareflow.compile.choose import Program
from bareflow.compile.cpu import Target, target_by_name
from bareflow.compile.frontend import Bitcode
from bareflow.compile.specialise import DOMINANT, MIN_CALLS, Clone
from bareflow.compile.text import module_text
from bareflow.compile.tiers import ObjectCode
from bareflow.compile.variants import AHEAD, PLAIN, Choice
from bareflow.errors import BareFlowError, ToolError
from bareflow.profile.document import to_document
from bareflow.profile.values import Profile
from bareflow.toolchain import ZIG_VERSION, cache_dir, write_atomic
from bareflow.trials.measure import Workload
from bareflow.trials.record import FORMAT, choice_from_json, choice_to_json, digest_of, trials_to_json
from bareflow.trials.search import Settings, search
from bareflow.trials.train import function_digests

SMALL = 256  # a value up to which a clone is worth its bytes without being measured
Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrialRun:
    """What trials run, and for how long."""

    load: Workload
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Chosen:
    """The object that is frozen, and why it is this one.

    Args:
        code: the whole program.
        choice: how it was compiled.
        order: functions to place first.
        evidence: JSON: the choice, its gain, every candidate's figures; empty for plain O3.
    """

    code: ObjectCode
    choice: Choice
    order: tuple[str, ...]
    evidence: dict[str, Any]


def program_of(bitcode: Bitcode, target: Target, profile: Profile | None, parts: Sequence[Bitcode] = ()) -> Program:
    """A program with what is known of it; `parts`: the same, one module a source."""
    text = module_text(bitcode)
    known = {bitcode.digest: tuple(parts)} if parts else {}
    return Program(bitcode, text, target, profile or Profile(), function_digests(text), known)


def can_run(target: Target) -> bool:
    """Whether this machine's CPU runs code for a target."""
    return target.enabled <= target_by_name("native").enabled


def choose(
    program: Program,
    trials: TrialRun | None = None,
    *,
    specialise: bool = True,
    weights: bool = True,
    progress: Progress = lambda _text: None,
) -> Chosen:
    """Compile a program as its profile and, where they can be run, trials say.

    Args:
        program: with its profile; an empty profile leaves tunings and options to trials.
        trials: None: nothing is run, only clones of small dominant values are made.
        specialise: allow guarded clones.
        weights: allow the profile's weights.
        progress: told what is being done.

    Raises:
        CompileError, LinkError: the program cannot be built.
    """
    if trials is None or not can_run(program.target):
        choice = by_profile(program) if specialise else PLAIN
        reason = "not measured" if trials is None else f"not measured: this machine has no {program.target.name}"
        code = program.compile(choice)
        return Chosen(code, choice, program.order(choice), {"choice": choice_to_json(choice), "reason": reason})
    key = _key(program, trials, specialise, weights)
    stored = cache_dir() / "trials" / f"{key}.json"
    known = _read(stored)
    if known:
        choice = choice_from_json(known["choice"])
        return Chosen(program.compile(choice), choice, program.order(choice), known)
    try:
        found = search(program, trials.load, trials.settings, specialise=specialise, weights=weights, progress=progress)
    except ToolError as problem:
        return _unmeasured(program, f"not measured: {problem.message}")
    evidence = trials_to_json(found)
    write_atomic(stored, json.dumps(evidence, indent=1).encode())
    return Chosen(found.code, found.choice, program.order(found.choice), evidence)


def _unmeasured(program: Program, reason: str) -> Chosen:
    """What clang makes of a program that cannot be tried; where clang cannot, plain O3."""
    try:
        choice, code = AHEAD, program.compile(AHEAD)
    except BareFlowError:
        choice, code = PLAIN, program.compile(PLAIN)
    return Chosen(code, choice, program.order(choice), {"choice": choice_to_json(choice), "reason": reason})


def by_profile(program: Program) -> Choice:
    """Clones that pay nearly always: one small value in nearly all of many calls; weights are left to trials.

    And what was measured while the program grew.
    """
    small = [clone for clone in program.proposed if _surely(clone)]
    return Choice(clones=tuple(small), functions=program.measured)


def _surely(clone: Clone) -> bool:
    often = clone.total >= MIN_CALLS and clone.calls >= DOMINANT * clone.total
    return often and all(value <= SMALL for _, value in clone.values)


def _key(program: Program, trials: TrialRun, specialise: bool, weights: bool) -> str:
    load = [trials.load.arguments, digest_of(trials.load.stdin.hex()), vars(trials.settings)]
    tools: Sequence[str] = (ZIG_VERSION, version("llvmlite"), target_by_name("native").cpu)
    program_key = [program.bitcode.digest, program.target.cpu, program.target.features]
    seen = to_document(replace(program.profile.whole(), special={}))  # what came of freezing does not change it
    return digest_of([FORMAT, tools, program_key, seen, load, specialise, weights])


def _read(stored: Any) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(stored.read_bytes())
        choice_from_json(value["choice"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if value.get("format") == FORMAT else None
