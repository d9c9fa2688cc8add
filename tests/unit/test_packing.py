"""The packer of KERNEL.BIN: whatever goes in comes out, and code gets smaller."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bareflow.compile.packing import Packed, pack, restore_branches, turn_branches, unpack

PIECES = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=40),
        st.builds(lambda data, count: data * count, st.binary(min_size=1, max_size=9), st.integers(1, 30)),
        st.builds(lambda at: b"\xe8" + at.to_bytes(4, "little", signed=True), st.integers(-4000, 4000)),
        st.builds(lambda at: b"\xe9" + at.to_bytes(4, "big"), st.integers(0, 4000)),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=80)
@given(PIECES)
def test_what_goes_in_comes_out(pieces):
    data = b"".join(pieces)
    assert unpack(pack(data)) == data


@pytest.mark.parametrize(
    "data", [b"a", bytes(5000), bytes(range(256)) * 3, b"\xe8" * 50, b"\xe8\0\0\0\0" * 50, b"\xe9\0\0\0\xff\xe8" * 50]
)
def test_corner_cases_come_out(data):
    assert unpack(pack(data)) == data


def test_a_number_far_back_is_reached():
    data = bytes(range(256)) + bytes(9_000) + bytes(range(256))
    packed = pack(data)
    assert unpack(packed) == data
    assert len(packed.data) < 400


def test_calls_of_one_function_become_alike():
    code = b"".join(b"\xe8" + (16 - (at + 1)).to_bytes(4, "little", signed=True) for at in range(0, 500, 5))
    turned = turn_branches(code, len(code))
    assert turned == b"\xe8\0\0\0\x10" * 100
    assert restore_branches(turned, len(code)) == code


def test_code_that_looks_turned_already_is_left_alone():
    data = b"\xe8\0\0\0\x10" + bytes(60)
    assert pack(data).branch_limit == 0


def test_the_stream_is_the_same_every_time():
    data = bytes(index * index % 251 for index in range(3000))
    assert pack(data) == pack(data)


def test_a_known_stream():
    # Literals: gamma(1) = 1, "a". A copy from the last distance: 0, gamma(7) = 0 1 0 1 1. The end: 1, gamma(256).
    assert pack(b"a" * 8) == Packed(bytes([0b10010111, ord("a"), 0, 0, 0b10000000]), 8, 8)
