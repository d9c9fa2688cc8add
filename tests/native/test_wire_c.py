"""The wire's C side against its Python side, under the sanitizers: COBS, and guests in C with a Python host.

BAREFLOW_WIRE_FRAMES sets how many frames the long run exchanges.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bareflow.layouts.wire import FRAME_TYPE, MESSAGE_HEADER
from bareflow.wire import cobs
from bareflow.wire.frames import Frame, encode_frame
from bareflow.wire.link import HostLink, Message
from tests.wire_line import HELLO, Pair, feed, numbered

SOURCES = ["runtime/wire.c", "runtime/wire_flow.c", "runtime/cobs.c", "runtime/crc32.c"]
FRAMES = int(os.environ.get("BAREFLOW_WIRE_FRAMES", "100000"))
REQUEST = struct.Struct("<QIIII")
REPLY = struct.Struct("<QQIIIIIIII")
MESSAGE = struct.Struct(MESSAGE_HEADER.format)
BUILD_ID = b"sixteen bytes..\0"


class GuestInC:
    """Stands in for `GuestLink`: runtime/wire.c in a process of its own, in lockstep."""

    def __init__(self, program: Path, session: int = 0x1001, outgoing: int = 16384, incoming: int = 4096):
        command = [str(program), str(session), str(outgoing), str(incoming)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._from_line = b""
        self._to_send = b""
        self._wake = 0.0
        self.room, self.idle, self.peer = outgoing - MESSAGE.size, True, 0
        self.dropped = self.damaged = self.resent = self.oversized = 0

    @property
    def connected(self) -> bool:
        return self.peer != 0

    def send(self, kind: int, payload: bytes) -> bool:
        self._to_send += MESSAGE.pack(kind, len(payload)) + payload
        self.room -= MESSAGE.size + len(payload)
        self.idle = False
        return True

    def transmit(self, now: float, limit: int) -> bytes:
        if now < self._wake and not self._to_send:
            return b""
        return self._exchange(now, limit)[0]

    def receive(self, data: bytes, now: float) -> list[Message]:
        return self._exchange(now, 0, data)[1] if data else []

    def wake_at(self, now: float) -> float:
        return now if self._to_send else max(now, self._wake)

    def _exchange(self, now: float, budget: int, line: bytes = b"") -> tuple[bytes, list[Message]]:
        pipe_in, pipe_out = self.process.stdin, self.process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        now_us = round(now * 1e6) + 1
        pipe_in.write(REQUEST.pack(now_us, len(line), len(self._to_send), budget, 0) + line + self._to_send)
        pipe_in.flush()
        self._to_send = b""
        head = pipe_out.read(REPLY.size)
        assert len(head) == REPLY.size, self.process.communicate()[1].decode()
        wait_us, self.dropped, out_size, message_size, self.room, idle, *counts = REPLY.unpack(head)
        self.peer, self.damaged, self.resent, self.oversized = counts
        self.idle = bool(idle)
        self._wake = now + wait_us / 1e6
        out = pipe_out.read(out_size)
        return out, list(_messages(pipe_out.read(message_size)))

    def close(self) -> None:
        _, errors = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, errors.decode()


def _messages(data: bytes) -> Iterator[Message]:
    at = 0
    while at < len(data):
        kind, size = MESSAGE.unpack_from(data, at)
        yield Message(kind, data[at + MESSAGE.size : at + MESSAGE.size + size], 0)
        at += MESSAGE.size + size


NewGuest = Callable[..., GuestInC]


@pytest.fixture(scope="module")
def guest_program(build_native) -> Path:
    return build_native("wire_guest", ["tests/native/wire_guest.c", *SOURCES])


@pytest.fixture
def new_guest(guest_program: Path) -> Iterator[NewGuest]:
    with ExitStack() as stack:

        def start(*args: int, **options: int) -> GuestInC:
            guest = GuestInC(guest_program, *args, **options)
            stack.callback(guest.close)
            return guest

        yield start


def test_cobs_in_c_equals_cobs_in_python(build_native):
    program = build_native("cobs_check", ["tests/native/cobs_check.c", "runtime/cobs.c"])
    generator = random.Random(7)  # noqa: S311 — repeatable, not secret
    pieces = [fill * size for size in (0, 1, 253, 254, 255, 508, 509, 1044) for fill in (b"\0", b"\1")]
    for _ in range(400):
        weights = [generator.choice((1, 40)), 1, 1, 1]
        pieces.append(bytes(generator.choices((0, 1, 5, 255), weights, k=generator.randrange(600))))
    pieces += [cobs.encode(piece) for piece in pieces] + [cobs.encode(piece)[:-1] for piece in pieces]
    line = b"".join(struct.pack("<I", len(piece)) + piece for piece in pieces)
    done = subprocess.run([program], input=line, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    at = 0
    for piece in pieces:
        for expected in (cobs.encode(piece), cobs.decode(piece)):
            (size,) = struct.unpack_from("<I", done.stdout, at)
            at += 4
            if expected is None:
                assert size == 0xFFFFFFFF
                continue
            assert done.stdout[at : at + size] == expected
            at += size
    assert at == len(done.stdout)


def test_a_guest_in_c_introduces_itself(new_guest: NewGuest):
    pair = Pair(guest=new_guest(0x77, incoming=1500))
    pair.settle()
    assert pair.host.session == 0x77
    assert pair.host.peer_build_id == BUILD_ID
    assert pair.host.max_message == 1500


def test_messages_of_every_length_pass_between_c_and_python(new_guest: NewGuest):
    pair = Pair(guest=new_guest(outgoing=1 << 18, incoming=65535))
    pair.run(lambda: pair.host.connected)
    sizes = [0, 1, 31, 32, 33, 255, 1023, 1024, 1025, 5000, 65535]
    for size in sizes:
        pair.guest.send(40, bytes(range(256)) * (size // 256) + bytes(size % 256))
        assert pair.host.send(41, b"\xff" * size)
    pair.settle()
    assert [len(p) for p in pair.payloads(pair.at_host)] == sizes
    assert pair.at_guest == [Message(41, b"\xff" * size, 0) for size in sizes]


def test_frames_between_c_and_python_through_noise_of_one_byte_in_a_hundred(new_guest: NewGuest):
    pair = Pair(rate=0.01, guest=new_guest())
    up, down = FRAMES * 45 // 100, FRAMES // 10
    feed(pair, numbered(up, b"up"), numbered(down, b"down"))
    assert pair.payloads(pair.at_host) == list(numbered(up, b"up"))
    assert pair.payloads(pair.at_guest) == list(numbered(down, b"down"))
    assert pair.host.frames_sent + pair.host.frames_received + pair.host.damaged >= FRAMES
    assert pair.guest.damaged > FRAMES // 20
    assert pair.host.damaged > FRAMES // 20


@pytest.mark.parametrize("seed", range(5))
def test_a_c_link_comes_up_through_worse_noise(new_guest: NewGuest, seed: int):
    pair = Pair(rate=0.05, seed=seed, guest=new_guest())
    feed(pair, numbered(30, b"up"), numbered(30, b"down"))
    assert pair.payloads(pair.at_host) == list(numbered(30, b"up"))
    assert pair.payloads(pair.at_guest) == list(numbered(30, b"down"))


def test_a_returning_host_gets_every_message_of_a_c_guest_once(new_guest: NewGuest):
    pair = Pair(guest=new_guest(outgoing=1 << 16))
    pair.run(lambda: pair.host.connected)
    for payload in numbered(400, b"up"):
        pair.guest.send(40, payload)
    pair.run(lambda: len(pair.at_host) > 100)
    pair.plugged = False
    for _ in range(200):
        pair.step()
    pair.plugged = True
    pair.host.line_cut(pair.now)
    pair.settle()
    assert pair.payloads(pair.at_host) == list(numbered(400, b"up"))


@pytest.mark.parametrize("when", [5, 60, 120])
def test_a_new_host_is_served_from_the_first_message_that_was_not_acknowledged(new_guest: NewGuest, when: int):
    pair = Pair(guest=new_guest(outgoing=1 << 18))
    sent = list(numbered(300, b"up", size=700))
    pair.run(lambda: pair.host.connected)
    for payload in sent:
        pair.guest.send(40, payload)
    for payload in numbered(50, b"lost"):
        pair.host.send(41, payload)
    pair.run(lambda: len(pair.at_host) > when)
    before, pair.at_host = pair.payloads(pair.at_host), []
    pair.host = HostLink(78)
    pair.run(lambda: pair.host.connected)
    for payload in numbered(50, b"down"):
        assert pair.host.send(41, payload)
    pair.settle()
    after = [m.payload for m in pair.at_host if m.type == 40]
    repeated = len(before) + len(after) - len(sent)
    assert repeated >= 0
    assert after == sent[len(before) - repeated :]
    assert [m.payload for m in pair.at_guest][-50:] == list(numbered(50, b"down"))


def test_a_reset_c_guest_begins_a_new_session(new_guest: NewGuest):
    pair = Pair(guest=new_guest(1))
    pair.run(lambda: pair.host.connected)
    pair.guest.send(40, b"old" * 100)
    pair.host.receive(pair.guest.transmit(pair.now, 9), pair.now)  # nine bytes of a frame, then the reset
    pair.guest = new_guest(2)
    pair.run(lambda: pair.host.session == 2)
    feed(pair, numbered(30, b"new"), numbered(30, b"code"))
    assert [m.payload for m in pair.at_host if m.payload.startswith(b"new")] == list(numbered(30, b"new"))
    assert pair.payloads(pair.at_guest) == list(numbered(30, b"code"))


def test_a_full_buffer_drops_and_reports(new_guest: NewGuest):
    pair = Pair(guest=new_guest(outgoing=1024))
    for payload in numbered(100, b"up"):
        pair.guest.send(40, payload)
    pair.settle()
    assert 0 < pair.guest.dropped < 100
    assert pair.host.peer_dropped == pair.guest.dropped
    assert len(pair.payloads(pair.at_host)) == 100 - pair.guest.dropped


def test_a_message_longer_than_the_guest_takes_is_skipped_and_counted(new_guest: NewGuest):
    pair = Pair(guest=new_guest(incoming=100))
    pair.run(lambda: pair.host.connected)
    pair.host.max_message = 65535  # a host that does not listen
    for size in (100, 101, 40000, 3):
        pair.host.send(41, bytes(size))
    pair.settle()
    assert [len(m.payload) for m in pair.at_guest] == [100, 3]
    assert pair.guest.oversized == 2


def test_no_bytes_whatever_upset_a_c_guest(new_guest: NewGuest):
    guest = new_guest()
    generator = random.Random(11)  # noqa: S311 — repeatable, not secret
    ask = b"\1\0\1\0" + struct.pack("<I", 9) + bytes(40)
    guest.receive(encode_frame(Frame(HELLO, ask)), 0.0)
    assert guest.connected
    for n in range(3000):
        kind = generator.choice((0, 1, 2, 3, 4, 5, 40, 0xFFFF))
        payload = generator.randbytes(generator.choice((0, 1, 4, 48, 300, 1024)))
        session = generator.choice((0, 0x1001, 0x1001, generator.getrandbits(32)))
        offset = generator.choice((1, 0, 100, generator.getrandbits(32)))
        line = encode_frame(Frame(kind, payload, session, offset, generator.choice((1, 5, offset))))
        guest.send(40, b"something under way")
        guest.receive(line + generator.randbytes(n % 50), n / 1000)
        guest.transmit(n / 1000, 300)
    assert guest.connected


def test_a_kernel_frame_passes_beside_the_stream(new_guest: NewGuest):
    pair = Pair(guest=new_guest())
    pair.run(lambda: pair.host.connected)
    final = encode_frame(Frame(FRAME_TYPE["final"], b"end"))
    assert pair.host.receive(b"\0" + final, pair.now) == [Message(FRAME_TYPE["final"], b"end", 0)]
