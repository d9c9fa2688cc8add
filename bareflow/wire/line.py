"""A line to a guest: the one way in which a host speaks to one, whatever carries the bytes.

Line      messages of whatever guest is on a port, as an async iterator; the port may go and come back
LastWord  ends the iteration when the guest has said all that it will say

`collect` reads profiles through it and `grow` serves agents through it: a process over a socket pair, a machine in
QEMU, a real one over a cable.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from bareflow.errors import WireError
from bareflow.layouts.growth import GROWTH_MESSAGE
from bareflow.layouts.wire import FRAME_TYPE
from bareflow.wire.link import HostLink, Message
from bareflow.wire.stream import RETRY_S, BytePort, Opener, Pump, open_port

GRACE_S = 2.0  # after the program's last word, for the kernel's
FIRMWARE_KEYS = frozenset(b"\x1b\x7f")  # Esc, with which function keys begin, too, and Del
GREETINGS = 100  # to choose from; a build id with such a byte leaves no choice
HELLO = FRAME_TYPE["hello"]
FINAL = FRAME_TYPE["final"]
ENDED = GROWTH_MESSAGE["ended"]


def new_link(build_id: bytes = bytes(16), *, window: int = 4096) -> HostLink:
    """A host's end with an incarnation of its own, and one whose greeting presses none of `FIRMWARE_KEYS`.

    Firmware may take what comes on a serial line for its keyboard's, and open its setup instead of booting. What else
    a host says is said to guests that have answered.
    """
    for _ in range(GREETINGS):
        link = HostLink(random.getrandbits(31) | 1, build_id, window=window)
        if FIRMWARE_KEYS.isdisjoint(link.greeting):
            break
    return link


def opener(where: str, *, baud: int = 115200, say: Callable[[str], None] = lambda _: None) -> Opener:
    """What opens a port by name, again and again.

    Args:
        where: as for `open_port`; a plain path to a socket works too.
        baud: of a serial device.
        say: told each time that it is open.
    """
    again = ""

    async def open_again() -> BytePort:
        nonlocal again
        port = await open_port(socket_name(where), baud=baud)
        say(f"{where} is open{again}")
        again = " again"
        return port

    return open_again


def given(port: BytePort) -> Opener:
    """An opener for a port that is open already."""

    async def opened() -> BytePort:
        return port

    return opened


def socket_name(where: str) -> str:
    """A port's name as `open_port` takes it: a path that is a socket gets its prefix."""
    with contextlib.suppress(OSError, ValueError):
        if Path(where).is_socket():
            return f"unix:{where}"
    return where


class Line:
    """A link over a port that may go and come back.

    Args:
        link: the host's side; late guests, resets and re-attachment are its matter.
    """

    def __init__(self, link: HostLink) -> None:
        self.link = link
        self._events: asyncio.Queue[Message | Exception | None] = asyncio.Queue()
        self._pump = Pump(link, self._arrived)
        self._last_word = False

    @property
    def heard(self) -> int:
        """Bytes that have come, whatever they were."""
        return self._pump.received

    def _arrived(self, message: Message) -> None:
        self._last_word = message.type in (ENDED, FINAL)
        self._events.put_nowait(message)

    def send(self, kind: int, payload: bytes = b"") -> bool:
        """Queue a message for the guest; False when it could not be."""
        return self._pump.send(kind, payload)

    def finish(self) -> None:
        """End the iteration behind what has arrived."""
        self._events.put_nowait(None)

    async def messages(
        self, open_again: Opener, *, reopen: bool = True, wait: bool = False
    ) -> AsyncGenerator[Message, None]:
        """Every message, in order, once; ends when the port closes for good or after `finish`.

        Close it (`contextlib.aclosing`) when leaving early.

        Args:
            open_again: gives the port, and the next one after that has closed.
            reopen: False ends the iteration when the first port closes; a port that closes behind the guest's
                last word ends it anyway.
            wait: for a first port that is not there yet.

        Raises:
            WireError: when the first port cannot be opened, or the guest speaks another version.
        """
        carrying = asyncio.create_task(self._carry(open_again, reopen=reopen, wait=wait))
        try:
            while (event := await self._events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)

    async def _carry(self, open_again: Opener, *, reopen: bool, wait: bool) -> None:
        try:
            port = await (_next(open_again) if wait else open_again())
            while True:
                try:
                    self.link.line_cut(time.monotonic())
                    await self._pump.run(port)
                finally:
                    port.close()
                if self._last_word or not reopen:
                    break
                port = await _next(open_again)
        except Exception as error:  # noqa: BLE001  whoever iterates gets it
            self._events.put_nowait(error)
        else:
            self.finish()


async def _next(open_again: Opener) -> BytePort:
    while True:
        with contextlib.suppress(WireError):
            return await open_again()
        await asyncio.sleep(RETRY_S)  # nothing tells when a device appears


class LastWord:
    """Ends a line's iteration behind the guest's last word, or some time after it where more may follow.

    The last word is the kernel's final record. A Linux process has none: then it is the agent's, and the kernel's may
    follow it.

    Args:
        line: whose.
        complete: whether everything has come that the guest said before its final record.
        grace_s: how long to wait for what may follow.
    """

    def __init__(self, line: Line, complete: Callable[[], bool] = lambda: True, *, grace_s: float = GRACE_S) -> None:
        self._line = line
        self._complete = complete
        self._grace_s = grace_s
        self._timer: asyncio.TimerHandle | None = None
        self.final = False  # the final record has come

    def take(self, message: Message) -> None:
        """A message has been taken."""
        if message.type == HELLO:
            self.close()  # it has booted again
            self.final = False
        elif message.type in (ENDED, FINAL):
            self.final = self.final or message.type == FINAL
            self._soon()
        if self.final and self._complete():
            self.close()
            self._line.finish()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._grace_s, self._line.finish)

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
