"""Records of one running guest to a `Profile`: bytes in, values out, no I/O.

A decoder belongs to one session. The guest's counts are totals since its start, so a record replaces what an earlier
one of its kind said, and it does no harm when a record comes twice or one is dropped. Sessions are merged as profiles.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bareflow.errors import ProfileError
from bareflow.layouts.bytecode import BYTECODE_VALUES
from bareflow.layouts.growth import (
    AGENT_STARTED,
    COLLECTED_RECORD,
    FUNCTION_COUNTS,
    GROWTH_MESSAGE,
    HOT_RECORD,
    TIER_TIMES,
)
from bareflow.layouts.profile import BACK_EDGE_COUNTS, EDGE_COUNTS, PROFILE_MESSAGE, VALUE_COUNTS
from bareflow.layouts.snapshot import TIER
from bareflow.profile.values import TIERS, UNKNOWN_DIGEST, ArgumentValues, FunctionProfile, Profile, TierTimes, TierUp

_NEVER = (1 << 64) - 1
Locate = Callable[[int], str | None]


@dataclass(frozen=True)
class KnownFunction:
    """What the host knows of the function with a certain index.

    Args:
        name: as the source has it.
        digest: of its body.
        branches: for each terminator that has edge counters these counters, in the order of its successors;
            () makes pairs of them, as conditional branches have.
    """

    name: str
    digest: str = UNKNOWN_DIGEST
    branches: Sequence[Sequence[int]] = ()


@dataclass
class _Heard:
    """What was heard of one function so far."""

    calls: int = 0
    self_calls: int = 0
    back_edges: int = 0
    tier: str = TIERS[0]
    times: dict[str, TierTimes] = field(default_factory=dict)
    edges: dict[int, int] = field(default_factory=dict)
    values: dict[int, ArgumentValues] = field(default_factory=dict)


class ProfileDecoder:
    """Takes messages of one session.

    Args:
        functions: by the guest's index.
        build_id, cpu, boot: of the session, for the profile.
        locate: finds the function at an address; None: unknown.
    """

    def __init__(
        self,
        functions: Sequence[KnownFunction],
        *,
        build_id: str = "",
        cpu: str = "",
        locate: Locate = lambda _address: None,
    ) -> None:
        self._functions = functions
        self._build_id = build_id
        self._cpu = cpu
        self._locate = locate
        self._heard: dict[int, _Heard] = {}
        self._code_bytes: dict[tuple[int, str], int] = {}
        self._places: Counter[int] = Counter()
        self._events: list[TierUp] = []
        self._started: tuple[int, int] | None = None  # (TSC, nanoseconds)
        self.run = 0  # the guest's name for its run; 0: not known
        self.tsc_hz = 0
        self.dropped = 0
        self._handlers: Mapping[int, Callable[[bytes], None]] = {
            GROWTH_MESSAGE["started"]: self._agent_started,
            GROWTH_MESSAGE["hot"]: self._hot,
            GROWTH_MESSAGE["counts"]: self._counts,
            GROWTH_MESSAGE["places"]: self._ticks,
            GROWTH_MESSAGE["collected"]: self._collected,
            GROWTH_MESSAGE["ended"]: self._collected,
            PROFILE_MESSAGE["edges"]: self._edges,
            PROFILE_MESSAGE["values"]: self._values,
            PROFILE_MESSAGE["back-edges"]: self._back_edges,
        }

    def take(self, kind: int, payload: bytes) -> bool:
        """Take a message; False for a kind that says nothing about profiles.

        Raises:
            ProfileError: for a message that cannot be right.
        """
        handler = self._handlers.get(kind)
        if handler is None:
            return False
        try:
            handler(payload)
        except (struct.error, IndexError) as error:
            raise ProfileError(
                f"The guest sent a profile message {kind} of {len(payload)} bytes that makes no sense.",
                hint="Are the image and this BareFlow of the same build?",
            ) from error
        return True

    def add_event(self, event: TierUp) -> None:
        """Note a tier-up, which the host sees and the guest does not."""
        self._events.append(event)

    def set_tier(self, function: int, tier: str) -> None:
        """Note that a function has reached a tier, of which the guest tells in its next round of counts."""
        heard = self._of(function)
        heard.tier = max(heard.tier, tier, key=TIERS.index)

    def set_code_bytes(self, function: int, tier: str, size: int) -> None:
        """Note how large a function's code is at a tier."""
        self._code_bytes[function, tier] = size

    def _of(self, index: int) -> _Heard:
        if index >= len(self._functions):
            raise IndexError(index)
        return self._heard.setdefault(index, _Heard())

    def _agent_started(self, payload: bytes) -> None:
        record = AGENT_STARTED.decode(payload.ljust(AGENT_STARTED.size, b"\0"))  # older ones name no run
        self.run = record["run"]
        self._started = (record["tsc"], record["ns"])

    def _hot(self, payload: bytes) -> None:
        """It says how often the function was called: enough where the host goes before a round of counts has come."""
        record = HOT_RECORD.decode(payload)
        heard = self._of(record["function"])
        heard.calls = max(heard.calls, record["calls"] - heard.self_calls)
        self.set_tier(record["function"], _tier(record["tier"]))

    def _counts(self, payload: bytes) -> None:
        at = 0
        while at < len(payload):
            record = FUNCTION_COUNTS.decode(payload, at)
            at += FUNCTION_COUNTS.size
            heard = self._of(record["function"])
            heard.calls, heard.self_calls = record["calls"], record["self_calls"]
            self.set_tier(record["function"], _tier(record["tier"]))
            for number in range(16):
                if record["timed"] >> number & 1:
                    heard.times[_tier(number)] = _times(TIER_TIMES.decode(payload, at))
                    at += TIER_TIMES.size

    def _ticks(self, payload: bytes) -> None:
        self._places.update(struct.unpack(f"<{len(payload) // 8}Q", payload))

    def _collected(self, payload: bytes) -> None:
        record = COLLECTED_RECORD.decode(payload)
        self.dropped = record["places_dropped"] + record["times_dropped"]
        if self._started is None or not self._started[1]:
            return
        ns = record["ns"] - self._started[1]
        if ns > 0:
            self.tsc_hz = round((record["tsc"] - self._started[0]) * 1e9 / ns)

    def _edges(self, payload: bytes) -> None:
        record = EDGE_COUNTS.decode(payload)
        counts = struct.unpack_from(f"<{record['count']}Q", payload, EDGE_COUNTS.size)
        self._of(record["function"]).edges.update(enumerate(counts, record["first"]))

    def _values(self, payload: bytes) -> None:
        record = VALUE_COUNTS.decode(payload)
        seen = BYTECODE_VALUES.decode(payload, VALUE_COUNTS.size)
        counts: Counter[int] = Counter()
        for value, count, inherited in zip(seen["value"], seen["count"], seen["error"], strict=True):
            if count > inherited:
                counts[value] += count - inherited
        # The sum of a space-saving table's counts is the number of calls that it has seen.
        others = sum(seen["count"]) - counts.total()
        self._of(record["function"]).values[record["argument"]] = ArgumentValues(dict(counts), others)

    def _back_edges(self, payload: bytes) -> None:
        for at in range(0, len(payload), BACK_EDGE_COUNTS.size):
            record = BACK_EDGE_COUNTS.decode(payload, at)
            self._of(record["function"]).back_edges = record["count"]

    def back_edges(self, index: int) -> int:
        """Loop iterations of a function, as far as they were heard of."""
        return self._heard[index].back_edges if index in self._heard else 0

    def function(self, index: int) -> FunctionProfile:
        """What is known of a function now; zeros before anything was heard."""
        known, heard = self._functions[index], self._of(index)
        times = dict(heard.times)
        for (function, tier), size in self._code_bytes.items():
            if function == index:
                times[tier] = replace(times.get(tier, TierTimes()), code_bytes=size)
        return FunctionProfile(
            known.name,
            known.digest,
            heard.calls,
            heard.self_calls,
            heard.back_edges,
            heard.tier,
            times,
            _branches(known.branches, heard.edges),
            dict(heard.values),
        )

    def profile(self) -> Profile:
        """All that is known now, as the profile of one boot.

        Copies of one function, as a header's static functions in several sources, are one there.
        """
        functions: dict[tuple[str, str], FunctionProfile] = {}
        for one in map(self.function, sorted(self._heard)):
            functions[one.key] = functions[one.key].merge(one) if one.key in functions else one
        stacks: Counter[tuple[str, ...]] = Counter()
        for address, count in self._places.items():
            stacks[(self._locate(address) or "[unknown]",)] += count
        return Profile(
            functions,
            dict(stacks),
            tuple(sorted(self._events)),
            frozenset({self._build_id} - {""}),
            frozenset({self._cpu} - {""}),
            1,
            self.dropped,
            self.tsc_hz,
        )


def _tier(number: int) -> str:
    if number >= len(TIERS):
        raise IndexError(number)
    return TIER.name_of(number)


def _times(record: Mapping[str, int]) -> TierTimes:
    cycles = record["cycles_low"] | record["cycles_high"] << 64
    minimum = None if record["minimum"] == _NEVER else record["minimum"]
    return TierTimes(record["weight"], cycles, record["samples"], minimum)


def _branches(groups: Sequence[Sequence[int]], edges: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Counts by the first counter of each group; groups that were never reached are left out."""
    pairs = [(number, number + 1) for number in sorted({edge & ~1 for edge in edges})]
    counted = {group[0]: tuple(edges.get(edge, 0) for edge in group) for group in groups or pairs}
    return {first: counts for first, counts in counted.items() if any(counts)}
