"""The tables: every function, every tier-up, and what was specialised, refused or kept, with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from bareflow.report.bars import speedup
from bareflow.report.facts import FunctionFacts, ReportFacts, Rise
from bareflow.report.markup import Markup, count, duration, join, name, pill, tag, three


def table(headings: Sequence[tuple[object, bool]], rows: Sequence[Sequence[object]]) -> Markup:
    """A table that scrolls by itself where it is wider than the window.

    Args:
        headings: (words, whether the column holds numbers).
        rows: cells, Markup or to be escaped.
    """
    kinds = ["number" if number else None for _, number in headings]
    head = tag("tr", *(tag("th", words, class_=kind) for (words, _), kind in zip(headings, kinds, strict=True)))
    body = [
        tag(
            "tr",
            *(
                tag("td" if at else "th", cell, class_=kind)
                for at, (cell, kind) in enumerate(zip(row, kinds, strict=True))
            ),
        )
        for row in rows
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scroll")


def functions(facts: ReportFacts) -> Markup:
    """Every function, the heaviest first."""
    timed = [tier for tier in facts.tiers if any(tier in one.cycles for one in facts.functions)]
    aot = any("aot" in one.cycles for one in facts.functions)
    loops = any(one.back_edges for one in facts.functions)
    headings: list[tuple[object, bool]] = [("function", False), ("tier", False), ("calls", True)]
    headings += [(pill(tier), True) for tier in timed]
    headings += [("clang -O3", True)] if aot else []
    headings += [("gain", True), ("bytes", True)]
    headings += [("back edges", True)] if loops else []
    rows = []
    for one in facts.functions:
        row: list[object] = [name(one.name), pill(one.tier), count(one.calls)]
        row += [_cycles(one, tier) for tier in timed]
        row += [count(one.cycles["aot"]) if "aot" in one.cycles else ""] if aot else []
        size = one.code_bytes.get(one.tier)
        row += [speedup(one, facts.tiers), "" if size is None else f"{size:,}"]
        row += [count(one.back_edges) if one.back_edges else ""] if loops else []
        rows.append(row)
    return table(headings, rows)


def _cycles(one: FunctionFacts, tier: str) -> str:
    if tier not in one.cycles:
        return ""
    return f"{'' if tier in one.exact else '~'}{count(one.cycles[tier])}"


def tier_ups(rises: Sequence[Rise]) -> Markup:
    """Every tier-up and every attempt, in order."""
    several = len({rise.boot for rise in rises}) > 1
    headings: list[tuple[object, bool]] = [("function", False), *([("boot", True)] if several else [])]
    headings += [("at", True), ("tiers", False), ("compiler", True), ("hot to published", True), ("calls", True)]
    headings += [("bytes", True), ("", False)]
    rows = []
    for rise in rises:
        row: list[object] = [name(rise.function), *([rise.boot] if several else [])]
        row += ["" if rise.at_ms is None else duration(rise.at_ms)]
        row += [join(pill(rise.before), " → ", pill(rise.after))]
        row += [duration(rise.compile_ms) if rise.compile_ms else "cached"]
        row += [duration(rise.latency_ms) if rise.latency_ms else "", f"{rise.calls:,}", f"{rise.code_bytes:,}"]
        row += ["" if rise.kind == "published" else rise.kind]
        rows.append(row)
    return table(headings, rows)


def latencies(rises: Sequence[Rise]) -> str:
    """The distribution from hot to published, in one sentence; empty where nothing was published."""
    known = sorted(rise.latency_ms for rise in rises if rise.kind == "published" and rise.latency_ms)
    if not known:
        return ""
    middle, late = (known[min(len(known) - 1, int(len(known) * share))] for share in (0.5, 0.95))
    return (
        f"From hot to published: median {duration(middle)}, 95th percentile {duration(late)}, "
        f"longest {duration(known[-1])}."
    )


def reasons(facts: ReportFacts) -> Markup | None:
    """What was refused, kept or not interpreted, and why; None: nothing."""
    rows: list[Sequence[object]] = [
        (name(rise.function), f"tier-up {rise.kind}: {rise.before} → {rise.after}")
        for rise in facts.rises
        if rise.kind != "published"
    ]
    rows += [(name(about) if about else "—", f"{heading}: {words}") for heading, about, words in facts.growth.reasons]
    return table([("function", False), ("reason", False)], rows) if rows else None


def specialisations(facts: ReportFacts) -> Markup | None:
    """What was specialised, and what could be; None: nothing."""
    rows: list[Sequence[object]] = [
        (name(about) if about else "—", words) for about, words in facts.growth.specialisations
    ]
    rows += [(name(one.name), f"candidate: {words}") for one in facts.functions for words in one.constant]
    return table([("function", False), ("for", False)], rows) if rows else None


def share(part: float | None, whole: float | None) -> str:
    """A share in per cent; empty where it is not known."""
    return f"{three(part / whole * 100)} %" if part is not None and whole else ""
