"""The charts that are rows of bars: the size story, code bytes by tier, boots to convergence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bareflow.report.facts import FunctionFacts, ReportFacts
from bareflow.report.markup import Markup, byte_size, join, pill, tag, three
from bareflow.report.scale import Scale

SHOWN_FUNCTIONS = 12
SIZE_TICKS = ((10, "1 KiB"), (14, "16 KiB"), (18, "256 KiB"), (22, "4 MiB"), (26, "64 MiB"), (30, "1 GiB"))


def size_story(sizes: Sequence[tuple[str, int]]) -> Markup | None:
    """Bytes of what grew and of what is left, on a logarithmic scale; None: nothing is known."""
    known = [(label, size) for label, size in sizes if size > 0]
    if not known:
        return None
    most, least = max(size for _, size in known), min(size for _, size in known)
    scale = Scale(min(1024.0, least / 2), most * 1.2, 0.0, 100.0, log=True)
    ticks = [(scale(1 << power), label) for power, label in SIZE_TICKS if scale.low <= 1 << power < most]
    lines = [tag("i", class_="tick", style=f"left:{at:.2f}%") for at, _ in ticks]
    last = known[-1]
    rows = [
        tag(
            "div",
            tag("div", label, class_="what"),
            tag(
                "div", *lines, tag("b", class_=_size_class(label), style=f"width:{scale(size):.2f}%"), class_="bar-room"
            ),
            tag("div", tag("strong", byte_size(size)), tag("small", f"{size:,} bytes"), class_="figure"),
            class_="bar-row",
        )
        for label, size in known
    ]
    axis = tag("div", *(tag("span", label, style=f"left:{at:.2f}%") for at, label in ticks), class_="bar-axis")
    rows.append(tag("div", tag("div"), axis, tag("div"), class_="bar-row axis-row"))
    said = ""
    if len(known) > 1:
        ratio = most / last[1]
        said = tag("p", "What boots in the end is ", tag("strong", f"1/{ratio:,.0f}"), " of what it took to make it.")
    return join(said, tag("div", *rows, class_="bars"))


def _size_class(label: str) -> str:
    return "payload" if "payload" in label else "grow"


def code_bytes(facts: ReportFacts) -> Markup | None:
    """Code bytes by tier, as a table with a bar in every cell; None: no size is known."""
    tiers = [tier for tier in facts.tiers if any(tier in one.code_bytes for one in facts.functions)]
    if not tiers:
        return None
    sized = [one for one in facts.functions if one.code_bytes]
    most = max(size for one in sized for size in one.code_bytes.values())
    head = tag("tr", tag("th", "function"), *(tag("th", pill(tier), class_="number") for tier in tiers))
    rows = [_bytes_row(one, tiers, most) for one in sized[:SHOWN_FUNCTIONS]]
    totals = [tag("td", _total(sized, tier), class_="number") for tier in tiers]
    width = 110 + 58 * len(tiers)
    hidden = len(sized) - len(rows)
    label = f"all {len(sized)}" + (f", {hidden} not shown" if hidden > 0 else "")
    foot = tag("tr", tag("th", label), *totals)
    table = tag(
        "table",
        tag("thead", head),
        tag("tbody", *rows),
        tag("tfoot", foot),
        class_="cells",
        style=f"min-width:{width}px",
    )
    return tag("div", table, class_="scroll")


def _bytes_row(one: FunctionFacts, tiers: Sequence[str], most: int) -> Markup:
    cells = []
    for tier in tiers:
        size = one.code_bytes.get(tier)
        if size is None:
            cells.append(tag("td", "", class_="number none"))
            continue
        bar = tag("b", class_=f"t-{tier}", style=f"width:{size / most * 100:.2f}%")
        cells.append(tag("td", f"{size:,}", tag("div", bar, class_="cell-bar"), class_="number"))
    return tag("tr", tag("th", tag("span", one.name, class_="name", title=one.name)), *cells)


def _total(sized: Sequence[FunctionFacts], tier: str) -> Markup:
    at_tier = [one.code_bytes[tier] for one in sized if tier in one.code_bytes]
    return join(f"{sum(at_tier):,}", tag("small", f"in {len(at_tier)}"))


def boots_chart(facts: ReportFacts) -> Markup | None:
    """Tier-ups by boot as columns; None: no boot is known."""
    if not facts.boots:
        return None
    risen = Counter((rise.boot, rise.after) for rise in facts.published)
    totals = Counter(rise.boot for rise in facts.published)
    most = max(totals.values(), default=0) or 1
    columns = []
    for boot in range(1, min(facts.boots, 40) + 1):
        parts = [
            tag("b", class_=f"t-{tier}", style=f"height:{risen[boot, tier] / most * 100:.2f}%", title=f"to {tier}")
            for tier in reversed(facts.tiers)
            if risen[boot, tier]
        ]
        columns.append(
            tag(
                "div",
                tag("div", *parts, class_="stack"),
                tag("strong", totals[boot]),
                tag("small", f"boot {boot}"),
                class_="column",
            )
        )
    return join(tag("p", convergence(facts)), tag("div", *columns, class_="columns"))


def convergence(facts: ReportFacts) -> str:
    """One sentence: after which boot nothing rose any more; what rose between two boots is there from the start."""
    last = max((rise.boot for rise in facts.published if rise.at_ms != 0), default=0)
    runs = f"{facts.boots} boot{'' if facts.boots == 1 else 's'}"
    if not facts.published:
        return f"Nothing rose in {runs}."
    if last < facts.boots:
        return f"While it ran, nothing rose{f' any more after boot {last}, of' if last else ' in'} {runs}."
    return f"Functions still rose in the last of {runs}: another boot would tell whether it has converged."


def speedup(one: FunctionFacts, tiers: Sequence[str]) -> str:
    """How much faster a function became, from its lowest timed tier to its highest; empty: not known."""
    timed = [tier for tier in tiers if tier in one.cycles]
    if len(timed) < 2 or not one.cycles[timed[-1]]:
        return ""
    return f"{three(one.cycles[timed[0]] / one.cycles[timed[-1]])}×"
