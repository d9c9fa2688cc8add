"""Reads optimized_snapshot.bin, every version, and refuses what the loader would refuse.

`check` is loader/common/snapshot_check.c in Python, and `pick` is snapshot_pick.c: the same checks in the same order,
so that the verdict numbers agree on every input (tests/native/test_snapshot_check.py). Only this one knows what
exactly is wrong.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from bareflow.layouts.boot import KERNEL_ABI_VERSION
from bareflow.layouts.record import Record
from bareflow.layouts.snapshot import (
    CPUID_WORD,
    SNAPSHOT_FEATURE,
    SNAPSHOT_FUNCTION,
    SNAPSHOT_HEADER,
    SNAPSHOT_MAGIC,
    SNAPSHOT_RELOCATION,
    SNAPSHOT_SEGMENT,
    SNAPSHOT_TARGET,
    SNAPSHOT_TARGETS,
    TIER,
)
from bareflow.snapshot import v1
from bareflow.snapshot.contents import (
    FLAG_PIE,
    MMAP_BASE,
    SEGMENT_EXECUTE,
    SEGMENT_READ,
    SEGMENT_WRITE,
    VERSION_2,
    VERSION_TARGETS,
    WORKLOAD_BASE,
    Feature,
    Function,
    Relocation,
    Segment,
    Snapshot,
    SnapshotContents,
    SnapshotRefusedError,
)

_TABLES = (
    ("segment", SNAPSHOT_SEGMENT),
    ("function", SNAPSHOT_FUNCTION),
    ("relocation", SNAPSHOT_RELOCATION),
    ("feature", SNAPSHOT_FEATURE),
)
_U64 = (1 << 64) - 1
_PAGE = 4096
_PHDR_SIZE = 56  # System V gABI, Elf64_Phdr
_WRITE_EXECUTE = SEGMENT_WRITE | SEGMENT_EXECUTE

Values = dict[str, Any]


def read_snapshot(data: bytes, source: str = "The snapshot") -> Snapshot:
    """Decode a snapshot of any version.

    Args:
        data: the whole file.
        source: what to call it in an error, its path for instance.

    Raises:
        SnapshotRefusedError: when it is not exactly right.
    """
    try:
        if data[:8] == struct.pack("<II", SNAPSHOT_MAGIC, 1):
            return v1.lift(v1.read_v1(data), len(data))
        if has_targets(data):
            return _with_targets(data)
        header = check(data)
        return Snapshot(2, len(data), header["crc32"], header["abi_version"], _contents(data, header))
    except SnapshotRefusedError as refused:
        raise refused.named(source) from None


def verdict(data: bytes, cpuid_words: Sequence[int] | None = None) -> int:
    """The number that the loader's check returns: 0, or a member of `REFUSAL`."""
    try:
        pick(data, cpuid_words)
    except SnapshotRefusedError as refused:
        return refused.refusal
    return 0


def crc_of(data: bytes) -> int:
    """CRC-32 of a version 2 file with the CRC field taken as zero."""
    start = SNAPSHOT_HEADER.offsets["crc32"]
    return zlib.crc32(data[start + 4 :], zlib.crc32(bytes(4), zlib.crc32(data[:start])))


def check(data: bytes, cpuid_words: Sequence[int] | None = None) -> Values:
    """Check all of a version 2 snapshot and return its header.

    Args:
        data: the whole file.
        cpuid_words: indexed by CPUID_WORD; None takes a CPU that has every feature.

    Raises:
        SnapshotRefusedError: with the first reason that applies.
    """
    header = _check_header(data)
    _check_tables(data, header)
    _check_segments(data, header)
    _check_uses(data, header)
    _check_functions(data, header)
    _check_features(data, header, cpuid_words or [0xFFFFFFFF] * len(CPUID_WORD.members))
    return header


def has_targets(data: bytes) -> bool:
    """Whether the file says that it holds several snapshots (version 3)."""
    head = struct.pack("<II", SNAPSHOT_MAGIC, VERSION_TARGETS)
    return data.startswith(head) and len(data) >= SNAPSHOT_HEADER.size


def split_targets(data: bytes) -> tuple[tuple[str, bytes], ...]:
    """The snapshots in a version 3 file with the CPUs they were compiled for; each is still to be checked.

    Raises:
        SnapshotRefusedError: the directory is not exactly right.
    """
    return tuple(_targets(data, _check_directory(data)))


def pick(data: bytes, cpuid_words: Sequence[int] | None = None) -> bytes:
    """The version 2 snapshot that a CPU boots: the file itself, or the first of its targets that fits.

    Raises:
        SnapshotRefusedError: a target is not exactly right, or the CPU fits none.
    """
    if not has_targets(data):
        check(data, cpuid_words)
        return data
    picked, missing = b"", SnapshotRefusedError("table", "no target")
    for _, part in _targets(data, _check_directory(data)):
        try:
            check(part, cpuid_words)
            picked = picked or part
        except SnapshotRefusedError as refused:
            if refused.reason != "feature":
                raise
            missing = refused
    if not picked:
        raise missing
    return picked


def _check_directory(data: bytes) -> int:
    """Check a version 3 file up to the end of its directory, which is returned."""
    head = SNAPSHOT_TARGETS.decode(data)
    _need(head["header_size"] == SNAPSHOT_TARGETS.size, "header-size", f"{head['header_size']} bytes")
    _need(head["total_size"] == len(data), "total-size", f"{head['total_size']} and {len(data)} bytes")
    end: int = SNAPSHOT_TARGETS.size + head["target_count"] * SNAPSHOT_TARGET.size
    _need(end <= len(data) and head["target_count"] > 0, "table", f"{head['target_count']} targets")
    _need(head["reserved"] == 0, "table", f"reserved {head['reserved']:#x}")
    crc = crc_of(data[:end])
    _need(head["crc32"] == crc, "crc", f"{crc:#010x} instead of {head['crc32']:#010x}")
    return end


def _targets(data: bytes, at: int) -> Iterator[tuple[str, bytes]]:
    """Each target's name and bytes, checked to follow one another; `at` is the end of the directory."""
    for number in range(SNAPSHOT_TARGETS.decode(data)["target_count"]):
        target = SNAPSHOT_TARGET.decode(data, SNAPSHOT_TARGETS.size + number * SNAPSHOT_TARGET.size)
        where, start = f"target {number}", at + -at % 8
        _need(start <= len(data) and not any(data[at:start]), "table", f"what is before {where}")
        _need(target["offset"] == start, "table", f"{where} begins at {target['offset']}, not {start}")
        _need(target["size"] <= len(data) - start, "table", f"{where} has {target['size']} bytes")
        _need(target["name"][-1] == 0, "table", f"{where}'s name does not end")
        at = start + target["size"]
        yield target["name"].split(b"\0")[0].decode("utf-8", "replace"), data[start:at]
    _need(at == len(data), "table", f"the targets end at {at} of {len(data)} bytes")


def _with_targets(data: bytes) -> Snapshot:
    crc = SNAPSHOT_TARGETS.decode(data)["crc32"]
    found = tuple((name, read_snapshot(part, f"target {name}")) for name, part in split_targets(data))
    least = found[-1][1]
    return Snapshot(VERSION_TARGETS, len(data), crc, least.abi_version, least.contents, found)


def _need(right: bool, reason: str, where: str) -> None:
    if not right:
        raise SnapshotRefusedError(reason, where)


def _check_header(data: bytes) -> Values:
    _need(len(data) >= SNAPSHOT_HEADER.size, "too-short", f"{len(data)} bytes of at least {SNAPSHOT_HEADER.size}")
    header = SNAPSHOT_HEADER.decode(data)
    _need(header["magic"] == SNAPSHOT_MAGIC, "magic", f"{header['magic']:#010x} instead of {SNAPSHOT_MAGIC:#010x}")
    _need(header["version"] == VERSION_2, "version", f"version {header['version']}")
    _need(header["header_size"] == SNAPSHOT_HEADER.size, "header-size", f"{header['header_size']} bytes")
    _need(header["total_size"] == len(data), "total-size", f"{header['total_size']} and {len(data)} bytes")
    crc = crc_of(data)
    _need(header["crc32"] == crc, "crc", f"{crc:#010x} instead of {header['crc32']:#010x}")
    _need(header["abi_version"] == KERNEL_ABI_VERSION, "abi", f"ABI {header['abi_version']}")
    _need(header["flags"] & ~FLAG_PIE == 0, "abi", f"flags {header['flags']:#x}")
    _need(header["reserved"] == 0, "abi", f"reserved {header['reserved']:#x}")
    return header


def _check_tables(data: bytes, header: Values) -> None:
    at = SNAPSHOT_HEADER.size
    for name, record in _TABLES:
        _need(header[f"{name}s_offset"] == at, "table", f"the {name}s begin at {header[f'{name}s_offset']}, not {at}")
        at += header[f"{name}_count"] * record.size
    _need(header["strings_offset"] == at, "table", f"the strings begin at {header['strings_offset']}, not {at}")
    at += header["strings_size"]
    _need(at <= len(data), "table", f"the tables take {at} of {len(data)} bytes")
    _need(not header["strings_size"] or data[at - 1] == 0, "table", "the strings do not end in a zero byte")


def _check_segments(data: bytes, header: Values) -> None:
    at = header["strings_offset"] + header["strings_size"]
    taken = WORKLOAD_BASE - 1  # last byte of the last page in use
    for number, segment in enumerate(_records(data, header, "segment")):
        address, last = segment["address"], (segment["memory_size"] - 1) & _U64
        where = f"segment {number} at {address:#x}"
        _need(segment["flags"] & _WRITE_EXECUTE != _WRITE_EXECUTE, "write-and-execute", where)
        _need(segment["flags"] & ~_WRITE_EXECUTE == SEGMENT_READ, "segment", f"{where} with flags {segment['flags']}")
        _need(segment["reserved"] == 0, "segment", where)
        _need(address > taken, "segment", f"{where} begins before {taken + 1:#x}")
        _need((address | last | (address + last)) < MMAP_BASE, "segment", f"{where} ends beyond {MMAP_BASE:#x}")
        _need(segment["file_offset"] == at, "segment", f"{where} has its bytes at {segment['file_offset']}, not {at}")
        _need(segment["file_size"] <= segment["memory_size"], "segment", f"{where} has more bytes than memory")
        taken = (address + last) | (_PAGE - 1)
        at += segment["file_size"]
    _need(at == len(data), "segment", f"the segments end at {at} of {len(data)} bytes")


def _check_uses(data: bytes, header: Values) -> None:
    _need(_holds(data, header, SEGMENT_EXECUTE, header["entry"], 1), "entry", f"{header['entry']:#x}")
    address, size = header["phdr_address"], header["phdr_count"] * _PHDR_SIZE
    _need(not address | size or _holds(data, header, SEGMENT_READ, address, size), "table", "the program headers")
    for relocation in _records(data, header, "relocation"):
        where = f"the word at {relocation['address']:#x}"
        _need(bool(header["flags"] & FLAG_PIE), "relocation", f"{where}, in a program at a fixed address")
        _need(_holds(data, header, SEGMENT_WRITE, relocation["address"], 8), "relocation", where)
    _need(header["stack_size"] < MMAP_BASE, "memory", f"a stack of {header['stack_size']} bytes")


def _check_functions(data: bytes, header: Values) -> None:
    for number, function in enumerate(_records(data, header, "function")):
        where = f"function {number} at {function['address']:#x}"
        _need(function["name_offset"] < header["strings_size"], "function", where)
        _need(function["tier"] <= TIER["frozen"], "function", f"{where} at tier {function['tier']}")
        _need(is_cycles(function["average_cycles"]), "function", f"{where} takes {function['average_cycles']} cycles")
        _need(_holds(data, header, SEGMENT_EXECUTE, function["address"], function["size"]), "function", where)


def _check_features(data: bytes, header: Values, cpuid_words: Sequence[int]) -> None:
    for number, feature in enumerate(_records(data, header, "feature")):
        right = feature["name_offset"] < header["strings_size"] and feature["bit"] < 32
        _need(right and feature["word"] < len(CPUID_WORD.members), "table", f"feature {number}")
        present = cpuid_words[feature["word"]] >> feature["bit"] & 1
        _need(bool(present), "feature", _string(data, header, feature["name_offset"]))


def is_cycles(value: float) -> bool:
    """Whether the number is finite and its sign bit clear: judged by its bits, as the loader does."""
    bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return bits >> 52 < 0x7FF


def _records(data: bytes, header: Values, name: str) -> Iterator[Values]:
    record: Record = dict(_TABLES)[name]
    start = header[f"{name}s_offset"]
    for number in range(header[f"{name}_count"]):
        yield record.decode(data, start + number * record.size)


def _holds(data: bytes, header: Values, flag: int, address: int, size: int) -> bool:
    for segment in _records(data, header, "segment"):
        into = address - segment["address"]
        if segment["flags"] & flag and 0 <= into < segment["file_size"] and size <= segment["file_size"] - into:
            return True
    return False


def _string(data: bytes, header: Values, offset: int) -> str:
    start = header["strings_offset"] + offset
    return data[start : data.index(0, start)].decode("utf-8", "surrogateescape")


def _contents(data: bytes, header: Values) -> SnapshotContents:
    """The values of a file that has passed `check`."""
    names = TIER.name_of
    return SnapshotContents(
        entry=header["entry"],
        phdr_address=header["phdr_address"],
        phdr_count=header["phdr_count"],
        segments=tuple(
            Segment(
                s["address"], data[s["file_offset"] : s["file_offset"] + s["file_size"]], s["memory_size"], s["flags"]
            )
            for s in _records(data, header, "segment")
        ),
        functions=tuple(
            Function(
                _string(data, header, f["name_offset"]),
                names(f["tier"]),
                f["address"],
                f["size"],
                f["call_count"],
                f["average_cycles"],
            )
            for f in _records(data, header, "function")
        ),
        features=tuple(
            Feature(_string(data, header, f["name_offset"]), f["word"], f["bit"])
            for f in _records(data, header, "feature")
        ),
        relocations=tuple(Relocation(r["address"], r["addend"]) for r in _records(data, header, "relocation")),
        stack_size=header["stack_size"],
        build_id=header["build_id"],
        position_independent=bool(header["flags"] & FLAG_PIE),
    )
