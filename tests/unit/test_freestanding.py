"""What becomes of a linked program's bytes, without linking one."""

import struct
import zlib
from pathlib import Path

import pytest

from bareflow.compile import freestanding
from bareflow.errors import CompileError
from bareflow.layouts.boot import KERNEL_HEADER

PT_LOAD, PT_NOTE = 1, 4


def elf(*segments):
    """A minimal ELF64 file with these (type, address, data) segments."""
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 64, 0, 0
    )
    table, body, at = b"", b"", 64 + 56 * len(segments)
    for kind, address, data in segments:
        table += struct.pack("<IIQQQQQQ", kind, 5, at + len(body), address, address, len(data), len(data) + 16, 1)
        body += data
    return header + table + body


def test_flat_bytes_run_from_the_lowest_address_with_gaps_zero():
    data = elf((PT_LOAD, 0x1010, b"after"), (PT_LOAD, 0x1000, b"first"), (PT_NOTE, 0x500, b"note"))
    assert freestanding.flat_bytes(data) == b"first".ljust(0x10, b"\0") + b"after"


def test_a_segment_without_file_bytes_adds_nothing():
    assert freestanding.flat_bytes(elf((PT_LOAD, 0x1000, b"code"), (PT_LOAD, 0x2000, b""))) == b"code"


def test_a_sealed_kernel_says_its_size_and_checksum():
    sealed = freestanding._seal_kernel(b"\xff" * 100)
    fields = KERNEL_HEADER.decode(sealed[: KERNEL_HEADER.size])
    assert fields["file_size"] == 100
    at = KERNEL_HEADER.offsets["crc32"]
    assert fields["crc32"] == zlib.crc32(sealed[:at] + bytes(4) + sealed[at + 4 :])


def test_the_digest_knows_every_input(tmp_path):
    first, second = tmp_path / "a.c", tmp_path / "b.c"
    first.write_text("one")
    second.write_text("two")
    digests = {
        freestanding.digest_of(files, words)
        for files, words in [
            ([first, second], ["-Oz"]),
            ([second, first], ["-Oz"]),
            ([first], ["-Oz"]),
            ([first, second], ["-O2"]),
            ([first, second], ["-O", "z"]),
        ]
    }
    assert len(digests) == 5


def test_the_digest_does_not_know_the_folder(tmp_path):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.c").write_text("same")
    here, there = (freestanding.digest_of([tmp_path / name / "a.c"], []) for name in ("here", "there"))
    assert here == there


def test_a_missing_source_is_named():
    with pytest.raises(CompileError, match=r"/no/such\.c cannot be read"):
        freestanding.digest_of([Path("/no/such.c")], [])


def test_every_feature_is_described():
    assert {"files", "input", "virtio", "clock", "memory", "process"} <= set(freestanding.KERNEL_FEATURES)
    assert all(freestanding.KERNEL_FEATURES.values())
