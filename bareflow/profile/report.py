"""What `profile show` prints: rows of plain values, and a table for people."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from bareflow.profile.values import TIERS, FunctionProfile, Profile

SHOWN_VALUES = 0.9  # share of calls from which a value is worth showing


@dataclass(frozen=True)
class Row:
    """One function as it is shown.

    Args:
        name, tier: of the function.
        calls: of both kinds.
        cycles: per call, by tier, where known.
        exact: tiers whose cycles were timed at every call.
        code_bytes: at its tier; 0: unknown.
        branches: terminators with counts.
        constant: "argument=value" for arguments that nearly always have one value.
    """

    name: str
    tier: str
    calls: int
    back_edges: int
    cycles: dict[str, float]
    exact: frozenset[str]
    code_bytes: int
    branches: int
    constant: tuple[str, ...]


def rows(profile: Profile) -> tuple[Row, ...]:
    """One row a function, the one that took most cycles first."""
    ordered = sorted(profile.functions.values(), key=lambda f: (-_weight(f), -f.all_calls, f.key))
    return tuple(_row(function) for function in ordered)


def _weight(function: FunctionProfile) -> int:
    return sum(times.cycles for times in function.times.values())


def _row(function: FunctionProfile) -> Row:
    cycles = {tier: times.cycles_per_call for tier, times in function.times.items()}
    constant = [
        f"{argument}={value}"
        for argument, seen in sorted(function.values.items())
        if (value := seen.dominant(SHOWN_VALUES)) is not None
    ]
    at_tier = function.times.get(function.tier)
    return Row(
        function.name,
        function.tier,
        function.all_calls,
        function.back_edges,
        {tier: mean for tier, mean in cycles.items() if mean is not None},
        frozenset(tier for tier, times in function.times.items() if times.exact),
        at_tier.code_bytes if at_tier else 0,
        len(function.branches),
        tuple(constant),
    )


def table(profile: Profile, *, title: str = "") -> Table:
    """The table for people: `~` marks cycles that were sampled and not timed at every call."""
    shown = rows(profile)
    tiers = [tier for tier in TIERS if any(tier in row.cycles for row in shown)]
    out = Table(title=title or None, caption=summary(profile))
    for heading in ("function", "tier"):
        out.add_column(heading)
    for heading in ("calls", *(f"cycles {tier}" for tier in tiers), "bytes", "branches"):
        out.add_column(heading, justify="right")
    out.add_column("constant arguments")
    for row in shown:
        cells = [row.name, row.tier, f"{row.calls:,}"]
        cells += [_cycles(row, tier) for tier in tiers]
        cells += [f"{row.code_bytes:,}" if row.code_bytes else "", str(row.branches or ""), " ".join(row.constant)]
        out.add_row(*cells)
    return out


def _cycles(row: Row, tier: str) -> str:
    if tier not in row.cycles:
        return ""
    return f"{'' if tier in row.exact else '~'}{row.cycles[tier]:,.0f}"


def specialised(profile: Profile) -> tuple[str, ...]:
    """A line for each special case that the program was frozen with."""
    cases = (profile.special[key] for key in sorted(profile.special))
    return tuple(f"{case.function}: a {case.kind} for {case.words}" for case in cases)


def summary(profile: Profile) -> str:
    """One line: how much there is, and what was lost."""
    counts = (("function", len(profile.functions)), ("boot", profile.boots), ("tier-up", len(profile.events)))
    parts = [f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts]
    if profile.stacks:
        parts.append(f"{sum(profile.stacks.values())} samples")
    parts.append(f"{profile.dropped} records dropped" if profile.dropped else "nothing dropped")
    return ", ".join(parts)
