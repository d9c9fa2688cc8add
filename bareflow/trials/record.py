"""What trials found, as JSON: kept in the cache, and beside the profile for people and tools."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bareflow.compile.specialise import Clone
from bareflow.compile.tiers import Options
from bareflow.compile.variants import Choice, Tuning
from bareflow.compile.versions import Version
from bareflow.trials.measure import Ratio
from bareflow.trials.search import Finding, Trials

FORMAT = 22  # raise it when the same facts would be chosen from in another way


def choice_to_json(choice: Choice) -> dict[str, Any]:
    """A choice as a JSON value; `describe` repeats it for people."""
    value: dict[str, Any] = {
        "weights": choice.weights,
        "clones": [asdict(clone) for clone in choice.clones],
        "options": asdict(choice.options),
        "tuning": asdict(choice.tuning),
        "functions": {name: asdict(tuning) for name, tuning in choice.functions.items()},
        "place": choice.place,
        "versions": [asdict(version) for version in choice.versions],
        "inline_all": choice.inline_all,
        "ahead": choice.ahead,
        "library": choice.library,
        "recursion": choice.recursion,
        "direct": choice.direct,
        "describe": list(choice.describe()),
    }
    plain: dict[str, Any] = json.loads(json.dumps(value))  # lists in place of tuples, as whoever reads it sees them
    return plain


def choice_from_json(value: Mapping[str, Any]) -> Choice:
    """What `choice_to_json` wrote.

    Raises:
        KeyError, TypeError: it is something else.
    """
    clones = tuple(
        Clone(c["function"], tuple((a, v) for a, v in c["values"]), c["calls"], c["total"]) for c in value["clones"]
    )
    options = Options(**{name: _tuples(one) for name, one in value["options"].items()})
    functions = {name: _tuning(tuning) for name, tuning in value["functions"].items()}
    versions = tuple(
        Version(v["function"], tuple((at, n) for at, n in v["values"]), tuple(v["words"]), v["calls"], v["total"])
        for v in value["versions"]
    )
    tuning = _tuning(value["tuning"])
    flags = {
        name: value[name] for name in ("weights", "place", "inline_all", "ahead", "library", "recursion", "direct")
    }
    return Choice(**flags, clones=clones, options=options, tuning=tuning, functions=functions, versions=versions)


def _tuning(value: Mapping[str, Any]) -> Tuning:
    return Tuning(**{name: _tuples(one) for name, one in value.items()})


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def ratio_to_json(found: Ratio | None) -> dict[str, Any] | None:
    """A ratio with its interval."""
    return asdict(found) if found else None


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """One candidate."""
    return {"name": finding.name, "verdict": finding.verdict, "ratio": ratio_to_json(finding.ratio)}


def trials_to_json(trials: Trials) -> dict[str, Any]:
    """What was found, but the object."""
    return {
        "format": FORMAT,
        "choice": choice_to_json(trials.choice),
        "gain": ratio_to_json(trials.gain),
        "findings": [finding_to_json(finding) for finding in trials.findings],
        "seconds": round(trials.seconds, 3),
    }


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
