"""One run of a growing program, seen from the host: serves its agent over a line, and sums up when it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace

from bareflow.growth.growing import Growing
from bareflow.growth.program import Program
from bareflow.growth.result import GrownFunction, GrowthResult, TierFacts, Watch
from bareflow.growth.session import GrowthSession
from bareflow.profile.values import Profile
from bareflow.wire.line import Line, new_link
from bareflow.wire.link import Message
from bareflow.wire.stream import Opener

COLLECT_S = 0.25  # between two requests for counts


class GrowthRun:
    """Serves the agent of one run.

    Args:
        program: what runs.
        watch: told of what happens.
        line: to the agent; a new one unless a guest is there already.
        window: bytes under way to the agent on a new line.
    """

    def __init__(
        self, program: Program, watch: Watch | None = None, *, line: Line | None = None, window: int = 1 << 16
    ) -> None:
        self.program = program
        self.watch = watch or Watch()
        self.notes: list[str] = []
        self.line = line or Line(new_link(program.base.build_id, window=window))
        self.session = GrowthSession(
            program.base,
            program.functions,
            program.service,
            self.line.send,
            branches=program.interpreted.branches,
            known=program.known,
            policy=program.policy,
            rises=program.rises,
            on_tier_up=self.watch.tier_up,
            on_note=self._note,
            on_counts=self.watch.counts,
        )
        self.session.rotation.on_tried = self.watch.tried
        self._spent, self._began = program.service.compile_ms, time.monotonic()
        self._total_ms: float | None = None

    def take(self, message: Message) -> None:
        """Take a message from the line."""
        if message.session:  # the kernel's own frames have session 0 and mean nothing to the agent's host
            self.session.receive(message.type, message.payload)

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self.watch.note(text)

    async def serve(self, opened: Opener) -> None:
        """Carry messages until the port closes, and ask for counts meanwhile.

        Raises:
            WireError: from the port, or when the guest speaks another version.
        """
        asking = asyncio.create_task(self.keep_asking())
        try:
            async with contextlib.aclosing(self.line.messages(opened, reopen=False)) as messages:
                async for message in messages:
                    self.take(message)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def keep_asking(self) -> None:
        """Ask for counts again and again, and try functions meanwhile."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask())
            group.create_task(self.session.rotation.run(self.program.trials_s))

    async def _ask(self) -> None:
        """Each time when the last round has arrived: a slow line sets its own pace."""
        while True:
            await asyncio.sleep(COLLECT_S)
            self.session.round_done.clear()
            if self.session.collect():
                await self.session.round_done.wait()

    def profile(self, *, ours: bool = True) -> Profile:
        """Everything that was seen of the run.

        Args:
            ours: nobody else can serve the run; otherwise what another host sees of it takes the place of this.
        """
        profile = self.session.profile()
        profile = replace(profile, dropped=profile.dropped + self.line.link.peer_dropped)
        return profile if ours else profile.of_run(self.session.decoder.run)

    async def cut(self) -> None:
        """The run was ended from outside: stop compiling, and say what was seen of it."""
        await self.session.finish()
        self.watch.cut(self.profile())

    def stop_clock(self) -> None:
        """The program has ended."""
        self._total_ms = (time.monotonic() - self._began) * 1000

    async def result(self, exit_status: int, output: bytes, *, ours: bool = True) -> GrowthResult:
        """Stop compiling and sum up.

        Args:
            exit_status: the program's.
            output: its standard output.
            ours: as of `profile`.
        """
        if self._total_ms is None:
            self.stop_clock()
        session, program = self.session, self.program
        await session.finish()
        return GrowthResult(
            exit_status=exit_status,
            output=output,
            functions=tuple(_grown(one) for one in session.functions),
            kept=program.split.kept,
            tier_ups=tuple(session.tier_ups),
            compile_ms=program.service.compile_ms - self._spent,
            total_ms=self._total_ms or 0.0,
            prepare_ms=program.prepare_ms,
            notes=tuple(self.notes),
            agent=session.collected,
            tsc_hz=session.tsc_hz,
            complete=session.ended,
            profile=self.profile(ours=ours),
            earned=session.earned(),
            tried=tuple(session.rotation.done.values()),
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
