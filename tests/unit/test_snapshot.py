"""optimized_snapshot.bin, both versions: golden files, round trips, and every way to be refused."""

from __future__ import annotations

import dataclasses
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bareflow.errors import SnapshotError
from bareflow.layouts.snapshot import REFUSAL, SNAPSHOT_HEADER, SNAPSHOT_SEGMENT
from bareflow.snapshot.contents import Feature, Function, Relocation, Segment, SnapshotContents, SnapshotRefusedError
from bareflow.snapshot.reader import check, read_snapshot, verdict
from bareflow.snapshot.v1 import LeafFunction, read_v1, write_v1
from bareflow.snapshot.writer import build_id_of, write_snapshot
from tests.snapshot_samples import CODE, DATA, GOLDEN, REFUSED, SEGMENTS, leaves, patched, program


def changed(**fields) -> SnapshotContents:
    return dataclasses.replace(program(), **fields)


def refusal_of(data: bytes) -> str:
    return REFUSAL.name_of(verdict(data))


# -- what is right ---------------------------------------------------------------------------------


def test_golden_version_2_is_read_and_written_byte_for_byte():
    golden = (GOLDEN / "program.v2.snapshot").read_bytes()
    snapshot = read_snapshot(golden)
    assert snapshot.version == 2
    assert snapshot.contents.functions[0] == Function("triangle", "frozen", 0x401020, 10, 1_000_000, 21.5)
    assert write_snapshot(snapshot.contents) == golden == DATA


def test_golden_version_1_is_read_and_written_byte_for_byte():
    golden = (GOLDEN / "leaves.v1.snapshot").read_bytes()
    assert read_v1(golden) == leaves()
    assert write_v1(read_v1(golden)) == golden


def test_version_1_is_the_historical_layout():
    expected = struct.pack("<III", 0x534E4150, 1, 1) + struct.pack("<I", 3) + b"add"
    expected += struct.pack("<QQd", 2, 7, 1.5) + b"\x90\xc3"
    assert write_v1([LeafFunction("add", b"\x90\xc3", 7, 1.5)]) == expected


def test_a_version_1_function_keeps_its_code_and_facts():
    snapshot = read_snapshot(write_v1(leaves()))
    assert (snapshot.version, snapshot.crc32) == (1, None)
    assert [(f.name, snapshot.code_of(f), f.call_count) for f in snapshot.functions] == [
        ("add", leaves()[0].code, 1000),
        ("größe", b"\xc3", 2**40),
    ]


def test_order_of_segments_features_and_relocations_does_not_matter():
    original = program()
    shuffled = changed(
        segments=original.segments[::-1], features=original.features[::-1], relocations=original.relocations[::-1]
    )
    assert write_snapshot(shuffled) == DATA


def test_an_empty_build_id_is_made_from_the_segments():
    contents = changed(build_id=b"")
    assert read_snapshot(write_snapshot(contents)).build_id == build_id_of(contents.segments)
    other = Segment(0x401000, CODE.replace(b"\x0a", b"\x0b"), len(CODE), 5)
    assert build_id_of([other, *contents.segments[1:]]) != build_id_of(contents.segments)


def test_a_function_is_found_by_any_address_in_it():
    snapshot = read_snapshot(DATA)
    names = [getattr(snapshot.function_at(a), "name", None) for a in (0x401000, 0x401001, 0x401029, 0x40102A, 0x401030)]
    assert names == ["_start", None, "triangle", None, "twice"]


def test_a_name_that_is_no_text_survives():
    weird = b"\xff\xfe".decode("utf-8", "surrogateescape")
    data = write_snapshot(changed(functions=(Function(weird, "O1", 0x401000, 4),)))
    assert read_snapshot(data).functions[0].name == weird


@given(
    names=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), max_size=5),
    cycles=st.floats(min_value=0, allow_infinity=False),
    calls=st.integers(0, 2**64 - 1),
)
@settings(max_examples=60)
def test_what_is_written_is_read(names: list[str], cycles: float, calls: int):
    functions = tuple(Function(name, "O3", 0x401000, 4, calls, cycles) for name in names)
    contents = changed(functions=functions)
    snapshot = read_snapshot(write_snapshot(contents))
    assert snapshot.functions == functions
    assert write_snapshot(snapshot.contents) == write_snapshot(contents)


# -- what is refused -------------------------------------------------------------------------------
@pytest.mark.parametrize(("reason", "data"), REFUSED, ids=[f"{r}-{i}" for i, (r, _) in enumerate(REFUSED)])
def test_a_wrong_field_is_refused_by_its_reason(reason: str, data: bytes):
    assert refusal_of(data) == reason


def test_every_shorter_file_is_refused():
    assert {refusal_of(DATA[:n]) for n in range(SNAPSHOT_HEADER.size)} == {"too-short"}
    assert {refusal_of(DATA[:n]) for n in range(SNAPSHOT_HEADER.size, len(DATA))} == {"total-size"}


def test_a_missing_feature_is_refused_by_name():
    with pytest.raises(SnapshotRefusedError, match="popcnt"):
        check(DATA, [1 << 20, *[0] * 7])
    assert verdict(DATA, [1 << 20 | 1 << 23, *[0] * 7]) == 0


def test_a_relocation_must_lie_in_writable_bytes():
    for address in (0x401000, 0x403F09, 0x404000):
        with pytest.raises(SnapshotRefusedError, match="relocation"):
            write_snapshot(changed(relocations=(Relocation(address, 0),)))


def test_a_refusal_names_the_file_and_the_place():
    with pytest.raises(SnapshotRefusedError) as refused:
        read_snapshot(patched(SNAPSHOT_SEGMENT, "flags", 7, SEGMENTS), "disk/hello.bin")
    assert refused.value.refusal == REFUSAL["write-and-execute"]
    assert str(refused.value).startswith("disk/hello.bin is refused (write-and-execute)")
    assert "segment 0 at 0x401000" in str(refused.value)


# -- what the writer does not write ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"entry": 0x402000}, "entry"),
        ({"segments": (Segment(0x401000, CODE, len(CODE), 7),)}, "write-and-execute"),
        ({"position_independent": False}, "relocation"),
        ({"functions": (Function("f", "O9", 0x401000, 1),)}, "tier 'O9'"),
        ({"functions": (Function("", "O1", 0x401000, 1),)}, "called ''"),
        ({"functions": (Function("a\0b", "O1", 0x401000, 1),)}, "called"),
        ({"functions": (Function("f", "O1", 0x401000, 1, -1),)}, "does not fit"),
        ({"features": (Feature("sse9", 9, 1),)}, "table"),
        ({"features": (Feature("sse9", 1 << 16, 1),)}, "does not fit"),
        ({"build_id": b"short"}, "16 bytes"),
        ({"stack_size": 1 << 60}, "memory"),
    ],
)
def test_the_writer_refuses(fields, message: str):
    with pytest.raises(SnapshotError, match=message):
        write_snapshot(changed(**fields))


# -- version 1 -------------------------------------------------------------------------------------


def test_version_1_refuses_a_function_that_refers_to_others():
    with pytest.raises(SnapshotError, match="main refers to printf, table"):
        write_v1([LeafFunction("main", b"\xc3", refers_to=("printf", "table"))])


@pytest.mark.parametrize("cycles", [math.nan, math.inf, -1.0])
def test_version_1_refuses_impossible_cycles(cycles: float):
    with pytest.raises(SnapshotRefusedError, match="function 0"):
        write_v1([LeafFunction("f", b"\xc3", 1, cycles)])


def test_version_1_refuses_a_count_that_does_not_fit():
    with pytest.raises(SnapshotError, match="do not fit"):
        write_v1([LeafFunction("f", b"\xc3", -1)])


def test_version_1_refuses_every_shorter_or_longer_file():
    data = write_v1(leaves())
    for length in range(len(data)):
        with pytest.raises(SnapshotRefusedError):
            read_v1(data[:length])
    with pytest.raises(SnapshotRefusedError, match="total-size"):
        read_v1(data + b"\0")


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_any_bytes_behind_a_version_1_head_are_read_exactly_or_refused(tail: bytes):
    data = struct.pack("<II", 0x534E4150, 1) + tail
    try:
        functions = read_v1(data)
    except SnapshotRefusedError:
        return
    assert write_v1(functions) == data
