"""A growing program in a Linux process that looks from outside like a machine at the end of a cable.

It does what the kernel does on a machine: text in frames of its own or on a console of its own, and last words that are
said again and again. The cable has a rate, a fault proxy, and may be pulled.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import socket
import sys
import tty
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bareflow.layouts.verdict import GUEST_VERDICT
from bareflow.layouts.wire import FINAL_RECORD, FRAME_TYPE, TEXT_MARK, TEXT_STREAM
from bareflow.machine.console import CONSOLE_MARK
from bareflow.wire.frames import Frame, encode_frame
from bareflow.wire.stream import Port, open_port

ROOT = Path(__file__).resolve().parents[1]
AGAIN_S = 0.25  # between two rounds of last words
PIECE = 240
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@dataclass
class Machine:
    """The machine; `async with` switches it on.

    Args:
        base: the growing program.
        arguments: its own.
        folder: where it runs.
        baud: bits a second, ten a byte, both ways; 0: as fast as it goes.
        up, down: what the cable does to bytes from and to the machine.
        one_port: text in frames; otherwise a console that whoever connects to `console` reads.
        pull_at: the cable is pulled whenever so many bytes more have come from the machine, as often as there are.
    """

    base: Path
    arguments: tuple[str, ...] = ()
    folder: Path = Path()
    baud: int = 0
    up: Callable[[bytes], bytes] = field(default=lambda data: data)
    down: Callable[[bytes], bytes] = field(default=lambda data: data)
    one_port: bool = True
    pull_at: tuple[int, ...] = ()

    async def __aenter__(self) -> Self:
        self.text, self.status, self.carried = bytearray(), -1, 0
        self.pulls = list(self.pull_at)
        self.port: Port | None = None
        self.connections = 0
        self._last_byte = 0
        self._reader: asyncio.Future[Port] = asyncio.get_running_loop().create_future()
        self._server, self.wire = _listen()
        self._console, self.console = _listen()
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        self.process = await asyncio.create_subprocess_exec(
            self.base,
            *self.arguments,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            cwd=self.folder,
            env={"BAREFLOW_WIRE_FD": str(theirs.fileno())},
        )
        theirs.close()
        work = (self._send(), self._accept(), self._serve_console(), self._live())
        self._tasks = [asyncio.create_task(one) for one in work]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in (self._server, self._console, self._ours, *([self.port] if self.port else ())):
            one.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def attach(self, port: Port) -> None:
        """The cable is put on: carry what comes until it is pulled."""
        self.port, self.connections = port, self.connections + 1
        try:
            while data := await port.read():
                await self._take_time(data)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    await asyncio.get_running_loop().sock_sendall(self._ours, self.down(data))
        finally:
            self.port = None
            port.close()

    async def _accept(self) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(self._server)
            await self.attach(await open_port(connection))

    async def _serve_console(self) -> None:
        connection, _ = await asyncio.get_running_loop().sock_accept(self._console)
        port = await open_port(connection)
        await port.write(b"loader\r\n" + CONSOLE_MARK)
        self._reader.set_result(port)

    async def _take_time(self, data: bytes) -> None:
        if self.baud:
            await asyncio.sleep(len(data) * 10 / self.baud)

    async def _send(self) -> None:
        """What the agent sends, like a UART: where no cable is, it is gone."""
        while data := await self._sent():
            await self._line(data)

    async def _sent(self) -> bytes:
        receive = asyncio.get_running_loop().sock_recv
        try:
            return await receive(self._ours, 256)
        except ConnectionResetError:  # it ended before it had read all; what it sent is there still
            return await receive(self._ours, 256)

    async def _line(self, data: bytes) -> None:
        await self._take_time(data)
        self._last_byte = data[-1]
        self.carried += len(data)
        port = self.port
        if port is not None:
            await port.write(self.up(data))
        if port is not None and self.pulls and self.carried >= self.pulls[0]:
            del self.pulls[0]
            self._pull(port)

    @staticmethod
    def _pull(port: Port) -> None:
        handle = port._handle
        if isinstance(handle, socket.socket):
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

    async def _frame(self, kind: str, payload: bytes) -> None:
        frame = encode_frame(Frame(FRAME_TYPE[kind], payload))
        await self._line((b"\0" if self._last_byte else b"") + frame)

    async def _say(self, start: int) -> None:
        while start < len(self.text):
            piece = bytes(self.text[start : start + PIECE])
            mark = TEXT_MARK.encode(offset=start, length=len(piece), stream=TEXT_STREAM["stdout"])
            await self._frame("text", mark + piece)
            start += len(piece)

    async def _live(self) -> None:
        while data := await self.process.stdout.read(4096):
            at = len(self.text)
            self.text += data
            if self.one_port:
                await self._say(at)
            else:
                await (await self._reader).write(data)
        self.status = await self.process.wait()
        await self._tasks[0]  # what the agent has sent comes first
        final = FINAL_RECORD.encode(verdict=GUEST_VERDICT["exited"], status=self.status, tsc_hz=1, stamps=[0] * 8)
        while True:
            if self.one_port:
                await self._say(0)
                await self._frame("text", TEXT_MARK.encode(offset=len(self.text), length=0, stream=0))
            await self._frame("final", final)
            await asyncio.sleep(AGAIN_S)


def _listen() -> tuple[socket.socket, str]:
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    return server, f"socket://127.0.0.1:{server.getsockname()[1]}"


@contextlib.asynccontextmanager
async def cable(machine: Machine, device: Path) -> AsyncIterator[None]:
    """A pseudo-terminal that `device` names, with the machine at its other end; it is gone at the end."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    device.symlink_to(os.ttyname(slave))  # noqa: ASYNC240  a name in a folder of the test's
    carrying = asyncio.create_task(machine.attach(await open_port(master)))
    try:
        yield
    finally:
        device.unlink()  # noqa: ASYNC240
        carrying.cancel()
        await asyncio.gather(carrying, return_exceptions=True)
        os.close(slave)


@dataclass
class Host:
    """A task of ours in a process of its own; what it says to people is read as it comes."""

    process: asyncio.subprocess.Process
    said: str = ""

    async def until(self, words: str) -> str:
        """Read what it says until `words` are among it; returns all."""
        while words not in self.said:
            line = (await self.process.stderr.readline()).decode()
            assert line, f"it ended by itself: {self.said}"
            self.said += line
        return self.said

    async def kill(self) -> None:
        """Kill it as the system does: no handler runs."""
        self.process.kill()
        await self.process.wait()

    async def document(self) -> dict[str, Any]:
        """Wait for its end; what it printed with `--json`."""
        out, rest = await self.process.communicate()
        self.said += rest.decode()
        assert out, self.said
        return json.loads(out) | {"status": self.process.returncode}


@contextlib.asynccontextmanager
async def host(*words: object, cwd: Path) -> AsyncIterator[Host]:
    """Run a task of ours; it is gone at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bareflow",
        *map(str, words),
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Host(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
