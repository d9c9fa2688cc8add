"""Frames as they stand on the line: COBS(header, payload, CRC-32 of both), then one zero byte.

Values in, bytes out and back; no state but the unfinished frame. The reliable link is in `link`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from bareflow.layouts.wire import FRAME_HEADER, WIRE_MAX_PAYLOAD
from bareflow.wire import cobs

_HEADER = struct.Struct(FRAME_HEADER.format)
_CRC = struct.Struct("<I")
OVERHEAD = _HEADER.size + _CRC.size
MAX_ENCODED = cobs.max_encoded(OVERHEAD + WIRE_MAX_PAYLOAD)


@dataclass(frozen=True)
class Frame:
    """One frame; the fields are those of `layouts.wire.FRAME_HEADER`.

    Args:
        type: FRAME_TYPE number.
        payload: at most WIRE_MAX_PAYLOAD bytes.
        session: 0 for the kernel's own frames.
        sequence: stream offset of a DATA frame's first byte; 0 in every other.
        acknowledged: the stream offset that the sender awaits next.
    """

    type: int
    payload: bytes = b""
    session: int = 0
    sequence: int = 0
    acknowledged: int = 0


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame on the line, with the zero that ends it.

    Raises:
        ValueError: for a payload of more than WIRE_MAX_PAYLOAD bytes.
    """
    size = len(frame.payload)
    if size > WIRE_MAX_PAYLOAD:
        raise ValueError(f"a payload of {size} bytes does not fit a frame of {WIRE_MAX_PAYLOAD}")
    body = _HEADER.pack(frame.session, frame.sequence, frame.acknowledged, frame.type, size) + frame.payload
    return cobs.encode(body + _CRC.pack(zlib.crc32(body))) + b"\0"


def decode_frame(encoded: bytes) -> Frame | None:
    """The frame in `encoded` (without its zero); None unless every byte of it is right."""
    if len(encoded) > MAX_ENCODED:
        return None
    body = cobs.decode(encoded)
    if body is None or len(body) < OVERHEAD:
        return None
    if zlib.crc32(body[: -_CRC.size]) != _CRC.unpack_from(body, len(body) - _CRC.size)[0]:
        return None
    session, sequence, acknowledged, kind, size = _HEADER.unpack_from(body)
    if size != len(body) - OVERHEAD:
        return None
    return Frame(kind, body[_HEADER.size : -_CRC.size], session, sequence, acknowledged)


class FrameDecoder:
    """Cuts a byte stream into frames. What does not pass its CRC is counted and never seen.

    Args:
        keep_noise: keep the bytes that were no frame for `take_noise`: a port that frames share with
            firmware and loader text carries such.
    """

    def __init__(self, *, keep_noise: bool = False) -> None:
        self.damaged = 0  # pieces between two zeros that were no frame
        self._pending = bytearray()
        self._noise: bytearray | None = bytearray() if keep_noise else None
        self._skipping = False  # the unfinished piece is already too long for a frame

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes from the line and return the frames that they complete, in order."""
        pieces = data.split(b"\0")
        frames: list[Frame] = []
        for piece in pieces[:-1]:
            self._pending += piece
            self._finish(frames)
        self._pending += pieces[-1]
        if len(self._pending) > MAX_ENCODED:
            self._drop()
            self._skipping = True
        return frames

    def _finish(self, frames: list[Frame]) -> None:
        """A zero has arrived: what is pending is a frame, nothing, or damaged."""
        frame = None if self._skipping else decode_frame(bytes(self._pending))
        if frame is not None:
            frames.append(frame)
            self._pending.clear()
        elif self._pending or self._skipping:
            self.damaged += 1
            self._drop()
        self._skipping = False

    def _drop(self) -> None:
        if self._noise is not None:
            self._noise += self._pending
            del self._noise[: -16 * MAX_ENCODED]
        self._pending.clear()

    def take_noise(self) -> bytes:
        """The bytes that were no frame since the last call; none unless `keep_noise`."""
        if self._noise is None:
            return b""
        noise = bytes(self._noise)
        self._noise.clear()
        return noise

    def reset(self) -> None:
        """Forget an unfinished frame, as when a line was cut and joined again."""
        self._pending.clear()
        self._skipping = False
