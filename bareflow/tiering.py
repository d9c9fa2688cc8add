"""When a function goes up, and where to: a pure function from counters to a plan.

Tiers, lowest first: interp, O0, O1, O2, O3. (`frozen` is not reached by going up but by freezing.) A function moves to
a tier above its own, never down; it takes effect at its next call.

Policy "counts". A function at tier T goes to the next tier if one of these holds:

    calls      >= threshold(T)                       calls of both kinds since the program started
    back edges >= threshold(T) * BACK_EDGE_FACTOR    so that a loop in one long call rises at its next call

    threshold(interp) is the recipe's interpreter_threshold, those of O0, O1, O2 its thresholds (100, 1000, 10000).
    It goes one tier at a time, so that every tier is seen and timed. With `at_once` it goes on while the predicate
    holds for the tier that it would reach: a function whose count is already past 10,000 goes from O0 to O3 and is
    compiled once. That is for what rises between two runs, and where many wait for the compiler.
    BACK_EDGE_FACTOR is 10: an iteration is cheaper than a call, and compiling a loop pays later than
    compiling a call. HotSpot's ratio at its highest tier is 8: Tier4BackEdgeThreshold 40000 to
    Tier4InvocationThreshold 5000.

Policy "breakeven". A function at tier T goes to the tier U above it with the greatest

    gain(U) = expected calls * (cycles(T) - cycles(U)) - compile cycles(U)

    if that is positive. Expected calls are as many as there were in the past: what has run long will run
    long ("Lindy"). cycles(T) is measured; a tier never measured is estimated from the nearest measured one by SPEED.
    Compile cycles are IR lines * ms per 1000 lines * TSC rate, where measured costs replace COMPILE_MS. A function of
    which no cycles are known at all is judged by "counts".

Either way a function stays that is barred at the tier it would reach: where compiling it failed twice, or the
agent refused the code. It may pass over a barred tier to a higher one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bareflow.layouts.snapshot import TIER
from bareflow.profile.values import FunctionProfile

RISING: tuple[str, ...] = ("interp", "O0", "O1", "O2", "O3")
BACK_EDGE_FACTOR = 10
DEFAULT_THRESHOLDS = (100, 1000, 10000)
DEFAULT_INTERPRETER_THRESHOLD = 10

# Time per call relative to O3, and milliseconds to compile 1000 lines of IR: geometric means over 25 kernels.
# The interpreter's is what it was designed for; measured cycles replace all of these.
SPEED: Mapping[str, float] = {"interp": 60.0, "O0": 3.25, "O1": 1.27, "O2": 1.005, "O3": 1.0}
COMPILE_MS: Mapping[str, float] = {"O0": 2.9, "O1": 35.0, "O2": 54.0, "O3": 59.0}


@dataclass(frozen=True)
class Policy:
    """What a recipe asks for.

    Args:
        kind: "counts" or "breakeven".
        thresholds: calls until a function leaves O0, O1 and O2.
        interpreter_threshold: calls until it leaves the interpreter.
        highest: no function goes above this tier.
    """

    kind: str = "counts"
    thresholds: tuple[int, int, int] = DEFAULT_THRESHOLDS
    interpreter_threshold: int = DEFAULT_INTERPRETER_THRESHOLD
    highest: str = "O3"

    def __post_init__(self) -> None:
        if self.kind not in {"counts", "breakeven"}:
            raise ValueError(f"{self.kind!r} is no tiering policy")
        if self.highest not in RISING:
            raise ValueError(f"{self.highest!r} is no tier that a function rises to")

    def threshold(self, tier: str) -> int | None:
        """Calls until a function leaves `tier`; None: it never does."""
        if tier not in RISING or RISING.index(tier) >= RISING.index(self.highest):
            return None
        if tier == "interp":
            return self.interpreter_threshold
        return self.thresholds[RISING.index(tier) - 1]


@dataclass(frozen=True)
class Counters:
    """What the policy knows of one function.

    Args:
        name: of the function.
        tier: that it runs at now.
        calls: of both kinds.
        back_edges: loop iterations, where they were counted.
        lines: of its IR; for "breakeven".
        cycles: per call, by tier, where measured.
        compile_ms: of this function, by tier, where measured.
        barred: tiers that it cannot reach.
        self_calls: those of `calls` that it made itself: their cycles are in the others'.
    """

    name: str
    tier: str
    calls: int
    back_edges: int = 0
    lines: int = 0
    cycles: Mapping[str, float] = field(default_factory=dict)
    compile_ms: Mapping[str, float] = field(default_factory=dict)
    barred: frozenset[str] = frozenset()
    self_calls: int = 0

    @staticmethod
    def of(function: FunctionProfile, *, tier: str, lines: int = 0, barred: Iterable[str] = ()) -> Counters:
        """The counters in a profile. `tier` is where it runs now, which may be below what the profile reached."""
        means = {name: times.cycles_per_call for name, times in function.times.items()}
        return Counters(
            function.name,
            tier,
            function.all_calls,
            function.back_edges,
            lines,
            {name: mean for name, mean in means.items() if mean is not None},
            barred=frozenset(barred),
            self_calls=function.self_calls,
        )


@dataclass(frozen=True)
class Step:
    """One function's way up.

    Args:
        function: its name.
        before, after: tiers.
        reason: "calls", "back-edges" or "gain".
        worth: for sorting: what is most worth compiling first has the most.
    """

    function: str
    before: str
    after: str
    reason: str
    worth: float


@dataclass(frozen=True)
class Costs:
    """What compiling costs on this host, and how fast the guest's clock is.

    Args:
        compile_ms: milliseconds per 1000 lines of IR, by tier.
        tsc_hz: TSC ticks in a second; 0: unknown, then 2 GHz is taken.
    """

    compile_ms: Mapping[str, float] = field(default_factory=lambda: dict(COMPILE_MS))
    tsc_hz: float = 0.0

    def cycles(self, counters: Counters, tier: str) -> float:
        """What compiling a function costs, in TSC cycles."""
        ms = counters.compile_ms.get(tier)
        if ms is None:
            ms = counters.lines / 1000 * self.compile_ms.get(tier, COMPILE_MS[tier])
        return ms / 1000 * (self.tsc_hz or 2e9)

    @staticmethod
    def measured(compilations: Iterable[tuple[str, int, float]], tsc_hz: float = 0.0) -> Costs:
        """Costs from (tier, IR lines, milliseconds) of compilations that were made; others stay at COMPILE_MS."""
        lines: dict[str, int] = {}
        total: dict[str, float] = {}
        for tier, count, ms in compilations:
            lines[tier] = lines.get(tier, 0) + count
            total[tier] = total.get(tier, 0.0) + ms
        rates = {tier: total[tier] * 1000 / lines[tier] for tier in lines if lines[tier]}
        return Costs({**COMPILE_MS, **rates}, tsc_hz)


def plan(
    functions: Iterable[Counters], policy: Policy, costs: Costs | None = None, *, at_once: bool = False
) -> tuple[Step, ...]:
    """Who goes where, the most worthwhile first; names decide among equals.

    Args:
        functions: what may rise.
        policy: when.
        costs: of compiling, for "breakeven"; None: typical ones.
        at_once: by "counts" a function goes as far as its counts say instead of one tier up.
    """
    known = costs or Costs()
    steps = (_step(counters, policy, known, at_once=at_once) for counters in functions)
    return tuple(sorted((s for s in steps if s is not None), key=lambda s: (-s.worth, s.function)))


def _step(counters: Counters, policy: Policy, costs: Costs, *, at_once: bool) -> Step | None:
    if counters.tier not in RISING:
        return None
    if policy.kind == "breakeven" and not SPEED.keys().isdisjoint(counters.cycles):
        return _by_gain(counters, policy, costs)
    return _by_counts(counters, policy, at_once=at_once)


def _by_counts(counters: Counters, policy: Policy, *, at_once: bool) -> Step | None:
    reached, reason = counters.tier, ""
    at = counters.tier
    while (why := _hot(counters, policy, at)) is not None:
        at = RISING[RISING.index(at) + 1]
        if at not in counters.barred:
            reached, reason = at, why
            if not at_once:
                break
    if reached == counters.tier:
        return None
    return Step(counters.name, counters.tier, reached, reason, float(counters.calls))


def _hot(counters: Counters, policy: Policy, tier: str) -> str | None:
    """Why a function has earned more than `tier`; None: it has not."""
    threshold = policy.threshold(tier)
    if threshold is None:
        return None
    if counters.calls >= threshold:
        return "calls"
    if counters.back_edges >= threshold * BACK_EDGE_FACTOR:
        return "back-edges"
    return None


def _by_gain(counters: Counters, policy: Policy, costs: Costs) -> Step | None:
    now = expected_cycles(counters.cycles, counters.tier)
    best: Step | None = None
    for tier in RISING[RISING.index(counters.tier) + 1 : RISING.index(policy.highest) + 1]:
        saved = (counters.calls - counters.self_calls) * (now - expected_cycles(counters.cycles, tier))
        gain = saved - costs.cycles(counters, tier)
        if tier not in counters.barred and gain > (best.worth if best else 0.0):
            best = Step(counters.name, counters.tier, tier, "gain", gain)
    return best


def expected_cycles(measured: Mapping[str, float], tier: str) -> float:
    """Cycles per call at a tier: measured, or scaled by SPEED from the nearest tier that was (the higher of two).

    Args:
        measured: cycles per call by tier, at least one.
        tier: the tier asked for.
    """
    if tier in measured:
        return measured[tier]
    known = [name for name in measured if name in SPEED]
    nearest = min(known, key=lambda name: (abs(TIER[name] - TIER[tier]), -TIER[name]))
    return measured[nearest] * SPEED[tier] / SPEED[nearest]
