"""Text that comes in pieces is put together, and what is missing is known."""

from __future__ import annotations

import random

from bareflow.layouts.wire import TEXT_MARK, TEXT_STREAM
from bareflow.wire.text import STDERR, STDOUT, TextLog


def piece(offset, data=b"", stream="stdout"):
    return TEXT_MARK.encode(offset=offset, length=len(data), stream=TEXT_STREAM[stream]) + data


def log_of(*pieces):
    heard = bytearray()
    log = TextLog(heard.extend)
    for one in pieces:
        log.take(one)
    return log, bytes(heard)


def test_a_line_without_text_lacks_nothing():
    log, _ = log_of()
    assert (log.carried, log.complete, log.stdout) == (False, True, b"")


def test_text_is_complete_only_when_its_end_has_come():
    log, heard = log_of(piece(0, b"one "), piece(4, b"oops", "stderr"), piece(8, b"two"))
    assert (heard, log.stdout, log.said(STDERR)) == (b"one oopstwo", b"one two", b"oops")
    assert not log.complete
    log.take(piece(11))
    assert log.complete


def test_pieces_may_come_in_any_order_and_overlap():
    chance = random.Random(5)  # noqa: S311  repeatable, not secret
    text = chance.randbytes(400)
    pieces = [piece(at, text[at : at + size]) for at in range(0, 400, 7) for size in (7, 31)]
    chance.shuffle(pieces)
    log, heard = log_of(*pieces, piece(400))
    assert (heard, log.stdout, log.complete, log.lost) == (text, text, True, 0)


def test_a_gap_is_counted_and_what_follows_is_kept():
    log, heard = log_of(piece(0, b"abc"), piece(9, b"xyz"), piece(12))
    assert (heard, log.stdout, log.complete, log.lost) == (b"abc", b"abcxyz", False, 6)


def test_a_lost_tail_is_counted():
    log, _ = log_of(piece(0, b"abc"), piece(5))
    assert (log.complete, log.lost) == (False, 2)


def test_another_session_is_another_text():
    log, _ = log_of(piece(0, b"abc"), piece(3))
    log.begin(7)
    assert (log.carried, log.next) == (False, 0)
    log.take(piece(0, b"x"))
    log.begin(7)  # the same guest, met again by another cable
    assert log.said(STDOUT) == b"x"


def test_nonsense_never_happened():
    log, heard = log_of(b"", b"short", piece(0, b"abc")[:-1], piece(0, b"abc") + b"more")
    assert (heard, log.carried) == (b"", False)
