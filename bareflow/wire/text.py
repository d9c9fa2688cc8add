"""The console's text as it comes over the wire: pieces with offsets, in any order, some twice, some never."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bareflow.layouts.wire import TEXT_MARK, TEXT_STREAM

STDOUT, STDERR, KERNEL = TEXT_STREAM["stdout"], TEXT_STREAM["stderr"], TEXT_STREAM["kernel"]


@dataclass(frozen=True)
class _Piece:
    stream: int
    data: bytes


@dataclass
class TextLog:
    """Puts one boot's text together.

    Args:
        on_text: called with text in its order, as soon as nothing is missing before it.
    """

    on_text: Callable[[bytes], None] | None = None
    next: int = 0  # offset of the first byte that has not come
    end: int | None = None  # offset behind the last; None: not known yet
    _session: int = 0
    _pieces: dict[int, _Piece] = field(default_factory=dict)  # in order and whole, by offset
    _early: dict[int, _Piece] = field(default_factory=dict)  # behind a gap

    def begin(self, session: int) -> None:
        """A guest is there; another session's text was another boot's."""
        if session != self._session:
            self._session, self.next, self.end = session, 0, None
            self._pieces.clear()
            self._early.clear()

    def take(self, payload: bytes) -> None:
        """Take a text frame's or message's payload; one that makes no sense never happened."""
        if len(payload) < TEXT_MARK.size:
            return
        mark, data = TEXT_MARK.decode(payload), payload[TEXT_MARK.size :]
        if mark["length"] != len(data):
            return
        if not data:
            self.end = mark["offset"]
            return
        self._early[mark["offset"]] = _Piece(mark["stream"], data)
        while (at := next((at for at in self._early if at <= self.next), None)) is not None:
            piece = self._early.pop(at)
            fresh = piece.data[self.next - at :]
            if fresh:
                self._pieces[self.next] = _Piece(piece.stream, fresh)
                self.next += len(fresh)
                if self.on_text is not None:
                    self.on_text(fresh)

    @property
    def complete(self) -> bool:
        """Whether everything has come up to the text's end; a guest whose line carries none is complete, too."""
        return not self.carried or (not self._early and self.end == self.next)

    @property
    def carried(self) -> bool:
        """Whether the line carries text at all."""
        return bool(self.next or self._early or self.end is not None)

    @property
    def lost(self) -> int:
        """Bytes that are known to be missing."""
        last = max([self.end or 0, self.next, *(at + len(piece.data) for at, piece in self._early.items())])
        return max(0, last - self.next - sum(len(piece.data) for piece in self._early.values()))

    def said(self, stream: int) -> bytes:
        """What one speaker said, as far as it has come: TEXT_… number."""
        ordered = sorted([*self._pieces.items(), *self._early.items()])
        return b"".join(piece.data for _, piece in ordered if piece.stream == stream)

    @property
    def stdout(self) -> bytes:
        """The program's standard output."""
        return self.said(STDOUT)
