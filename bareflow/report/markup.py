"""HTML by construction: every text is escaped unless it was made here, so a function's name is never markup."""

from __future__ import annotations

import html
import re

_VOID = {"meta", "br"}
# What HTML does not allow (controls, noncharacters, surrogates), and marks that would turn the text around them.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_REPLACEMENT = "\ufffd"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Any value as HTML text; what HTML cannot hold becomes U+FFFD."""
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(_UNFIT.sub(_REPLACEMENT, str(value)), quote=True))


def tag(element: str, *children: object, **attributes: object) -> Markup:
    """An element.

    Args:
        element: its name; ours, never from a file.
        children: Markup as it is, anything else escaped.
        attributes: `class_` is class, other underscores become hyphens; None leaves one out.
    """
    given = {key: value for key, value in attributes.items() if value is not None}
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in given.items())
    if element in _VOID:
        return Markup(f"<{element}{written}>")
    return Markup(f"<{element}{written}>{join(*children)}</{element}>")


def join(*children: object) -> Markup:
    """Several pieces, one behind the other."""
    return Markup("".join(text(child) for child in children))


def pill(tier: str) -> Markup:
    """A tier's name on its colour."""
    return tag("span", tier, class_=f"pill t-{tier}")


def name(words: str) -> Markup:
    """A function's name, cut by the window if it must be."""
    return tag("span", words, class_="name", title=words)


def three(number: float) -> str:
    """About three digits, never an exponent."""
    for least, digits in ((99.95, 0), (9.995, 1), (0.9995, 2)):
        if number >= least:
            return f"{number:,.{digits}f}"
    return f"{number:.3f}" if number else "0"


def count(number: float) -> str:
    """A number for people: thousands apart; from ten million on three digits and a prefix."""
    for power, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if number >= max(power, 1e7):
            return f"{three(number / power)} {prefix}"
    return f"{number:,.0f}" if number == int(number) else three(number)


def byte_size(number: float) -> str:
    """Bytes for people, in powers of 1024."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if number >= 1 << power:
            return f"{three(number / (1 << power))} {unit}"
    return f"{number:,.0f} B"


def short(number: float) -> str:
    """A figure on a crowded axis: from ten thousand on with a prefix, without needless zeros."""
    return plain(count(number)) if number >= 1e7 or number < 1e4 else _thousands(number)


def _thousands(number: float) -> str:
    return plain(f"{three(number / 1e6)} M" if number >= 1e6 else f"{three(number / 1e3)} k")


def plain(words: str) -> str:
    """A figure on an axis: without zeros that end its fraction."""
    return re.sub(r"(\.\d*?)0+(?!\d)", lambda found: found[1].rstrip("."), words)


def duration(ms: float) -> str:
    """A time for people, from milliseconds."""
    if ms >= 120_000:
        return f"{three(ms / 60_000)} min"
    if ms >= 1000:
        return f"{three(ms / 1000)} s"
    return f"{three(ms)} ms" if ms >= 0.1 or not ms else f"{three(ms * 1000)} µs"
