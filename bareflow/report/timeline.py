"""Cycles per call over time as SVG: one line a function, coloured by the tier it runs at, a dot at each tier-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bareflow.profile.values import TIERS
from bareflow.report.facts import FunctionFacts, ReportFacts, Rise
from bareflow.report.markup import Markup, count, duration, join, plain, short, tag
from bareflow.report.scale import Scale, log_scale, time_scale

LABELLED = 8  # functions that get a name beside their line
LINES = 60  # functions that get a line
LABEL_HEIGHT = 15
TICK_WIDTH = 50  # between the words of two ticks


@dataclass(frozen=True)
class Layout:
    """Sizes in SVG units, which are pixels at the width that it was made for."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    name: int  # most characters of a label
    ticks: int  # along the time axis


WIDE = Layout(width=1040, height=420, left=62, right=150, top=30, bottom=44, name=19, ticks=8)
MIDDLE = Layout(width=700, height=400, left=54, right=120, top=30, bottom=44, name=15, ticks=5)
NARROW = Layout(width=400, height=400, left=46, right=92, top=30, bottom=44, name=11, ticks=3)


@dataclass(frozen=True)
class Track:
    """A function's line: where it stands from when on.

    Args:
        steps: (boot, milliseconds, tier, cycles per call, the tier-up that led there), in order.
    """

    function: FunctionFacts
    steps: tuple[tuple[int, float, str, float, Rise | None], ...]


def tracks(facts: ReportFacts) -> list[Track]:
    """Lines of the heaviest functions with tier-ups of which time and cycles are known."""
    rises: dict[str, list[Rise]] = {}
    for rise in facts.published:
        if rise.at_ms is not None:
            rises.setdefault(rise.function, []).append(rise)
    boots = sorted({rise.boot for some in rises.values() for rise in some})
    made = [track for one in facts.functions if (track := _track(one, rises.get(one.name, []), boots))]
    return made[:LINES]


def _track(one: FunctionFacts, rises: Sequence[Rise], boots: Sequence[int]) -> Track | None:
    """A function's line through every boot; it begins each at the tier that it rises from, or had."""
    if not rises or not any(tier in TIERS for tier in one.cycles):
        return None
    steps: list[tuple[int, float, str, float, Rise | None]] = []
    tier = rises[0].before
    for boot in boots:
        mine = [rise for rise in rises if rise.boot == boot]
        tier = mine[0].before if mine else tier
        steps.append((boot, 0.0, tier, _cycles_at(one, tier), None))
        for rise in mine:
            tier = rise.after
            steps.append((boot, rise.at_ms or 0.0, tier, _cycles_at(one, tier), rise))
    return Track(one, tuple(steps))


def _cycles_at(one: FunctionFacts, tier: str) -> float:
    """Cycles at a tier; one that was left before a call was timed stands where the nearest, rather higher, one does."""
    timed = [TIERS.index(known) for known in one.cycles if known in TIERS]
    wanted = TIERS.index(tier)
    nearest = min(timed, key=lambda at: (abs(at - wanted), at < wanted))
    return one.cycles[TIERS[nearest]]


def timeline(facts: ReportFacts) -> Markup | None:
    """The chart, once for each kind of window, so that its words keep their size; None: there is nothing to draw."""
    drawn = tracks(facts)
    if not drawn:
        return None
    layouts = {"wide": WIDE, "middle": MIDDLE, "narrow": NARROW}
    return join(*(tag("div", _svg(facts, drawn, layout), class_=kind) for kind, layout in layouts.items()))


def _svg(facts: ReportFacts, drawn: Sequence[Track], layout: Layout) -> Markup:
    values = [step[3] for track in drawn for step in track.steps]
    vertical = log_scale(values, layout.height - layout.bottom, layout.top)
    boots = _boot_scales(drawn, layout)
    ends = _label_places([vertical(track.steps[-1][3]) for track in drawn[:LABELLED]], layout)
    lines = [
        _line(track, vertical, boots, layout, ends[at] if at < len(ends) else None) for at, track in enumerate(drawn)
    ]
    return tag(
        "svg",
        _grid(vertical, boots, layout),
        *reversed(lines),
        viewBox=f"0 0 {layout.width} {layout.height}",
        role="img",
        aria_label=f"cycles per call over time, {len(facts.published)} tier-ups",
        class_="timeline",
    )


def _boot_scales(drawn: Sequence[Track], layout: Layout) -> dict[int, Scale]:
    """One time axis a boot, side by side; a longer boot gets more room, none less than a share."""
    times: dict[int, list[float]] = {}
    for track in drawn:
        for boot, at_ms, *_ in track.steps:
            times.setdefault(boot, []).append(at_ms)
    room = layout.width - layout.left - layout.right
    counts = {boot: len([at for at in times[boot] if at > 0]) + 2 for boot in times}
    least = 0.5 / len(times)
    shares = {boot: least + (1 - least * len(times)) * counts[boot] / sum(counts.values()) for boot in times}
    gap = min(14.0, room * 0.1 / len(times))
    scales: dict[int, Scale] = {}
    start = float(layout.left)
    for boot in sorted(times):
        end = start + room * shares[boot]
        scales[boot] = time_scale(times[boot], start, end - gap)
        start = end
    return scales


def _grid(vertical: Scale, boots: dict[int, Scale], layout: Layout) -> Markup:
    right = layout.width - layout.right
    parts = [tag("text", "cycles per call", x=4, y=14, class_="axis")]
    for value in vertical.ticks(6):
        y = f"{vertical(value):.1f}"
        place = {"x": layout.left - 8, "y": y, "dy": "0.32em", "text_anchor": "end"}
        parts.append(tag("line", x1=layout.left, x2=right, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", short(value), **place, class_="axis"))
    return join(*parts, *(_time_axis(boot, boots, layout) for boot in boots))


def _time_axis(boot: int, boots: dict[int, Scale], layout: Layout) -> Markup:
    """The axis of one boot, with its name where there are several."""
    scale = boots[boot]
    base, width = layout.height - layout.bottom, scale.end - scale.start
    parts = [tag("line", x1=f"{scale.start:.1f}", x2=f"{scale.end:.1f}", y1=base, y2=base, class_="baseline")]
    most = max(2, int(layout.ticks * width / (layout.width - layout.right - layout.left)))
    last = scale.end if boot == max(boots) else scale.end - TICK_WIDTH / 2  # the next boot's first word is near
    for value in _apart(scale, most, last):
        x, words = f"{scale(value):.1f}", plain(duration(value)) if value else "0"
        parts.append(tag("line", x1=x, x2=x, y1=base, y2=base + 4, class_="baseline"))
        parts.append(tag("text", words, x=x, y=base + 17, class_="axis", text_anchor="middle"))
    if len(boots) == 1:
        label = "time since the boot" + (" (logarithmic)" if scale.log else "")
        parts.append(tag("text", label, x=scale.end, y=base + 34, class_="axis", text_anchor="end"))
    elif width > 40:
        label = f"boot {boot}" + (", log time" if scale.log and width > 130 else "")
        middle = f"{(scale.start + scale.end) / 2:.1f}"
        parts.append(tag("text", label, x=middle, y=base + 34, class_="axis strong", text_anchor="middle"))
    return join(*parts)


def _apart(scale: Scale, most: int, last: float) -> list[float]:
    """Ticks whose words do not touch, two or more if they fit."""
    shown: list[float] = []
    for wanted in (most, 2 * most, 3 * most):
        shown = []
        for value in scale.ticks(wanted):
            if scale(value) <= last and (not shown or scale(value) - scale(shown[-1]) >= TICK_WIDTH):
                shown.append(value)
        if len(shown) > 1:
            break
    return shown


def _line(track: Track, vertical: Scale, boots: dict[int, Scale], layout: Layout, label_y: float | None) -> Markup:
    """One function: a step line, a dot a tier-up, and its name at the right if it gets one."""
    parts: list[Markup] = []
    steps = track.steps
    for at, (boot, at_ms, tier, cycles, _rise) in enumerate(steps):
        scale = boots[boot]
        after = steps[at + 1] if at + 1 < len(steps) else None
        same = after is not None and after[0] == boot
        end = boots[boot](after[1]) if after and same else scale.end
        y = vertical(cycles)
        path = f"M{scale(at_ms):.1f} {y:.1f}H{end:.1f}"
        if after and same:
            path += f"V{vertical(after[3]):.1f}"
        parts.append(tag("path", d=path, class_=f"step t-{tier}"))
    for boot, at_ms, tier, cycles, rise in steps:
        if rise is not None:
            words = _words(rise, cycles)
            place = {"cx": f"{boots[boot](at_ms):.1f}", "cy": f"{vertical(cycles):.1f}"}
            parts.append(
                tag("circle", tag("title", words), **place, r=4 if label_y is not None else 3, class_=f"dot t-{tier}")
            )
    if label_y is not None:
        x, y = layout.width - layout.right, vertical(steps[-1][3])
        edge = max(scale.end for scale in boots.values())
        parts.append(tag("path", d=f"M{edge:.1f} {y:.1f}L{x + 6} {label_y:.1f}", class_="leader"))
        parts.append(_label(track.function, layout, x + 10, label_y))
    return tag("g", tag("title", _summary(track)), *parts, class_="line" if label_y is not None else "line minor")


def _label(one: FunctionFacts, layout: Layout, x: float, y: float) -> Markup:
    name = one.name if len(one.name) <= layout.name else one.name[: layout.name - 1] + "…"
    return tag("text", name, x=x, y=f"{y:.1f}", dy="0.32em", class_="label")


def _words(rise: Rise, cycles: float) -> str:
    when = "" if rise.at_ms is None else f" at {duration(rise.at_ms)}"
    return f"{rise.function}: {rise.before} → {rise.after}{when}, boot {rise.boot}; {count(cycles)} cycles per call"


def _summary(track: Track) -> str:
    return f"{track.function.name}: {count(track.steps[0][3])} → {count(track.steps[-1][3])} cycles per call"


def _label_places(wanted: Sequence[float], layout: Layout) -> list[float]:
    """Places for labels near where they are wanted, none over another."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    places = list(wanted)
    for former, at in pairwise(order):
        places[at] = max(places[at], places[former] + LABEL_HEIGHT)
    lowest = float(layout.height - layout.bottom)
    for at in reversed(order):
        places[at] = min(places[at], lowest)
        lowest = places[at] - LABEL_HEIGHT
    return places
