"""Reads a profile from a line: any port that carries a guest's wire, for as long as the guest or the caller likes.

Collector   messages to a profile, session by session; no I/O
collect     a `Line` and a collector together, for a person at a serial cable; `grow` serves guests over such lines, too
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bareflow.errors import ProfileError
from bareflow.layouts.growth import COLLECT_ALL, COLLECT_ORDER, GROWTH_MESSAGE, TEXT_ORDER
from bareflow.layouts.verdict import GUEST_VERDICT
from bareflow.layouts.wire import FINAL_RECORD, FRAME_TYPE, WIRE_HELLO
from bareflow.names import ProgramNames, names_of_build
from bareflow.profile.decoder import ProfileDecoder
from bareflow.profile.store import load_to_add, save_profile
from bareflow.profile.values import UNKNOWN_DIGEST, Profile, merge_all
from bareflow.wire.line import ENDED, FINAL, HELLO, LastWord, Line, new_link, opener
from bareflow.wire.link import Message
from bareflow.wire.text import TextLog

ASK_S = 1.0  # between two requests for counts
PROGRESS_S = 2.0  # between two lines of progress
TEXT = FRAME_TYPE["text"]

Say = Callable[[str], None]


@dataclass
class _Session:
    """One boot."""

    build_id: str
    names: ProgramNames
    decoder: ProfileDecoder
    messages: int = 0  # that said something about the profile
    dropped: int = 0  # by the guest's end of the wire


@dataclass
class Collector:
    """Makes one profile of all sessions on a line.

    Args:
        names_of: what is known of the program with a build id (hexadecimal).
        cpu: noted in the profile.
    """

    names_of: Callable[[str], ProgramNames] = names_of_build
    cpu: str = ""
    ended: bool = False  # the last session's agent has reported to its end
    final: Mapping[str, Any] | None = None  # the kernel's last record
    malformed: int = 0  # messages that made no sense
    _sessions: dict[int, _Session] = field(default_factory=dict)

    def take(self, message: Message, dropped: int = 0) -> bool:
        """Take a message; True for one that says something about a profile or a guest's life.

        Args:
            message: any.
            dropped: what the guest's end of the wire has dropped so far in this session.
        """
        if message.type == HELLO:
            self._begin(message.session, WIRE_HELLO.decode(message.payload)["build_id"].hex())
            return True
        if message.type == FINAL:
            return self._end(message.payload)
        if not message.session:
            return False
        session = self._sessions.get(message.session) or self._begin(message.session, "")
        session.dropped = max(session.dropped, dropped)
        try:
            taken = session.decoder.take(message.type, message.payload)
        except ProfileError:
            self.malformed += 1
            return False
        session.messages += taken
        self.ended = self.ended or message.type == ENDED
        return taken

    def _begin(self, number: int, build_id: str) -> _Session:
        """A guest has booted, or this host has met it for the first time."""
        build_id = build_id.strip("0") and build_id
        names = self.names_of(build_id)
        decoder = ProfileDecoder(names.functions, build_id=build_id, cpu=self.cpu, locate=names.locate)
        self.ended, self.final = False, None
        self._sessions[number] = session = _Session(build_id, names, decoder)
        return session

    def _end(self, payload: bytes) -> bool:
        try:
            self.final = FINAL_RECORD.decode(payload)
        except struct.error:
            self.malformed += 1
        return self.final is not None

    @property
    def sessions(self) -> int:
        """Boots met."""
        return len(self._sessions)

    @property
    def messages(self) -> int:
        """Messages that said something about a profile."""
        return sum(session.messages for session in self._sessions.values())

    @property
    def unnamed(self) -> tuple[str, ...]:
        """Build ids of programs whose functions have only numbers."""
        return tuple(sorted({one.build_id for one in self._sessions.values() if one.messages and not one.names.known}))

    def decoder(self, session: int) -> ProfileDecoder | None:
        """The decoder of a session, for what only the host knows: tier-ups and code sizes."""
        found = self._sessions.get(session)
        return found.decoder if found else None

    def profile(self) -> Profile:
        """All that is known now; sessions that have said nothing are no boots."""
        return merge_all(*(_profile_of(session) for session in self._sessions.values() if session.messages))


def _profile_of(session: _Session) -> Profile:
    profile = session.decoder.profile()
    return replace(profile, dropped=profile.dropped + session.dropped).of_run(session.decoder.run)


@dataclass(frozen=True)
class Collected:
    """What came over a line.

    Args:
        profile: all of it.
        complete: the last guest reported to its end.
        why: what ended the collecting: "final record", "program ended", "timeout", "stopped".
        final: the kernel's last record; None: none came.
        sessions: boots met.
        unnamed: build ids of programs whose functions have only numbers.
        seconds: it took.
        messages: that said something about the profile.
        malformed: messages that made no sense.
        damaged: pieces of the line that were no frame.
        heard: bytes that came, whatever they were.
        stdout: what the program printed, where the line carries it.
    """

    profile: Profile
    complete: bool
    why: str
    final: Mapping[str, Any] | None
    sessions: int
    unnamed: tuple[str, ...]
    seconds: float
    messages: int
    malformed: int
    damaged: int
    heard: int = 0
    stdout: bytes = b""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`; the profile itself is in its file."""
        final = self.final and {**self.final, "verdict": verdict_name(self.final["verdict"])}
        functions = len(self.profile.functions)
        facts = {**vars(self), "final": final, "functions": functions, "dropped": self.profile.dropped}
        facts["stdout"] = self.stdout.decode(errors="replace")
        del facts["profile"]
        return facts


def verdict_name(number: int) -> str:
    """The verdict's name, or its number where it has none."""
    return {value: name for name, (value, _) in GUEST_VERDICT.members.items()}.get(number, str(number))


async def collect(
    where: str,
    collector: Collector,
    *,
    baud: int = 115200,
    timeout_s: float | None = None,
    wait: bool = False,
    stop: asyncio.Event | None = None,
    say: Say = lambda _text: None,
    on_text: Callable[[bytes], None] | None = None,
) -> Collected:
    """Read a line until a guest has said its last word, the time is over, or the caller stops it.

    Args:
        where: as for `open_port`; a plain path to a socket works too.
        collector: takes the messages.
        baud: of a serial device.
        timeout_s: None: no limit.
        wait: for a port that is not there yet.
        stop: ends it when set.
        say: told how it goes, one line each.
        on_text: called with what the guest says on its console, where the line carries that.

    Raises:
        WireError: the port cannot be opened, or the guest speaks another version.
    """
    began = time.monotonic()
    line, text = Line(new_link()), TextLog(on_text)
    ending = LastWord(line, lambda: text.complete)
    timer = Ended(line, timeout_s, stop)
    asking = asyncio.create_task(_ask(line))
    progress = Progress(say, collector)
    opened = opener(where, baud=baud, say=say)
    try:
        async with contextlib.aclosing(line.messages(opened, wait=wait)) as messages:
            async for message in messages:
                _take(message, line, collector, text)
                progress.met(message)
                ending.take(message)
    finally:
        ending.close()
        timer.close()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    return Collected(
        collector.profile(),
        collector.ended,
        _why(collector, timer),
        collector.final,
        collector.sessions,
        collector.unnamed,
        round(time.monotonic() - began, 3),
        collector.messages,
        collector.malformed,
        line.link.damaged,
        line.heard,
        text.stdout,
    )


def _take(message: Message, line: Line, collector: Collector, text: TextLog) -> None:
    """Take a message; a guest that is new is asked for everything."""
    collector.take(message, line.link.peer_dropped if message.session == line.link.session else 0)
    if message.type == HELLO:
        text.begin(message.session)
        line.send(GROWTH_MESSAGE["collect"], COLLECT_ORDER.encode(flags=COLLECT_ALL))
        line.send(GROWTH_MESSAGE["text"], TEXT_ORDER.encode(offset=text.next))
    elif message.type == TEXT:
        text.take(message.payload)


def _why(collector: Collector, timer: Ended) -> str:
    if collector.final is not None:
        return "final record"
    return "program ended" if collector.ended else timer.why or "stopped"


class Ended:
    """Ends a line's iteration when a time is over, or when told to.

    Args:
        line: whose.
        timeout_s: seconds; None: no limit.
        stop: ends it when set.

    Attributes:
        why: "timeout", "stopped", or empty where it has done nothing.
    """

    def __init__(self, line: Line, timeout_s: float | None, stop: asyncio.Event | None = None) -> None:
        self.why = ""
        self._line = line
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(timeout_s, self._end, "timeout") if timeout_s else None
        self._stopping = asyncio.create_task(self._when(stop)) if stop else None

    async def _when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._end("stopped")

    def _end(self, why: str) -> None:
        self.why = self.why or why
        self._line.finish()

    def close(self) -> None:
        """End nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._stopping is not None:
            self._stopping.cancel()


class Progress:
    """Says how collecting goes: each boot, and now and then how much there is."""

    def __init__(self, say: Say, collector: Collector) -> None:
        self._say = say
        self._collector = collector
        self._said_at = time.monotonic()

    def met(self, message: Message) -> None:
        """A message has been taken."""
        if message.type == HELLO:
            build_id = WIRE_HELLO.decode(message.payload)["build_id"].hex()
            self._say(f"boot {self._collector.sessions}: session {message.session:08x}, build {build_id}")
        elif message.type == ENDED:
            self._said_at = time.monotonic()
            self._say(f"the program has ended; {self._totals()}")
        elif time.monotonic() - self._said_at >= PROGRESS_S:
            self._said_at = time.monotonic()
            self._say(self._totals())

    def _totals(self) -> str:
        profile = self._collector.profile()
        calls = sum(function.all_calls for function in profile.functions.values())
        return f"{len(profile.functions)} functions, {calls:,} calls, {sum(profile.stacks.values()):,} samples"


async def _ask(line: Line) -> None:
    while True:
        await asyncio.sleep(ASK_S)
        line.send(GROWTH_MESSAGE["collect"], COLLECT_ORDER.encode(flags=0))


def same_program(one: Profile, two: Profile) -> bool:
    """Whether two profiles have a build or a function's body in common; an empty one suits any."""
    if not one.functions or not two.functions:
        return True
    known = {key for key in one.functions if key[1] != UNKNOWN_DIGEST}
    return bool(one.builds & two.builds or known & two.functions.keys())


def store(path: Path, profile: Profile) -> tuple[Path, Profile, str]:
    """Write a profile, merged into what the file holds of the same program.

    What was collected cannot be collected again, so it is never lost to a file that does not suit: then it goes
    beside it.

    Returns:
        Where it went, what is there now, and one sentence about it.

    Raises:
        ImageError: when it cannot be written.
    """
    if not path.exists():
        save_profile(path, profile)
        return path, profile, f"{path} is new."
    before, unfit = _load_fitting(path, profile)
    if before is None:
        build = next(iter(sorted(profile.builds)), "unknown")[:8]
        aside = path.with_name(f"{path.stem}-{build}{path.suffix}")
        if aside.exists():
            aside = path.with_name(f"{path.stem}-{build}-{time.time_ns():x}{path.suffix}")
        save_profile(aside, profile)
        return aside, profile, f"{unfit} The profile went to {aside}."
    merged = before.merge(profile)
    save_profile(path, merged)
    boots = f"{before.boots} boot{'' if before.boots == 1 else 's'}"
    return path, merged, f"Merged into {path}, which held {boots} of the same program."


def _load_fitting(path: Path, profile: Profile) -> tuple[Profile | None, str]:
    """What a file holds of the same program; otherwise None, and one sentence why."""
    try:
        before = load_to_add(path)
    except ProfileError as error:
        return None, error.message
    if same_program(before, profile):
        return before, ""
    return None, f"{path} is of another program."
