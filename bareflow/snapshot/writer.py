"""Writes optimized_snapshot.bin: version 2, or several of them in one file. Same contents, same bytes."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence

from bareflow.errors import SnapshotError
from bareflow.layouts.boot import KERNEL_ABI_VERSION
from bareflow.layouts.snapshot import (
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
from bareflow.snapshot.contents import (
    BUILD_ID_SIZE,
    FLAG_PIE,
    VERSION_2,
    VERSION_TARGETS,
    Segment,
    SnapshotContents,
)
from bareflow.snapshot.reader import check, crc_of, pick

NAME_BYTES = 31  # of a target's name; a longer one is cut


def write_snapshot(contents: SnapshotContents) -> bytes:
    """Encode the contents, and refuse to hand out what the loader would refuse.

    Raises:
        SnapshotRefusedError: for contents that no loader would take, with the loader's own reason.
        SnapshotError: for a name, a tier or a number that cannot be written at all.
    """
    try:
        data = _encode(contents)
    except struct.error as problem:
        raise SnapshotError(f"A number does not fit into the snapshot: {problem}.") from None
    check(data)
    return data


def write_targets(targets: Sequence[tuple[str, bytes]]) -> bytes:
    """Put several version 2 snapshots into one file, tried in this order; the last is for the least CPU.

    Args:
        targets: at least one: the CPU that it was compiled for, and the snapshot.

    Raises:
        SnapshotRefusedError: one of them is not exactly right.
    """
    at = SNAPSHOT_TARGETS.size + len(targets) * SNAPSHOT_TARGET.size
    table, body = b"", b""
    for name, data in targets:
        body += bytes(-at % 8) + data
        at += -at % 8
        short = name.encode()[:NAME_BYTES].ljust(NAME_BYTES + 1, b"\0")
        table += SNAPSHOT_TARGET.encode(name=short, offset=at, size=len(data))
        at += len(data)
    head = SNAPSHOT_TARGETS.encode(
        magic=SNAPSHOT_MAGIC,
        version=VERSION_TARGETS,
        header_size=SNAPSHOT_TARGETS.size,
        total_size=at,
        target_count=len(targets),
    )
    directory = _sealed(head + table)
    pick(directory + body)
    return directory + body


def _sealed(data: bytes) -> bytes:
    """Fill in the CRC-32, which is at the same place in both versions."""
    at = SNAPSHOT_HEADER.offsets["crc32"]
    return data[:at] + struct.pack("<I", crc_of(data)) + data[at + 4 :]


def build_id_of(segments: Iterable[Segment]) -> bytes:
    """What identifies a linked program: the start of the SHA-256 of its segments, in order of address."""
    digest = hashlib.sha256()
    for segment in sorted(segments, key=lambda s: s.address):
        digest.update(struct.pack("<QQQI", segment.address, len(segment.data), segment.memory_size, segment.flags))
        digest.update(segment.data)
    return digest.digest()[:BUILD_ID_SIZE]


class _Strings:
    """The names, each once, in the order of their first use."""

    def __init__(self) -> None:
        self.data = b""
        self._offsets: dict[bytes, int] = {}

    def offset(self, name: str) -> int:
        """Where the name is, adding it if it is new."""
        encoded = name.encode("utf-8", "surrogateescape")
        if not encoded or 0 in encoded:
            raise SnapshotError(f"A function or feature cannot be called {name!r}.")
        if encoded not in self._offsets:
            self._offsets[encoded] = len(self.data)
            self.data += encoded + b"\0"
        return self._offsets[encoded]


def _encode(contents: SnapshotContents) -> bytes:
    segments = sorted(contents.segments, key=lambda s: s.address)
    strings = _Strings()
    functions = _functions(contents, strings)
    features = b"".join(
        SNAPSHOT_FEATURE.encode(name_offset=strings.offset(f.name), word=f.word, bit=f.bit)
        for f in sorted(contents.features, key=lambda f: (f.word, f.bit, f.name))
    )
    relocations = b"".join(
        SNAPSHOT_RELOCATION.encode(address=r.address, addend=r.addend)
        for r in sorted(contents.relocations, key=lambda r: (r.address, r.addend))
    )
    functions_offset = SNAPSHOT_HEADER.size + len(segments) * SNAPSHOT_SEGMENT.size
    relocations_offset = functions_offset + len(functions)
    features_offset = relocations_offset + len(relocations)
    strings_offset = features_offset + len(features)
    data_offset = strings_offset + len(strings.data)
    header = SNAPSHOT_HEADER.encode(
        magic=SNAPSHOT_MAGIC,
        version=VERSION_2,
        header_size=SNAPSHOT_HEADER.size,
        total_size=data_offset + sum(len(s.data) for s in segments),
        build_id=_build_id(contents),
        abi_version=KERNEL_ABI_VERSION,
        flags=FLAG_PIE if contents.position_independent else 0,
        entry=contents.entry,
        phdr_address=contents.phdr_address,
        phdr_count=contents.phdr_count,
        segment_count=len(segments),
        function_count=len(contents.functions),
        relocation_count=len(contents.relocations),
        feature_count=len(contents.features),
        segments_offset=SNAPSHOT_HEADER.size,
        functions_offset=functions_offset,
        relocations_offset=relocations_offset,
        features_offset=features_offset,
        strings_offset=strings_offset,
        strings_size=len(strings.data),
        stack_size=contents.stack_size,
    )
    tables = _segment_table(segments, data_offset) + functions + relocations + features + strings.data
    return _sealed(header + tables + b"".join(s.data for s in segments))


def _build_id(contents: SnapshotContents) -> bytes:
    build_id = contents.build_id or build_id_of(contents.segments)
    if len(build_id) != BUILD_ID_SIZE:
        raise SnapshotError(f"A build id has {BUILD_ID_SIZE} bytes, not {len(build_id)}.")
    return build_id


def _functions(contents: SnapshotContents, strings: _Strings) -> bytes:
    parts: list[bytes] = []
    for function in contents.functions:
        if function.tier not in TIER.members:
            raise SnapshotError(
                f"{function.name} is at tier {function.tier!r}, which does not exist.",
                f"The tiers are {', '.join(TIER.members)}.",
            )
        parts.append(
            SNAPSHOT_FUNCTION.encode(
                name_offset=strings.offset(function.name),
                tier=TIER[function.tier],
                address=function.address,
                size=function.size,
                call_count=function.call_count,
                average_cycles=function.average_cycles,
            )
        )
    return b"".join(parts)


def _segment_table(segments: list[Segment], at: int) -> bytes:
    """The segments' records, with their bytes one after the other from offset `at` on."""
    parts: list[bytes] = []
    for segment in segments:
        parts.append(
            SNAPSHOT_SEGMENT.encode(
                address=segment.address,
                file_offset=at,
                file_size=len(segment.data),
                memory_size=segment.memory_size,
                flags=segment.flags,
            )
        )
        at += len(segment.data)
    return b"".join(parts)
