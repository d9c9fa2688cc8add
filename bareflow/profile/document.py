"""A profile as a JSON document, and back: the same facts as the binary file, for other people's tools."""

from __future__ import annotations

import json
from typing import Any

from bareflow.errors import ProfileError
from bareflow.layouts.profile import SPECIAL_KIND
from bareflow.profile.values import (
    TIERS,
    ArgumentValues,
    FunctionProfile,
    Profile,
    Special,
    TierTimes,
    TierUp,
    with_runs,
)

FORMAT = "bareflow-profile"
VERSION = 1


def to_document(profile: Profile) -> dict[str, Any]:
    """The document: dictionaries, lists, strings and numbers. Values beyond 2^53 stay whole numbers."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "boots": profile.boots,
        "dropped": profile.dropped,
        "tsc_hz": profile.tsc_hz,
        "builds": sorted(profile.builds),
        "cpus": sorted(profile.cpus),
        "functions": [_function(profile.functions[key]) for key in sorted(profile.functions)],
        "stacks": [{"frames": list(s), "count": profile.stacks[s]} for s in sorted(profile.stacks)],
        "tier_ups": [vars(event) for event in sorted(profile.events)],
        **({"special": [vars(profile.special[key]) for key in sorted(profile.special)]} if profile.special else {}),
        **(_runs(profile.settled, profile) if profile.settled else {}),
    }


def _runs(settled: Profile, profile: Profile) -> dict[str, Any]:
    """The parts of runs of which more may be seen, and all but these; what stands beside them is both together."""
    runs = [{"run": identity, "profile": to_document(profile.runs[identity])} for identity in sorted(profile.runs)]
    return {"settled": to_document(settled), "runs": runs}


def _values(seen: ArgumentValues) -> dict[str, Any]:
    return {"counts": [list(pair) for pair in sorted(seen.counts.items())], "others": seen.others}


def to_json(profile: Profile) -> str:
    """The document as text; equal profiles give equal text."""
    return json.dumps(to_document(profile), indent=1, sort_keys=True) + "\n"


def _function(function: FunctionProfile) -> dict[str, Any]:
    sites = [{"instruction": number, **_values(seen)} for number, seen in sorted(function.sites.items())]
    return {
        "name": function.name,
        "digest": function.digest,
        "calls": function.calls,
        "self_calls": function.self_calls,
        "back_edges": function.back_edges,
        "tier": function.tier,
        "times": {
            tier: {**vars(function.times[tier]), "exact": function.times[tier].exact}
            for tier in TIERS
            if tier in function.times
        },
        "branches": [{"counter": c, "taken": list(t)} for c, t in sorted(function.branches.items())],
        "values": [{"argument": argument, **_values(seen)} for argument, seen in sorted(function.values.items())],
        **({"sites": sites} if sites else {}),  # files from before there were any stay as they are
        **({"tunings": function.tunings} if function.tunings else {}),
    }


def from_json(text: str, where: str = "the profile") -> Profile:
    """Read what `to_json` wrote.

    Args:
        text: the document.
        where: its name, for messages.

    Raises:
        ProfileError: when it is not such a document.
    """
    try:
        return from_document(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProfileError(f"{where} is not a profile in JSON: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")


def from_document(document: dict[str, Any]) -> Profile:
    """The profile in a document.

    Raises:
        ValueError, KeyError, TypeError: when it is not one.
    """
    if document.get("format") != FORMAT or document.get("version") != VERSION:
        raise ValueError(f'it is no "{FORMAT}" of version {VERSION}')
    if document.get("runs"):
        parts = {_count(entry["run"]): from_document(entry["profile"]) for entry in document["runs"]}
        return with_runs(from_document(document["settled"]), parts)
    functions = [_read_function(entry) for entry in document["functions"]]
    return Profile(
        {function.key: function for function in functions},
        {tuple(_text(f) for f in entry["frames"]): _count(entry["count"]) for entry in document["stacks"]},
        tuple(sorted(TierUp(**entry) for entry in document["tier_ups"])),
        frozenset(_text(name) for name in document["builds"]),
        frozenset(_text(name) for name in document["cpus"]),
        _count(document["boots"]),
        _count(document["dropped"]),
        _count(document["tsc_hz"]),
        {one.key: one for one in map(_read_special, document.get("special", []))},
    )


def _read_function(entry: dict[str, Any]) -> FunctionProfile:
    bytes.fromhex(entry["digest"])
    return FunctionProfile(
        _text(entry["name"]),
        entry["digest"],
        _count(entry["calls"]),
        _count(entry["self_calls"]),
        _count(entry["back_edges"]),
        _tier(entry["tier"]),
        {_tier(tier): _read_times(times) for tier, times in entry["times"].items()},
        {_count(branch["counter"]): tuple(_count(t) for t in branch["taken"]) for branch in entry["branches"]},
        {_count(v["argument"]): _read_values(v) for v in entry["values"]},
        {_count(v["instruction"]): _read_values(v) for v in entry.get("sites", [])},
        _count(entry.get("tunings", 0)) & 0xFFFFFFFF,
    )


def _read_special(entry: dict[str, Any]) -> Special:
    if entry["kind"] not in SPECIAL_KIND.members:
        raise ValueError(f"{entry['kind']!r} is no kind of special case")
    total, calls, gain, miss = (_count(entry[field]) for field in ("total", "calls", "gain", "miss"))
    return Special(_text(entry["function"]), entry["kind"], _text(entry["values"]), total, calls, gain, miss)


def _read_times(entry: dict[str, Any]) -> TierTimes:
    minimum = entry["minimum"]
    return TierTimes(
        _count(entry["calls"]),
        _count(entry["cycles"]),
        _count(entry["samples"]),
        None if minimum is None else _count(minimum),
        _count(entry["code_bytes"]),
    )


def _read_values(entry: dict[str, Any]) -> ArgumentValues:
    return ArgumentValues({_count(v): _count(n) for v, n in entry["counts"]}, _count(entry["others"]))


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{value!r} is no name")
    return value


def _tier(value: Any) -> str:
    if value not in TIERS:
        raise ValueError(f"{value!r} is no tier")
    return str(value)
