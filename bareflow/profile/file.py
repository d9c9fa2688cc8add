"""The profile file (layouts.profile): bytes in, a `Profile` out, and back. Equal profiles give equal bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bareflow.errors import ProfileError
from bareflow.layouts.profile import (
    EVENT_KIND,
    PROFILE_BRANCH,
    PROFILE_COUNT,
    PROFILE_EVENT,
    PROFILE_FUNCTION,
    PROFILE_HEADER,
    PROFILE_HEADER_1,
    PROFILE_HEADER_2,
    PROFILE_MAGIC,
    PROFILE_NAME,
    PROFILE_RUN,
    PROFILE_SPECIAL,
    PROFILE_STACK,
    PROFILE_TABLE,
    PROFILE_TIME,
    PROFILE_VALUE,
    PROFILE_VERSION,
    SPECIAL_KIND,
    VALUE_OTHERS,
    VALUE_SITE,
)
from bareflow.layouts.record import Record
from bareflow.layouts.snapshot import TIER
from bareflow.profile.values import ArgumentValues, FunctionProfile, Profile, Special, TierTimes, TierUp, with_runs
from bareflow.toolchain import write_atomic

_RECORDS: dict[str, Record] = {
    "functions": PROFILE_FUNCTION,
    "times": PROFILE_TIME,
    "branches": PROFILE_BRANCH,
    "counts": PROFILE_COUNT,
    "values": PROFILE_VALUE,
    "stacks": PROFILE_STACK,
    "frames": PROFILE_NAME,
    "events": PROFILE_EVENT,
    "builds": PROFILE_NAME,
    "cpus": PROFILE_NAME,
    "special": PROFILE_SPECIAL,
    "runs": PROFILE_RUN,
}
_HEADERS = {1: PROFILE_HEADER_1, 2: PROFILE_HEADER_2, PROFILE_VERSION: PROFILE_HEADER}
_ALL_ONES = (1 << 64) - 1
_CRC_AT = PROFILE_HEADER.offsets["crc32"]
Row = dict[str, Any]


def write_profile(path: Path, profile: Profile) -> None:
    """Write a profile file: old or new, never half.

    Raises:
        ImageError: when it cannot be written.
    """
    write_atomic(path, encode_profile(profile))


def encode_profile(profile: Profile) -> bytes:
    """The bytes of a profile file.

    Raises:
        ProfileError: for a count that 64 bits do not hold.
    """
    tables = _Tables()
    for identity in sorted(profile.runs):
        tables.part(identity, encode_profile(profile.runs[identity]))
    profile = profile.settled or profile
    for key in sorted(profile.functions):
        tables.function(profile.functions[key])
    for stack in sorted(profile.stacks):
        tables.add("stacks", frames=len(stack), count=profile.stacks[stack])
        for frame in stack:
            tables.add("frames", name=tables.name(frame))
    for event in sorted(profile.events):
        tables.event(event)
    for table, names in (("builds", profile.builds), ("cpus", profile.cpus)):
        for name in sorted(names):
            tables.add(table, name=tables.name(name))
    for case in sorted(profile.special):
        tables.special(profile.special[case])
    header = {"boots": profile.boots, "dropped": profile.dropped, "tsc_hz": profile.tsc_hz}
    try:
        return tables.encode(header)
    except struct.error as error:
        raise ProfileError("The profile holds a count that its file's 64 bits do not hold.") from error


class _Tables:
    """The tables of a file while it is written; strings are shared."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {table: [] for table in _RECORDS}
        self._bytes = {"strings": bytearray(), "parts": bytearray()}
        self._known: dict[str, int] = {}

    def add(self, table: str, **row: Any) -> None:
        self._rows[table].append(row)

    def name(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = len(self._bytes["strings"])
            self._bytes["strings"] += name.encode() + b"\0"
        return self._known[name]

    def part(self, identity: int, file: bytes) -> None:
        self.add("runs", run=identity, size=len(file))
        self._bytes["parts"] += file

    def function(self, function: FunctionProfile) -> None:
        for tier in sorted(function.times, key=TIER.__getitem__):
            self._times(tier, function.times[tier])
        for counter, counts in sorted(function.branches.items()):
            self.add("branches", counter=counter, counts=len(counts))
            for count in counts:
                self.add("counts", count=count)
        values = self._values(function.values, 0) + self._values(function.sites, VALUE_SITE)
        self.add(
            "functions",
            name=self.name(function.name),
            tier=TIER[function.tier],
            digest=bytes.fromhex(function.digest),
            calls=function.calls,
            self_calls=function.self_calls,
            back_edges=function.back_edges,
            times=len(function.times),
            branches=len(function.branches),
            values=values,
            tunings=function.tunings,
        )

    def _values(self, held: Mapping[int, ArgumentValues], flag: int) -> int:
        rows = 0
        for place, seen in sorted(held.items()):
            for value, count in sorted(seen.counts.items()):
                self.add("values", argument=place, flags=flag, value=value, count=count)
            self.add("values", argument=place, flags=flag | VALUE_OTHERS, count=seen.others)
            rows += len(seen.counts) + 1
        return rows

    def _times(self, tier: str, times: TierTimes) -> None:
        self.add(
            "times",
            tier=TIER[tier],
            samples=times.samples,
            calls=times.calls,
            cycles_low=times.cycles & _ALL_ONES,
            cycles_high=times.cycles >> 64,
            minimum=_ALL_ONES if times.minimum is None else times.minimum,
            code_bytes=times.code_bytes,
        )

    def event(self, event: TierUp) -> None:
        self.add(
            "events",
            boot=event.boot,
            at_us=event.at_us,
            compile_us=event.compile_us,
            latency_us=event.latency_us,
            calls=event.calls,
            code_bytes=event.code_bytes,
            name=self.name(event.function),
            kind=EVENT_KIND[event.kind],
            before=TIER[event.before],
            after=TIER[event.after],
        )

    def special(self, case: Special) -> None:
        self.add(
            "special",
            function=self.name(case.function),
            values=self.name(case.values),
            kind=SPECIAL_KIND[case.kind],
            calls=case.calls,
            total=case.total,
            gain=case.gain,
            miss=case.miss,
        )

    def encode(self, header: Row) -> bytes:
        offsets: list[int] = []
        counts: list[int] = []
        body = bytearray()
        for table in PROFILE_TABLE.members:
            offsets.append(PROFILE_HEADER.size + len(body))
            if table in _RECORDS:
                part = b"".join(_RECORDS[table].encode(**row) for row in self._rows[table])
                counts.append(len(self._rows[table]))
            else:
                part = bytes(self._bytes[table])
                counts.append(len(part))
            body += part + bytes(-len(part) % 8)
        header |= {"magic": PROFILE_MAGIC, "version": PROFILE_VERSION, "header_size": PROFILE_HEADER.size}
        header |= {"total_size": PROFILE_HEADER.size + len(body), "offsets": offsets, "counts": counts}
        crc = zlib.crc32(PROFILE_HEADER.encode(**header) + body)
        return PROFILE_HEADER.encode(**header, crc32=crc) + bytes(body)


def decode_profile(data: bytes, where: str = "the profile") -> Profile:
    """The profile in the bytes of a file.

    Args:
        data: the whole file.
        where: its name, for messages.

    Raises:
        ProfileError: when anything is not exactly right.
    """
    try:
        header = _checked_header(data)
        return _Reader(data, header).profile(header)
    except (_Wrong, ProfileError, KeyError, IndexError, StopIteration, RuntimeError, ValueError, struct.error) as error:
        reason = str(error) if isinstance(error, _Wrong) else "a table contradicts itself"
        raise ProfileError(
            f"{where} is not a profile: {reason}.", hint="Collect it again, or use a copy that is whole."
        ) from error


class _Wrong(Exception):  # noqa: N818 — never leaves this module
    """Why a file is refused."""


def _checked_header(data: bytes) -> Row:
    if len(data) < PROFILE_HEADER_1.size:
        raise _Wrong(f"{len(data)} bytes are fewer than its header has")
    header = PROFILE_HEADER_1.decode(data)
    if header["magic"] != PROFILE_MAGIC:
        raise _Wrong("it does not begin with the magic number")
    if header["version"] not in _HEADERS:
        raise _Wrong(f"it has version {header['version']}, this BareFlow reads versions 1 to {PROFILE_VERSION}")
    layout = _HEADERS[header["version"]]
    header = layout.decode(data.ljust(layout.size, b"\0"))
    if len(data) < layout.size or header["header_size"] != layout.size:
        raise _Wrong(f"its header has {header['header_size']} bytes and not {layout.size}")
    if header["total_size"] != len(data):
        raise _Wrong(f"it has {len(data)} bytes and says that it has {header['total_size']}")
    without = data[:_CRC_AT] + bytes(4) + data[_CRC_AT + 4 :]
    if zlib.crc32(without) != header["crc32"]:
        raise _Wrong("its CRC-32 differs: a byte was changed")
    return header


class _Reader:
    """Rows of a checked file; every range and name is looked up within bounds."""

    def __init__(self, data: bytes, header: Row) -> None:
        end = header["header_size"]
        self._tables: dict[str, list[Row]] = {table: [] for table in _RECORDS}
        self._bytes = {"strings": b"", "parts": b""}
        for at, table in enumerate([*PROFILE_TABLE.members][: len(header["offsets"])]):
            size = _RECORDS[table].size if table in _RECORDS else 1
            offset, count = header["offsets"][at], header["counts"][at]
            if offset != end or offset + count * size > len(data):
                raise _Wrong(f"its table of {table} lies elsewhere")
            end = offset + count * size
            end += -end % 8
            if table in _RECORDS:
                self._tables[table] = [_RECORDS[table].decode(data, offset + n * size) for n in range(count)]
            else:
                self._bytes[table] = data[offset : offset + count]
        if end != len(data):
            raise _Wrong("something follows its tables")

    def _name(self, offset: int) -> str:
        strings = self._bytes["strings"]
        return strings[offset : strings.index(b"\0", offset)].decode()

    def profile(self, header: Row) -> Profile:
        rows = {table: iter(self._tables[table]) for table in _RECORDS}
        functions = [self._function(row, rows) for row in rows["functions"]]
        stacks = {self._stack(row, rows["frames"]): row["count"] for row in rows["stacks"]}
        profile = Profile(
            {function.key: function for function in functions},
            stacks,
            tuple(sorted(self._event(row) for row in rows["events"])),
            frozenset(self._name(row["name"]) for row in rows["builds"]),
            frozenset(self._name(row["name"]) for row in rows["cpus"]),
            header["boots"],
            header["dropped"],
            header["tsc_hz"],
            {case.key: case for case in (self._special(row) for row in rows["special"])},
        )
        profile = with_runs(profile, self._runs(rows["runs"]))
        if len({function.key for function in functions}) != len(functions) or any(
            True for left in rows.values() for _ in left
        ):
            raise _Wrong("a table has entries that nothing refers to")
        return profile

    def _runs(self, rows: Iterator[Row]) -> dict[int, Profile]:
        parts, at = dict[int, Profile](), 0
        for row in rows:
            parts[row["run"]] = decode_profile(self._bytes["parts"][at : at + row["size"]])
            at += row["size"]
        if at != len(self._bytes["parts"]) or any(part.runs for part in parts.values()):
            raise _Wrong("its runs and their parts do not fit each other")
        return parts

    def _function(self, row: Row, rows: Mapping[str, Iterator[Row]]) -> FunctionProfile:
        times = [next(rows["times"]) for _ in range(row["times"])]
        branches = [next(rows["branches"]) for _ in range(row["branches"])]
        values: dict[int, ArgumentValues] = {}
        sites: dict[int, ArgumentValues] = {}
        counts: dict[int, int] = {}
        for value in (next(rows["values"]) for _ in range(row["values"])):
            if value["flags"] & VALUE_OTHERS:
                held = sites if value["flags"] & VALUE_SITE else values
                held[value["argument"]] = ArgumentValues(counts, value["count"])
                counts = {}
            else:
                counts[value["value"]] = value["count"]
        return FunctionProfile(
            self._name(row["name"]),
            row["digest"].hex(),
            row["calls"],
            row["self_calls"],
            row["back_edges"],
            _tier(row["tier"]),
            {_tier(time["tier"]): _times(time) for time in times},
            {b["counter"]: tuple(next(rows["counts"])["count"] for _ in range(b["counts"])) for b in branches},
            values,
            sites,
            row["tunings"],
        )

    def _stack(self, row: Row, frames: Iterator[Row]) -> tuple[str, ...]:
        return tuple(self._name(next(frames)["name"]) for _ in range(row["frames"]))

    def _special(self, row: Row) -> Special:
        kind = SPECIAL_KIND.name_of(row["kind"])
        words = self._name(row["function"]), kind, self._name(row["values"])
        return Special(*words, row["total"], row["calls"], row["gain"], row["miss"])

    def _event(self, row: Row) -> TierUp:
        return TierUp(
            row["boot"],
            row["at_us"],
            self._name(row["name"]),
            _tier(row["before"]),
            _tier(row["after"]),
            EVENT_KIND.name_of(row["kind"]),
            row["compile_us"],
            row["latency_us"],
            row["calls"],
            row["code_bytes"],
        )


def _tier(number: int) -> str:
    for name, (value, _) in TIER.members.items():
        if value == number:
            return name
    raise _Wrong(f"it names a tier {number} that does not exist")


def _times(row: Row) -> TierTimes:
    cycles = row["cycles_low"] | row["cycles_high"] << 64
    minimum = None if row["minimum"] == _ALL_ONES else row["minimum"]
    return TierTimes(row["calls"], cycles, row["samples"], minimum, row["code_bytes"])
