"""One serial line of a machine: a socket pair whose far end QEMU holds. Nothing on it is lost.

The kernel's socket buffer is the only queue. It is read as soon as bytes arrive; a guest that writes faster
than that is held back by QEMU, never dropped. An asyncio transport is not used: it throws unread bytes away
when a write fails, which is what happens to input sent to a machine that has just ended.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

OnData = Callable[[bytes], None]
READ_SIZE = 1 << 16


class Channel:
    """Our end of a line; `far_end` is handed to QEMU and then closed here by `hand_over`.

    Attributes:
        received: bytes read so far.
        last_activity: the loop's time at which bytes last came; 0 before the first.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._near, self.far_end = socket.socketpair()
        self._near.setblocking(False)
        self._on_data: list[OnData] = []
        self._closed = asyncio.Event()
        self._writable = True
        self.received = 0
        self.last_activity = 0.0

    def on_data(self, callback: OnData) -> None:
        """Have a function called with every piece as it arrives, in order."""
        self._on_data.append(callback)

    def hand_over(self) -> None:
        """QEMU has its copy of the far end: close ours, so that its exit is seen, and begin to read."""
        self.far_end.close()
        self._loop.add_reader(self._near, self._read)

    async def write(self, data: bytes) -> bool:
        """Send bytes, waiting while the other side is slow; False, without effect, once it has closed."""
        try:
            if self._writable:
                await self._loop.sock_sendall(self._near, data)
        except OSError:
            self._writable = False
        return self._writable

    async def closed(self) -> None:
        """Wait until the other side has closed and every byte has been read."""
        await self._closed.wait()

    def close(self) -> None:
        """Close both ends now; what was not read is lost."""
        self._writable = False
        self._end_of_input()
        self._near.close()
        self.far_end.close()

    @property
    def chardev(self) -> str:
        """The QEMU character device for the far end, which QEMU inherits by its number."""
        return f"socket,fd={self.far_end.fileno()}"

    def _read(self) -> None:
        try:
            data = self._near.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:  # it closed with our input unread; all its output has been read before
            data = b""
        if not data:
            self._end_of_input()
            return
        self.received += len(data)
        self.last_activity = self._loop.time()
        for callback in self._on_data:
            callback(data)

    def _end_of_input(self) -> None:
        if self._near.fileno() >= 0:
            self._loop.remove_reader(self._near)
        self._closed.set()


class ChannelPort:
    """A channel as something to read from and to write to, as `bareflow.wire.stream.Pump` wants its port.

    It sees every byte that arrives after it was made; callbacks of the channel see them too.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        channel.on_data(self._pieces.put_nowait)

    async def read(self) -> bytes:
        """Bytes that have come, at least one; b"" when the machine has closed its end."""
        piece = asyncio.ensure_future(self._pieces.get())
        closed = asyncio.ensure_future(self._channel.closed())
        try:
            await asyncio.wait({piece, closed}, return_when=asyncio.FIRST_COMPLETED)
            return piece.result() if piece.done() else b""
        finally:
            piece.cancel()
            closed.cancel()

    async def write(self, data: bytes) -> bool:
        """Write all of `data`; False when the machine has closed its end."""
        return await self._channel.write(data)

    def close(self) -> None:
        """Nothing: the channel is its machine's."""
