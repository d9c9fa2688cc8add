"""The code cache's allocator."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bareflow.errors import LinkError
from bareflow.snapshot.arena import Arena


def test_blocks_begin_at_multiples_of_the_alignment_and_lie_inside():
    arena = Arena(0x1000, 0x400, align=64)
    first, second = arena.reserve(1), arena.reserve(65)
    assert (first, second) == (0x1000, 0x1040)
    assert arena.reserve(1) == 0x10C0


def test_a_full_cache_refuses_and_says_how_large_it_is():
    arena = Arena(0, 128)
    arena.reserve(100)
    with pytest.raises(LinkError, match="128 bytes has no room for 1 more"):
        arena.reserve(1)


def test_an_aborted_block_is_given_out_again():
    arena = Arena(0, 128)
    arena.abort(arena.reserve(128))
    assert arena.reserve(128) == 0


def test_a_committed_block_stays():
    arena = Arena(0, 128)
    address = arena.reserve(10)
    arena.commit(address)
    with pytest.raises(KeyError):
        arena.abort(address)
    assert arena.used == 64


def test_committing_what_was_not_reserved_is_an_error():
    with pytest.raises(KeyError):
        Arena(0, 128).commit(0)


@given(st.lists(st.tuples(st.integers(1, 300), st.sampled_from(["commit", "abort", "hold"])), max_size=60))
def test_no_two_blocks_ever_overlap(orders):
    arena = Arena(0x4000, 4096)
    held: dict[int, int] = {}
    for size, fate in orders:
        try:
            address = arena.reserve(size)
        except LinkError:
            continue
        assert address >= 0x4000
        assert address + size <= 0x5000
        assert all(address + size <= other or other + room <= address for other, room in held.items())
        if fate == "abort":
            arena.abort(address)
            continue
        held[address] = size
        if fate == "commit":
            arena.commit(address)
