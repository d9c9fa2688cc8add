"""What a run of a growing program came to, whatever ran it, and who is told while it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bareflow.growth.program import Program
from bareflow.growth.session import Growing, GrowthSession, TierUp
from bareflow.profile.values import Profile

COLLECT_S = 0.25  # between two requests for counts


@dataclass(frozen=True)
class TierFacts:
    """What was measured of a function at a tier; cycles are the TSC's, calls below included."""

    samples: int
    cycles_per_call: float
    median: float | None
    minimum: int
    code_bytes: int


@dataclass(frozen=True)
class GrownFunction:
    """A function at the end of a run.

    Args:
        name: the source's.
        symbol: its stub's.
        digest: of its body.
        tier: that it reached.
        calls: from outside.
        self_calls: of itself, while they were counted: below O3.
        cycles_per_call: at its last tier that was timed; None: it never was.
        code_bytes: at its tier.
        tiers: by tier.
    """

    name: str
    symbol: str
    digest: str
    tier: str
    calls: int
    self_calls: int
    cycles_per_call: float | None
    code_bytes: int
    tiers: Mapping[str, TierFacts]


@dataclass(frozen=True)
class GrowthResult:
    """One run.

    Args:
        exit_status: of the program; -N: it was killed by signal N.
        output: its standard output.
        functions: all that can grow, in the module's order.
        kept: name → why it cannot.
        tier_ups: in order.
        compile_ms: CPU time in the compiler during the run.
        total_ms: the run's own time.
        prepare_ms: before it.
        notes: what did not work, one sentence each.
        agent: the agent's own figures.
        tsc_hz: TSC ticks in a second; 0: not known.
        complete: the agent has reported to its end.
        profile: everything that was seen, to be merged with other runs'.
    """

    exit_status: int
    output: bytes
    functions: tuple[GrownFunction, ...]
    kept: Mapping[str, str]
    tier_ups: tuple[TierUp, ...]
    compile_ms: float
    total_ms: float
    prepare_ms: float
    notes: tuple[str, ...]
    agent: Mapping[str, int]
    tsc_hz: float
    complete: bool
    profile: Profile


@dataclass
class Watch:
    """Who is told while a run goes on."""

    tier_up: Callable[[TierUp], None] = field(default=lambda _: None)
    note: Callable[[str], None] = field(default=lambda _: None)
    counts: Callable[[Sequence[Growing]], None] = field(default=lambda _: None)


@dataclass
class Run:
    """A run under way: the host's session with its agent, and what it said that did not work.

    Args:
        program: what runs.
        send: takes (type, payload) for the agent.
        watch: told of what happens.
    """

    program: Program
    send: Callable[[int, bytes], bool]
    watch: Watch
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        program = self.program
        self._spent, self._began = program.service.compile_ms, time.monotonic()
        self.session = GrowthSession(
            program.base,
            program.functions,
            program.service,
            self.send,
            branches=program.interpreted.branches,
            policy=program.policy,
            on_tier_up=self.watch.tier_up,
            on_note=self._note,
            on_counts=self.watch.counts,
        )

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self.watch.note(text)

    async def keep_asking(self) -> None:
        """Ask for counts again and again, each time when the last round has arrived: a slow line sets its own pace."""
        while True:
            await asyncio.sleep(COLLECT_S)
            self.session.round_done.clear()
            if self.session.collect():
                await self.session.round_done.wait()

    async def end(self, *, exit_status: int, output: bytes, dropped: int = 0) -> GrowthResult:
        """The program has ended: stop compiling and sum up.

        Args:
            exit_status: the program's.
            output: its standard output.
            dropped: records that its end of the wire had to drop.
        """
        total_ms = (time.monotonic() - self._began) * 1000
        session, program = self.session, self.program
        await session.finish()
        profile = session.profile()
        return GrowthResult(
            exit_status=exit_status,
            output=output,
            functions=tuple(_grown(one) for one in session.functions),
            kept=program.split.kept,
            tier_ups=tuple(session.tier_ups),
            compile_ms=program.service.compile_ms - self._spent,
            total_ms=total_ms,
            prepare_ms=program.prepare_ms,
            notes=tuple(self.notes),
            agent=session.collected,
            tsc_hz=session.tsc_hz,
            complete=session.ended,
            profile=replace(profile, dropped=profile.dropped + dropped),
        )


def _grown(one: Growing) -> GrownFunction:
    tiers = {
        tier: TierFacts(times.samples, times.mean, times.median, times.minimum, one.bytes_by_tier.get(tier, 0))
        for tier, times in one.times.items()
        if times.mean is not None
    }
    last = tiers.get(one.tier) or (list(tiers.values())[-1] if tiers else None)
    return GrownFunction(
        one.split.name,
        one.split.symbol,
        one.split.digest,
        one.tier,
        one.calls,
        one.self_calls,
        last.cycles_per_call if last else None,
        one.code_bytes,
        tiers,
    )
