"""A serial line in virtual time for the wire's tests: a seeded fault proxy and a baud rate, no real clock."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Noise:
    """Loses, doubles, flips and inserts bytes, one in `1 / rate`, from a seed."""

    rate: float
    seed: int
    faults: int = 0
    _left: int = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 — repeatable, not secret
        self._left = self._gap()

    def _gap(self) -> int:
        if not self.rate:
            return 1 << 62
        return int(math.log(1 - self._random.random()) / math.log(1 - self.rate))

    def __call__(self, data: bytes) -> bytes:
        if self._left >= len(data):
            self._left -= len(data)
            return data
        out = bytearray()
        at = 0
        while at + self._left < len(data):
            hit = at + self._left
            out += data[at:hit] + self._fault(data[hit])
            at = hit + 1
            self._left = self._gap()
        self._left -= len(data) - at
        return bytes(out + data[at:])

    def _fault(self, byte: int) -> bytes:
        self.faults += 1
        what = self._random.randrange(4)
        if what == 0:
            return b""
        if what == 1:
            return bytes((byte, byte))
        if what == 2:
            return bytes((byte ^ 1 << self._random.randrange(8),))
        return bytes((byte, self._random.randrange(256)))


@dataclass
class Direction:
    """One way of the line: bytes take `10 / baud` seconds each, then pass the noise."""

    noise: Callable[[bytes], bytes]
    byte_s: float
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    busy_until: float = 0.0
    carried: int = 0

    def put(self, data: bytes, now: float) -> None:
        if not data:
            return
        self.carried += len(data)
        self.busy_until = max(self.busy_until, now) + len(data) * self.byte_s
        self.pieces.append((self.busy_until, self.noise(data)))

    def take(self, now: float) -> bytes:
        ready = b""
        while self.pieces and self.pieces[0][0] <= now:
            ready += self.pieces.pop(0)[1]
        return ready

    @property
    def next_at(self) -> float | None:
        return self.pieces[0][0] if self.pieces else None
