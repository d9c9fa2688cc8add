"""Trials of single functions where they run: blobs take turns in the function's slot, and the agent times each turn.

    for the function that most time goes into and that was not tried yet:
        compile it with every tuning that makes sense; equal code once
        the agent gives each blob its turns, a random order every round        → rounds of cycles
        the fastest, if its interval says so, against plain O3 in a trial of their own
        that too: calls go there from now on, and the profile says which tuning it was

A blob that was called once stays for good. One function is tried at a time; a program may end meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bareflow.compile.tiers import DEFAULT_OPTIONS, Options
from bareflow.compile.variants import NUMBERED, PLAIN_TUNING, Tuning, tunings, with_tuning
from bareflow.errors import CompileError, LinkError
from bareflow.growth.growing import Growing
from bareflow.growth.service import CompileService
from bareflow.layouts.growth import (
    CODE_PIECE,
    GROWTH_MESSAGE,
    MAX_CODE,
    PUBLISH_ORDER,
    PUBLISH_STATUS,
    TRIAL_CANDIDATE,
    TRIAL_CANDIDATES,
    TRIAL_ORDER,
    TRIED_RECORD,
)
from bareflow.layouts.snapshot import TIER
from bareflow.profile.values import Profile
from bareflow.snapshot.live import LiveBlob, LiveImage
from bareflow.trials.measure import Ratio, ratio

TIER_TRIED = "O3"
PLAIN_NAME = "plain"
ROUNDS = 15
FEWEST = 7  # rounds that say anything, if a trial must end early
TURN_CYCLES = 200_000  # of one turn, about
MOST_CALLS = 4096  # in one turn
MARGIN = 0.02
PATIENCE_S = 20.0  # for the rounds of one trial
LOOK_S = 0.05  # between two looks for a function to try
LEAST_SHARE = 0.02  # of all cycles: below it nothing is tried


@dataclass(frozen=True)
class FunctionTrial:
    """What became of one function.

    Args:
        function: the source's name.
        digest: of its body.
        ratios: tuning → its cycles to plain O3's, of what was timed; code equal to plain O3's is not.
        taken: the tuning that calls go to now; None: plain O3.
        gain: of that tuning, in the second trial.
        reason: why it was not tried to the end; empty if it was.
    """

    function: str
    digest: str
    ratios: dict[str, Ratio]
    taken: str | None = None
    gain: Ratio | None = None
    reason: str = ""

    def describe(self) -> str:
        """One line for people."""
        if self.taken and self.gain:
            gain = f"{self.gain.median:.3f} of plain O3's cycles ({self.gain.low:.3f} to {self.gain.high:.3f})"
            return f"{self.function}: {self.taken}, {gain}"
        if self.reason:
            return f"{self.function}: stays as it is: {self.reason}"
        return f"{self.function}: stays as it is: {len(self.ratios)} tunings were no faster"


def judge(rounds: Sequence[Sequence[int]], margin: float = MARGIN) -> tuple[int, list[Ratio]]:
    """The candidate to take, 0 for the first, which is plain O3; and the others' ratios to it.

    Args:
        rounds: cycles of every candidate's turn, paired within a round.
        margin: how much faster it must be; its interval must say so too.
    """
    if len(rounds) < FEWEST:
        return 0, []
    columns = list(zip(*rounds, strict=True))
    found = [ratio(column, columns[0]) for column in columns[1:]]
    faster = [at for at, one in enumerate(found, 1) if one.faster(margin)]
    return min(faster, key=lambda at: found[at - 1].median, default=0), found


def calls_in_turn(cycles_per_call: float) -> int:
    """Calls of one turn: many of what is short, one of what is long."""
    return max(1, min(MOST_CALLS, round(TURN_CYCLES / max(cycles_per_call, 1.0))))


class Rotation:
    """Tries the functions of one run.

    Args:
        functions: of the session.
        live: where blobs are placed.
        service: compiles them.
        send: takes (type, payload); False when it could not be queued.
        on_tried: told of each function's result.
    """

    def __init__(
        self,
        functions: Sequence[Growing],
        live: LiveImage,
        service: CompileService,
        send: Callable[[int, bytes], bool],
        on_tried: Callable[[FunctionTrial], None] = lambda _: None,
    ) -> None:
        self.functions = functions
        self.live = live
        self.service = service
        self.send = send
        self.on_tried = on_tried
        self.done: dict[str, FunctionTrial] = {}
        self._number = 0
        self._rounds: list[tuple[int, ...]] = []
        self._refused = ""
        self._over = asyncio.Event()
        self._wanted = ROUNDS

    def take(self, payload: bytes) -> None:
        """Take a tried_record; one of an earlier trial is left alone."""
        record = TRIED_RECORD.decode(payload)
        if record["trial"] != self._number:
            return
        if record["status"] != PUBLISH_STATUS["done"]:
            self._refused = f"the agent says {PUBLISH_STATUS.name_of(record['status'])}"
            self._over.set()
            return
        self._rounds.append(tuple(record["cycles"][: record["candidates"]]))
        if len(self._rounds) >= self._wanted:
            self._over.set()

    async def run(self, seconds: float) -> None:
        """Try one function after the other until the time is over or the task is cancelled."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            one = self.next()
            if one is None:
                await asyncio.sleep(LOOK_S)
                continue
            result = await self._try(one, until)
            self.done[one.split.symbol] = result
            self.on_tried(result)

    def next(self) -> Growing | None:
        """The function that most cycles go into, of those that have reached O3 and were not tried."""
        if self.live.arena is None or any(one.busy or one.hot_at is not None for one in self.functions):
            return None
        cycles = {one.split.symbol: one.calls * (self._cycles(one) or 0.0) for one in self.functions}
        least = LEAST_SHARE * sum(cycles.values())
        ready = [
            one
            for one in self.functions
            if one.tier == TIER_TRIED and one.split.symbol not in self.done and cycles[one.split.symbol] > least
        ]
        return max(ready, key=lambda one: cycles[one.split.symbol], default=None)

    def noted(self, profile: Profile) -> Profile:
        """A profile that says which tunings were taken."""
        functions = dict(profile.functions)
        for one in self.done.values():
            known = functions.get((one.function, one.digest))
            if known and one.taken:
                functions[known.key] = replace(known, tunings=1 << NUMBERED.index(one.taken))
        return replace(profile, functions=functions)

    @staticmethod
    def _cycles(one: Growing) -> float | None:
        return one.timed(TIER_TRIED).mean

    async def _try(self, one: Growing, until: float) -> FunctionTrial:
        blobs: dict[str, LiveBlob] = {}
        try:
            objects = await self._compile(one)
            for name, data in objects.items():
                blobs[name] = self.live.place(one.split.symbol, one.split.body, TIER_TRIED, data)
        except (CompileError, LinkError) as problem:
            for blob in blobs.values():
                self.live.abort(blob)
            return FunctionTrial(one.split.name, one.split.digest, {}, reason=str(problem))
        for blob in blobs.values():
            self.live.commit(blob)  # for good: a frame may be in it
            self._send_code(blob)
        names = list(blobs)
        if len(names) < 2:
            return FunctionTrial(one.split.name, one.split.digest, {}, reason="every tuning gives the same code")
        best, found = await self._trial(one, [blobs[name] for name in names], until)
        ratios = dict(zip(names[1:], found, strict=False))
        gain = None
        if best:
            again, second = await self._trial(one, [blobs[PLAIN_NAME], blobs[names[best]]], until)
            gain = second[0] if again else None
        if gain is None:
            reason = self._refused or ("" if found else "too few calls")
            return FunctionTrial(one.split.name, one.split.digest, ratios, reason=reason)
        self._publish(one, blobs[names[best]])
        return FunctionTrial(one.split.name, one.split.digest, ratios, names[best], gain)

    async def _compile(self, one: Growing) -> dict[str, bytes]:
        """Objects by tuning, plain O3 first; equal ones once, as many as fit into a trial."""
        text = self.service.split.body_text(one.split.symbol, TIER_TRIED)
        wanted = {PLAIN_NAME: PLAIN_TUNING, **tunings(text, self.service.target)}
        made: dict[str, bytes] = {}
        for name, tuning in wanted.items():
            with contextlib.suppress(CompileError):
                data = await asyncio.wrap_future(self.service.pool.run(self._make, text, tuning))
                if data not in made.values() and len(made) < TRIAL_CANDIDATES:
                    made[name] = data
            if PLAIN_NAME not in made:
                raise CompileError(f"{one.split.name} does not compile any more.")
        return made

    def _make(self, text: str, tuning: Tuning) -> bytes:
        """One object. CPU features are the compiler's here: the function's own would hide the target's."""
        options = Options(features=tuning.features) if tuning.features else DEFAULT_OPTIONS
        bare = Tuning(tuning.contract, tuning.width, (), tuning.schedule, tuning.unroll)
        return self.service.compile_text(with_tuning(text, bare, {}), TIER_TRIED, options).data

    async def _trial(self, one: Growing, blobs: Sequence[LiveBlob], until: float) -> tuple[int, list[Ratio]]:
        """Have blobs take turns; what `judge` says of it."""
        self._number, self._rounds, self._refused = self._number + 1, [], ""
        self._over.clear()
        order = TRIAL_ORDER.encode(
            function=one.index,
            candidates=len(blobs),
            trial=self._number,
            calls=calls_in_turn(self._cycles(one) or 1.0),
            rounds=self._wanted,
        )
        for blob in blobs:
            order += TRIAL_CANDIDATE.encode(start=blob.start, entry=blob.entry, length=len(blob.data), crc=blob.crc)
        self.send(GROWTH_MESSAGE["trial"], order)
        with contextlib.suppress(TimeoutError):
            patience = min(PATIENCE_S, max(until - time.monotonic(), 0.0))
            await asyncio.wait_for(self._over.wait(), patience)
        if not self._over.is_set():
            self.send(GROWTH_MESSAGE["trial"], TRIAL_ORDER.encode(function=one.index, trial=self._number))
        return judge(self._rounds)

    def _send_code(self, blob: LiveBlob) -> None:
        for address, data in self.live.pieces(blob, MAX_CODE):
            self.send(GROWTH_MESSAGE["code"], CODE_PIECE.encode(address=address) + data)

    def _publish(self, one: Growing, blob: LiveBlob) -> None:
        """Let all calls go to a blob; the session hears of it as of code that it did not send, and leaves it alone."""
        one.code_bytes = one.bytes_by_tier[TIER_TRIED] = blob.code_size
        order = PUBLISH_ORDER.encode(
            function=one.index,
            tier=TIER[TIER_TRIED],
            blob=blob.number,
            start=blob.start,
            entry=blob.entry,
            length=len(blob.data),
            crc=blob.crc,
        )
        self.send(GROWTH_MESSAGE["publish"], order)
