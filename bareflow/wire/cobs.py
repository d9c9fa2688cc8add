"""Consistent Overhead Byte Stuffing: bytes without zeros, so that a zero can end a frame.

Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999. The same encoding as runtime/cobs.c.
"""

from __future__ import annotations

_LONGEST = 254  # bytes in a block that no zero follows


def max_encoded(size: int) -> int:
    """Most bytes that `size` bytes take when encoded, without the zero that ends a frame."""
    return size + size // _LONGEST + 1


def encode(data: bytes) -> bytes:
    """Encode `data`; the result holds no zero byte."""
    out = bytearray()
    for part in data.split(b"\0"):
        rest = part
        while len(rest) >= _LONGEST:
            out.append(_LONGEST + 1)
            out += rest[:_LONGEST]
            rest = rest[_LONGEST:]
        out.append(len(rest) + 1)
        out += rest
    return bytes(out)


def decode(data: bytes) -> bytes | None:
    """Decode what `encode` made; None for bytes that no encoder made."""
    if 0 in data:
        return None
    out = bytearray()
    size = len(data)
    at = 0
    while at < size:
        code = data[at]
        if at + code > size:
            return None
        out += data[at + 1 : at + code]
        at += code
        if code <= _LONGEST and at < size:
            out.append(0)
    return bytes(out)
