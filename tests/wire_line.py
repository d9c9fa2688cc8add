"""Two ends of a wire and the line between them in virtual time: a seeded fault proxy, a baud rate, no clock."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bareflow.layouts.wire import FRAME_TYPE
from bareflow.wire.link import GuestLink, HostLink, Message

HELLO = FRAME_TYPE["hello"]


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


class Pair:
    """A guest and a host, the line between them and the time; what arrives is collected."""

    def __init__(
        self, *, rate: float = 0.0, baud: float = 1e6, seed: int = 1, guest: Any = None, capacity: int = 16384
    ):
        self.now = 0.0
        self.guest: Any = guest or GuestLink(0x1001, b"g" * 16, capacity=capacity)
        self.host = HostLink(77, b"h" * 16)
        self.up = Direction(Noise(rate, seed), 10 / baud)
        self.down = Direction(Noise(rate, seed + 1), 10 / baud)
        self.at_host: list[Message] = []
        self.at_guest: list[Message] = []
        self.plugged = True

    def step(self) -> bool:
        """Let the next thing happen; False when nothing ever will."""
        for link, line in ((self.guest, self.up), (self.host, self.down)):
            if line.busy_until <= self.now:
                data = link.transmit(self.now, 64)
                if self.plugged:
                    line.put(data, self.now)
        self.at_host += self.host.receive(self.up.take(self.now), self.now)
        self.at_guest += self.guest.receive(self.down.take(self.now), self.now)
        times = [self.up.next_at, self.down.next_at]
        for link, line in ((self.guest, self.up), (self.host, self.down)):
            wake = link.wake_at(self.now)
            times.append(None if wake is None else max(wake, line.busy_until))
        due = [t for t in times if t is not None]
        self.now = max(self.now, min(due, default=self.now))
        return bool(due)

    def run(self, until, limit_s: float = 1e9) -> None:
        while not until():
            assert self.step() or until(), "nothing more will happen"
            assert self.now < limit_s, f"not done after {self.now} s"

    def settle(self, limit_s: float = 1e9) -> None:
        self.run(lambda: self.guest.connected and self.host.connected and self.guest.idle and self.host.idle, limit_s)

    def payloads(self, messages: list[Message]) -> list[bytes]:
        return [m.payload for m in messages if m.type != HELLO]


def numbered(count: int, tag: bytes, size: int = 40) -> Iterator[bytes]:
    """Messages that differ, of varying length, with zeros inside."""
    for n in range(count):
        yield tag + n.to_bytes(8, "little") + bytes([n & 0xFF]) * (n * 7 % size)


def feed(pair: Pair, to_host: Iterator[bytes], to_guest: Iterator[bytes]) -> None:
    """Send both sequences as room allows until everything has arrived."""
    pair.run(lambda: pair.guest.connected and pair.host.connected)
    waiting = {pair.guest: next(to_host, None), pair.host: next(to_guest, None)}
    sources = {pair.guest: to_host, pair.host: to_guest}
    while True:
        for link, source in sources.items():
            while waiting[link] is not None and link.room >= 1000:
                assert link.send(40, waiting[link])
                waiting[link] = next(source, None)
        if not any(waiting.values()) and pair.guest.idle and pair.host.idle:
            return
        pair.step()
