"""When a line's iteration ends: behind the guest's last word, or some time after it where more may follow."""

from __future__ import annotations

import asyncio

import pytest

from bareflow.errors import WireError
from bareflow.wire.line import ENDED, FINAL, FIRMWARE_KEYS, HELLO, LastWord, Line, new_link
from bareflow.wire.link import Message


def messages_of(line):
    """Whatever comes of a line whose port never gives anything."""

    async def never():
        await asyncio.Event().wait()

    return line.messages(never)


def iterate(*kinds, complete=lambda: True, grace_s=0.01):
    """Feed messages to a line that knows its last word; the types that came, and whether it ended by itself."""

    async def scenario():
        line = Line(new_link())
        ending = LastWord(line, complete, grace_s=grace_s)
        came = []
        for kind in kinds:
            line._arrived(Message(kind, b"", 1))
        try:
            async with asyncio.timeout(0.2):
                async for message in messages_of(line):
                    came.append(message.type)
                    ending.take(message)
        except TimeoutError:
            return came, False
        finally:
            ending.close()
        return came, True

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kinds", "ends"),
    [
        ((HELLO,), False),
        ((HELLO, ENDED), True),  # a Linux process: after a while
        ((HELLO, ENDED, FINAL), True),
        ((HELLO, FINAL, HELLO), True),  # what has come by the last word is still given
    ],
)
def test_it_ends_behind_the_last_word(kinds, ends):
    assert iterate(*kinds) == (list(kinds), ends)


def test_a_guest_that_boots_again_after_its_agents_last_word_goes_on():
    assert iterate(HELLO, ENDED, HELLO) == ([HELLO, ENDED, HELLO], False)


def test_behind_a_final_record_what_is_still_missing_is_waited_for():
    pieces = iter([False, False, True])
    assert iterate(HELLO, FINAL, FINAL, FINAL, complete=lambda: next(pieces), grace_s=60) == (
        [HELLO, FINAL, FINAL, FINAL],
        True,
    )


def test_what_never_comes_is_not_waited_for_for_ever():
    assert iterate(HELLO, FINAL, complete=lambda: False) == ([HELLO, FINAL], True)


def test_a_port_that_is_not_there_yet_is_waited_for_only_where_asked():
    attempts = []

    async def opened():
        attempts.append(1)
        if len(attempts) < 2:
            raise WireError("it is not there.")
        await asyncio.Event().wait()

    async def scenario(*, wait):
        line = Line(new_link())
        task = asyncio.create_task(anext(line.messages(opened, wait=wait)))
        while len(attempts) < 2 and not task.done():
            await asyncio.wait({task}, timeout=0.01)
        task.cancel()
        return (await asyncio.gather(task, return_exceptions=True))[0]

    assert isinstance(asyncio.run(scenario(wait=False)), WireError)
    attempts.clear()
    assert isinstance(asyncio.run(scenario(wait=True)), asyncio.CancelledError)


def test_a_greeting_presses_no_key_that_opens_a_firmwares_setup():
    assert all(FIRMWARE_KEYS.isdisjoint(new_link().greeting) for _ in range(500))


def test_a_build_id_that_leaves_no_choice_is_greeted_all_the_same():
    assert b"\x1b" in new_link(b"\x1b" * 16).greeting
