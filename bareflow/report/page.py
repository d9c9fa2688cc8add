"""The page: sections in order, one style sheet inside, nothing outside."""

from __future__ import annotations

from pathlib import Path

from bareflow.report import tables
from bareflow.report.bars import boots_chart, code_bytes, size_story, speedup
from bareflow.report.facts import ReportFacts
from bareflow.report.flame import flame_graph
from bareflow.report.markup import Markup, byte_size, count, duration, join, pill, tag
from bareflow.report.timeline import LABELLED, LINES, timeline

STYLE = Path(__file__).with_name("style.css")
# The page asks for nothing, and a browser is told to let it ask for nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
SPECIAL_NOTE = "A candidate is an argument that had one value in nine of ten calls or more."
OPEN_ROWS = 40  # a longer list of tier-ups starts folded


def render(facts: ReportFacts) -> str:
    """The whole page as text, HTML 5."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{facts.title} — BareFlow report"),
        tag("style", Markup(STYLE.read_text("utf-8"))),
    )
    body = tag("body", tag("main", _header(facts), _tiles(facts), *_sections(facts), _footer(facts)))
    return "<!DOCTYPE html>\n" + tag("html", head, body, lang="en") + "\n"


def _header(facts: ReportFacts) -> Markup:
    what = [f"{len(facts.functions):,} functions"] if len(facts.functions) != 1 else ["1 function"]
    what += [f"image {facts.growth.image}"] if facts.growth.image else []
    what += [f"CPU {', '.join(facts.cpus)}"] if facts.cpus else []
    what += [f"build {build[:12]}" for build in facts.builds[:3]]
    what += [f"and {len(facts.builds) - 3} more builds"] if len(facts.builds) > 3 else []
    what += [f"TSC\u00a0{facts.tsc_hz / 1e9:.2f}\u00a0GHz"] if facts.tsc_hz else []
    return tag(
        "header",
        tag("p", "BareFlow · grow to shrink", class_="brand"),
        tag("h1", facts.title),
        tag("p", *(tag("span", words) for words in what), class_="facts"),
    )


def _tiles(facts: ReportFacts) -> Markup:
    growth = facts.growth
    tiles: list[tuple[str, object, object]] = []
    if growth.payload_bytes is not None:
        below = f"from {byte_size(growth.development_bytes)} of development" if growth.development_bytes else ""
        tiles.append(("shrink payload", byte_size(growth.payload_bytes), below))
    rose = {rise.function for rise in facts.published}
    ordered = sorted(facts.functions, key=lambda one: one.name not in rose)  # a caller of everything says little
    fastest = next(((one, gain) for one in ordered if (gain := speedup(one, facts.tiers))), None)
    if fastest:
        tiles.append(("heaviest function", fastest[1], f"{fastest[0].name}, lowest to highest tier"))
    tiles.append(("tier-ups", f"{len(facts.published):,}", _attempts(facts)))
    tiles.append(("boots", f"{facts.boots:,}", f"{facts.dropped:,} records found no room" if facts.dropped else ""))
    if growth.compile_ms is not None:
        share = tables.share(growth.compile_ms, growth.total_ms)
        tiles.append(
            (
                "compile time",
                duration(growth.compile_ms),
                f"{share} of {duration(growth.total_ms or 0)}" if share else "",
            )
        )
    if growth.outputs_agree is not None:
        tiles.append(("outputs", "agree" if growth.outputs_agree else "DIFFER", "grown and frozen program"))
    drawn = [
        tag(
            "div",
            tag("dt", label),
            tag("dd", tag("strong", value, class_="bad" if value == "DIFFER" else None), tag("small", below)),
        )
        for label, value, below in tiles
    ]
    return tag("dl", *drawn, class_="tiles")


def _attempts(facts: ReportFacts) -> str:
    others = len(facts.rises) - len(facts.published)
    return f"{others} refused or failed" if others else ""


def _sections(facts: ReportFacts) -> list[Markup]:
    tiers = {one.name: one.tier for one in facts.functions}
    many = len(facts.rises) > OPEN_ROWS
    listed = tables.tier_ups(facts.rises) if facts.rises else None
    if many and listed is not None:
        listed = tag("details", tag("summary", f"all {len(facts.rises):,}"), listed)
    flame_note = f"Width: share of all {facts.unit}. "
    flame_note += "No stack was sampled, so each function's own calls are shown." if facts.unit == "cycles" else ""
    sections = [
        ("cycles", "Cycles per call over time", _timeline_note(facts), timeline(facts)),
        ("flame", "Where the time went", flame_note, flame_graph(facts.stacks, facts.unit, tiers)),
        ("size", "The size story", "Bytes on a logarithmic scale.", size_story(facts.growth.sizes)),
        ("bytes", "Code bytes by tier", "The heaviest functions first.", code_bytes(facts)),
        ("boots", "Boots to convergence", "Tier-ups by boot.", boots_chart(facts)),
        ("functions", "Functions", _functions_note(facts), tables.functions(facts) if facts.functions else None),
        ("special", "Specialisations", SPECIAL_NOTE, tables.specialisations(facts)),
        ("tierups", "Tier-ups", tables.latencies(facts.rises), listed),
        ("reasons", "Refused, kept, noted", "What was not done, and why.", tables.reasons(facts)),
    ]
    return [
        tag("section", tag("h2", title), tag("p", note, class_="note") if note else "", content, id=f"s-{key}")
        for key, title, note, content in sections
        if content is not None
    ]


def _timeline_note(facts: ReportFacts) -> Markup:
    legend = tag("span", *(pill(tier) for tier in facts.tiers), class_="legend")
    note = "Each line is a function, coloured by the tier it runs at; each dot is a tier-up. "
    note += "The height is the mean at that tier, or at the nearest that was timed. "
    rising = len({rise.function for rise in facts.published})
    note += f"The heaviest {LABELLED} are named" if rising > LABELLED else ""
    note += f", {LINES} are drawn. " if rising > LINES else ". " if rising > LABELLED else ""
    note += "" if facts.ordered else "Boots are ordered by the tiers that they began at. "
    return join(note, legend)


def _functions_note(facts: ReportFacts) -> str:
    sampled = any(tier not in one.exact for one in facts.functions for tier in one.cycles)
    note = "Cycles per call at each tier, calls below included; the heaviest function comes first."
    return note + (" ~: from samples; otherwise every call was timed." if sampled else "")


def _footer(facts: ReportFacts) -> Markup:
    dropped = "No record was dropped."
    if facts.dropped:
        dropped = f"{count(facts.dropped)} records found no room in the guest's buffer; counts lose nothing by it."
    kept = [f"Snapshot: {facts.growth.snapshot}."] if facts.growth.snapshot else []
    return tag("footer", tag("p", " ".join([dropped, *kept])))
