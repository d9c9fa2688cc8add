"""The two halves of a reliable byte stream: `Outgoing` keeps and resends, `Incoming` orders and cuts.

A stream is messages one after the other, each with a `message_header`. Offsets count bytes modulo 2^32 from
WIRE_FIRST_OFFSET. Bytes are kept until the whole message that they belong to is acknowledged, so that a
peer that lost its memory can be served from the first byte of a message. runtime/wire.c does the same in C.

No I/O and no clock: `now` is seconds from any origin.
"""

from __future__ import annotations

import struct

from bareflow.layouts.wire import (
    MESSAGE_HEADER,
    WIRE_FIRST_OFFSET,
    WIRE_MAX_PAYLOAD,
    WIRE_MIN_SEGMENT,
)

MESSAGE = struct.Struct(MESSAGE_HEADER.format)
FIRST_TIMEOUT_S = 0.25  # before a round trip was measured: 1 KiB at 115200 baud takes 0.1
MIN_TIMEOUT_S = 0.02
MAX_TIMEOUT_S = 2.0
FIRST_WINDOW = 1024
CLEAN_SEGMENTS = 8  # segments without a loss until longer ones are tried
MAX_EARLY = 64  # slices kept that wait for one before them
_MASK = 0xFFFFFFFF


def distance(later: int, earlier: int) -> int:
    """How far offset `later` is ahead of `earlier`, from -2^31 to 2^31 - 1."""
    return ((later - earlier + 0x80000000) & _MASK) - 0x80000000


class Outgoing:
    """Bytes that the peer has not acknowledged yet, and when to (re)send them.

    Args:
        capacity: most bytes kept; what does not fit is refused, never waited for.
        window: most bytes sent and not acknowledged.
        start: stream offset of the first byte.
    """

    def __init__(self, capacity: int, window: int, start: int = WIRE_FIRST_OFFSET) -> None:
        self.capacity = capacity
        self.max_window = window
        self.resent = 0  # times that the stream went back
        self.resend_at: float | None = None
        self._kept = bytearray()
        self._segment = 256
        self._window = min(FIRST_WINDOW, window)
        self.restart(start)

    def restart(self, start: int) -> None:
        """Forget everything; the next byte has offset `start`."""
        self.base = start  # offset of _kept[0], the first byte of a message
        self._kept.clear()
        self._acknowledged = 0  # the following count from base
        self._next = 0
        self._sent = 0  # highest byte ever sent; behind _next after going back
        self._calm()

    def rewind(self) -> None:
        """The peer lost its memory: serve it from the first byte of the first message that it may lack."""
        self._acknowledged = self._next = self._sent = 0
        self._calm()

    def _calm(self) -> None:
        self._timed: tuple[int, float] | None = None  # (offset from base, when it was sent)
        self._round_trip: float | None = None
        self._deviation = 0.0
        self._backoff = 0
        self._went_back: float | None = None
        self._clean = 0
        self.resend_at = None

    @property
    def room(self) -> int:
        """Bytes of payload that the next message may have."""
        return max(0, self.capacity - len(self._kept) - MESSAGE.size)

    @property
    def idle(self) -> bool:
        """Whether everything has been acknowledged."""
        return not self._kept

    def put(self, kind: int, payload: bytes) -> bool:
        """Append a message; False when it does not fit."""
        if MESSAGE.size + len(payload) + len(self._kept) > self.capacity:
            return False
        self._kept += MESSAGE.pack(kind, len(payload)) + payload
        return True

    def acknowledge(self, offset: int, now: float) -> None:
        """The peer awaits `offset` next. An offset never sent is ignored."""
        arrived = distance(offset, self.base)
        if not self._acknowledged < arrived <= self._sent:
            return
        progress = arrived - self._acknowledged
        self._acknowledged = arrived
        self._next = max(self._next, arrived)
        self._measure(arrived, now)
        self._backoff = 0
        self._grow(progress)
        self._release()
        self.resend_at = now + self._timeout() if self._next > self._acknowledged else None

    def _measure(self, arrived: int, now: float) -> None:
        """Jacobson's estimate of the round trip, over bytes sent once (Karn); RFC 6298."""
        if self._timed is None or arrived < self._timed[0]:
            return
        sample = now - self._timed[1]
        self._timed = None
        if self._round_trip is None:
            self._round_trip, self._deviation = sample, sample / 2
            return
        self._deviation += (abs(sample - self._round_trip) - self._deviation) / 4
        self._round_trip += (sample - self._round_trip) / 8

    def _grow(self, progress: int) -> None:
        self._window = min(self.max_window, self._window + progress)
        self._clean += progress
        if self._clean >= CLEAN_SEGMENTS * self._segment:
            self._segment = min(WIRE_MAX_PAYLOAD, self._segment * 2)
            self._clean = 0

    def _release(self) -> None:
        """Forget the messages that have arrived whole."""
        done = 0
        while done + MESSAGE.size <= self._acknowledged:
            end = done + MESSAGE.size + MESSAGE.unpack_from(self._kept, done)[1]
            if end > self._acknowledged:
                break
            done = end
        if not done:
            return
        del self._kept[:done]
        self.base = (self.base + done) & _MASK
        self._acknowledged -= done
        self._next -= done
        self._sent -= done
        if self._timed is not None:
            self._timed = (self._timed[0] - done, self._timed[1])

    def _timeout(self) -> float:
        if self._round_trip is None:
            first = FIRST_TIMEOUT_S
        else:
            first = max(MIN_TIMEOUT_S, 2 * self._round_trip + 4 * self._deviation)  # a longer segment doubles it
        return min(MAX_TIMEOUT_S, first * float(1 << self._backoff))

    def missing(self, now: float) -> None:
        """The peer misses what follows its acknowledgement; one loss is answered once per round trip."""
        recent = self._went_back is not None and now - self._went_back < (self._round_trip or MIN_TIMEOUT_S)
        if self._next > self._acknowledged and not recent:
            self._go_back(now)

    def expire(self, now: float) -> None:
        """Go back if the peer has been silent for too long."""
        if self.resend_at is not None and now >= self.resend_at:
            self._backoff = min(self._backoff + 1, 7)
            self._go_back(now)

    def resume(self, now: float) -> None:
        """The line is back: resend at once what was under way."""
        self._backoff = 0
        if self._next > self._acknowledged:
            self._go_back(now)

    def _go_back(self, now: float) -> None:
        self._next = self._acknowledged
        self._went_back = now
        self._timed = None
        self._clean = 0
        self._segment = max(WIRE_MIN_SEGMENT, self._segment // 2)
        self._window = max(4 * self._segment, self._window // 2)
        self.resend_at = None
        self.resent += 1

    def segment(self, now: float) -> tuple[int, bytes] | None:
        """The next (offset, bytes) to send; None when there is nothing or the window is full."""
        size = min(self._segment, len(self._kept) - self._next)
        flying = self._next - self._acknowledged
        if size <= 0 or (flying and flying + size > self._window):
            return None
        at = self._next
        self._next += size
        if self._timed is None and at >= self._sent:
            self._timed = (self._next, now)
        self._sent = max(self._sent, self._next)
        if self.resend_at is None:
            self.resend_at = now + self._timeout()
        return (self.base + at) & _MASK, bytes(self._kept[at : self._next])

    @property
    def ready(self) -> bool:
        """Whether `segment` would give something."""
        size = min(self._segment, len(self._kept) - self._next)
        flying = self._next - self._acknowledged
        return size > 0 and (not flying or flying + size <= self._window)


class Incoming:
    """Puts slices in order and cuts them into messages.

    Args:
        start: stream offset of the first byte that is awaited.
    """

    def __init__(self, start: int = WIRE_FIRST_OFFSET) -> None:
        self.duplicates = 0  # slices that had arrived before
        self.gaps = 0  # slices behind a missing one
        self.restart(start)

    def restart(self, start: int) -> None:
        """Forget a message that has arrived in part; await `start`."""
        self.next = start
        self._partial = bytearray()
        self._early: dict[int, bytes] = {}  # slices behind a missing one, by offset

    def take(self, offset: int, data: bytes) -> list[tuple[int, bytes]]:
        """Take a slice; return the messages (type, payload) that it completes. Sets `gaps`, `duplicates`."""
        if distance(self.next, offset) < 0:
            self.gaps += 1
            if len(self._early) < MAX_EARLY:
                self._early[offset] = data
            return []
        if not self._append(offset, data):
            self.duplicates += 1
            return []
        while any(self._append(*early) for early in list(self._early.items())):
            pass
        return self._cut()

    def _append(self, offset: int, data: bytes) -> bool:
        """Append what is new of a slice that is no longer early; False when there is nothing new."""
        known = distance(self.next, offset)
        if known < 0:
            return False
        self._early.pop(offset, None)
        if known >= len(data):
            return False
        self._partial += data[known:]
        self.next = (offset + len(data)) & _MASK
        return True

    def _cut(self) -> list[tuple[int, bytes]]:
        messages: list[tuple[int, bytes]] = []
        at = 0
        while at + MESSAGE.size <= len(self._partial):
            kind, size = MESSAGE.unpack_from(self._partial, at)
            end = at + MESSAGE.size + size
            if end > len(self._partial):
                break
            messages.append((kind, bytes(self._partial[at + MESSAGE.size : end])))
            at = end
        del self._partial[:at]
        return messages
