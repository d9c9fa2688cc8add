"""Watches a running machine until something ends it, and says what that was.

Process end, monitor events and bytes on the lines wake it. Only while the lines are silent does it look at the
registers, seldom and ever more seldom, to find a machine that can never go on.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace

from bareflow.errors import MachineError
from bareflow.machine.qemu import QemuMachine
from bareflow.machine.registers import Registers
from bareflow.machine.unwind import StackWords

FIRST_LOOK_S, LOOK_GROWTH, SLOWEST_LOOK_S = 0.25, 1.5, 2.0
STACK_WORDS = 256  # looked at for a backtrace
DRAIN_S = 5.0  # for the lines to be read to their end once the process has gone


NO_WORDS = StackWords(0, ())


@dataclass(frozen=True)
class MachineEnd:
    """What ended a machine.

    Args:
        kind: "exit" (the process ended, see status), "reset" (triple fault or reset request), "power-off", "hang"
            (halted with interrupts off), "stall" (nothing moved), "timeout", "fault" (QEMU gave up on the guest).
        reason: one sentence.
        status: QEMU's exit status where the kind is "exit".
        registers: the CPU's, where the machine was still there to be asked.
        stack: words from rsp upwards, likewise.
    """

    kind: str
    reason: str
    status: int | None = None
    registers: Registers | None = None
    stack: StackWords = NO_WORDS


_EVENTS = {
    "guest-reset": ("reset", "The machine reset itself: a triple fault, or a reset request."),
    "guest-shutdown": ("power-off", "The machine powered itself off."),
    "guest-panic": ("fault", "The guest told QEMU that it panicked."),
}
# Run states in which a guest has been stopped by QEMU itself.
_STOPPED = {
    "internal-error": "The accelerator gave up on the guest (KVM internal error).",
    "io-error": "QEMU met a disk error and stopped the guest.",
    "guest-panicked": "The guest told QEMU that it panicked.",
}


class Watch:
    """One watch over one machine.

    Attributes:
        patient: whether the guest may rightly stand still, waiting for input; may change while it runs.
    """

    def __init__(self, machine: QemuMachine) -> None:
        self._machine = machine
        self.patient = False
        self._loop = asyncio.get_running_loop()
        self._silent_since = self._loop.time()
        self._look_s = FIRST_LOOK_S
        self._next_look = self._silent_since + self._look_s
        self._last: Registers | None = None  # as seen at _still_since, and at every look since then
        self._still_since = 0.0

    async def until_end(self) -> MachineEnd:
        """Wait for the machine's end, or its timeout; then read the lines to theirs, or look at where it stands."""
        spec = self._machine.spec
        limit = None if spec.gdb else spec.timeout_s  # with a debugger, a person decides
        ending = asyncio.create_task(self._machine.process.wait())
        event = asyncio.create_task(self._event())
        try:
            async with asyncio.timeout(limit):
                end = await self._first_of(ending, event)
        except TimeoutError:
            end = MachineEnd("timeout", f"The machine had not ended after {limit:g} s.")
        finally:
            ending.cancel()
            event.cancel()
        if end.kind == "exit":
            await self._drain()
            return end
        with contextlib.suppress(MachineError):
            registers = end.registers or await self._machine.monitor.registers()
            end = replace(end, registers=registers)
            base = registers.values["rsp"] & -8
            end = replace(end, stack=StackWords(base, await self._machine.monitor.words(base, STACK_WORDS)))
        return end

    async def _first_of(self, ending: asyncio.Task[int], event: asyncio.Task[MachineEnd]) -> MachineEnd:
        while True:
            done, _ = await asyncio.wait(
                {ending, event}, timeout=self._silence_left(), return_when=asyncio.FIRST_COMPLETED
            )
            if ending in done:
                status = ending.result()
                return MachineEnd("exit", f"QEMU ended with status {status}.", status=status)
            if event in done and not event.exception():
                return event.result()
            if event in done:  # the monitor went away: the process is ending
                await asyncio.wait({ending})
                continue
            if self._silence_left() <= 0 and not self._machine.spec.gdb:
                end = await self._look()
                if end is not None:
                    return end

    def _silence_left(self) -> float:
        """Seconds until the lines have been silent for long enough to look at the registers."""
        last_byte = max(line.last_activity for line in self._machine.lines)
        if last_byte > self._silent_since:
            self._silent_since = last_byte
            self._last, self._look_s = None, FIRST_LOOK_S
            self._next_look = last_byte + self._look_s
        return max(0.0, self._next_look - self._loop.time())

    async def _look(self) -> MachineEnd | None:
        """Look at the registers once; an end, if this machine can never go on."""
        now = self._loop.time()
        self._look_s = min(self._look_s * LOOK_GROWTH, SLOWEST_LOOK_S)
        self._next_look = now + self._look_s
        try:
            registers = await self._machine.monitor.registers()
        except MachineError:
            return None  # it is ending, and its end will be seen
        if self._last is None or registers.values != self._last.values:
            self._last, self._still_since = registers, now
            return None
        if registers.halted_for_good:
            return MachineEnd("hang", "The CPU halted with interrupts off.", registers=registers)
        still_s = now - self._still_since
        if not self.patient and still_s >= self._machine.spec.stall_s:
            return MachineEnd("stall", f"No register changed for {still_s:.0f} s.", registers=registers)
        return None

    async def _event(self) -> MachineEnd:
        """Wait for the monitor to report an end."""
        while True:
            event = await self._machine.monitor.event()
            if event["event"] == "SHUTDOWN":
                reason = str(event["data"].get("reason"))
                if reason in _EVENTS:  # any other is our own or a signal's, and the process ends by itself
                    return MachineEnd(*_EVENTS[reason])
            if event["event"] == "STOP":
                state = await self._machine.monitor.status()
                if state in _STOPPED:
                    return MachineEnd("fault", _STOPPED[state])

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_S):
                for line in self._machine.lines:
                    await line.closed()
        except TimeoutError:
            raise MachineError(f"The serial lines were not closed {DRAIN_S:g} s after QEMU's end.") from None
