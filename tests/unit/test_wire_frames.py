"""COBS and frames: what goes in comes out, what was damaged never does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bareflow.layouts.wire import WIRE_MAX_PAYLOAD
from bareflow.wire import cobs
from bareflow.wire.frames import MAX_ENCODED, Frame, FrameDecoder, decode_frame, encode_frame

U32 = st.integers(0, 2**32 - 1)
U16 = st.integers(0, 2**16 - 1)
FRAMES = st.builds(Frame, U16, st.binary(max_size=WIRE_MAX_PAYLOAD), U32, U32, U32)


@given(st.binary(max_size=2000))
def test_cobs_round_trips_without_a_zero(data: bytes):
    encoded = cobs.encode(data)
    assert 0 not in encoded
    assert len(encoded) <= cobs.max_encoded(len(data))
    assert cobs.decode(encoded) == data


@pytest.mark.parametrize("size", [0, 1, 253, 254, 255, 507, 508, 509, 1044])
@pytest.mark.parametrize("fill", [b"\0", b"\1", b"\xff"])
def test_cobs_round_trips_at_block_borders(size: int, fill: bytes):
    for data in (fill * size, fill * size + b"\0", b"\0" + fill * size):
        assert cobs.decode(cobs.encode(data)) == data


@given(st.binary(max_size=300))
def test_cobs_decodes_any_bytes_or_refuses_them(data: bytes):
    decoded = cobs.decode(data)
    assert decoded is None or len(decoded) <= len(data)


def test_cobs_refuses_a_block_beyond_the_end():
    assert cobs.decode(b"\x05abc") is None
    assert cobs.decode(b"\x03a\0") is None


@given(FRAMES)
def test_a_frame_round_trips(frame: Frame):
    encoded = encode_frame(frame)
    assert encoded.endswith(b"\0")
    assert encoded.count(b"\0") == 1
    assert len(encoded) <= MAX_ENCODED + 1
    assert decode_frame(encoded[:-1]) == frame


@given(st.lists(FRAMES, max_size=6), st.integers(1, 97))
@settings(max_examples=50)
def test_frames_come_out_however_the_line_cuts_them(frames: list[Frame], cut: int):
    line = b"".join(encode_frame(frame) for frame in frames)
    decoder = FrameDecoder()
    got = [frame for at in range(0, len(line), cut) for frame in decoder.feed(line[at : at + cut])]
    assert got == frames
    assert decoder.damaged == 0


def test_every_single_bit_flip_is_noticed():
    line = encode_frame(Frame(33, bytes(range(40)), 7, 9, 11))
    for at in range(len(line)):
        for bit in range(8):
            damaged = bytearray(line)
            damaged[at] ^= 1 << bit
            decoder = FrameDecoder()
            assert decoder.feed(bytes(damaged) + b"\0") == []
            assert decoder.damaged >= 1


def test_one_damaged_byte_loses_at_most_two_frames():
    frames = [Frame(32, bytes([n]) * 20, 1, n, 0) for n in range(50)]
    line = b"".join(encode_frame(frame) for frame in frames)
    random_numbers = random.Random(1)  # noqa: S311 — repeatable, not secret
    for _ in range(300):
        damaged = bytearray(line)
        damaged[random_numbers.randrange(len(line))] ^= random_numbers.randrange(1, 256)
        got = FrameDecoder().feed(bytes(damaged))
        assert len(got) >= len(frames) - 2
        assert all(frame in frames for frame in got)


def test_a_payload_too_long_for_a_frame_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        encode_frame(Frame(32, bytes(WIRE_MAX_PAYLOAD + 1)))


def test_a_piece_without_an_end_takes_no_memory_and_counts_once():
    decoder = FrameDecoder()
    for _ in range(100):
        decoder.feed(b"\x55" * 1000)
    assert len(decoder._pending) <= MAX_ENCODED
    assert [f.type for f in decoder.feed(b"\0" + encode_frame(Frame(40)))] == [40]
    assert decoder.damaged == 1


def test_text_between_frames_can_be_had_as_noise():
    decoder = FrameDecoder(keep_noise=True)
    frames = decoder.feed(b"SeaBIOS (version 1)\n\0" + encode_frame(Frame(40)) + b"\0")
    assert [f.type for f in frames] == [40]
    assert decoder.take_noise() == b"SeaBIOS (version 1)\n"
    assert decoder.take_noise() == b""


def test_a_line_cut_in_mid_frame_is_forgotten_by_reset():
    decoder = FrameDecoder()
    decoder.feed(encode_frame(Frame(40))[:-3])
    decoder.reset()
    assert [f.type for f in decoder.feed(encode_frame(Frame(41)))] == [41]
    assert decoder.damaged == 0
