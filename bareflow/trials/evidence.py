"""What was specialised, on which evidence and for what gain: one record for each clone and version that was frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bareflow.compile.specialise import Clone
from bareflow.compile.variants import Choice
from bareflow.compile.versions import Version
from bareflow.profile.values import MILLION, Special


def special_cases(choice: Choice, findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The special cases of a choice, as JSON.

    Args:
        choice: what was frozen.
        findings: of its trials, as JSON; empty if there were none.

    Returns:
        for each: `function`; `kind` ("clone" or "version"); `values` in words; `calls` of the profile in which they
        held, and of all, `total` (a version's are reads); `share`; `gain`, the time with it to the time without as
        trials measured, and `miss`, the same where the values do not hold; None: not measured; all of it in `words`.
    """
    measured: dict[str, Mapping[str, Any]] = {}
    for finding in findings:
        if finding.get("ratio") and finding.get("verdict") == "taken":
            measured[finding["name"]] = finding["ratio"]
    cases = [_case(one, "clone", _arguments(one), f"copies of {one.function}", measured) for one in choice.clones]
    return cases + [_case(one, "version", list(one.words), one.name, measured) for one in choice.versions]


def specials(evidence: Mapping[str, Any]) -> dict[tuple[str, str, str], Special]:
    """What a freezing specialised, as a profile keeps it.

    Args:
        evidence: of the freezing, `special` as `special_cases` made it.
    """
    cases = map(_special, evidence.get("special", ()))
    return {case.key: case for case in cases}


def _special(case: Mapping[str, Any]) -> Special:
    return Special(
        case["function"],
        case["kind"],
        " and ".join(case["values"]),
        case["total"],
        case["calls"],
        round((case["gain"] or 0) * MILLION),
        round((case["miss"] or 0) * MILLION),
    )


def _arguments(clone: Clone) -> list[str]:
    return [f"argument {argument} is {value}" for argument, value in clone.values]


def _case(
    one: Clone | Version, kind: str, values: list[str], name: str, measured: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    gain, miss = measured.get(name), measured.get(f"{name}, with other values")
    case = {
        "function": one.function,
        "kind": kind,
        "values": values,
        "calls": one.calls,
        "total": one.total,
        "share": round(one.calls / one.total, 4) if one.total else None,
        "gain": round(gain["median"], 4) if gain else None,
        "miss": round(miss["median"], 4) if miss else None,
    }
    return {**case, "words": _special(case).words}
