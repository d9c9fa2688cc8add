"""The host's side of an agent: takes its reports, has code compiled, links it live, and publishes it.

Messages in, messages out through a function; compilations run beside as asyncio tasks. What carries the
messages (a socket to a process, a machine's serial port) is the caller's.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bareflow.compile.split import SplitFunction
from bareflow.errors import CompileError, LinkError, ProfileError
from bareflow.growth.service import Compiled, CompileService
from bareflow.layouts.growth import (
    AGENT_STARTED,
    ARM_ORDER,
    CODE_PIECE,
    COLLECT_ALL,
    COLLECT_HOT,
    COLLECT_ORDER,
    COLLECTED_RECORD,
    FUNCTION_COUNTS,
    GROWTH_MESSAGE,
    HOT_REASON,
    HOT_RECORD,
    MAX_CODE,
    PUBLISH_ORDER,
    PUBLISH_STATUS,
    PUBLISHED_RECORD,
    TIER_TIMES,
    TIERS,
    TIME_SAMPLE,
)
from bareflow.layouts.snapshot import TIER
from bareflow.layouts.wire import FRAME_TYPE
from bareflow.profile.decoder import KnownFunction, ProfileDecoder
from bareflow.profile.values import Profile
from bareflow.profile.values import TierUp as Event
from bareflow.snapshot.arena import Arena
from bareflow.snapshot.base import Base
from bareflow.snapshot.live import LiveBlob, LiveImage
from bareflow.tiering import RISING, Costs, Counters, Policy, plan

PLACES_HOT = 20  # ticks that find a function at one tier until it may rise although it was called seldom
ABREAST = 2  # tier-ups under way at once; who waits is chosen anew each time, the most worthwhile first
KEPT_SAMPLES = 4096  # timed calls kept for each function and tier


@dataclass
class Times:
    """Timed calls of a function at one tier, in TSC cycles."""

    samples: int = 0
    weight: int = 0
    cycles: int = 0  # sum of weight x cycles
    minimum: int = 0
    recent: list[tuple[int, int]] = field(default_factory=list)  # (cycles, weight) of single calls

    @property
    def mean(self) -> float | None:
        """Cycles per call; None: none was timed."""
        return self.cycles / self.weight if self.weight else None

    @property
    def median(self) -> float | None:
        """Weighted median of the single calls that arrived: what an interrupted call cannot distort."""
        half, seen = sum(weight for _, weight in self.recent) / 2, 0
        for cycles, weight in sorted(self.recent):
            seen += weight
            if seen >= half:
                return float(cycles)
        return None


@dataclass(frozen=True)
class TierUp:
    """Better code that took over.

    Args:
        function: the source's name.
        before, after: tiers.
        compile_ms: CPU time in the compiler; 0: from the cache.
        hot_to_published_ms: from the call that made it hot to the first that could use the new code.
        code_bytes: of the function.
        calls: of both kinds, when it was published.
        at_ms: host's time since the session began.
    """

    function: str
    before: str
    after: str
    compile_ms: float
    hot_to_published_ms: float
    code_bytes: int
    calls: int
    at_ms: float


@dataclass
class Growing:
    """A function while it grows."""

    index: int
    split: SplitFunction
    tier: str
    code_bytes: int = 0
    calls: int = 0
    self_calls: int = 0
    times: dict[str, Times] = field(default_factory=dict)
    bytes_by_tier: dict[str, int] = field(default_factory=dict)
    places: Counter[str] = field(default_factory=Counter)
    busy: bool = False  # a tier-up is under way
    hot_at: float | None = None  # when it began to wait for one; None: it does not
    told: bool = False  # the agent found it hot, and knows when
    forced: bool = False  # ticks found it too often
    barred: set[str] = field(default_factory=set)  # tiers that it cannot reach
    compile_ms: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)  # why a tier-up failed

    def timed(self, tier: str) -> Times:
        """The times at a tier."""
        return self.times.setdefault(tier, Times())


@dataclass
class _Pending:
    """A blob that the agent has not answered for yet."""

    function: Growing
    blob: LiveBlob
    compiled: Compiled
    resent: int = 0


class GrowthSession:
    """One run of a growing program.

    Args:
        base: the program.
        functions: its growing functions, in the order of the base's slots.
        service: compiles them.
        send: takes (type, payload); False when it could not be queued.
        branches: function symbol → edge counters by terminator, of those that can be interpreted.
        policy: when functions rise, and how far.
        on_tier_up: called with every tier-up.
        on_note: called with one sentence about whatever did not work.
        on_counts: called with all functions when a round of counts has come.
    """

    def __init__(
        self,
        base: Base,
        functions: tuple[SplitFunction, ...],
        service: CompileService,
        send: Callable[[int, bytes], bool],
        *,
        branches: Mapping[str, Sequence[Sequence[int]]] | None = None,
        policy: Policy | None = None,
        on_tier_up: Callable[[TierUp], None] = lambda _: None,
        on_note: Callable[[str], None] = lambda _: None,
        on_counts: Callable[[Sequence[Growing]], None] = lambda _: None,
    ) -> None:
        self.service = service
        self.policy = policy or Policy()
        self.base = base
        self.send = send
        self.on_tier_up = on_tier_up
        self.on_note = on_note
        self.on_counts = on_counts
        sizes = base.symbols.functions
        self.functions = [
            Growing(index, split, slot.tier, code_bytes=sizes.get(slot.target, (0, 0))[1])
            for index, (split, slot) in enumerate(zip(functions, base.slots, strict=True))
        ]
        self.by_symbol = {one.split.symbol: one for one in self.functions}
        for one in self.functions:
            one.bytes_by_tier[one.tier] = one.code_bytes
        self.live = LiveImage(base.symbols, None)
        self.started: dict[str, Any] | None = None
        self.collected: dict[str, int] = {}
        self.ended = False
        self.round_done = asyncio.Event()
        self.tier_ups: list[TierUp] = []
        self.places_elsewhere: Counter[str] = Counter()
        self.tsc_hz = 0.0
        self._pending: dict[int, _Pending] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.decoder = ProfileDecoder(
            [KnownFunction(one.name, one.digest, (branches or {}).get(one.symbol, ())) for one in functions],
            build_id=base.build_id.hex(),
            cpu=service.target.name,
            locate=self._name_at,
        )
        self._boot = random.getrandbits(32)
        self._began = time.monotonic()
        self._finished = False
        self._body_owner = {slot.target: one for one, slot in zip(self.functions, base.slots, strict=True)}

    # ---- messages in ----

    def receive(self, kind: int, payload: bytes) -> None:
        """Take one message; what is malformed or unknown is left alone."""
        handler = _HANDLERS.get(kind)
        try:
            if handler is not None:
                handler(self, payload)
            self.decoder.take(kind, payload)
        except (struct.error, ProfileError):
            if kind != FRAME_TYPE["hello"]:
                self.on_note(f"The agent sent a {GROWTH_MESSAGE.name_of(kind)} message of {len(payload)} bytes.")

    def _hello(self, _payload: bytes) -> None:
        """A session has begun; functions that were hot before anybody listened are asked for."""
        self.send(GROWTH_MESSAGE["collect"], COLLECT_ORDER.encode(flags=COLLECT_HOT))

    def _started(self, payload: bytes) -> None:
        facts = AGENT_STARTED.decode(payload)
        if facts["build_id"] != self.base.build_id or facts["functions"] != len(self.functions):
            self.on_note("The program that answers is not the one that we serve.")
            return
        if self.started is None:
            self.started = facts
            arena = Arena(facts["arena_base"], facts["arena_size"]) if facts["arena_size"] else None
            self.live.arena = arena
            if arena is not None and facts["arena_used"]:  # another host was here before, and its code is being called
                arena.commit(arena.reserve(min(facts["arena_used"], facts["arena_size"])))
            self._dispatch()  # what its last words to that host said is hot came first

    def _hot(self, payload: bytes) -> None:
        record = HOT_RECORD.decode(payload)
        if record["function"] < len(self.functions):
            one = self.functions[record["function"]]
            one.calls = max(one.calls, record["calls"] - one.self_calls)  # of both kinds, until counts come
            self._is_at(one, record["tier"])
            if TIER.name_of(record["tier"]) == one.tier:
                one.told = True
                one.forced |= record["reason"] == HOT_REASON["back-edges"]
                self.rise(one)

    @staticmethod
    def _is_at(one: Growing, tier: int) -> None:
        """The agent says where a function is: another host may have brought it there."""
        if not one.busy and tier > TIER[one.tier]:
            one.tier = TIER.name_of(tier)

    def rise(self, one: Growing) -> None:
        """Let a function wait for a better tier, if it does not already."""
        if not one.busy and one.hot_at is None and one.tier in RISING[:-1]:
            one.hot_at = time.monotonic()
            self._dispatch()

    def _dispatch(self) -> None:
        """Start tier-ups, the most worthwhile first, while there is room for more."""
        while len(self._tasks) < ABREAST and self.live.arena is not None and not self._finished:
            step = self._next_step()
            if step is None:
                return
            one, tier = step
            one.busy = True
            task = asyncio.get_running_loop().create_task(self._tier_up(one, tier))
            self._tasks.add(task)
            task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            raise problem
        self._dispatch()

    def _next_step(self) -> tuple[Growing, str] | None:
        """Who rises next, and where to; whoever waits in vain stops waiting."""
        waiting = {one.split.symbol: one for one in self.functions if one.hot_at is not None and not one.busy}
        steps = plan([self._counters(one) for one in waiting.values()], self.policy, self._costs())
        if steps:
            return waiting[steps[0].function], steps[0].after
        for one in waiting.values():
            tier = next((tier for tier in RISING[RISING.index(one.tier) + 1 :] if tier not in one.barred), None)
            if one.forced and tier is not None:
                return one, tier
            one.hot_at = None
        return None

    def _counters(self, one: Growing) -> Counters:
        cycles = {tier: times.mean for tier, times in one.times.items() if times.mean is not None}
        calls = one.calls + one.self_calls
        name, lines = one.split.symbol, one.split.lines
        back_edges = self.decoder.function(one.index).back_edges
        return Counters(name, one.tier, calls, back_edges, lines, cycles, dict(one.compile_ms), frozenset(one.barred))

    def _costs(self) -> Costs:
        made = [(tier, one.split.lines, ms) for one in self.functions for tier, ms in one.compile_ms.items()]
        return Costs.measured(made, self.tsc_hz)

    @property
    def sent_blobs(self) -> tuple[LiveBlob, ...]:
        """All code that the program may be in: a crash may come before the word that code was published."""
        return (*self.live.blobs, *(pending.blob for pending in self._pending.values()))

    async def _tier_up(self, one: Growing, tier: str) -> None:
        try:
            compiled = await self.service.compile(one.split.symbol, tier)
            if not compiled.cached:
                one.compile_ms[tier] = compiled.compile_ms
            blob = self.live.place(one.split.symbol, one.split.body, tier, compiled.data)
        except (CompileError, LinkError) as problem:
            self._stays(one, tier, str(problem))
            return
        self._pending[blob.number] = _Pending(one, blob, compiled)
        self._publish(blob, one)

    def _publish(self, blob: LiveBlob, one: Growing) -> None:
        for address, data in self.live.pieces(blob, MAX_CODE):
            self.send(GROWTH_MESSAGE["code"], CODE_PIECE.encode(address=address) + data)
        order = PUBLISH_ORDER.encode(
            function=one.index,
            tier=TIER[blob.tier],
            blob=blob.number,
            start=blob.start,
            entry=blob.entry,
            length=len(blob.data),
            crc=blob.crc,
        )
        self.send(GROWTH_MESSAGE["publish"], order)

    def _published(self, payload: bytes) -> None:
        record = PUBLISHED_RECORD.decode(payload)
        pending = self._pending.get(record["blob"])
        if pending is None:
            return
        status = PUBLISH_STATUS.name_of(record["status"])
        if status == "damaged" and pending.resent < 2:
            pending.resent += 1
            self._publish(pending.blob, pending.function)
            return
        del self._pending[record["blob"]]
        if status != "done":
            self.live.abort(pending.blob)
            self._stays(pending.function, pending.blob.tier, f"the agent says {status}.")
            return
        self.live.commit(pending.blob)
        self._took_over(pending, record)

    def _stays(self, one: Growing, tier: str, why: str) -> None:
        one.busy, one.hot_at, one.forced = False, None, False
        one.barred.add(tier)
        one.refused.append(f"{tier}: {why}")
        self.on_note(f"{one.split.name} does not reach {tier}: {why}")
        self.rise(one)

    def _took_over(self, pending: _Pending, record: dict[str, int]) -> None:
        one, blob = pending.function, pending.blob
        now = time.monotonic()
        waited = (now - (one.hot_at or now)) * 1000
        if one.told and self.tsc_hz:
            waited = (record["tsc"] - record["hot_tsc"]) / self.tsc_hz * 1000
        up = TierUp(
            one.split.name,
            one.tier,
            blob.tier,
            pending.compiled.compile_ms,
            waited,
            blob.code_size,
            record["calls"],
            (now - self._began) * 1000,
        )
        one.tier, one.code_bytes = blob.tier, blob.code_size
        one.bytes_by_tier[blob.tier] = blob.code_size
        one.busy, one.hot_at, one.told, one.forced = False, None, False, False
        self.tier_ups.append(up)
        self._note_event(up)
        self.on_tier_up(up)

    def _note_event(self, up: TierUp) -> None:
        self.decoder.add_event(
            Event(
                boot=self._boot,
                at_us=max(0, round((up.at_ms - up.hot_to_published_ms) * 1000)),  # it may have been hot before we came
                function=up.function,
                before=up.before,
                after=up.after,
                compile_us=round(up.compile_ms * 1000),
                latency_us=round(up.hot_to_published_ms * 1000),
                calls=up.calls,
                code_bytes=up.code_bytes,
            )
        )

    def _counts(self, payload: bytes) -> None:
        at = 0
        while at < len(payload):
            head = FUNCTION_COUNTS.decode(payload, at)
            at += FUNCTION_COUNTS.size
            for tier in (number for number in range(TIERS) if head["timed"] >> number & 1):
                times = TIER_TIMES.decode(payload, at)
                at += TIER_TIMES.size
                if head["function"] < len(self.functions):
                    self._take_times(self.functions[head["function"]].timed(TIER.name_of(tier)), times)
            if head["function"] < len(self.functions):
                one = self.functions[head["function"]]
                one.calls, one.self_calls = head["calls"], head["self_calls"]
                self._is_at(one, head["tier"])

    @staticmethod
    def _take_times(into: Times, record: dict[str, int]) -> None:
        into.samples, into.weight, into.minimum = record["samples"], record["weight"], record["minimum"]
        into.cycles = record["cycles_high"] << 64 | record["cycles_low"]

    def _times(self, payload: bytes) -> None:
        for at in range(0, len(payload), TIME_SAMPLE.size):
            record = TIME_SAMPLE.decode(payload, at)
            if record["function"] < len(self.functions):
                recent = self.functions[record["function"]].timed(TIER.name_of(record["tier"])).recent
                recent.append((record["cycles"], record["weight"]))
                if len(recent) > KEPT_SAMPLES:
                    del recent[: KEPT_SAMPLES // 2]

    def _places(self, payload: bytes) -> None:
        """Ticks found the program there: what holds it longest may rise however seldom it is called."""
        for (address,) in struct.iter_unpack("<Q", payload):
            symbol, tier = self.live.find(address)
            one = self.by_symbol.get(symbol) if tier else self._body_owner.get(symbol)
            if one is None:
                self.places_elsewhere[symbol] += 1
                continue
            one.places[tier or self.base.slots[one.index].tier] += 1
            if one.places[one.tier] == PLACES_HOT:
                one.forced = True
                self.rise(one)

    def _name_at(self, address: int) -> str | None:
        """The source's name of the function at an address, for the profile."""
        symbol, _ = self.live.find(address)
        one = self.by_symbol.get(symbol) or self._body_owner.get(symbol)
        return one.split.name if one else symbol or None

    def profile(self) -> Profile:
        """Everything seen in this run."""
        for one in self.functions:
            for tier, size in one.bytes_by_tier.items():
                self.decoder.set_code_bytes(one.index, tier, size)
        return self.decoder.profile()

    def _collected(self, payload: bytes) -> None:
        record = COLLECTED_RECORD.decode(payload)
        if self.started and record["ns"] and self.started["ns"]:
            ns = record["ns"] - self.started["ns"]
            self.tsc_hz = (record["tsc"] - self.started["tsc"]) * 1e9 / ns if ns > 10_000_000 else self.tsc_hz
        self.collected = record
        self.round_done.set()
        self.on_counts(self.functions)
        if self.policy.kind == "breakeven":  # what thresholds cannot say: weigh everybody anew
            for one in self.functions:
                self.rise(one)

    def _ended(self, payload: bytes) -> None:
        self._collected(payload)
        self.ended = True

    # ---- messages out ----

    def collect(self, *, everything: bool = False) -> bool:
        """Ask for counts; False when nobody is there to ask. `round_done` is set when they have arrived."""
        return self.send(GROWTH_MESSAGE["collect"], COLLECT_ORDER.encode(flags=COLLECT_ALL if everything else 0))

    def arm(self, one: Growing, threshold: int) -> None:
        """Set at how many calls a function counts as hot at its tier."""
        self.send(GROWTH_MESSAGE["arm"], ARM_ORDER.encode(function=one.index, threshold=threshold))

    def earned(self) -> dict[str, str]:
        """Function symbol → the tier that its counts have earned above its own: the program ended too early."""
        steps = plan([self._counters(one) for one in self.functions], self.policy, self._costs())
        return {step.function: step.after for step in steps}

    async def finish(self) -> None:
        """End what still compiles for this run."""
        self._finished = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


_HANDLERS: dict[int, Callable[[GrowthSession, bytes], None]] = {
    FRAME_TYPE["hello"]: GrowthSession._hello,  # noqa: SLF001  the table of its own methods
    GROWTH_MESSAGE["started"]: GrowthSession._started,  # noqa: SLF001
    GROWTH_MESSAGE["hot"]: GrowthSession._hot,  # noqa: SLF001
    GROWTH_MESSAGE["published"]: GrowthSession._published,  # noqa: SLF001
    GROWTH_MESSAGE["counts"]: GrowthSession._counts,  # noqa: SLF001
    GROWTH_MESSAGE["times"]: GrowthSession._times,  # noqa: SLF001
    GROWTH_MESSAGE["places"]: GrowthSession._places,  # noqa: SLF001
    GROWTH_MESSAGE["collected"]: GrowthSession._collected,  # noqa: SLF001
    GROWTH_MESSAGE["ended"]: GrowthSession._ended,  # noqa: SLF001
}
