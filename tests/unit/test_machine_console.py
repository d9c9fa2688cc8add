"""The console is taken apart exactly, however its bytes and its marks arrive."""

from __future__ import annotations

import pytest

from bareflow.layouts.wire import TEXT_MARK, TEXT_STREAM
from bareflow.machine.console import CONSOLE_MARK, Console


def mark(offset: int, length: int, stream: str) -> bytes:
    return TEXT_MARK.encode(offset=offset, length=length, stream=TEXT_STREAM[stream])


def fed(data: bytes, step: int) -> Console:
    console = Console()
    for at in range(0, len(data), step):
        console.feed(data[at : at + step])
    return console


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_what_precedes_the_mark_is_the_loaders(step: int):
    text = fed(b"E7\n" + CONSOLE_MARK + b"out", step).text()
    assert (text.kernel, text.stdout, text.transcript) == (b"E7\n", b"out", b"E7\nout")


@pytest.mark.parametrize("step", [1, 2, 100])
def test_a_mark_that_breaks_off_is_text(step: int):
    console = fed(b"a\0\x02b\0", step)
    assert not console.marked
    assert console.text().kernel == b"a\0\x02b\0"


def test_bytes_like_the_mark_behind_it_are_output():
    assert fed(CONSOLE_MARK + b"x" + CONSOLE_MARK, 1).text().stdout == b"x" + CONSOLE_MARK


def test_marks_may_come_before_or_after_their_bytes_and_in_any_order():
    console = Console()
    console.mark(mark(8, 4, "kernel"))
    console.feed(CONSOLE_MARK + b"out.err.ker.out.")
    console.mark(mark(4, 4, "stderr"))
    text = console.text()
    assert (text.stdout, text.stderr, text.kernel) == (b"out.out.", b"err.", b"ker.")


def test_marks_that_overlap_or_lie_outside_count_no_byte_twice():
    console = Console()
    console.feed(CONSOLE_MARK + b"abcdef")
    for given in (mark(1, 3, "stderr"), mark(2, 3, "kernel"), mark(5, 100, "stderr"), mark(1000, 5, "kernel")):
        console.mark(given)
    text = console.text()
    assert (text.stdout, text.stderr, text.kernel) == (b"a", b"bcdf", b"e")


def test_a_mark_of_an_unknown_stream_or_size_is_ignored():
    console = Console()
    console.feed(CONSOLE_MARK + b"abc")
    console.mark(TEXT_MARK.encode(offset=0, length=3, stream=77))
    console.mark(b"short")
    assert console.text().stdout == b"abc"


def test_text_is_passed_on_as_it_comes_without_the_mark():
    seen: list[bytes] = []
    console = Console(seen.append)
    for piece in (b"boot", CONSOLE_MARK[:1], CONSOLE_MARK[1:] + b"one", b"two"):
        console.feed(piece)
    assert seen == [b"boot", b"one", b"two"]


def test_the_kernel_is_said_to_listen_once():
    calls: list[int] = []
    console = Console(None, lambda: calls.append(1))
    console.feed(CONSOLE_MARK + CONSOLE_MARK)
    assert calls == [1]
