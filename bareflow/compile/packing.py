"""Packs KERNEL.BIN's code so that a small stub (kernel/unpack.S) can unpack it before it runs.

The stream alternates bits and bytes; bits are taken from the highest on, from a byte that stands where the first
of its bits is needed. Numbers from 1 on are interlaced Elias gamma codes: 1 ends, 0 is followed by the next lower
bit. Literals: gamma(count), bytes. Then 0: copy gamma(count) bytes from the last distance (not after a copy:
there 0 means literals); 1: gamma(high), byte low, gamma(count - 1): copy from distance 256 * (high - 1) + low + 1.
high = 256 ends. The scheme is that of Einar Saukas' ZX0.

Calls and jumps (E8, E9) hold the distance to their target; turned into the target's place, they repeat.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

LONGEST_COPY = 256
LONG_COPY = 32  # one this long is taken whole or not at all
CANDIDATES = 64  # earlier places tried for a copy: more cost time and bring nothing
MAX_DISTANCE = 255 * 256
END = 256
BRANCHES = (0xE8, 0xE9)


@dataclass(frozen=True)
class Packed:
    """A packed stream and what the stub must know.

    Args:
        data: the stream.
        size: bytes that it unpacks to.
        branch_limit: branch targets below this were turned; 0: none were.
    """

    data: bytes
    size: int
    branch_limit: int


class _Step(NamedTuple):
    """The cheapest way found to a position: bytes from `start` on by literals (distance 0) or a copy."""

    cost: int
    start: int
    distance: int
    again: bool  # the copy takes the distance of the one before
    last: int  # the distance that a following copy can take again


def pack(data: bytes) -> Packed:
    """Pack code, at least one byte; the same bytes always give the same stream."""
    limit = len(data)
    turned = turn_branches(data, limit)
    if restore_branches(turned, limit) != data:  # an operand that was never turned looks as if it had been
        limit, turned = 0, data
    return Packed(_encode(turned, _parse(turned)), len(data), limit)


def unpack(packed: Packed) -> bytes:
    """The reverse, as the stub does it."""
    return restore_branches(_decode(packed.data), packed.branch_limit)


def turn_branches(data: bytes, limit: int) -> bytes:
    """Replace the operand of each branch to a target below `limit` by the target, highest byte first."""
    turned = bytearray(data)
    at = 0
    while at + 5 <= len(data):
        at += 1
        if turned[at - 1] in BRANCHES:
            target = struct.unpack_from("<i", turned, at)[0] + at
            if 0 <= target < limit:
                struct.pack_into(">I", turned, at, target)
                at += 4
    return bytes(turned)


def restore_branches(data: bytes, limit: int) -> bytes:
    """The reverse of `turn_branches`."""
    restored = bytearray(data)
    at = 0
    while at + 5 <= len(data):
        at += 1
        if restored[at - 1] in BRANCHES:
            target = struct.unpack_from(">I", restored, at)[0]
            if target < limit:
                struct.pack_into("<i", restored, at, target - at)
                at += 4
    return bytes(restored)


def _gamma(number: int) -> int:
    """Bits of a gamma code."""
    return 2 * number.bit_length() - 1


class _Copies:
    """Finds earlier places with the same next bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._newest: dict[bytes, int] = {}
        self._older: list[int] = []

    def length(self, at: int, distance: int) -> int:
        """How many bytes from `at` on are those `distance` before them."""
        data, count = self._data, 0
        limit = min(len(data) - at, LONGEST_COPY)
        while distance <= at and count < limit and data[at + count] == data[at + count - distance]:
            count += 1
        return count

    def find(self, at: int) -> list[tuple[int, int]]:
        """(distance, length) of each candidate; positions must be asked for in order."""
        key = self._data[at : at + 2]
        place = self._newest.get(key, -1)
        self._older.append(place)
        self._newest[key] = at
        found: list[tuple[int, int]] = []
        while place >= 0 and len(found) < CANDIDATES and at - place <= MAX_DISTANCE:
            found.append((at - place, self.length(at, at - place)))
            place = self._older[place] if found[-1][1] < LONGEST_COPY else -1
        return found if len(key) == 2 else []


def _parse(data: bytes) -> list[_Step]:
    """The steps of a cheap stream, in order: forward over two costs, after literals and after a copy."""
    size = len(data)
    literal: list[_Step | None] = [None] * (size + 1)
    copied: list[_Step | None] = [None] * (size + 1)
    copied[0] = _Step(-1, 0, 1, again=False, last=1)  # the first literals need no flag
    copies = _Copies(data)
    for at in range(size):
        found = copies.find(at)
        before, after = copied[at], literal[at]
        literal[at + 1] = _longer(before, at, after, copied)
        if after:
            for count in _counts(1, copies.length(at, after.last)):
                cost = after.cost + 1 + _gamma(count)
                held = copied[at + count]
                if held is None or cost < held.cost:
                    copied[at + count] = _Step(cost, at, after.last, again=True, last=after.last)
        best = min(step.cost for step in (before, after) if step) if at else size * 16
        for distance, length in found:
            base = best + 1 + _gamma((distance - 1) // 256 + 1) + 8
            for count in _counts(2, length):
                cost = base + _gamma(count - 1)
                held = copied[at + count]
                if held is None or cost < held.cost:
                    copied[at + count] = _Step(cost, at, distance, again=False, last=distance)
    return _trace(literal, copied)


def _counts(least: int, most: int) -> Sequence[int]:
    """The lengths to try of a copy that can be of `most` bytes."""
    return range(least, most + 1) if most < LONG_COPY else [*range(least, LONG_COPY), most]


def _longer(before: _Step | None, at: int, after: _Step | None, copied: Sequence[_Step | None]) -> _Step:
    """The cheaper of one literal after a copy, and one more in the run of literals that ends here."""
    choices = []
    if before:
        choices.append(_Step(before.cost + 1 + 1 + 8, at, 0, again=False, last=before.last))
    if after:
        start = copied[after.start]
        assert start is not None
        count = at + 1 - after.start
        choices.append(after._replace(cost=start.cost + 1 + _gamma(count) + 8 * count))
    return min(choices)


def _trace(literal: Sequence[_Step | None], copied: Sequence[_Step | None]) -> list[_Step]:
    """Follow the steps back from the end; before literals stands a copy, before a new distance the cheaper of both."""
    at, path = len(literal) - 1, []
    step = min(s for s in (literal[at], copied[at]) if s)
    while True:
        path.append(step)
        at = step.start
        if at == 0:
            return path[::-1]
        if step.distance == 0:
            choices = [copied[at]]
        elif step.again:
            choices = [literal[at]]
        else:
            choices = [literal[at], copied[at]]
        step = min(s for s in choices if s)


class _Writer:
    """Bits and bytes in one stream."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._place = 0
        self._mask = 0

    def bit(self, value: int) -> None:
        if not self._mask:
            self._place, self._mask = len(self.data), 0x80
            self.data.append(0)
        if value:
            self.data[self._place] |= self._mask
        self._mask >>= 1

    def gamma(self, number: int) -> None:
        for index in range(number.bit_length() - 2, -1, -1):
            self.bit(0)
            self.bit(number >> index & 1)
        self.bit(1)


def _encode(data: bytes, steps: list[_Step]) -> bytes:
    out = _Writer()
    ends = [step.start for step in steps[1:]] + [len(data)]
    for step, end in zip(steps, ends, strict=True):
        count = end - step.start
        if step.start:
            out.bit(0 if step.again or step.distance == 0 else 1)
        if step.distance == 0:
            out.gamma(count)
            out.data += data[step.start : end]
        elif step.again:
            out.gamma(count)
        else:
            high, low = divmod(step.distance - 1, 256)
            out.gamma(high + 1)
            out.data.append(low)
            out.gamma(count - 1)
    out.bit(1)
    out.gamma(END)
    return bytes(out.data)


class _Reader:
    """The reverse of `_Writer`."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self._bits: list[int] = []

    def byte(self) -> int:
        return next(self._data)

    def bit(self) -> int:
        if not self._bits:
            value = self.byte()
            self._bits = [value >> index & 1 for index in range(8)]
        return self._bits.pop()

    def gamma(self) -> int:
        number = 1
        while not self.bit():
            number = 2 * number + self.bit()
        return number


def _decode(data: bytes) -> bytes:
    source, out, distance = _Reader(data), bytearray(), 1
    literals = True
    while True:
        if literals:
            out += bytes(source.byte() for _ in range(source.gamma()))
            again = not source.bit()
        else:
            again = False
        if again:
            count = source.gamma()
        else:
            high = source.gamma()
            if high == END:
                return bytes(out)
            distance = 256 * (high - 1) + source.byte() + 1
            count = source.gamma() + 1
        for _ in range(count):
            out.append(out[-distance])
        literals = not source.bit()
