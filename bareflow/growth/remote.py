"""Grows a program on a machine that somebody else has booted: it runs the growing image, and a line leads to it.

    remote = Remote(opener, name)
    build = await remote.arrive()          the program that runs there, when it has answered
    result = await remote.run(program)     serves it until the kernel's last word

What the program printed comes over the same line, or from the console's own port.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bareflow.errors import MachineError, WireError
from bareflow.growth.program import Program
from bareflow.growth.result import GrowthResult, Watch
from bareflow.growth.run import GrowthRun
from bareflow.layouts.growth import GROWTH_MESSAGE, TEXT_ORDER
from bareflow.layouts.verdict import GUEST_VERDICT
from bareflow.layouts.wire import FINAL_RECORD, FRAME_TYPE, WIRE_HELLO
from bareflow.machine.console import Console
from bareflow.profile.values import Profile
from bareflow.wire.line import FINAL, HELLO, LastWord, Line, new_link
from bareflow.wire.link import Message
from bareflow.wire.stream import RETRY_S, Opener
from bareflow.wire.text import KERNEL, TextLog

GRACE_S = 5.0  # for what the kernel repeats after its last word
HINT_S = 5.0  # without an answer, until it is said what may be the matter
END_OF_INPUT = b"\x04"
INPUT_MOST = 65535  # that the kernel keeps, besides the end
INPUT_PIECE = 512
TEXT, TEXT_MARK = FRAME_TYPE["text"], FRAME_TYPE["text-mark"]


class UnfinishedError(MachineError):
    """A run whose end is not known; what was seen of it is kept.

    Args:
        message, hint, detail: see `BareFlowError`.
        profile: of the run.
    """

    def __init__(self, message: str, hint: str = "", detail: str = "", *, profile: Profile) -> None:
        super().__init__(message, hint, detail)
        self.profile = profile


@dataclass
class Remote:
    """A machine at the other end of a line, of which no more is known than what it says.

    Args:
        opened: opens the line's port, again and again.
        where: the port's name, for messages.
        console: opens the console's own port, where it is attached; then standard input goes there.
        stdin: the workload's standard input; over the line, which takes at most INPUT_MOST bytes, unless the console
            has a port.
        wait: for a port that is not there yet.
        timeout_s: of waiting for the machine, and of its run; None: no limit.
        stop: ends the run when set.
        say: told how it goes, one line each.
    """

    opened: Opener
    where: str
    console: Opener | None = None
    stdin: bytes = b""
    wait: bool = False
    timeout_s: float | None = None
    stop: asyncio.Event | None = None
    say: Callable[[str], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        self.line = Line(new_link())
        self.text = TextLog()
        self._heard = Console()
        self._final: dict[str, Any] | None = None
        self._hello: Message | None = None
        self._messages: AsyncGenerator[Message, None] | None = None
        self._earlier = Profile()  # of boots that were cut short by the next
        self._tasks: list[asyncio.Task[None]] = []
        self._why = ""

    async def arrive(self) -> str:
        """Wait for a guest; returns the build id of its program, in hexadecimal.

        Raises:
            WireError: the port cannot be opened, nobody answers in time, or the guest speaks another version.
        """
        self._messages = self.line.messages(self.opened, wait=self.wait)
        if self.wait:
            self.say(f"waiting for {self.where}")
        self._tasks = [asyncio.create_task(self._hint())]
        if self.stop is not None:
            self._tasks.append(asyncio.create_task(self._stopped(self.stop)))
        if self.console is not None:
            self._tasks.append(asyncio.create_task(self._console(self.console)))
        with self._limit():
            async for message in self._messages:
                if message.type == HELLO:
                    self._hello = message
                    return _build_of(message)
                if message.type == FINAL and not self._final:
                    self._take_final(message)
                    self.say("its program has ended already; waiting for the machine to boot again")
        raise WireError(f"no growing machine answered at {self.where}{self._doubt()}.", self._hint_words())

    def _doubt(self) -> str:
        waited = {"timeout": f" within {self.timeout_s or 0:g} s", "stopped": " until it was stopped"}
        return waited.get(self._why, "") + (f"; {self.line.heard:,} bytes came" if self.line.heard else "")

    def _hint_words(self) -> str:
        if self._final is not None:
            return "Its program had ended before: switch the machine off and on."
        if self.line.heard:
            return (
                "What came was no frame of ours: another baud rate, the console's port, or an image that does not grow?"
            )
        return "Is the machine on, does it run the image that `./inv grow --only-image` makes, is the cable crossed?"

    async def _hint(self) -> None:
        await asyncio.sleep(HINT_S)
        if self._hello is None:
            self.say(f"nobody answers{self._doubt()}. {self._hint_words()}")

    async def _stopped(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._end("stopped")

    def _end(self, why: str) -> None:
        self._why = self._why or why
        self.line.finish()

    @contextlib.contextmanager
    def _limit(self) -> Any:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self.timeout_s, self._end, "timeout") if self.timeout_s else None
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()

    async def run(self, program: Program, watch: Watch | None = None) -> GrowthResult:
        """Serve the guest that has arrived until its program ends.

        Raises:
            UnfinishedError: it did not end by itself, or its end did not come over the line.
            WireError: see `Line.messages`.
        """
        assert self._messages is not None  # arrive() comes first
        assert self._hello is not None
        run = self._greet(program, watch, self._hello)
        asking = asyncio.create_task(run.keep_asking())
        ending = LastWord(self.line, self._complete, grace_s=GRACE_S)
        try:
            with self._limit():
                async for message in self._messages:
                    if message.type == HELLO:
                        asking.cancel()
                        run = await self._again(run, message, watch)
                        asking = asyncio.create_task(run.keep_asking())
                    else:
                        self._take(run, message)
                    ending.take(message)
        finally:
            ending.close()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            run.stop_clock()
            await run.session.finish()
            await self.close()
        return await self._result(run)

    def _greet(self, program: Program, watch: Watch | None, hello: Message) -> GrowthRun:
        """A boot begins, for us at least."""
        run = GrowthRun(program, watch, line=self.line)
        self._final = None
        self.text.begin(hello.session)
        self.line.send(GROWTH_MESSAGE["text"], TEXT_ORDER.encode(offset=self.text.next))
        if self.console is None:
            self._type()
        run.take(hello)
        self.say(f"session {hello.session:08x}, build {_build_of(hello)}")
        return run

    def _type(self) -> None:
        """Standard input, whole: what the guest has from an earlier host it skips."""
        typed = self.stdin + END_OF_INPUT
        for at in range(0, len(typed), INPUT_PIECE):
            self.line.send(GROWTH_MESSAGE["input"], TEXT_ORDER.encode(offset=at) + typed[at : at + INPUT_PIECE])

    async def _again(self, run: GrowthRun, hello: Message, watch: Watch | None) -> GrowthRun:
        """The machine has booted once more: what the boot before has counted is kept."""
        await run.session.finish()
        self._earlier = self._earlier.merge(run.profile(ours=False))
        self.say("the machine has booted again")
        if _build_of(hello) != run.program.base.build_id.hex():
            raise self._unfinished(run, f"The machine at {self.where} has booted another program.")
        return self._greet(run.program, watch, hello)

    def _take(self, run: GrowthRun, message: Message) -> None:
        if message.type == TEXT:
            self.text.take(message.payload)
        elif message.type == TEXT_MARK:
            self._heard.mark(message.payload)
        elif message.type == FINAL:
            self._take_final(message)
        else:
            run.take(message)

    def _take_final(self, message: Message) -> None:
        with contextlib.suppress(struct.error):
            self._final = FINAL_RECORD.decode(message.payload)

    def _complete(self) -> bool:
        return self._final is not None and self.text.complete

    async def _result(self, run: GrowthRun) -> GrowthResult:
        name = run.program.bitcode.name
        if self._final is None:
            raise self._unfinished(run, f"{name} was not seen to its end: {self._reason(run)}.")
        verdict = GUEST_VERDICT.name_of(self._final["verdict"])
        if verdict != "exited":
            raise self._unfinished(
                run,
                f"{name} did not end by itself while it grew: {verdict}, status {self._final['status']}.",
                self.text.said(KERNEL).decode(errors="replace"),
            )
        if not self.text.complete:
            raise self._unfinished(
                run, f"{self.text.lost or 'some'} bytes of what {name} printed were lost on the line."
            )
        if not self.text.carried and not self._heard.marked:
            raise self._unfinished(run, f"Nothing of what {name} printed came over the line.")
        output = self.text.stdout if self.text.carried else self._heard.text().stdout
        result = await run.result(self._final["status"] & 0xFF, output, ours=False)
        return replace(result, profile=self._earlier.merge(result.profile))

    def _reason(self, run: GrowthRun) -> str:
        if run.session.ended:
            return "its agent has ended, but the kernel's last record did not come"
        ends = {"timeout": f"{self.timeout_s or 0:g} s are over", "stopped": "it was stopped here"}
        return ends.get(self._why, "the line ended")

    def _unfinished(self, run: GrowthRun, message: str, detail: str = "") -> UnfinishedError:
        profile = self._earlier.merge(run.profile(ours=False))
        return UnfinishedError(
            message, "What was counted is kept: `./inv freeze` freezes with it, uncompared.", detail, profile=profile
        )

    async def _console(self, opened: Opener) -> None:
        """Read the console's own port, and send standard input when the kernel is there."""
        typed = False
        while True:
            try:
                port = await opened()
            except WireError as problem:
                self.say(problem.message)
                await asyncio.sleep(RETRY_S)
                continue
            try:
                while data := await port.read():
                    self._heard.feed(data)
                    if self._heard.marked and not typed:
                        typed = True
                        await port.write(self.stdin + END_OF_INPUT)
            finally:
                port.close()

    async def close(self) -> None:
        """Let the port go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._messages is not None:
            await self._messages.aclose()


def _build_of(hello: Message) -> str:
    return str(WIRE_HELLO.decode(hello.payload)["build_id"].hex())
