"""The loader's snapshot check under the sanitizers: flips, cuts and lies are refused, as the Python reader does."""

from __future__ import annotations

import random
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bareflow.layouts.snapshot import (
    REFUSAL,
    SNAPSHOT_FEATURE,
    SNAPSHOT_FUNCTION,
    SNAPSHOT_HEADER,
    SNAPSHOT_RELOCATION,
    SNAPSHOT_SEGMENT,
)
from bareflow.snapshot.reader import verdict
from tests.snapshot_samples import GOLDEN, REFUSED, with_crc

DATA = (GOLDEN / "program.v2.snapshot").read_bytes()
EVERY_FEATURE = (0xFFFFFFFF,) * 8
SIZES = {"u16": 2, "u32": 4, "u64": 8, "i64": 8, "f64": 8}
Ask = Callable[..., tuple[int, str]]
picked: list[int] = []  # where the snapshots began that were taken


@pytest.fixture(scope="module")
def ask(build_native) -> Iterator[Ask]:
    """Return `ask(file, cpuid_words)`: the check's verdict number and the missing feature's name."""
    sources = ["tests/native/snapshot_driver.c", "runtime/crc32.c"]
    sources += ["loader/common/snapshot_check.c", "loader/common/snapshot_pick.c"]
    root = Path(__file__).resolve().parents[2]
    program = build_native("snapshot_driver", sources, [f"-I{root}/loader/common"])
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        assert child.stderr

        def question(file: bytes, cpuid_words: Sequence[int] = EVERY_FEATURE) -> tuple[int, str]:
            assert child.stdin
            assert child.stdout
            assert child.stderr
            child.stdin.write(struct.pack("<Q8I", len(file), *cpuid_words) + file)
            child.stdin.flush()
            answer = child.stdout.readline().decode()
            assert answer, f"the check died:\n{child.stderr.read().decode()}"
            number, crc, offset, missing = answer.rstrip("\n").split(" ", 3)
            assert int(crc) == zlib.crc32(file)
            picked.append(int(offset))
            return int(number), missing

        yield question
        child.stdin.close()
        assert child.wait() == 0, child.stderr.read().decode()


def flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every file that differs from `data` in one bit, with the bit's number."""
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(flipped)


def test_the_golden_snapshot_is_taken(ask: Ask):
    assert ask(DATA) == (0, "")


@pytest.mark.parametrize(("reason", "file"), REFUSED, ids=[f"{r}-{i}" for i, (r, _) in enumerate(REFUSED)])
def test_a_wrong_field_is_refused_by_its_reason(ask: Ask, reason: str, file: bytes):
    assert REFUSAL.name_of(ask(file)[0]) == reason


def test_every_single_bit_flip_is_refused(ask: Ask):
    taken = [bit for bit, file in flips(DATA) if ask(file)[0] == 0]
    assert taken == []


def test_every_bit_flip_behind_a_right_crc_is_judged_as_the_reader_does(ask: Ask):
    for bit, file in flips(DATA):
        fixed = with_crc(file)
        assert ask(fixed)[0] == verdict(fixed), f"bit {bit}"


def test_every_cut_is_refused_whatever_its_header_says(ask: Ask):
    at = SNAPSHOT_HEADER.offsets["total_size"]
    for length in range(len(DATA)):
        cut = DATA[:length]
        assert ask(cut)[0] == verdict(cut) != 0
        lying = with_crc(cut[:at] + struct.pack("<Q", length) + cut[at + 8 :]) if length >= at + 8 else cut
        assert ask(lying)[0] == verdict(lying) != 0


def test_a_missing_feature_is_named(ask: Ask):
    assert ask(DATA, (1 << 23, *[0] * 7)) == (REFUSAL["feature"], "sse4.2")
    assert ask(DATA, (1 << 20, *[0xFFFFFFFF] * 7)) == (REFUSAL["feature"], "popcnt")
    assert ask(DATA, (1 << 20 | 1 << 23, *[0] * 7)) == (0, "")


def fields() -> list[tuple[int, int]]:
    """(offset, size) of every number in the golden snapshot's header and tables."""
    found: list[tuple[int, int]] = []
    at = 0
    tables = [(SNAPSHOT_HEADER, 1), (SNAPSHOT_SEGMENT, 3), (SNAPSHOT_FUNCTION, 3)]
    for record, count in [*tables, (SNAPSHOT_RELOCATION, 2), (SNAPSHOT_FEATURE, 2)]:
        for _ in range(count):
            found += [(at + record.offsets[f.name], SIZES[f.kind]) for f in record.fields if f.kind in SIZES]
            at += record.size
    return found


def lies(seed: int, count: int) -> Iterator[bytes]:
    """Files with one to three numbers replaced by ones that tempt arithmetic to wrap or to stop just short."""
    random_ = random.Random(seed)  # noqa: S311  reproducible, not secret
    places = fields()
    tempting = [0, 1, 7, 8, 56, 4095, 4096, len(DATA), 0x400000, 0x401000, 0x402000, 1 << 44, 0x7FFFFFFFF000]
    for _ in range(count):
        file = bytearray(DATA)
        for at, size in random_.sample(places, random_.choice([1, 1, 2, 3])):
            old = int.from_bytes(file[at : at + size], "little")
            value = random_.choice([*tempting, old, 1 << (8 * size - 1)]) + random_.choice([-1, 0, 0, 1])
            file[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
        yield with_crc(bytes(file))


def test_tempting_numbers_are_judged_as_the_reader_does(ask: Ask):
    verdicts = set()
    for number, file in enumerate(lies(seed=1, count=6000)):
        ours, _ = ask(file)
        assert ours == verdict(file), f"lie {number}"
        verdicts.add(REFUSAL.name_of(ours))
    reasons = set(REFUSAL.members) - {"not-found", "read-error", "too-short", "crc", "feature"}
    assert verdicts >= reasons, "the lies reach every stage of the check"
