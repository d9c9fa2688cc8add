"""From sources to a program that is ready to grow: bitcode → base and bodies → a linked base."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bareflow.compile.absent import absent_functions, stubs
from bareflow.compile.cpu import Target, target_by_name
from bareflow.compile.frontend import Bitcode, compile_sources
from bareflow.compile.pool import CompilePool
from bareflow.compile.split import Split, SplitFunction, split_module
from bareflow.compile.text import module_text
from bareflow.errors import CompileError
from bareflow.growth.bytecode import THUNK, Interpreted, interpret
from bareflow.growth.growing import TierUp
from bareflow.growth.service import Compiled, CompileService
from bareflow.growth.together import shared_out
from bareflow.names import remember_names
from bareflow.profile.decoder import KnownFunction
from bareflow.profile.values import FunctionProfile, Profile
from bareflow.snapshot.base import Base, build_base
from bareflow.snapshot.library_calls import library_calls, weak_names
from bareflow.snapshot.slots import GrowthOptions, Slot
from bareflow.tiering import RISING, Policy

COMPILERS = 2
STACKS = 8  # times its stack that a growing program gets: an interpreted call takes that much more of it


@dataclass(frozen=True)
class Program:
    """A program ready to grow.

    Args:
        bitcode: the whole of it.
        split: cut into base and bodies.
        base: linked.
        interpreted: what can begin in the interpreter, and why the rest cannot.
        start: function symbol → the tier that it starts at.
        known: function symbol → what earlier runs saw of it, where its body has not changed.
        target: the CPU that its code is for.
        service: compiles its functions.
        policy: when they rise; its thresholds are in the base.
        options: what the agent is told.
        prepare_ms: time it took to get here.
        trials_s: seconds for trials of functions that have reached O3, while it runs; 0: there are none.
        spent_ms: function symbol → CPU time that its code in the base took; 0 where it came from the cache.
        rises: tier-ups since the run before.
    """

    bitcode: Bitcode
    split: Split
    base: Base
    interpreted: Interpreted
    start: Mapping[str, str]
    known: Mapping[str, FunctionProfile]
    target: Target
    service: CompileService
    policy: Policy
    options: GrowthOptions
    prepare_ms: float
    trials_s: float = 0.0
    spent_ms: Mapping[str, float] = field(default_factory=dict)
    rises: tuple[TierUp, ...] = ()

    @property
    def functions(self) -> tuple[SplitFunction, ...]:
        """What can grow, in the order of the base's slots."""
        return tuple(self.split.functions.values())

    @property
    def digests(self) -> dict[str, str]:
        """Name → digest of every function that can grow, as `Profile.fit` takes them."""
        return {one.name: one.digest for one in self.functions}


def prepare(
    sources: Sequence[Path],
    pool: CompilePool,
    *,
    flags: Sequence[str] = (),
    name: str = "",
    cpu: str = "native",
    policy: Policy | None = None,
    options: GrowthOptions | None = None,
    tiers: Mapping[str, str] | Profile | None = None,
    first: str = "interp",
    use_cache: bool = True,
) -> Program:
    """Build a growing program.

    Args:
        sources: as for `compile_sources`.
        pool: compiler processes; the caller's to close.
        flags: for clang.
        name: of the workload.
        cpu: what the code is for.
        policy: when functions rise, and how far.
        options: tick and code cache; its thresholds are taken from the policy.
        tiers: function symbol → the tier to start at (where an earlier run ended), or that run's profile: what it
            says of functions whose bodies have not changed.
        first: where the others start: "interp", or "O0" as what cannot be interpreted does.
        use_cache: of compiled functions; see `CompileService`.

    Raises:
        CompileError, LinkError: as their stages do.
    """
    began = time.monotonic()
    pool.warm()  # LLVM takes a third of a second to load: meanwhile clang works
    bitcode = compile_sources(sources, flags=flags, name=name)
    split = split_module(module_text(bitcode))
    target = target_by_name(cpu)
    service = CompileService(bitcode.name, split, target, pool, own_features=bitcode.own_features, use_cache=use_cache)
    policy = policy or Policy()
    thresholds = {tier: calls for tier in RISING if (calls := policy.threshold(tier)) is not None}
    options = replace(options or GrowthOptions(), thresholds=thresholds)
    interpreted = interpret(bitcode.name, split) if first == "interp" else Interpreted("", {}, {})
    known: Mapping[str, FunctionProfile] = {}
    if isinstance(tiers, Profile):
        known = functions_known(split, tiers)
        tiers = tiers_reached(known)
    start = start_tiers(split, interpreted, tiers or {})
    base, spent = _base(bitcode, split, service, options, start, interpreted, known)
    took = (time.monotonic() - began) * 1000
    return Program(
        bitcode, split, base, interpreted, start, known, target, service, policy, options, took, spent_ms=spent
    )


def restart(program: Program, tiers: Mapping[str, str], profile: Profile | None = None) -> Program:
    """The same program, its functions starting at other tiers: the base is linked anew.

    Args:
        program: as it was.
        tiers: function symbol → the tier to start at.
        profile: what all runs have seen; None: what is known already.

    Raises:
        CompileError, LinkError: as their stages do.
    """
    began = time.monotonic()
    start = start_tiers(program.split, program.interpreted, tiers)
    known = program.known if profile is None else functions_known(program.split, profile)
    options, interpreted = program.options, program.interpreted
    base, spent = _base(program.bitcode, program.split, program.service, options, start, interpreted, known)
    took = (time.monotonic() - began) * 1000
    return replace(program, base=base, start=start, known=known, prepare_ms=took, spent_ms=spent, rises=())


def start_tiers(split: Split, interpreted: Interpreted, tiers: Mapping[str, str]) -> dict[str, str]:
    """Function symbol → the tier to start at: as `tiers` says, else the lowest that can run it."""
    start = {symbol: "interp" if symbol in interpreted.branches else "O0" for symbol in split.functions}
    for symbol in start.keys() & tiers.keys():
        start[symbol] = max(start[symbol], tiers[symbol], key=RISING.index)
    return start


def functions_known(split: Split, profile: Profile) -> dict[str, FunctionProfile]:
    """Function symbol → what a profile says of it; functions with another body are left out."""
    named = ((symbol, profile.functions.get((one.name, one.digest))) for symbol, one in split.functions.items())
    return {symbol: known for symbol, known in named if known is not None}


def tiers_reached(known: Mapping[str, FunctionProfile]) -> dict[str, str]:
    """Function symbol → the tier that it reached."""
    return {symbol: one.tier for symbol, one in known.items() if one.tier in RISING}


def _base(
    bitcode: Bitcode,
    split: Split,
    service: CompileService,
    options: GrowthOptions,
    start: dict[str, str],
    interpreted: Interpreted,
    known: Mapping[str, FunctionProfile],
) -> tuple[Base, dict[str, float]]:
    """Compile what the base needs at the tiers that functions start at, and link it; and say what each of them took.

    A function that the compiler cannot do at its tier starts lower; `start` then says where.
    """
    objects, spent = _bodies(split, service, start, known)
    objects.insert(0, service.compile_text(split.base_text(), "O2" if split.base_has_code else "O0").data)
    slots = [_slot(one, start[one.symbol]) for one in split.functions.values()]
    text = split.whole_text()
    bytecode = interpreted.assembly if "interp" in start.values() else ""
    base = build_base(
        bitcode.name,
        slots,
        objects,
        aliases=split.aliases,
        needed=(frozenset(bitcode.undefined) - weak_names(text)) | library_calls(text),
        options=options,
        bytecode=bytecode,
        stubs=stubs(absent) if (absent := absent_functions(bitcode, service.target, service.pool)) else "",
    )
    _remember(base, split, interpreted, start)
    return base, spent


def _bodies(
    split: Split, service: CompileService, start: dict[str, str], known: Mapping[str, FunctionProfile]
) -> tuple[list[bytes], dict[str, float]]:
    """The objects of all that starts compiled, and what each function took; those at O0 share theirs by lines of IR."""
    objects: list[bytes] = []
    spent: dict[str, float] = {}
    for symbol, tier in start.items():
        if tier not in ("interp", "O0"):
            start[symbol], made = _body(service, symbol, tier, known)
            if made:
                objects.append(made.data)
                spent[symbol] = made.compile_ms
    plain = [symbol for symbol, tier in start.items() if tier == "O0"]
    if plain:
        together = service.compile_text(split.bodies_text(plain), "O0")
        objects.append(together.data)
        spent |= shared_out(together.compile_ms, [split.functions[symbol] for symbol in plain])
    return objects, spent


def _body(
    service: CompileService, symbol: str, tier: str, known: Mapping[str, FunctionProfile]
) -> tuple[str, Compiled | None]:
    """A function's object at a tier, or at the highest below it that the compiler can do; None: at O0."""
    while tier != "O0":
        try:
            return tier, service.compile_text(service.text(symbol, tier, known.get), tier)
        except CompileError:
            tier = RISING[RISING.index(tier) - 1]
    return tier, None


def _remember(base: Base, split: Split, interpreted: Interpreted, start: Mapping[str, str]) -> None:
    """Keep the names of functions for whoever reads this program's records from a line."""
    bodies = {one.body: one.name for one in split.functions.values()}
    remember_names(
        base.build_id,
        [
            KnownFunction(one.name, one.digest, interpreted.branches.get(one.symbol, ()))
            for one in split.functions.values()
        ],
        [(address, size, bodies.get(name, name)) for name, (address, size) in base.symbols.functions.items() if size],
        start,
    )


def _slot(one: SplitFunction, tier: str) -> Slot:
    target = THUNK + one.symbol if tier == "interp" else one.body
    return Slot(one.symbol, one.self_entry if one.recursive else "", target, tier)
