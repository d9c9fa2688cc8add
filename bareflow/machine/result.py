"""What became of a guest: the verdict of a run, and everything that was seen of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bareflow.layouts.boot import BOOT_STAMP
from bareflow.machine.crash import StackFrame, TrapReport, backtrace_lines
from bareflow.machine.registers import Registers

LAST_LINES = 12  # of the console, shown where a machine ended without a word
WITHOUT_A_WORD = ("triple-fault", "hang", "timeout", "no-verdict", "boot-failed")
EXITED = "exited"


@dataclass(frozen=True)
class GuestResult:
    """A finished run.

    Args:
        verdict: "exited", or a name from HOST_STATUS: "trapped", "hang", "no-verdict", …
        reason: one sentence for people.
        status: as in the final record (exit status, signal, refusal, letter); none without a record.
        exit_status: what our own command exits with: the workload's status, or HOST_STATUS's.
        stdout: the workload's standard output.
        stderr: the workload's standard error.
        kernel_text: the loader's and the kernel's own words.
        transcript: the whole console in order.
        trap: the CPU exception, if there was one.
        registers: the CPU's, where the machine ended without telling why.
        frames: the backtrace that goes with them.
        boot_ms: from the making of the QEMU process to the workload's first instruction, in milliseconds; none
            where it was never reached.
        wall_ms: the whole run, in milliseconds.
        stamps: the guest's time stamps by name, in TSC ticks.
        tsc_hz: TSC ticks in a second; 0 where the guest does not know.
        final: the whole final record.
        accel: "kvm" or "tcg".
        accel_reason: why.
        command: the QEMU command as it was run.
        complaints: what QEMU itself wrote.
        build_id: of the program that was started, in hexadecimal; empty where none was.
    """

    verdict: str
    reason: str
    status: int | None
    exit_status: int
    stdout: bytes
    stderr: bytes
    kernel_text: bytes
    transcript: bytes
    trap: TrapReport | None
    registers: Registers | None
    boot_ms: float | None
    wall_ms: float
    stamps: Mapping[str, int]
    tsc_hz: int
    accel: str
    accel_reason: str
    command: tuple[str, ...]
    frames: tuple[StackFrame, ...] = ()
    complaints: str = ""
    final: Mapping[str, Any] = field(default_factory=dict)
    build_id: str = ""

    @property
    def qemu_command(self) -> str:
        """The QEMU command as a shell line."""
        return shlex.join(self.command)

    def explain(self) -> list[str]:
        """For people: nothing where the workload ended by itself; otherwise what happened and where."""
        if self.verdict == EXITED:
            return []
        lines = [f"{self.verdict}: {self.reason}"]
        if self.trap is not None:
            lines += self.trap.lines()
        elif self.registers is not None:
            lines += [*self.registers.lines(), *backtrace_lines(self.frames)]
        if self.verdict in WITHOUT_A_WORD:
            last = self.transcript.decode(errors="replace").splitlines()[-LAST_LINES:]
            lines += (
                ["last lines of the console:", *(f"  {line}" for line in last)] if last else ["nothing was printed"]
            )
        return lines + ([f"QEMU said: {self.complaints}"] if self.complaints else [])

    def as_dict(self) -> dict[str, Any]:
        """For JSON; text that is no UTF-8 is given with replacement characters."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "status": self.status,
            "exit_code": self.exit_status,
            "stdout": self.stdout.decode(errors="replace"),
            "stderr": self.stderr.decode(errors="replace"),
            "kernel_text": self.kernel_text.decode(errors="replace"),
            "transcript": self.transcript.decode(errors="replace"),
            "trap": self.trap.as_dict() if self.trap else None,
            "registers": {k: f"{v:#x}" for k, v in self.registers.values.items()} if self.registers else None,
            "backtrace": [frame.as_dict() for frame in self.frames],
            "boot_ms": None if self.boot_ms is None else round(self.boot_ms, 3),
            "wall_ms": round(self.wall_ms, 3),
            "stamps": dict(self.stamps),
            "tsc_hz": self.tsc_hz,
            "memory_used": self.final.get("memory_used"),
            "page_faults": self.final.get("page_faults"),
            "dropped": self.final.get("dropped"),
            "accel": self.accel,
            "accel_reason": self.accel_reason,
            "qemu_command": self.qemu_command,
            "build_id": self.build_id,
        }


def stamps_by_name(stamps: tuple[int, ...]) -> dict[str, int]:
    """The boot stamps that were reached, by name."""
    return {name: stamps[index] for name, (index, _) in BOOT_STAMP.members.items() if stamps[index]}
