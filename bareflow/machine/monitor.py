"""QMP: what a machine is asked and what it reports, each with a deadline.

Protocol: QEMU documentation, "QEMU Machine Protocol Specification"; the client is QEMU's own `qemu.qmp`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Mapping
from typing import Any

from qemu.qmp import EventListener, ExecuteError, QMPClient, QMPError

from bareflow.errors import MachineError
from bareflow.machine.registers import Registers, parse_registers, parse_words

# The client logs what it also raises; people see our sentence only.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)

REPLY_S = 10.0  # a monitor that does not answer in this time is stuck
GONE = (QMPError, EOFError, OSError)  # what the client raises once QEMU has closed the line


class Monitor:
    """A machine's QMP connection over a socket pair; `far_end` is handed to QEMU."""

    def __init__(self) -> None:
        self._near, self.far_end = socket.socketpair()
        self._near.setblocking(False)
        self._client = QMPClient("bareflow")
        self._events = EventListener()
        self._client.register_listener(self._events)

    @property
    def chardev(self) -> str:
        """The QEMU character device for the far end, which QEMU inherits by its number."""
        return f"socket,fd={self.far_end.fileno()}"

    async def connect(self) -> None:
        """Close our copy of the far end, then greet QEMU.

        Raises:
            MachineError: when QEMU does not answer.
        """
        self.far_end.close()
        try:
            async with asyncio.timeout(REPLY_S):
                await self._client.connect(self._near)
        except TimeoutError:
            raise MachineError(f"QEMU did not greet on its monitor within {REPLY_S:g} s.") from None
        except GONE as problem:
            raise MachineError("QEMU closed its monitor before it greeted.", detail=str(problem)) from None

    async def event(self) -> Mapping[str, Any]:
        """Wait for the next thing that the machine reports; none is missed from the greeting on."""
        return await self._events.get()

    async def execute(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command and return its result.

        Raises:
            MachineError: when QEMU refuses it, is gone, or does not answer in time.
        """
        try:
            async with asyncio.timeout(REPLY_S):
                return await self._client.execute(command, arguments or None)
        except TimeoutError:
            raise MachineError(f"QEMU did not answer {command} within {REPLY_S:g} s.") from None
        except ExecuteError as problem:
            raise MachineError(f"QEMU refused {command}: {problem}.") from None
        except GONE as problem:
            raise MachineError(f"QEMU ended before it answered {command}.", detail=str(problem)) from None

    async def status(self) -> str:
        """The machine's run state, as QMP names it: "running", "shutdown", "internal-error" and so on."""
        return str((await self.execute("query-status"))["status"])

    async def registers(self) -> Registers:
        """The first CPU's registers, by the human monitor: QMP itself has no command for them."""
        text = await self.execute("human-monitor-command", **{"command-line": "info registers"})
        return parse_registers(str(text))

    async def words(self, address: int, count: int) -> tuple[int, ...]:
        """Up to `count` 64-bit words of memory as the first CPU sees it now, from a virtual address upwards."""
        text = await self.execute("human-monitor-command", **{"command-line": f"x /{count}xg {address:#x}"})
        return parse_words(str(text))

    async def quit(self) -> None:
        """Ask QEMU to end; silent when it already has."""
        with contextlib.suppress(MachineError):
            await self.execute("quit")

    async def close(self) -> None:
        """Give the connection up; after `quit` the client may raise EOFError here, which says nothing new."""
        with contextlib.suppress(*GONE, TimeoutError):
            async with asyncio.timeout(REPLY_S):
                await self._client.disconnect()
        self._near.close()
        self.far_end.close()
