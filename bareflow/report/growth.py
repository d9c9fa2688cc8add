"""Reads what `grow --json` printed: checked, since it comes from a file, and missing fields are no error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bareflow.errors import ProfileError
from bareflow.profile.values import TIERS

# Fields that say why something was not done, or what was, with the heading they get.
REASONS = {
    "kept": "not grown: stays in the base",
    "interpreter": "starts at O0: not interpreted",
    "interpreter_refused": "starts at O0: not interpreted",
    "refused": "tier-up refused",
    "barred": "barred from a tier",
    "notes": "note",
}
SPECIALISATIONS = ("specialisations", "specializations", "clones", "variants")
MOST_BOOTS = 1 << 20


@dataclass(frozen=True)
class GrownFunction:
    """A function in the growth's result."""

    tier: str
    calls: int
    cycles: Mapping[str, float]
    code_bytes: Mapping[str, int]


@dataclass(frozen=True)
class GrownRise:
    """A tier-up in the growth's result; the fields are those of `facts.Rise`."""

    boot: int
    at_ms: float | None
    function: str
    before: str
    after: str
    compile_ms: float
    latency_ms: float
    calls: int
    code_bytes: int


@dataclass(frozen=True)
class Growth:
    """A growth's result; None and empty: not said.

    Args:
        sizes: (what, bytes), the largest first.
        reasons: (heading, what it is about, words).
        specialisations: (function, words).
    """

    boots: int = 0
    functions: Mapping[str, GrownFunction] = field(default_factory=dict)
    tier_ups: tuple[GrownRise, ...] = ()
    compile_ms: float | None = None
    total_ms: float | None = None
    development_bytes: int | None = None
    payload_bytes: int | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    outputs_agree: bool | None = None
    image: str = ""
    snapshot: str = ""
    reasons: tuple[tuple[str, str, str], ...] = ()
    specialisations: tuple[tuple[str, str], ...] = ()


def load_growth(path: Path) -> Growth:
    """Read the file.

    Raises:
        ProfileError: it cannot be read, or it is not what `grow --json` prints.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        if not isinstance(document, dict):
            raise WrongFieldError("it is no object")
        return read_growth(document)
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror}.", "Write it with `grow --json`.") from error
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, WrongFieldError) else "it is no JSON"
        raise ProfileError(f"{path} is not what `grow --json` prints: {why}.") from error


class WrongFieldError(ValueError):
    """A field that cannot be right."""


def read_growth(document: Mapping[str, Any]) -> Growth:
    """The result in a document.

    Raises:
        ValueError: for a field that cannot be right.
    """
    agree = document.get("outputs_agree")
    if agree is not None and not isinstance(agree, bool):
        raise WrongFieldError("outputs_agree is neither true nor false")
    development, parts = _development(document.get("development_bytes"))
    payload = _optional(document, "payload_bytes")
    grow_image = _optional(document, "grow_image_bytes")
    sizes = [*parts, *([("grow image", int(grow_image))] if grow_image is not None else [])]
    if not parts and development is not None:
        sizes.append(("development: LLVM and the grow image", development))
    if payload is not None:
        sizes.append(("shrink payload", int(payload)))
    return Growth(
        _boots(document.get("boots", 0)),
        {_text(entry, "name"): _function(entry) for entry in _list(document, "functions")},
        tuple(_tier_up(entry) for entry in _list(document, "tier_ups")),
        _optional(document, "compile_ms"),
        _optional(document, "total_ms"),
        development,
        None if payload is None else int(payload),
        tuple(sorted(sizes, key=lambda size: -size[1])),
        agree,
        str(document.get("image") or ""),
        str(document.get("snapshot") or ""),
        tuple((heading, *pair) for key, heading in REASONS.items() for pair in _pairs(document.get(key))),
        tuple(pair for key in SPECIALISATIONS for pair in _pairs(document.get(key))),
    )


def _boots(value: Any) -> int:
    number = len(value) if isinstance(value, list) else value
    return int(_number(number, "boots", MOST_BOOTS))


def _development(value: Any) -> tuple[int | None, list[tuple[str, int]]]:
    """The total and its parts; a plain number has none."""
    if value is None:
        return None, []
    if not isinstance(value, dict):
        return int(_number(value, "development_bytes")), []
    parts = [(str(name), int(_number(size, f"development_bytes.{name}"))) for name, size in value.items()]
    total = dict(parts).get("total")
    parts = [part for part in parts if part[0] != "total"]
    return sum(size for _, size in parts) if total is None else total, parts


def _function(entry: Mapping[str, Any]) -> GrownFunction:
    tier = _tier(entry.get("tier"))
    cycles: dict[str, float] = {}
    sizes: dict[str, int] = {}
    tiers = entry.get("tiers") or {}
    if not isinstance(tiers, dict):
        raise WrongFieldError("a function's tiers are no object")
    for name, facts in tiers.items():
        if isinstance(facts, dict):
            _put(cycles, _tier(name), facts.get("cycles_per_call"))
            _put(sizes, _tier(name), facts.get("code_bytes"))
    _put(cycles, tier, entry.get("cycles_per_call"))
    _put(sizes, tier, entry.get("code_bytes"))
    _put(cycles, "frozen", entry.get("frozen_cycles_per_call"))
    _put(cycles, "aot", entry.get("aot_cycles_per_call"))
    calls = int(_number(entry.get("calls", 0), "calls"))
    return GrownFunction(tier, calls, cycles, {name: int(size) for name, size in sizes.items()})


def _put(into: dict[str, Any], key: str, value: Any) -> None:
    if value is not None:
        into[key] = _number(value, f"a figure at {key}")


def _tier_up(entry: Mapping[str, Any]) -> GrownRise:
    at_ms = entry.get("at_ms")
    return GrownRise(
        max(1, int(_number(entry.get("boot", 1), "boot", MOST_BOOTS))),
        None if at_ms is None else _number(at_ms, "at_ms"),
        _text(entry, "function"),
        _tier(entry.get("from", entry.get("before"))),
        _tier(entry.get("to", entry.get("after"))),
        _number(entry.get("compile_ms", 0), "compile_ms"),
        _number(entry.get("hot_to_published_ms", 0), "hot_to_published_ms"),
        int(_number(entry.get("calls", 0), "calls")),
        int(_number(entry.get("code_bytes", 0), "code_bytes")),
    )


def _pairs(value: Any) -> list[tuple[str, str]]:
    """(what it is about, words) of whatever shape: name → words, a list of sentences, or of objects."""
    if not value:
        return []
    if isinstance(value, dict):
        return [(str(name), one) for name, words in value.items() for one in _sentences(words)]
    if not isinstance(value, list):
        return [("", str(value))]
    pairs = []
    for entry in value:
        if isinstance(entry, dict):
            about = str(entry.get("function") or entry.get("name") or "")
            rest = {key: entry[key] for key in entry if key not in ("function", "name")}
            words = next((str(rest[key]) for key in ("reason", "why", "text") if key in rest), "")
            pairs.append((about, words or ", ".join(f"{key} {word}" for key, word in rest.items())))
        else:
            pairs.append(("", str(entry)))
    return pairs


def _sentences(words: Any) -> list[str]:
    if isinstance(words, list):
        return [str(one) for one in words]
    if isinstance(words, dict):
        return [", ".join(f"{key} {value}" for key, value in words.items())]
    return [str(words)]


def _list(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise WrongFieldError(f"{key} is no list of objects")
    return value


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise WrongFieldError(f"an entry without {key}")
    return value


def _tier(value: Any) -> str:
    if value not in TIERS:
        raise WrongFieldError(f"{value!r} is no tier")
    return str(value)


def _optional(document: Mapping[str, Any], key: str) -> float | None:
    value = document.get(key)
    return None if value is None else _number(value, key)


def _number(value: Any, what: str, most: float = 2.0**80) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:  # never so for NaN
        return value
    raise WrongFieldError(f"{what} is {value!r}")
