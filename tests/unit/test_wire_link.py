"""The reliable link between two Python ends over a virtual line: noise, cuts, resets, throttle."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bareflow.layouts.wire import FRAME_TYPE, WIRE_HELLO
from bareflow.wire.link import GuestLink, HostLink, Link, Message

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from wire_line import Direction, Noise

HELLO = FRAME_TYPE["hello"]


class Pair:
    """A guest and a host, the line between them and the time; what arrives is collected."""

    def __init__(self, *, rate: float = 0.0, baud: float = 1e6, seed: int = 1, **guest: int):
        self.now = 0.0
        self.guest: Link = GuestLink(0x1001, b"g" * 16, **guest)
        self.host: Link = HostLink(77, b"h" * 16)
        self.up = Direction(Noise(rate, seed), 10 / baud)
        self.down = Direction(Noise(rate, seed + 1), 10 / baud)
        self.at_host: list[Message] = []
        self.at_guest: list[Message] = []
        self.plugged = True

    def step(self) -> bool:
        """Let the next thing happen; False when nothing ever will."""
        for link, line in ((self.guest, self.up), (self.host, self.down)):
            if line.busy_until <= self.now:
                data = link.transmit(self.now, 256)
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
            while waiting[link] is not None and link.outgoing.room >= 2000:
                assert link.send(40, waiting[link])
                waiting[link] = next(source, None)
        if not any(waiting.values()) and pair.guest.idle and pair.host.idle:
            return
        pair.step()


def test_both_sides_learn_who_the_other_is():
    pair = Pair()
    pair.settle()
    assert pair.host.session == 0x1001
    assert pair.host.peer_build_id == b"g" * 16
    assert pair.guest.peer_build_id == b"h" * 16
    assert [m.type for m in pair.at_host] == [HELLO]
    assert WIRE_HELLO.decode(pair.at_host[0].payload)["build_id"] == b"g" * 16


def test_messages_of_every_length_arrive_in_order():
    pair = Pair(capacity=1 << 20)
    pair.run(lambda: pair.host.connected)
    sizes = [0, 1, 31, 32, 33, 1023, 1024, 1025, 5000, 65535]
    for size in sizes:
        assert pair.guest.send(40, bytes(size))
        assert pair.host.send(41, b"\xff" * size)
    pair.settle()
    assert [len(p) for p in pair.payloads(pair.at_host)] == sizes
    assert [len(p) for p in pair.payloads(pair.at_guest)] == sizes


def test_a_hundred_thousand_frames_through_noise_of_one_byte_in_a_hundred():
    pair = Pair(rate=0.01, capacity=1 << 14)
    up, down = 50_000, 20_000
    feed(pair, numbered(up, b"up"), numbered(down, b"down"))
    assert pair.payloads(pair.at_host) == list(numbered(up, b"up"))
    assert pair.payloads(pair.at_guest) == list(numbered(down, b"down"))
    assert pair.guest.frames_sent + pair.host.frames_sent >= 100_000
    assert pair.up.noise.faults + pair.down.noise.faults > 50_000
    assert pair.host.damaged + pair.guest.damaged > 20_000


@pytest.mark.parametrize("seed", range(8))
def test_noise_before_and_while_the_link_comes_up(seed: int):
    pair = Pair(rate=0.05, seed=seed)
    feed(pair, numbered(50, b"up"), numbered(50, b"down"))
    assert pair.payloads(pair.at_host) == list(numbered(50, b"up"))
    assert pair.payloads(pair.at_guest) == list(numbered(50, b"down"))
