"""The reliable link as a state machine: bytes and the time in, messages and bytes out. No I/O, no clock.

    receive(data, now) -> messages    bytes have come from the line
    send(type, payload) -> bool       a message for the peer; False: dropped, and counted
    transmit(now) -> bytes            what to put on the line now
    wake_at() -> time or None         when transmit() next has something to do by itself

The guest picks a session id at boot. A host process picks an incarnation and asks (hello, session 0); the
guest answers with its session and where both streams stand, and either side resumes there. So a host may
leave and return, be killed and started again, and a guest may be reset, at any byte. docs/wire.md has the
whole of it; runtime/wire.c is the guest's side in C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bareflow.errors import WireError
from bareflow.layouts.wire import (
    DROPPED_RECORD,
    FRAME_TYPE,
    HELLO_ASK,
    WIRE_HELLO,
    WIRE_MAX_PAYLOAD,
    WIRE_VERSION,
)
from bareflow.wire.flow import Incoming, Outgoing
from bareflow.wire.frames import Frame, FrameDecoder, encode_frame

HELLO = FRAME_TYPE["hello"]
ACK = FRAME_TYPE["ack"]
DATA = FRAME_TYPE["data"]
NAK = FRAME_TYPE["nak"]
DROPPED = FRAME_TYPE["dropped"]
FIRST_OUTSIDE = 16  # types below belong to the link

MAX_MESSAGE = 0xFFFF
HELLO_FIRST_S = 0.1  # between two hellos that nobody answers; doubles up to:
HELLO_LAST_S = 2.0
HELLO_SPACING_S = 0.02  # at least, between two that something on the line provokes


@dataclass(frozen=True)
class Message:
    """What arrived: a message of the stream, or a frame outside it (the kernel's: session 0).

    A host gets a message of type hello, with `wire_hello` as payload, when a new session has begun.
    """

    type: int
    payload: bytes
    session: int


class Link:
    """What guest and host have in common.

    Args:
        build_id: 16 bytes that name the program; zeros: unknown.
        capacity: bytes of messages kept for the peer.
        window: most bytes under way.
        keep_noise: as for `FrameDecoder`.
    """

    def __init__(
        self, build_id: bytes = bytes(16), *, capacity: int = 1 << 20, window: int = 4096, keep_noise: bool = False
    ) -> None:
        self.build_id = build_id
        self.session = 0
        self.decoder = FrameDecoder(keep_noise=keep_noise)
        self.outgoing = Outgoing(capacity, window)
        self.incoming = Incoming()
        self.peer_build_id = bytes(16)
        self.max_message = WIRE_MAX_PAYLOAD  # until the peer has said what it takes
        self.dropped = 0
        self.strangers = 0  # frames of another session
        self.frames_sent = 0
        self.frames_received = 0
        self._acknowledge_due = False
        self._missing = False
        self._hello_at: float | None = 0.0
        self._hello_wait = HELLO_FIRST_S
        self._hello_sent: float | None = None

    @property
    def damaged(self) -> int:
        """Pieces of the line that were no frame."""
        return self.decoder.damaged

    @property
    def room(self) -> int:
        """Most bytes of payload that `send` would take now."""
        return min(self.max_message, self.outgoing.room)

    @property
    def idle(self) -> bool:
        """Whether the peer has everything."""
        return self.outgoing.idle

    @property
    def connected(self) -> bool:
        """Whether both sides know each other."""
        raise NotImplementedError

    def send(self, kind: int, payload: bytes = b"") -> bool:
        """Queue a message; False when it does not fit: it is dropped and counted, never waited for.

        Raises:
            ValueError: for more bytes than the peer takes.
        """
        if len(payload) > self.max_message:
            raise ValueError(f"a message of {len(payload)} bytes is longer than the peer's {self.max_message}")
        if self.outgoing.put(kind, payload):
            return True
        self.dropped += 1
        return False

    def receive(self, data: bytes, now: float) -> list[Message]:
        """Take bytes from the line; return what they complete, in order.

        Raises:
            WireError: when the peer speaks another version.
        """
        damaged = self.decoder.damaged
        messages: list[Message] = []
        for frame in self.decoder.feed(data):
            self.frames_received += 1
            self._frame(frame, now, messages)
        if self.decoder.damaged != damaged and self.connected:
            self._missing = True
        return messages

    def _frame(self, frame: Frame, now: float, messages: list[Message]) -> None:
        if frame.type == HELLO:
            if len(frame.payload) >= WIRE_HELLO.size:
                messages += self._hello(frame, self._checked(WIRE_HELLO.decode(frame.payload)), now)
        elif frame.type >= FIRST_OUTSIDE:
            messages.append(Message(frame.type, frame.payload, frame.session))
        elif frame.session != self.session or not self.connected:
            self.strangers += 1
            self._stranger(now)
        else:
            self._stream_frame(frame, now, messages)

    def _checked(self, hello: dict[str, Any]) -> dict[str, Any]:
        if hello["version"] != WIRE_VERSION:
            raise WireError(
                f"the other side of the wire speaks version {hello['version']}, this one version {WIRE_VERSION}.",
                hint="Build the image anew with this BareFlow.",
            )
        return hello

    def _stream_frame(self, frame: Frame, now: float, messages: list[Message]) -> None:
        self.outgoing.acknowledge(frame.acknowledged, now)
        if frame.type == NAK:
            self.outgoing.missing(now)
        elif frame.type == DATA:
            gaps = self.incoming.gaps
            for kind, payload in self.incoming.take(frame.sequence, frame.payload):
                self._message(kind, payload, messages)
            self._acknowledge_due = True
            self._missing = self.incoming.gaps != gaps

    def _message(self, kind: int, payload: bytes, messages: list[Message]) -> None:
        messages.append(Message(kind, payload, self.session))

    def _hello(self, frame: Frame, hello: dict[str, Any], now: float) -> list[Message]:
        raise NotImplementedError

    def _hello_frame(self) -> Frame:
        raise NotImplementedError

    def _stranger(self, now: float) -> None:
        """A frame of a session that this side does not know."""

    def _ask_soon(self, now: float) -> None:
        """Send a hello as soon as spacing allows, and start its repetition afresh."""
        self._hello_wait = HELLO_FIRST_S
        soon = now if self._hello_sent is None else max(now, self._hello_sent + HELLO_SPACING_S)
        self._hello_at = soon if self._hello_at is None else min(self._hello_at, soon)

    @property
    def greeting(self) -> bytes:
        """What it puts on the line, again and again, until the other side answers."""
        return b"\0" + encode_frame(self._hello_frame())

    def transmit(self, now: float, limit: int = 4096) -> bytes:
        """What to put on the line now: at least one frame if any is due, then more up to `limit` bytes."""
        out = bytearray()
        if self._hello_at is not None and now >= self._hello_at:
            out += self.greeting
            self.frames_sent += 1
            self._hello_sent = now
            self._hello_at = self._after_hello(now)
        if self._streaming:
            self._transmit_stream(now, limit, out)
        return bytes(out)

    @property
    def _streaming(self) -> bool:
        """Whether the stream may go: a peer that has not had our hello would not understand."""
        return self.connected and self._hello_at is None

    def _after_hello(self, now: float) -> float | None:
        if self.connected:
            return None
        at = now + self._hello_wait
        self._hello_wait = min(HELLO_LAST_S, self._hello_wait * 2)
        return at

    def _transmit_stream(self, now: float, limit: int, out: bytearray) -> None:
        self.outgoing.expire(now)
        if self._missing:
            out += self._bare(NAK)
        while len(out) < limit and (piece := self.outgoing.segment(now)) is not None:
            out += encode_frame(Frame(DATA, piece[1], self.session, piece[0], self.incoming.next))
            self.frames_sent += 1
            self._acknowledge_due = False
        if self._acknowledge_due:
            out += self._bare(ACK)

    def _bare(self, kind: int) -> bytes:
        self._acknowledge_due = self._missing = False
        self.frames_sent += 1
        return encode_frame(Frame(kind, b"", self.session, 0, self.incoming.next))

    def wake_at(self, now: float) -> float | None:
        """When `transmit` next has something to do if nothing arrives; `now` for at once, None for never."""
        if self._streaming and (self._acknowledge_due or self._missing or self.outgoing.ready):
            return now
        times = [self._hello_at, self.outgoing.resend_at if self._streaming else None]
        return min((t for t in times if t is not None), default=None)

    def line_cut(self, now: float) -> None:
        """The line was cut and is back: an unfinished frame is void, and the peer should say where it stands."""
        self.decoder.reset()
        self.outgoing.resume(now)
        self._ask_soon(now)


class HostLink(Link):
    """The host's side.

    Args:
        incarnation: non-zero, different for every host process.
    """

    def __init__(
        self,
        incarnation: int,
        build_id: bytes = bytes(16),
        *,
        capacity: int = 1 << 24,
        window: int = 4096,
        keep_noise: bool = False,
    ) -> None:
        super().__init__(build_id, capacity=capacity, window=window, keep_noise=keep_noise)
        self.incarnation = incarnation
        self.sessions = 0
        self.peer_dropped = 0  # records that the guest dropped in this session

    @property
    def connected(self) -> bool:
        """Whether a guest has answered."""
        return self.session != 0

    def send(self, kind: int, payload: bytes = b"") -> bool:
        """As `Link.send`; also False while no guest has answered."""
        return self.connected and super().send(kind, payload)

    def _hello_frame(self) -> Frame:
        payload = WIRE_HELLO.encode(
            version=WIRE_VERSION,
            flags=HELLO_ASK,
            incarnation=self.incarnation,
            stream_offset=self.outgoing.base,
            max_message=MAX_MESSAGE,
            build_id=self.build_id,
        )
        return Frame(HELLO, payload)

    def _hello(self, frame: Frame, hello: dict[str, Any], now: float) -> list[Message]:
        if frame.session == 0:
            return []  # another host on the line
        if hello["peer"] != self.incarnation:
            self._ask_soon(now)
            return []
        self.peer_dropped = hello["dropped"]
        self._hello_at = None
        if frame.session == self.session:
            self.outgoing.acknowledge(frame.acknowledged, now)
            return []
        self._begin(frame, hello)
        return [Message(HELLO, frame.payload, frame.session)]

    def _begin(self, frame: Frame, hello: dict[str, Any]) -> None:
        """A guest has answered this host for the first time: both streams start where it says."""
        self.session = frame.session
        self.sessions += 1
        self.incoming.restart(hello["stream_offset"])
        self.outgoing.restart(frame.acknowledged)
        self.peer_build_id = hello["build_id"]
        self.max_message = min(hello["max_message"], MAX_MESSAGE)
        self._acknowledge_due = self._missing = False

    def _stranger(self, now: float) -> None:
        self._ask_soon(now)

    def _message(self, kind: int, payload: bytes, messages: list[Message]) -> None:
        if kind == DROPPED and len(payload) >= DROPPED_RECORD.size:
            self.peer_dropped = DROPPED_RECORD.decode(payload)["total"]
        else:
            super()._message(kind, payload, messages)


class GuestLink(Link):
    """The guest's side, for tests and for guests written in Python; runtime/wire.c is the real one.

    Args:
        session: non-zero, different at every boot.
    """

    def __init__(self, session: int, build_id: bytes = bytes(16), *, capacity: int = 16384, window: int = 4096) -> None:
        super().__init__(build_id, capacity=capacity, window=window)
        self.session = session
        self._incarnation = 0
        self._dropped_said = 0

    @property
    def connected(self) -> bool:
        """Whether a host has asked."""
        return self._incarnation != 0

    def _hello_frame(self) -> Frame:
        payload = WIRE_HELLO.encode(
            version=WIRE_VERSION,
            peer=self._incarnation,
            stream_offset=self.outgoing.base,
            max_message=MAX_MESSAGE,
            dropped=self.dropped,
            build_id=self.build_id,
        )
        return Frame(HELLO, payload, self.session, 0, self.incoming.next)

    def _hello(self, frame: Frame, hello: dict[str, Any], now: float) -> list[Message]:
        if frame.session != 0 or hello["incarnation"] == 0:
            return []
        if hello["incarnation"] != self._incarnation:
            self._incarnation = hello["incarnation"]
            self.outgoing.rewind()
            self.incoming.restart(self.incoming.next)
            self._acknowledge_due = self._missing = False
        else:
            self.outgoing.resume(now)
        self.peer_build_id = hello["build_id"]
        self.max_message = min(hello["max_message"], MAX_MESSAGE)
        self._ask_soon(now)
        return []

    @property
    def idle(self) -> bool:
        """Whether the host has everything, and knows what was dropped."""
        return super().idle and self.dropped == self._dropped_said

    def transmit(self, now: float, limit: int = 4096) -> bytes:
        """As `Link.transmit`; first tells the host what was dropped, once there is room."""
        if self._report_due:
            self.outgoing.put(DROPPED, DROPPED_RECORD.encode(total=self.dropped))
            self._dropped_said = self.dropped
        return super().transmit(now, limit)

    def wake_at(self, now: float) -> float | None:
        """As `Link.wake_at`."""
        return now if self._streaming and self._report_due else super().wake_at(now)

    @property
    def _report_due(self) -> bool:
        return self.dropped != self._dropped_said and self.outgoing.room >= DROPPED_RECORD.size
