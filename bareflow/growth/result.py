"""What a run of a growing program came to, whatever ran it, and who is told while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bareflow.growth.growing import Growing, TierUp
from bareflow.profile.values import Profile
from bareflow.trials.rotate import FunctionTrial


@dataclass(frozen=True)
class TierFacts:
    """What was measured of a function at a tier; cycles are the TSC's, calls below included."""

    samples: int
    cycles_per_call: float
    median: float | None
    minimum: int
    code_bytes: int


@dataclass(frozen=True)
class GrownFunction:
    """A function at the end of a run.

    Args:
        name: the source's.
        symbol: its stub's.
        digest: of its body.
        tier: that it reached.
        calls: from outside.
        self_calls: of itself, while they were counted: below O3.
        cycles_per_call: at its last tier that was timed; None: it never was.
        code_bytes: at its tier.
        tiers: by tier.
    """

    name: str
    symbol: str
    digest: str
    tier: str
    calls: int
    self_calls: int
    cycles_per_call: float | None
    code_bytes: int
    tiers: Mapping[str, TierFacts]


@dataclass(frozen=True)
class GrowthResult:
    """One run.

    Args:
        exit_status: of the program; -N: it was killed by signal N.
        output: its standard output.
        functions: all that can grow, in the module's order.
        kept: name → why it cannot.
        tier_ups: in order.
        compile_ms: CPU time in the compiler during the run.
        total_ms: the run's own time.
        prepare_ms: before it.
        notes: what did not work, one sentence each.
        agent: the agent's own figures.
        tsc_hz: TSC ticks in a second; 0: not known.
        complete: the agent has reported to its end.
        profile: everything that was seen, to be merged with other runs'.
        earned: function symbol → the tier that its counts have earned, where the program ended before it came.
        tried: what became of the functions whose tunings were tried.
    """

    exit_status: int
    output: bytes
    functions: tuple[GrownFunction, ...]
    kept: Mapping[str, str]
    tier_ups: tuple[TierUp, ...]
    compile_ms: float
    total_ms: float
    prepare_ms: float
    notes: tuple[str, ...]
    agent: Mapping[str, int]
    tsc_hz: float
    complete: bool
    profile: Profile
    earned: Mapping[str, str] = field(default_factory=dict)
    tried: tuple[FunctionTrial, ...] = ()


@dataclass
class Watch:
    """Who is told while a run goes on."""

    tier_up: Callable[[TierUp], None] = field(default=lambda _: None)
    note: Callable[[str], None] = field(default=lambda _: None)
    counts: Callable[[Sequence[Growing]], None] = field(default=lambda _: None)
    tried: Callable[[FunctionTrial], None] = field(default=lambda _: None)
    cut: Callable[[Profile], None] = field(default=lambda _: None)  # a run that was ended, and what was seen of it
