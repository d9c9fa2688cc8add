"""Takes the console apart: one line carries the workload's output, its errors and the kernel's own words.

Text marks on the wire say which bytes were not standard output; they may arrive before or after the bytes that
they speak of. What precedes CONSOLE_MARK came from firmware and loader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bareflow.layouts.wire import TEXT_MARK, TEXT_STREAM, WIRE

CONSOLE_MARK = next(c.value for c in WIRE.constants if c.name == "CONSOLE_MARK").to_bytes(3, "big")


@dataclass(frozen=True)
class TextMark:
    """Bytes of the console that belong to one stream.

    Args:
        offset: of the first byte, counted from behind CONSOLE_MARK.
        length: how many.
        stream: TEXT_… number.
    """

    offset: int
    length: int
    stream: int


@dataclass(frozen=True)
class ConsoleText:
    """What a machine said, by speaker.

    Args:
        stdout: the workload's standard output.
        stderr: the workload's standard error.
        kernel: the kernel's words, and before them the loader's.
        transcript: all of it in order, without the mark.
    """

    stdout: bytes
    stderr: bytes
    kernel: bytes
    transcript: bytes


class Console:
    """Collects a console's bytes and its marks.

    Args:
        on_text: called with every piece of text as it arrives, the mark left out.

    Attributes:
        marked: whether CONSOLE_MARK has been seen, that is, whether the kernel is there and listens.
    """

    def __init__(
        self, on_text: Callable[[bytes], None] | None = None, on_mark: Callable[[], None] | None = None
    ) -> None:
        self.marked = False
        self._on_text = on_text
        self._on_mark = on_mark
        self._before = bytearray()
        self._after = bytearray()
        self._held = b""  # the beginning of what may become the mark
        self._marks: list[TextMark] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the line."""
        if not self.marked:
            data = self._seek_mark(data)
        if self.marked:
            self._after += data
            self._tell(data)

    def _seek_mark(self, data: bytes) -> bytes:
        """Take what precedes the mark; returns what follows it."""
        before, mark, after = (self._held + data).partition(CONSOLE_MARK)
        self._held = b""
        if not mark:
            held = next((n for n in (2, 1) if before.endswith(CONSOLE_MARK[:n])), 0)
            before, self._held = before[: len(before) - held], before[len(before) - held :]
        self._before += before
        self._tell(before)
        if mark:
            self.marked = True
            if self._on_mark is not None:
                self._on_mark()
        return after

    def _tell(self, data: bytes) -> None:
        if data and self._on_text is not None:
            self._on_text(data)

    def mark(self, payload: bytes) -> None:
        """Take a text-mark record from the wire; one that is too short never happened."""
        if len(payload) == TEXT_MARK.size:
            self._marks.append(TextMark(**TEXT_MARK.decode(payload)))

    def text(self) -> ConsoleText:
        """What has been said so far."""
        before = bytes(self._before + self._held)
        streams = {number: bytearray() for number, _ in TEXT_STREAM.members.values()}
        at = 0
        for mark in sorted(self._marks, key=lambda mark: mark.offset):
            first, last = max(at, mark.offset), min(mark.offset + mark.length, len(self._after))
            if mark.stream not in streams or first >= last:
                continue
            streams[TEXT_STREAM["stdout"]] += self._after[at:first]
            streams[mark.stream] += self._after[first:last]
            at = last
        streams[TEXT_STREAM["stdout"]] += self._after[at:]
        return ConsoleText(
            stdout=bytes(streams[TEXT_STREAM["stdout"]]),
            stderr=bytes(streams[TEXT_STREAM["stderr"]]),
            kernel=before + bytes(streams[TEXT_STREAM["kernel"]]),
            transcript=before + bytes(self._after),
        )
