"""From what was seen of a machine to a verdict. Pure: no machine is needed to judge one.

An exit status alone proves nothing (a triple fault can look like an end), nor does a final record alone (the
machine may have died after it): both must be there and agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bareflow.layouts.snapshot import REFUSAL
from bareflow.layouts.verdict import GUEST_VERDICT, HOST_STATUS
from bareflow.machine.crash import TrapReport
from bareflow.machine.watch import MachineEnd

EXITED = "exited"
SIGNALS = {4: "SIGILL", 6: "SIGABRT", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM"}

# Ends that speak for themselves, whatever the guest said before.
_BY_KIND = {"reset": "triple-fault", "hang": "hang", "stall": "hang", "timeout": "timeout"}


@dataclass(frozen=True)
class Verdict:
    """How a run ended; the fields are those of `GuestResult`."""

    name: str
    reason: str
    status: int | None
    exit_status: int


def judge(
    end: MachineEnd,
    final: Mapping[str, Any] | None,
    trap: TrapReport | None,
    *,
    words: str,
    kernel_was_there: bool,
    powers_off: bool = False,
) -> Verdict:
    """Say how a guest ended.

    Args:
        end: what ended the machine.
        final: the final record, if it came.
        trap: the trap record, if one came.
        words: the last line that the kernel or the loader itself said.
        kernel_was_there: whether the kernel had begun to speak.
        powers_off: the machine has no debug-exit, so a guest's end is to switch it off.
    """
    if end.kind == "exit" and end.status is not None:
        return _judge_exit(end.status, final, trap, words)
    if powers_off and end.kind == "power-off" and final and GUEST_VERDICT.name_of(final["verdict"]) == EXITED:
        return _believed(EXITED, int(final["status"]), trap, words)
    where = "" if kernel_was_there else " The kernel had not been reached."
    return _verdict(_BY_KIND.get(end.kind, "no-verdict"), end.reason + where, _status(final))


def _judge_exit(exit_status: int, final: Mapping[str, Any] | None, trap: TrapReport | None, words: str) -> Verdict:
    code = guest_code(exit_status)
    name = GUEST_VERDICT.name_of(code) if code is not None else ""
    if name not in GUEST_VERDICT.members:
        doubt = f"QEMU ended with status {exit_status}, which no guest of ours gives."
    elif final is None and name == "boot-failed":
        # The loader has no wire: its words on the console must do.
        return _verdict(name, f"The loader could not reach the kernel: {words or 'it did not say why'}.", None)
    elif final is None:
        doubt = f"The machine said {name!r} but sent no final record."
    elif final["verdict"] != code:
        doubt = f"The machine said {name!r} and its final record {GUEST_VERDICT.name_of(final['verdict'])!r}."
    else:
        return _believed(name, int(final["status"]), trap, words)
    return _verdict("no-verdict", doubt, _status(final))


def _believed(name: str, status: int, trap: TrapReport | None, words: str) -> Verdict:
    if name == EXITED:
        return Verdict(EXITED, f"The workload ended with status {status}.", status, status & 0xFF)
    return _verdict(name, _reason(name, status, trap, words), status)


def last_words(text: bytes) -> str:
    """The last line that the kernel or the loader said, without their name before it."""
    lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("bareflow: ").rstrip(".") if lines else ""


def _status(final: Mapping[str, Any] | None) -> int | None:
    return int(final["status"]) if final else None


def guest_code(exit_status: int) -> int | None:
    """What a guest wrote to isa-debug-exit: QEMU ends with twice that plus one; none for another status."""
    return exit_status >> 1 if exit_status > 0 and exit_status & 1 else None


def _verdict(name: str, reason: str, status: int | None) -> Verdict:
    return Verdict(name, reason, status, HOST_STATUS[name])


def _reason(name: str, status: int, trap: TrapReport | None, words: str) -> str:
    if name == "trapped":
        return trap.summary() if trap else "A CPU exception; its record was lost."
    if name == "killed":
        return f"The workload ended itself with signal {status} ({SIGNALS.get(status, 'no common one')})."
    if name == "refused":
        doc = REFUSAL.doc_of(status)
        return f"The snapshot was refused: {REFUSAL.name_of(status)}{f' ({doc})' if doc else ''}."
    if name == "panic":
        return f"The kernel panicked: {trap.summary() if trap else words or 'it did not say why'}."
    return f"The loader could not reach the kernel: {words or chr(status)}."
