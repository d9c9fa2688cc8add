"""What a program has shown so far, as weights in the code that is compiled for it while it runs.

Weights are coarse, so that the same behaviour gives the same text and the compiler's cache still knows it: counts of
one branch become powers of two of the largest, whatever their sum; how often a function was called, a power of 1024.
One is added to each count: what has not happened in the interpreter's few calls may still happen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from bareflow.compile.prof import attach
from bareflow.compile.split import BODY_SUFFIX, INLINE_TIERS
from bareflow.profile.values import FunctionProfile, Profile

WEIGHTED_TIERS = INLINE_TIERS  # below, the text is one function's and its code is soon replaced
HEAVIEST = 1 << 16
_DEFINED = re.compile(r'^define [^@]*@(?:"([^"]*)"|([-\w$.]+))\(', re.MULTILINE)

Seen = Callable[[str], FunctionProfile | None]


def weighted(text: str, seen: Seen) -> str:
    """A body's module with the weights of every function in it.

    Args:
        text: from `Split.body_text`.
        seen: what is known of a function by its stub's symbol; None: nothing.
    """
    functions = {}
    for quoted, plain in _DEFINED.findall(text):
        name = quoted or plain
        known = seen(name.removesuffix(BODY_SUFFIX))
        if known is not None and known.branches:
            coarse = coarsened(known, name)
            functions[coarse.key] = coarse
    return attach(text, Profile(functions=functions), {}) if functions else text


def coarsened(known: FunctionProfile, name: str) -> FunctionProfile:
    """Calls and branches of a function, rounded, under another name and without a digest."""
    branches = {first: coarse_counts(counts) for first, counts in known.branches.items()}
    return FunctionProfile(name, calls=1 << 10 * (max(known.all_calls.bit_length() - 1, 0) // 10), branches=branches)


def coarse_counts(counts: Sequence[int]) -> tuple[int, ...]:
    """Counts of one branch relative to the largest: HEAVIEST, and powers of two below, at least 1.

    Args:
        counts: by successor; at least one.
    """
    most = max(counts) + 1
    return tuple(1 << max(0, round(math.log2((count + 1) / most * HEAVIEST))) for count in counts)
