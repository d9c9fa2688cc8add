"""What a whole growth came to, as one JSON document and as tables for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from bareflow.growth.boots import Boots
from bareflow.growth.growing import Growing, TierUp
from bareflow.growth.result import GrownFunction
from bareflow.profile.values import TIERS, FunctionProfile

SHOWN = 24  # functions in a table for people


@dataclass(frozen=True)
class Sizes:
    """Bytes of what it takes to grow, and of what is left.

    Args:
        llvm: the compiler's library.
        grow_image: the growing image, or the growing program where no image was made.
        payload: of the shrunk image.
        parts: of the payload.
    """

    llvm: int
    grow_image: int
    payload: int
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def development(self) -> int:
        """What is needed while it grows."""
        return self.llvm + self.grow_image


@dataclass(frozen=True)
class Growth:
    """A growth from its first run to the shrunk image.

    Args:
        name: of the workload.
        where: "native" or the accelerator it grew under.
        boots: the runs.
        earlier_boots: runs of the profile that it began with.
        sizes: see there.
        profile, snapshot, image: the files written.
        difference: what the frozen program did otherwise, in words; empty: nothing.
        compile_ms: CPU time in the compiler, all of it: tier-ups, base, frozen program.
        freeze_ms: of it the frozen program's.
        total_ms: from start to end, all runs, compilations and the check.
        measured: "frozen" and "aot": cycles per call by function name, where they were measured.
        evidence: what freezing decided, and why.
        notes: what a person should know.
        choices: flags that the program asked for by what it measured, and was frozen with.
    """

    name: str
    where: str
    boots: Boots
    earlier_boots: int
    sizes: Sizes
    profile: Path
    snapshot: Path
    image: Path
    difference: str
    compile_ms: float
    freeze_ms: float
    total_ms: float
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def run_ms(self) -> float:
        """Time of the growing runs alone."""
        return sum(boot.result.total_ms for boot in self.boots.boots)

    @property
    def compile_share(self) -> float:
        """Compile time as a share of all time."""
        return self.compile_ms / self.total_ms if self.total_ms else 0.0


def document(growth: Growth) -> dict[str, Any]:
    """The document of `--json`."""
    last = growth.boots.last
    merged = growth.boots.profile.functions
    return {
        "name": growth.name,
        "where": growth.where,
        "boots": len(growth.boots.boots),
        "earlier_boots": growth.earlier_boots,
        "converged": growth.boots.converged,
        "functions": [_function(one, merged.get((one.name, one.digest)), growth) for one in last.result.functions],
        "tier_ups": [_tier_up(boot.number, up) for boot in growth.boots.boots for up in boot.tier_ups],
        "compile_ms": round(growth.compile_ms, 3),
        "freeze_compile_ms": round(growth.freeze_ms, 3),
        "total_ms": round(growth.total_ms, 3),
        "run_ms": round(growth.run_ms, 3),
        "compile_share": growth.compile_share,
        "development_bytes": growth.sizes.development,
        "llvm_bytes": growth.sizes.llvm,
        "grow_image_bytes": growth.sizes.grow_image,
        "payload_bytes": growth.sizes.payload,
        "parts": dict(growth.sizes.parts),
        "profile": str(growth.profile),
        "snapshot": str(growth.snapshot),
        "image": str(growth.image),
        "outputs_agree": not growth.difference,
        **({"error": growth.difference} if growth.difference else {}),
        "exit_code": last.result.exit_status,
        "stdout": last.result.output.decode(errors="replace"),
        "kept": dict(last.result.kept),
        "interpreter_refused": dict(last.program.interpreted.refused),
        "specialisations": _specialisations(growth.evidence),
        "measured_choices": list(growth.choices),
        "agent": dict(last.result.agent),
        "tsc_hz": round(last.result.tsc_hz),
        "notes": list(growth.notes),
    }


def _function(one: GrownFunction, merged: FunctionProfile | None, growth: Growth) -> dict[str, Any]:
    tiers = tiers_of_function(one, merged, growth.boots)
    row = {
        "name": one.name,
        "tier": one.tier,
        "calls": merged.all_calls if merged else one.calls + one.self_calls,
        "cycles_per_call": tiers.get(one.tier, {}).get("cycles_per_call", one.cycles_per_call),
        "code_bytes": one.code_bytes,
        "digest": one.digest,
        "tiers": tiers,
    }
    for what, figures in growth.measured.items():
        if one.name in figures:
            row[f"{what}_cycles_per_call"] = figures[one.name]
    return row


def tiers_of_function(one: GrownFunction, merged: FunctionProfile | None, boots: Boots) -> dict[str, dict[str, Any]]:
    """Cycles per call and code bytes by tier.

    Cycles are the median over timed calls of the run that timed most, which ticks and interrupts cannot distort; the
    mean of all runs (`mean_cycles_per_call`) stands in where no run has a median.
    """
    found: dict[str, dict[str, Any]] = {}
    for tier, times in (merged.times if merged else {}).items():
        mean = times.cycles_per_call
        found[tier] = {
            "cycles_per_call": mean,
            "mean_cycles_per_call": mean,
            "minimum": times.minimum,
            "samples": times.samples,
            "code_bytes": times.code_bytes,
        }
    most: dict[str, int] = {}
    for boot in boots.boots:
        facts = next((f.tiers for f in boot.result.functions if f.symbol == one.symbol), {})
        for tier, seen in facts.items():
            if seen.median is not None and seen.samples > most.get(tier, 0):
                most[tier] = seen.samples
                found.setdefault(tier, {"code_bytes": seen.code_bytes})["cycles_per_call"] = seen.median
    return {tier: found[tier] for tier in TIERS if tier in found}


def _tier_up(boot: int, up: TierUp) -> dict[str, Any]:
    return {
        "boot": boot,
        "at_ms": round(up.at_ms, 3),
        "function": up.function,
        "from": up.before,
        "to": up.after,
        "compile_ms": round(up.compile_ms, 3),
        "hot_to_published_ms": round(up.hot_to_published_ms, 3),
        "calls": up.calls,
        "code_bytes": up.code_bytes,
    }


def _specialisations(evidence: Mapping[str, Any]) -> list[dict[str, str]]:
    """What freezing did beyond plain O3."""
    cases = evidence.get("special") or []
    said = [{"function": str(case["function"]), "text": str(case["words"])} for case in cases]
    words = (evidence.get("choice") or {}).get("describe") or []
    special = re.compile(": a (?:copy where|version while) ")
    return said + [{"function": "", "text": str(one)} for one in words if not cases or not special.search(one)]


# ---- for people ----


def tier_up_line(boot: int, up: TierUp) -> str:
    """One line about a tier-up."""
    compiled = f"compiled in {up.compile_ms:.1f} ms" if up.compile_ms else "from the cache"
    published = f"published in {up.hot_to_published_ms:.1f} ms" if up.at_ms else "from the start"
    return (
        f"boot {boot}  {up.at_ms / 1000:8.3f} s  {up.function}: {up.before} → {up.after} after {up.calls:,} calls, "
        f"{compiled}, {published}, {up.code_bytes:,} bytes"
    )


def live_table(title: str, functions: Iterable[Growing], most: int = SHOWN) -> Table:
    """The table that is drawn while it grows: what took most cycles first."""
    ordered = sorted(functions, key=lambda one: (-_cycles(one), -one.calls - one.self_calls, one.index))
    table = Table(title=title, title_justify="left")
    for heading in ("function", "tier", "calls", "cycles per call", "code bytes"):
        table.add_column(heading, justify="left" if heading in ("function", "tier") else "right")
    for one in ordered[:most]:
        mean = one.times[one.tier].mean if one.tier in one.times else None
        calls, size = one.calls + one.self_calls, one.code_bytes
        table.add_row(one.split.name, one.tier, f"{calls:,}", _number(mean), f"{size:,}" if size else "")
    if len(ordered) > most:
        table.add_row(f"… and {len(ordered) - most} more")
    return table


def _cycles(one: Growing) -> int:
    return sum(times.cycles for times in one.times.values())


def functions_table(rows: Sequence[Mapping[str, Any]], most: int = SHOWN) -> Table:
    """Cycles per call at every tier, frozen and ahead of time, of what took most; `rows` are the document's."""
    figures = [_by_tier(row) for row in rows]
    columns = [tier for tier in (*TIERS, "aot") if any(tier in one for one in figures)]
    table = Table(title="cycles per call, calls below included", title_justify="left")
    table.add_column("function")
    for heading in ("tier", "calls", *columns, "bytes"):
        table.add_column(heading, justify="right")
    order = sorted(range(len(rows)), key=lambda n: -(rows[n]["cycles_per_call"] or 0) * rows[n]["calls"])
    for n in order[:most]:
        row = rows[n]
        cells = [_number(figures[n].get(column)) for column in columns]
        table.add_row(row["name"], row["tier"], f"{row['calls']:,}", *cells, f"{row['code_bytes']:,}")
    if len(rows) > most:
        table.add_row(f"… and {len(rows) - most} more")
    return table


def _by_tier(row: Mapping[str, Any]) -> dict[str, float]:
    figures = {tier: facts["cycles_per_call"] for tier, facts in row["tiers"].items()}
    figures |= {what: row[f"{what}_cycles_per_call"] for what in ("frozen", "aot") if f"{what}_cycles_per_call" in row}
    return {tier: cycles for tier, cycles in figures.items() if cycles is not None}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _next_step(facts: Mapping[str, Any]) -> str:
    """How to go on with a growth that has not come to its end."""
    if facts["where"] in ("native", "tcg", "kvm"):
        return "give --boots more"
    return f"flash {Path(facts['profile']).with_suffix('.grow.img')}, boot it, and grow again"


def _short_of_the_top(facts: Mapping[str, Any]) -> list[str]:
    """What to try when a program ended before any of its functions had climbed."""
    reached = [row["tier"] for row in facts["functions"]]
    if "O3" in reached or not reached:
        return []
    run_s = facts["run_ms"] / 1000 / max(facts["boots"], 1)
    highest = max(reached, key=TIERS.index)
    return [
        f"no function reached O3 (highest {highest}): a run takes {run_s:.1f} s, too short to climb",
        "  give it more to do with --args, or lower thresholds under [grow] in its recipe",
    ]


def summary_lines(facts: Mapping[str, Any]) -> list[str]:
    """The summary for people, from the document."""
    llvm, image, payload = facts["llvm_bytes"], facts["grow_image_bytes"], facts["payload_bytes"]
    earlier = f", after {facts['earlier_boots']} earlier" if facts["earlier_boots"] else ""
    end = "nothing rises any more" if facts["converged"] else f"it would rise further: {_next_step(facts)}"
    agree = "the shrunk image prints what the growing one printed" if facts["outputs_agree"] else facts["error"]
    share = f"{facts['development_bytes'] / max(payload, 1):,.0f}"
    before = facts["compile_ms"] - facts["freeze_compile_ms"]
    return [
        f"development {facts['development_bytes']:,} bytes: LLVM {llvm:,}, growing image {image:,}",
        f"shrunk payload {payload:,} bytes: 1/{share} of that",
        f"boots {facts['boots']}{earlier}; {len(facts['tier_ups'])} tier-ups; {end}",
        f"compile time {facts['compile_ms']:,.0f} ms of {facts['total_ms']:,.0f} ms: {facts['compile_share']:.2%}",
        f"  of it growing {before:,.0f} ms, freezing {facts['freeze_compile_ms']:,.0f} ms",
        *(
            [f"frozen with what it measured: {' '.join(facts['measured_choices'])}"]
            if facts["measured_choices"]
            else []
        ),
        *_short_of_the_top(facts),
        f"outputs: {agree}",
        f"profile {facts['profile']}, snapshot {facts['snapshot']}, image {facts['image']}",
    ]
