"""Profiles in other people's formats: collapsed stacks, speedscope, Chrome trace.

collapsed   one line a stack, `outer;inner count`: Brendan Gregg's flamegraph.pl, and speedscope too
speedscope  https://www.speedscope.app/file-format-schema.json
chrome      Trace Event Format, "JSON Object Format": chrome://tracing and Perfetto

A profile without stack samples is exported from its calls: each function weighs its estimated cycles.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from bareflow.profile.values import TIERS, Profile, TierUp

SPEEDSCOPE_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def weights(profile: Profile) -> tuple[Mapping[tuple[str, ...], int], str]:
    """Stacks with weights, and the weights' unit: "samples", or "cycles" where no tick found anything."""
    if profile.stacks:
        return profile.stacks, "samples"
    cycles = {(f.name,): sum(t.cycles for t in f.times.values()) for f in profile.functions.values()}
    return {stack: count for stack, count in cycles.items() if count}, "cycles"


def to_collapsed(profile: Profile) -> str:
    """Collapsed stacks, sorted; `;` and line breaks in names become `_`."""
    lines: Counter[str] = Counter()
    for stack, count in weights(profile)[0].items():
        lines[";".join(frame.replace(";", "_").replace("\n", "_") for frame in stack)] += count
    return "".join(f"{line} {count}\n" for line, count in sorted(lines.items()))


def to_speedscope(profile: Profile, name: str = "bareflow") -> dict[str, Any]:
    """A speedscope file with one sampled profile."""
    stacks, unit = weights(profile)
    frames = sorted({frame for stack in stacks for frame in stack})
    index = {frame: at for at, frame in enumerate(frames)}
    ordered = sorted(stacks)
    return {
        "$schema": SPEEDSCOPE_SCHEMA,
        "name": name,
        "exporter": "bareflow",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": frame} for frame in frames]},
        "profiles": [
            {
                "type": "sampled",
                "name": f"{name} ({unit})",
                "unit": "none",
                "startValue": 0,
                "endValue": sum(stacks.values()),
                "samples": [[index[frame] for frame in stack] for stack in ordered],
                "weights": [stacks[stack] for stack in ordered],
            }
        ],
    }


def to_chrome_trace(profile: Profile, name: str = "bareflow") -> dict[str, Any]:
    """A Chrome trace: a process a boot, compilations as slices, functions by tier as a counter."""
    boots = sorted({event.boot for event in profile.events})
    events: list[dict[str, Any]] = []
    for process, boot in enumerate(boots, 1):
        mine = sorted((e for e in profile.events if e.boot == boot), key=lambda e: (e.at_us, e))
        events.append(_metadata("process_name", process, 0, f"{name}, boot {process}"))
        events += _slices(process, mine)
        events += _tier_counters(process, mine)
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"functions": str(len(profile.functions))}}


def _metadata(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": {"name": name}}


def _slices(process: int, events: list[TierUp]) -> list[dict[str, Any]]:
    """Compilations from hot to published, on as many threads as overlap; the compiler's own time within."""
    out: list[dict[str, Any]] = []
    free_at: list[int] = []
    for event in events:
        end = event.at_us + max(event.latency_us, event.compile_us, 1)
        thread = next((at for at, free in enumerate(free_at) if free <= event.at_us), len(free_at))
        if thread == len(free_at):
            free_at.append(end)
            out.append(_metadata("thread_name", process, thread + 1, f"compilations {thread + 1}"))
        free_at[thread] = end
        common = {"ph": "X", "pid": process, "tid": thread + 1, "ts": event.at_us, "cat": event.kind}
        args = {"calls": event.calls, "code_bytes": event.code_bytes, "kind": event.kind}
        title = f"{event.function} {event.before}→{event.after}"
        out.append({**common, "name": title, "dur": end - event.at_us, "args": args})
        if event.compile_us:
            out.append({**common, "name": "compile", "dur": event.compile_us, "args": {}})
    return out


def _tier_counters(process: int, events: list[TierUp]) -> list[dict[str, Any]]:
    """How many functions are at each tier, whenever that changes."""
    tiers: dict[str, str] = {}
    for event in events:
        tiers.setdefault(event.function, event.before)
    changes = [(e.at_us + e.latency_us, e.function, e.after) for e in events if e.kind == "published"]
    points = [_tier_counter(process, 0, tiers)] if tiers else []
    for at_us, function, after in sorted(changes):
        tiers[function] = after
        points.append(_tier_counter(process, at_us, tiers))
    return points


def _tier_counter(process: int, at_us: int, tiers: Mapping[str, str]) -> dict[str, Any]:
    counts = Counter(tiers.values())
    return {
        "ph": "C",
        "name": "functions by tier",
        "pid": process,
        "tid": 0,
        "ts": at_us,
        "args": {tier: counts[tier] for tier in TIERS},
    }


def to_text(document: Mapping[str, Any]) -> str:
    """A document as JSON text; equal documents give equal text."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
