"""Whether two runs of a program said the same."""

from __future__ import annotations

import re

TOLERANCE = 1e-6
_NUMBER = re.compile(rb"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")


def outputs_agree(mine: bytes, theirs: bytes) -> bool:
    """Whether two outputs say the same: text and integers exactly, floating-point numbers within 1e-6 relative."""
    if mine == theirs:
        return True
    if _NUMBER.sub(b"#", mine) != _NUMBER.sub(b"#", theirs):
        return False
    return all(_same_number(a, b) for a, b in zip(_NUMBER.findall(mine), _NUMBER.findall(theirs), strict=True))


def _same_number(mine: bytes, theirs: bytes) -> bool:
    if mine == theirs:
        return True
    if not {*b".eE"} & {*mine} or not {*b".eE"} & {*theirs}:
        return False
    a, b = float(mine), float(theirs)
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b))
