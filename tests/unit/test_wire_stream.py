"""The link over real descriptors: socket pairs, sockets by name, a pseudo-terminal through pyserial."""

from __future__ import annotations

import asyncio
import os
import pty
import socket
import time
import tty
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from bareflow.errors import WireError
from bareflow.wire.link import GuestLink, HostLink, Link
from bareflow.wire.stream import Port, Pump, open_port

DEADLINE_S = 30
PAYLOADS = [bytes([n]) * (n * 13) for n in range(70)]


class End:
    """A pump that collects what arrives and tells when `expected` payloads have."""

    def __init__(self, link: Link, expected: int) -> None:
        self.got: list[bytes] = []
        self.full = asyncio.Event()
        self.connected = asyncio.Event()
        self._expected = expected
        self.pump = Pump(link, self._arrived)

    def _arrived(self, message) -> None:
        self.connected.set()
        if message.type == 40:
            self.got.append(message.payload)
        if len(self.got) >= self._expected:
            self.full.set()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(coroutine, DEADLINE_S)

    asyncio.run(bounded())


async def exchange(guest_port: Port, host_port: Port) -> None:
    """Send PAYLOADS both ways and compare; then close the guest's end and see the host's pump end."""
    guest, host = End(GuestLink(3, capacity=1 << 17), len(PAYLOADS)), End(HostLink(4), len(PAYLOADS))
    tasks = [asyncio.create_task(guest.pump.run(guest_port)), asyncio.create_task(host.pump.run(host_port))]
    await host.connected.wait()
    for payload in PAYLOADS:
        assert guest.pump.send(40, payload)
        assert host.pump.send(40, payload)
    await asyncio.gather(guest.full.wait(), host.full.wait())
    assert guest.got == host.got == PAYLOADS
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    guest_port.close()
    guest_port.close()
    await tasks[1]
    host_port.close()


def test_over_a_socket_pair():
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        await exchange(await open_port(theirs), await open_port(ours.detach()))

    run(scenario())


@pytest.mark.parametrize("name", ["unix:{path}", "tcp:127.0.0.1:{port}", "socket://127.0.0.1:{port}"])
def test_over_a_socket_by_name(name: str, tmp_path: Path):
    async def scenario() -> None:
        family = socket.AF_UNIX if name.startswith("unix") else socket.AF_INET
        with socket.socket(family) as server:
            path = str(tmp_path / "line")
            server.bind(path if family == socket.AF_UNIX else ("127.0.0.1", 0))
            server.listen()
            number = 0 if family == socket.AF_UNIX else server.getsockname()[1]
            host_port = await open_port(name.format(path=path, port=number))
            await exchange(await open_port(server.accept()[0]), host_port)

    run(scenario())


def test_over_a_pseudo_terminal():
    async def scenario() -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        path = os.ttyname(slave)
        host_port = await open_port(path, baud=115200)
        os.close(slave)
        await exchange(await open_port(master), host_port)

    run(scenario())


def test_a_serial_port_is_opened_by_one_only():
    async def scenario() -> None:
        master, slave = pty.openpty()
        port = await open_port(os.ttyname(slave))
        with pytest.raises(WireError, match="cannot be opened") as caught:
            await open_port(os.ttyname(slave))
        assert "Another program" in caught.value.hint
        port.close()
        os.close(slave)
        os.close(master)

    run(scenario())


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("/dev/does-not-exist", "Is the cable attached"),
        ("unix:/does/not/exist", "Is the machine running"),
        ("tcp:127.0.0.1:1", "Is the machine running"),
        ("tcp:nonsense", "Write tcp:HOST:PORT"),
        ("socket://host:port", "Write socket://HOST:PORT"),
        (os.devnull, "cannot be opened as a serial port"),
    ],
)
def test_a_port_that_cannot_be_opened_says_what_to_try(where: str, words: str):
    with pytest.raises(WireError, match=r"serial|reached|host and port") as caught:
        run(_open(where))
    assert words in str(caught.value)


async def _open(where: str) -> None:
    await open_port(where)


def test_a_line_that_comes_late_and_is_cut_thrice_loses_nothing():
    async def scenario() -> None:
        guest, host = End(GuestLink(3, capacity=1 << 17), len(PAYLOADS)), End(HostLink(4), len(PAYLOADS))
        lines: asyncio.Queue[tuple[Port, Port] | None] = asyncio.Queue()
        guest_opens, host_opens = _openers(lines)
        tasks = [asyncio.create_task(_keep(guest.pump, guest_opens)), asyncio.create_task(_keep(host.pump, host_opens))]
        for payload in PAYLOADS:
            guest.pump.send(40, payload)
        for cuts in range(4):
            ours, theirs = socket.socketpair()
            await lines.put((await open_port(theirs), await open_port(ours)))
            if cuts < 3:
                await host.connected.wait()
                ours.shutdown(socket.SHUT_RDWR)
        await host.full.wait()
        assert host.got == PAYLOADS
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(scenario())


Opener = Callable[[], Awaitable[Port]]


async def _keep(pump: Pump, opens: Opener) -> None:
    """Pump over one port after another."""
    while True:
        port = await opens()
        pump.link.line_cut(time.monotonic())
        await pump.run(port)
        port.close()


def _openers(lines: asyncio.Queue[tuple[Port, Port] | None]) -> tuple[Opener, Opener]:
    """Both ends of each line that the queue gives, whoever asks first."""
    waiting: asyncio.Queue[Port] = asyncio.Queue()

    async def guest_opens() -> Port:
        line = await lines.get()
        assert line is not None
        await waiting.put(line[1])
        return line[0]

    return guest_opens, waiting.get
