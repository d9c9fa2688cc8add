"""The bench's other side: a snapshot whose first instruction ends the machine, and which is otherwise exactly right."""

from __future__ import annotations

import pytest

from bareflow.errors import SnapshotError
from bareflow.machine.floor import REACHED
from bareflow.snapshot.contents import SEGMENT_EXECUTE, SEGMENT_READ, Segment, SnapshotContents
from bareflow.snapshot.reader import read_snapshot
from bareflow.snapshot.writer import write_snapshot
from bench.bench_boot import BootBench, end_snapshot_at_entry


def snapshot(entry: int) -> bytes:
    code = Segment(0x400000, b"\x90" * 64, 64, SEGMENT_READ | SEGMENT_EXECUTE)
    return write_snapshot(SnapshotContents(entry, 0, 0, (code,)))


def test_only_the_entry_and_the_crc_change():
    before, after = snapshot(0x400010), end_snapshot_at_entry(snapshot(0x400010))
    data = read_snapshot(after).contents.segments[0].data
    assert data == b"\x90" * 16 + bytes([0xB0, REACHED, 0xE6, 0xF4]) + b"\x90" * 44
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(before, after, strict=True)) <= 8


def test_an_entry_too_near_the_end_is_refused():
    with pytest.raises(SnapshotError, match="entry"):
        end_snapshot_at_entry(snapshot(0x40003E))


def test_medians_are_compared():
    document = BootBench((100.0, 50.0, 60.0), (66.0, 900.0, 50.0), ("qemu",)).as_dict()
    assert (document["floor_ms"], document["boot_ms"], document["ratio"], document["runs"]) == (60.0, 66.0, 1.1, 3)
