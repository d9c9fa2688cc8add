"""Runs a `Link` over a real byte port: sockets, descriptors, serial devices and pseudo-terminals, with asyncio.

    port = await open_port("/dev/ttyUSB0", baud=115200)
    pump = Pump(link, on_message)
    await pump.run(port)      # until the other side closes; then open again and call run again

`wire/line.py` does the latter by itself: a cable may be attached late, pulled, and attached again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import serial

from bareflow.errors import WireError
from bareflow.wire.link import Link, Message

READ_SIZE = 65536
WRITE_SIZE = 1024  # bytes asked of the link at a time: what it decides later is fresher
RETRY_S = 0.5  # between two attempts to open a port that is not there
_GONE = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ECONNRESET, errno.EPIPE, errno.EBADF}


class BytePort(Protocol):
    """What a pump needs of a port."""

    async def read(self) -> bytes:
        """Bytes that have come, at least one; b"" when the other side has closed."""

    async def write(self, data: bytes) -> bool:
        """Write all of `data`; False when the other side has closed."""

    def close(self) -> None:
        """Close it; twice does no harm."""


Opener = Callable[[], Awaitable[BytePort]]


class Port:
    """A non-blocking descriptor with awaitable reads and writes.

    Args:
        handle: a descriptor, or whatever owns one (socket, serial.Serial); closed with the port.
        name: for messages.
    """

    def __init__(self, handle: int | socket.socket | serial.Serial, name: str) -> None:
        self.name = name
        self._handle = handle
        self._fd: int = handle if isinstance(handle, int) else handle.fileno()
        os.set_blocking(self._fd, False)

    async def read(self) -> bytes:
        """Bytes that have come, at least one; b"" when the other side has closed or the device is gone.

        It waits before it reads: a serial device set up by pyserial (VMIN 0) gives b"" also when idle.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._until(loop.add_reader, loop.remove_reader)
            try:
                return os.read(self._fd, READ_SIZE)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in _GONE:
                    return b""
                raise WireError(f"reading {self.name} failed: {error.strerror}.") from error

    async def write(self, data: bytes) -> bool:
        """Write all of `data`; False when the other side has closed or the device is gone."""
        loop = asyncio.get_running_loop()
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                await self._until(loop.add_writer, loop.remove_writer)
            except OSError as error:
                if error.errno in _GONE:
                    return False
                raise WireError(f"writing {self.name} failed: {error.strerror}.") from error
        return True

    async def _until(self, add: Callable[[int, Callable[[], None]], object], remove: Callable[[int], object]) -> None:
        ready, descriptor = asyncio.Event(), self._fd
        add(descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            remove(descriptor)  # it may have been closed meanwhile

    def close(self) -> None:
        """Close the descriptor; twice does no harm."""
        if isinstance(self._handle, int):
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = -1
        else:
            self._handle.close()
        self._fd = -1


async def open_port(where: str | int | socket.socket, *, baud: int = 115200) -> Port:
    """Open a port by name.

    Args:
        where: `unix:PATH`, `tcp:HOST:PORT` or `socket://HOST:PORT`, a serial device or pseudo-terminal, or an
            open descriptor or socket.
        baud: of a serial device.

    Raises:
        WireError: when it cannot be opened; the hint says what to try.
    """
    if isinstance(where, int):
        return Port(where, f"descriptor {where}")
    if isinstance(where, socket.socket):
        return Port(where, "socket")
    if where.startswith("unix:"):
        return await _connect(socket.AF_UNIX, where.removeprefix("unix:"), where)
    for prefix in ("tcp:", "socket://"):
        if where.startswith(prefix):
            host, _, number = where.removeprefix(prefix).rpartition(":")
            if not host or not number.isdigit():
                raise WireError(f"{where} names no host and port.", hint=f"Write {prefix}HOST:PORT.")
            return await _connect(socket.AF_INET, (host, int(number)), where)
    return _open_device(where, baud)


async def _connect(family: socket.AddressFamily, address: str | tuple[str, int], name: str) -> Port:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(opened, address)
    except OSError as error:
        opened.close()
        raise WireError(f"{name} cannot be reached: {_why(error)}.", hint="Is the machine running?") from error
    if family == socket.AF_INET:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Port(opened, name)


def _open_device(path: str, baud: int) -> Port:
    try:
        return Port(serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True), path)
    except (OSError, ValueError) as error:
        raise WireError(f"{path} cannot be opened as a serial port: {_why(error)}.", hint=_device_hint(path)) from error


def _why(error: Exception) -> str:
    """The system's words, where the error has any: pyserial and asyncio put them into sentences of their own."""
    cause = error.__context__ if isinstance(error, serial.SerialException) and error.errno is None else error
    number = getattr(cause, "errno", None) or next(iter(getattr(cause, "args", ())), None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _device_hint(path: str) -> str:
    if Path(path).exists() and not _is_terminal(path):
        return "It is no serial device; a socket is named socket://HOST:PORT or unix:PATH."
    if not Path(path).exists():
        return "Is the cable attached? `ls /dev/serial/by-id` lists what is."
    if not os.access(path, os.R_OK | os.W_OK):
        return "Add yourself to its group (often dialout) and log in again."
    return "Another program may have it open."


def _is_terminal(path: str) -> bool:
    """Whether it may be a serial device: one that cannot be opened may be."""
    if not Path(path).is_char_device():
        return False
    try:
        number = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return True
    try:
        return os.isatty(number)
    finally:
        os.close(number)


class Pump:
    """Carries a link's bytes between it and whatever port is there.

    Args:
        link: the state machine.
        on_message: called with every message, in order.
    """

    def __init__(self, link: Link, on_message: Callable[[Message], None]) -> None:
        self.link = link
        self.received = 0  # bytes, whatever they were
        self._on_message = on_message
        self._news = asyncio.Event()

    def send(self, kind: int, payload: bytes = b"") -> bool:
        """As `Link.send`, and tell the pump."""
        sent = self.link.send(kind, payload)
        self._news.set()
        return sent

    async def run(self, port: BytePort) -> None:
        """Pump until the other side closes. The port stays the caller's to close.

        Raises:
            WireError: from the port, or when the peer speaks another version.
        """
        reading = asyncio.create_task(self._read(port))
        writing = asyncio.create_task(self._write(port))
        both = (reading, writing)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            results = await asyncio.gather(*both, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _read(self, port: BytePort) -> None:
        while data := await port.read():
            self.received += len(data)
            for message in self.link.receive(data, time.monotonic()):
                self._on_message(message)
            self._news.set()

    async def _write(self, port: BytePort) -> None:
        while True:
            self._news.clear()
            now = time.monotonic()
            data = self.link.transmit(now, WRITE_SIZE)
            if data:
                if not await port.write(data):
                    return
                continue
            wake = self.link.wake_at(now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wake is None else wake - now):
                    await self._news.wait()
