"""A file with snapshots for several CPUs, under the sanitizers: the right one is picked, none may be damaged."""

from __future__ import annotations

import random
import struct

import pytest

from bareflow.layouts.snapshot import REFUSAL, SNAPSHOT_TARGET, SNAPSHOT_TARGETS
from bareflow.snapshot.reader import verdict
from tests.native import test_snapshot_check as single
from tests.native.test_snapshot_check import EVERY_FEATURE, Ask, ask, flips
from tests.snapshot_samples import DATA, GOLDEN, LARGER, TARGETS

__all__ = ["ask"]  # the fixture
LEAST = (1 << 20 | 1 << 23, *[0] * 7)
DIRECTORY = SNAPSHOT_TARGETS.size + 2 * SNAPSHOT_TARGET.size
SECOND = DIRECTORY + len(LARGER) + -len(LARGER) % 8


def sealed(data: bytes) -> bytes:
    return single.with_crc(data[:DIRECTORY]) + data[DIRECTORY:]


def test_the_golden_file_is_still_written():
    assert (GOLDEN / "program.v3.snapshot").read_bytes() == TARGETS
    assert TARGETS[DIRECTORY:SECOND].startswith(LARGER)
    assert TARGETS[SECOND:] == DATA


@pytest.mark.parametrize(("words", "offset"), [(EVERY_FEATURE, DIRECTORY), (LEAST, SECOND)])
def test_the_first_target_that_the_cpu_fits_is_picked(ask: Ask, words, offset):
    assert ask(TARGETS, words) == (0, "")
    assert single.picked[-1] == offset


def test_where_no_target_fits_the_feature_of_the_least_is_named(ask: Ask):
    assert ask(TARGETS, (1 << 23, *[0] * 7)) == (REFUSAL["feature"], "sse4.2")


@pytest.mark.parametrize("words", [EVERY_FEATURE, LEAST])
def test_every_bit_flip_in_any_target_is_refused_on_every_cpu(ask: Ask, words):
    assert [bit for bit, file in flips(TARGETS) if ask(file, words)[0] == 0] == []


def test_every_bit_flip_of_the_directory_behind_a_right_crc_is_judged_as_the_reader_does(ask: Ask):
    for bit, file in flips(TARGETS):
        if bit >= 8 * DIRECTORY:
            break
        fixed = sealed(file)
        assert ask(fixed)[0] == verdict(fixed), f"bit {bit}"


def test_every_cut_is_refused_as_the_reader_does(ask: Ask):
    for length in range(len(TARGETS)):
        lying = sealed(TARGETS[:16] + struct.pack("<Q", length) + TARGETS[24:])[:length]
        for cut in (TARGETS[:length], lying):
            assert ask(cut)[0] == verdict(cut) != 0


def test_tempting_numbers_are_judged_as_the_reader_does(ask: Ask):
    random_ = random.Random(1)  # noqa: S311  reproducible, not secret
    places = [(SNAPSHOT_TARGETS.offsets[f.name], f.size) for f in SNAPSHOT_TARGETS.fields]
    for number in range(2):
        start = SNAPSHOT_TARGETS.size + number * SNAPSHOT_TARGET.size
        places += [(start + SNAPSHOT_TARGET.offsets[name], 8) for name in ("offset", "size")]
    tempting = [0, 1, 7, 8, 48, DIRECTORY, SECOND, len(DATA), len(LARGER), len(TARGETS), 1 << 31, 1 << 63]
    for _ in range(2000):
        file = bytearray(TARGETS)
        for at, size in random_.sample(places, random_.choice([1, 1, 2])):
            value = random_.choice(tempting) + random_.choice([-1, 0, 0, 1])
            file[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
        fixed = sealed(bytes(file))
        assert ask(fixed)[0] == verdict(fixed)
