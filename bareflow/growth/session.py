"""The host's side of an agent: takes its reports, has code compiled, links it live, and publishes it.

Messages in, messages out through a function; compilations run beside as asyncio tasks. What carries the
messages (a socket to a process, a machine's serial port) is the caller's.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bareflow.compile.split import SplitFunction
from bareflow.errors import CompileError, LinkError, ProfileError
from bareflow.growth.climb import LANES, Climb
from bareflow.growth.growing import Growing, TierUp
from bareflow.growth.reports import Reports
from bareflow.growth.service import Compiled, CompileService
from bareflow.layouts.growth import (
    AGENT_STARTED,
    ARM_ORDER,
    CODE_PIECE,
    COLLECT_ALL,
    COLLECT_HOT,
    COLLECT_ORDER,
    COLLECTED_RECORD,
    GROWTH_MESSAGE,
    HOT_REASON,
    HOT_RECORD,
    MAX_CODE,
    PUBLISH_ORDER,
    PUBLISH_STATUS,
    PUBLISHED_RECORD,
)
from bareflow.layouts.snapshot import TIER
from bareflow.layouts.wire import FRAME_TYPE
from bareflow.profile.decoder import KnownFunction, ProfileDecoder
from bareflow.profile.values import FunctionProfile, Profile
from bareflow.profile.values import TierUp as Event
from bareflow.snapshot.arena import Arena
from bareflow.snapshot.base import Base
from bareflow.snapshot.live import LiveBlob, LiveImage
from bareflow.tiering import RISING, Policy
from bareflow.trials.rotate import Rotation


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
        known: function symbol → what earlier runs saw of it.
        policy: when functions rise, and how far.
        rises: tier-ups since the run before, for the profile.
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
        known: Mapping[str, FunctionProfile] | None = None,
        policy: Policy | None = None,
        rises: Sequence[TierUp] = (),
        on_tier_up: Callable[[TierUp], None] = lambda _: None,
        on_note: Callable[[str], None] = lambda _: None,
        on_counts: Callable[[Sequence[Growing]], None] = lambda _: None,
    ) -> None:
        self.service = service
        self.policy = policy or Policy()
        self.known = known or {}
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
        for one in self.functions:
            one.bytes_by_tier[one.tier] = one.code_bytes
        self._index = {one.symbol: index for index, one in enumerate(functions)}
        self.live = LiveImage(base.symbols, None)
        self.rotation = Rotation(self.functions, self.live, service, send)
        self.started: dict[str, Any] | None = None
        self.collected: dict[str, int] = {}
        self.ended = False
        self.round_done = asyncio.Event()
        self.tier_ups: list[TierUp] = []
        self.tsc_hz = 0.0
        self._pending: dict[int, _Pending] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}  # tier-ups under way, by lane
        self.reports = Reports(self.functions, base, self.live, self.rise)
        self.decoder = ProfileDecoder(
            [KnownFunction(one.name, one.digest, (branches or {}).get(one.symbol, ())) for one in functions],
            build_id=base.build_id.hex(),
            cpu=service.target.name,
            locate=self.reports.name_at,
        )
        self.climb = Climb(self.functions, self.policy, self.decoder.back_edges)
        self._boot = random.getrandbits(32)
        self._began = time.monotonic()
        self._finished = False
        for up in rises:
            self._note_event(up)

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
            one.found_at(TIER.name_of(record["tier"]))
            if TIER.name_of(record["tier"]) == one.tier:
                loops = record["reason"] == HOT_REASON["back-edges"]
                if loops and (threshold := self.climb.hold(one)) is not None:
                    self.arm(one, threshold)
                    return
                one.told = True
                one.forced |= loops
                self.rise(one)

    def rise(self, one: Growing) -> None:
        """Let a function wait for a better tier, if it does not already."""
        if not one.busy and one.hot_at is None and one.tier in RISING[:-1]:
            one.hot_at = time.monotonic()
            self._dispatch()

    def _dispatch(self) -> None:
        """Start tier-ups while there is room for more."""
        for lane in LANES:
            if lane in self._tasks.values() or self.live.arena is None or self._finished:
                continue
            step = self.climb.next(lane, self.tsc_hz)
            if step is None:
                return
            one, tier = step
            one.busy = True
            task = asyncio.get_running_loop().create_task(self._tier_up(one, tier))
            self._tasks[task] = lane
            task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (problem := task.exception()) is not None:
            raise problem
        self._dispatch()

    @property
    def sent_blobs(self) -> tuple[LiveBlob, ...]:
        """All code that the program may be in: a crash may come before the word that code was published."""
        return (*self.live.blobs, *(pending.blob for pending in self._pending.values()))

    async def _tier_up(self, one: Growing, tier: str) -> None:
        try:
            compiled = await self.service.compile(one.split.symbol, tier, self._seen)
            if not compiled.cached:
                one.compile_ms[tier] = compiled.compile_ms
            blob = self.live.place(one.split.symbol, one.split.body, tier, compiled.data)
        except (CompileError, LinkError) as problem:
            self._stays(one, tier, str(problem))
            return
        self._pending[blob.number] = _Pending(one, blob, compiled)
        self._publish(blob, one)

    def _seen(self, symbol: str) -> FunctionProfile | None:
        """What this run and those before it have seen of a function."""
        index, known = self._index.get(symbol), self.known.get(symbol)
        if index is None:
            return known
        now = self.decoder.function(index)
        return known.merge(now) if known else now

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
        one.busy, one.hot_at, one.forced, one.held = False, None, False, False
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
        self.decoder.set_tier(one.index, blob.tier)
        one.busy, one.hot_at, one.told, one.forced, one.held = False, None, False, False, False
        one.published_at = record["calls"]
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

    def profile(self) -> Profile:
        """Everything seen in this run."""
        for one in self.functions:
            for tier, size in one.bytes_by_tier.items():
                self.decoder.set_code_bytes(one.index, tier, size)
        return self.rotation.noted(self.decoder.profile())

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
        return self.climb.earned(self.tsc_hz)

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
    GROWTH_MESSAGE["counts"]: lambda session, payload: session.reports.counts(payload),
    GROWTH_MESSAGE["times"]: lambda session, payload: session.reports.times(payload),
    GROWTH_MESSAGE["places"]: lambda session, payload: session.reports.places(payload),
    GROWTH_MESSAGE["tried"]: lambda session, payload: session.rotation.take(payload),
    GROWTH_MESSAGE["collected"]: GrowthSession._collected,  # noqa: SLF001
    GROWTH_MESSAGE["ended"]: GrowthSession._ended,  # noqa: SLF001
}
