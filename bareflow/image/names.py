"""Names on a FAT volume: which it can hold, and the short and long entries that carry them.

Source: Microsoft FAT specification (FAT: General Overview of On-Disk Format, 2005), section 7, and its part on
long names.
"""

from __future__ import annotations

import struct
from collections.abc import Collection

from bareflow.errors import ImageError

LONGEST = 255  # UTF-16 units of a long name
FORBIDDEN = frozenset('"*/:<>?\\|')
SHORT_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")
UNITS_PER_ENTRY = 13
ENTRY_SIZE = 32
ATTRIBUTE_LONG = 0x0F


def check_name(part: str, whole: str) -> None:
    """Refuse a file's or folder's name that FAT cannot hold.

    Raises:
        ImageError: it names `whole`, the path on the image, and the reason.
    """
    reason = _fault(part)
    if reason:
        raise ImageError(f"FAT cannot hold the name {whole!r}: {reason}.", "Give the file another name on the image.")


def _fault(part: str) -> str:
    bad = sorted({c for c in part if c in FORBIDDEN or ord(c) < 32 or ord(c) == 127})
    faults = {
        "a part of it is empty": not part,
        f"it contains {', '.join(map(repr, bad))}": bool(bad),
        "'.' and '..' are folders of its own": part in {".", ".."},
        "it ends with a dot or a space": part.endswith((".", " ")),
        "it begins with a space": part.startswith(" "),
        "a character lies outside Unicode's basic plane": any(ord(c) > 0xFFFF for c in part),
        "it is not valid Unicode": any(0xD800 <= ord(c) <= 0xDFFF for c in part),
        f"a part of it is longer than {LONGEST} characters": len(part) > LONGEST,
    }
    return next((reason for reason, true in faults.items() if true), "")


def fold(name: str) -> str:
    """Return the name as FAT compares it: names that fold alike are one. ASCII case only, as our reader does."""
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in name)


def _is_short(name: str) -> bool:
    stem, dot, extension = name.partition(".")
    fits = 1 <= len(stem) <= 8 and len(extension) <= 3 and (bool(extension) or not dot)
    return fits and all(c in SHORT_CHARACTERS for c in stem + extension)


def _pad(name: str) -> bytes:
    stem, _, extension = name.partition(".")
    return f"{stem:8}{extension:3}".encode("ascii")


def short_name(name: str, taken: Collection[bytes]) -> bytes:
    """Return the 11 bytes of a short name for `name` that is not in `taken`: as it is, or with a numeric tail."""
    upper = fold(name)
    if _is_short(upper) and _pad(upper) not in taken:
        return _pad(upper)
    stem, _, extension = upper.rpartition(".") if "." in upper.lstrip(".") else (upper, "", "")
    stem, extension = (_legal(part) for part in (stem.lstrip("."), extension))
    for number in range(1, 1_000_000):
        tail = f"~{number}"
        candidate = _pad(f"{stem[: 8 - len(tail)]}{tail}.{extension[:3]}")
        if candidate not in taken:
            return candidate
    raise ImageError(f"A folder holds too many files whose names begin like {name!r}.", "Spread them over folders.")


def _legal(part: str) -> str:
    return "".join(c if c in SHORT_CHARACTERS else "_" for c in part if c not in ". ")


def checksum(short: bytes) -> int:
    """Return the short name's checksum, which ties long entries to it."""
    total = 0
    for byte in short:
        total = (total >> 1 | (total & 1) << 7) + byte & 0xFF
    return total


def long_entries(name: str, short: bytes) -> bytes:
    """Return the entries that carry the long name, last part first; none if the short name says it all."""
    if _is_short(name) and _pad(name) == short:
        return b""
    units = name.encode("utf-16-le")
    count = -(-len(name) // UNITS_PER_ENTRY)
    padded = (units + b"\0\0").ljust(count * UNITS_PER_ENTRY * 2, b"\xff")
    entries = []
    for number in range(count, 0, -1):
        piece = padded[(number - 1) * 26 : number * 26]
        order = number | (0x40 if number == count else 0)
        entries.append(
            struct.pack(
                "<B10sBBB12sH4s", order, piece[:10], ATTRIBUTE_LONG, 0, checksum(short), piece[10:22], 0, piece[22:]
            )
        )
    return b"".join(entries)
