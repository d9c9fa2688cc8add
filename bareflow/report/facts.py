"""What the page shows, as values: gathered from a profile and, where there is one, from `grow --json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import mean

from bareflow.errors import ProfileError
from bareflow.profile.export import weights
from bareflow.profile.report import SHOWN_VALUES
from bareflow.profile.values import TIERS, FunctionProfile, Profile, TierUp
from bareflow.report.growth import GrownFunction, Growth


@dataclass(frozen=True)
class Rise:
    """One tier-up, or an attempt at one.

    Args:
        boot: 1 for the first.
        at_ms: when it took effect, since the boot; None: not known.
        kind: published, refused or failed.
    """

    boot: int
    at_ms: float | None
    function: str
    before: str
    after: str
    kind: str = "published"
    compile_ms: float = 0.0
    latency_ms: float = 0.0
    calls: int = 0
    code_bytes: int = 0


@dataclass(frozen=True)
class FunctionFacts:
    """One function.

    Args:
        name: as shown: functions with several bodies get the start of their digest.
        cycles: per call, by tier; "aot" is the ahead-of-time compiler's.
        exact: tiers at which every call was timed.
        code_bytes: by tier.
        weight: cycles spent in it and below, at all tiers.
        constant: "argument = value (share)" for arguments that nearly always have one value.
    """

    name: str
    tier: str
    calls: int
    cycles: Mapping[str, float] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    code_bytes: Mapping[str, int] = field(default_factory=dict)
    back_edges: int = 0
    branches: int = 0
    weight: float = 0.0
    constant: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportFacts:
    """The whole page.

    Args:
        functions: the heaviest first.
        rises: by boot and time.
        boots: runs merged into the profile.
        stacks: weights by stack, outermost frame first.
        unit: of the weights.
        ordered: the boots' order is known and not guessed from the tiers they began at.
        growth: what `grow --json` said; empty where there was none.
    """

    title: str
    functions: tuple[FunctionFacts, ...]
    rises: tuple[Rise, ...]
    boots: int
    stacks: Mapping[tuple[str, ...], int]
    unit: str
    ordered: bool
    dropped: int
    tsc_hz: int
    builds: tuple[str, ...]
    cpus: tuple[str, ...]
    growth: Growth

    @property
    def published(self) -> tuple[Rise, ...]:
        """Tier-ups that took effect."""
        return tuple(rise for rise in self.rises if rise.kind == "published")

    @property
    def tiers(self) -> tuple[str, ...]:
        """Tiers that anything was ever at, lowest first."""
        seen = {f.tier for f in self.functions} | {tier for f in self.functions for tier in (*f.cycles, *f.code_bytes)}
        seen |= {tier for rise in self.rises for tier in (rise.before, rise.after)}
        return tuple(tier for tier in TIERS if tier in seen)


def gather(profile: Profile, growth: Growth, title: str) -> ReportFacts:
    """Everything the page shows.

    Args:
        profile: of one boot or many.
        growth: empty where only a profile is known.
        title: of the page.

    Raises:
        ProfileError: for a tier-up between what are no tiers.
    """
    rises, ordered = _rises(profile.events)
    if sum(rise.kind == "published" for rise in rises) < len(growth.tier_ups):
        rises, ordered = tuple(Rise(**vars(up)) for up in growth.tier_ups), True
    functions = [_function(one, profile) for one in profile.functions.values()]
    functions = _with_growth(functions, growth.functions)
    functions.sort(key=lambda f: (-f.weight, -f.calls, f.name))
    stacks, unit = weights(profile)
    return ReportFacts(
        title,
        tuple(functions),
        rises,
        max(profile.boots, growth.boots, max((rise.boot for rise in rises), default=0)),
        stacks,
        unit,
        ordered,
        profile.dropped,
        profile.tsc_hz,
        tuple(sorted(profile.builds)),
        tuple(sorted(profile.cpus)),
        growth,
    )


def _rises(events: tuple[TierUp, ...]) -> tuple[tuple[Rise, ...], bool]:
    """Events by boot; boots have names and no order, so one that began at lower tiers is taken for an earlier one."""
    boots: dict[int, list[TierUp]] = {}
    for event in events:
        if not {event.before, event.after} <= set(TIERS):
            raise ProfileError(
                f"The profile has a tier-up from {event.before!r} to {event.after!r}, which are no tiers."
            )
        boots.setdefault(event.boot, []).append(event)

    def began(boot: int) -> tuple[float, int, int]:
        first: dict[str, int] = {}
        for event in sorted(boots[boot], key=lambda e: e.at_us):
            first.setdefault(event.function, TIERS.index(event.before))
        return mean(first.values()), -len(boots[boot]), boot

    out = [
        _rise(number, event)
        for number, boot in enumerate(sorted(boots, key=began), 1)
        for event in sorted(boots[boot], key=lambda e: (e.at_us + e.latency_us, e))
    ]
    return tuple(out), len(boots) < 2


def _rise(boot: int, event: TierUp) -> Rise:
    return Rise(
        boot,
        (event.at_us + event.latency_us) / 1000,
        event.function,
        event.before,
        event.after,
        event.kind,
        event.compile_us / 1000,
        event.latency_us / 1000,
        event.calls,
        event.code_bytes,
    )


def _function(one: FunctionProfile, profile: Profile) -> FunctionFacts:
    bodies = sum(name == one.name for name, _ in profile.functions)
    cycles = {tier: times.cycles_per_call for tier, times in one.times.items()}
    sizes = {tier: times.code_bytes for tier, times in one.times.items() if times.code_bytes}
    for event in profile.events:
        if event.function == one.name and event.kind == "published" and event.code_bytes and bodies == 1:
            sizes.setdefault(event.after, event.code_bytes)
    constant = []
    for argument, seen in sorted(one.values.items()):
        value = seen.dominant(SHOWN_VALUES)
        if value is not None:
            constant.append(f"argument {argument} = {value} ({seen.counts[value] / seen.total:.0%})")
    return FunctionFacts(
        one.name if bodies == 1 else f"{one.name} [{one.digest[:6]}]",
        one.tier,
        one.all_calls,
        {tier: value for tier, value in cycles.items() if value is not None},
        frozenset(tier for tier, times in one.times.items() if times.exact),
        sizes,
        one.back_edges,
        len(one.branches),
        float(sum(times.cycles for times in one.times.values())),
        tuple(constant),
    )


def _with_growth(functions: list[FunctionFacts], grown: Mapping[str, GrownFunction]) -> list[FunctionFacts]:
    """Add what only the growth's result knows: functions that the profile lacks, frozen and ahead-of-time cycles."""
    out = []
    for one in functions:
        more = grown.get(one.name)
        if more is None:
            out.append(one)
            continue
        changed = replace(
            one,
            tier=max(one.tier, more.tier, key=TIERS.index),
            calls=max(one.calls, more.calls),
            cycles={**more.cycles, **one.cycles},
            code_bytes={**more.code_bytes, **one.code_bytes},
        )
        out.append(changed)
    names = {one.name for one in functions}
    for name, more in grown.items():
        if name not in names:
            weight = more.calls * more.cycles.get(more.tier, 0.0)
            facts = FunctionFacts(name, more.tier, more.calls, more.cycles, code_bytes=more.code_bytes, weight=weight)
            out.append(facts)
    return out
