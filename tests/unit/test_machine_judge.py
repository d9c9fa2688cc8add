"""Verdicts from all that can have been seen; no machine is needed."""

from __future__ import annotations

import pytest

from bareflow.layouts.snapshot import REFUSAL
from bareflow.layouts.verdict import GUEST_VERDICT, HOST_STATUS
from bareflow.machine.judge import guest_code, judge, last_words
from bareflow.machine.registers import Registers
from bareflow.machine.run import with_workload_halt
from bareflow.machine.watch import MachineEnd


def exit_of(verdict: str) -> MachineEnd:
    return MachineEnd("exit", "", status=GUEST_VERDICT[verdict] * 2 + 1)


def final(verdict: str, status: int = 0) -> dict[str, int]:
    return {"verdict": GUEST_VERDICT[verdict], "status": status}


@pytest.mark.parametrize(("status", "code"), [(33, 0x10), (1, 0), (0, None), (2, None), (-9, None)])
def test_only_odd_statuses_come_from_a_guest(status: int, code: int | None):
    assert guest_code(status) == code


@pytest.mark.parametrize(("status", "ours"), [(0, 0), (7, 7), (255, 255), (256, 0), (-1, 255)])
def test_a_workloads_status_is_its_low_byte(status: int, ours: int):
    verdict = judge(exit_of("exited"), final("exited", status), None, words="E1", kernel_was_there=True)
    assert (verdict.name, verdict.exit_status) == ("exited", ours)


@pytest.mark.parametrize("name", [name for name in GUEST_VERDICT.members if name != "exited"])
def test_every_other_verdict_needs_both_and_has_its_own_status(name: str):
    verdict = judge(exit_of(name), final(name, 65), None, words="E1", kernel_was_there=True)
    assert (verdict.name, verdict.exit_status, verdict.status) == (name, HOST_STATUS[name], 65)
    if name != "boot-failed":
        assert judge(exit_of(name), None, None, words="E1", kernel_was_there=True).name == "no-verdict"


def test_a_loader_that_has_no_wire_is_believed():
    assert judge(exit_of("boot-failed"), None, None, words="E1", kernel_was_there=False).name == "boot-failed"


@pytest.mark.parametrize("status", [0, 1, 2, -9, 255])
def test_a_foreign_status_is_no_verdict(status: int):
    verdict = judge(MachineEnd("exit", "", status=status), final("exited"), None, words="E1", kernel_was_there=True)
    assert verdict.name == "no-verdict"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("reset", "triple-fault"),
        ("hang", "hang"),
        ("stall", "hang"),
        ("timeout", "timeout"),
        ("power-off", "no-verdict"),
    ],
)
def test_a_record_does_not_hide_how_the_machine_ended(kind: str, name: str):
    verdict = judge(MachineEnd(kind, "It did."), final("exited"), None, words="E1", kernel_was_there=True)
    assert (verdict.name, verdict.exit_status) == (name, HOST_STATUS[name])


def test_a_machine_without_debug_exit_may_end_by_switching_itself_off():
    end = MachineEnd("power-off", "It did.")
    verdict = judge(end, final("exited"), None, words="", kernel_was_there=True, powers_off=True)
    assert verdict.name == "exited"
    for record in (None, final("trapped")):
        verdict = judge(end, record, None, words="", kernel_was_there=True, powers_off=True)
        assert verdict.name == "no-verdict"


def test_a_kernel_that_was_never_reached_is_mentioned():
    assert (
        "not been reached"
        in judge(MachineEnd("hang", "It did."), None, None, words="E1", kernel_was_there=False).reason
    )


@pytest.mark.parametrize("reason", ["crc", "feature", "write-and-execute"])
def test_a_refusal_is_named(reason: str):
    verdict = judge(exit_of("refused"), final("refused", REFUSAL[reason]), None, words="E1", kernel_was_there=True)
    assert reason in verdict.reason


def test_a_signal_is_named():
    assert "SIGABRT" in judge(exit_of("killed"), final("killed", 6), None, words="E1", kernel_was_there=True).reason


def test_the_loaders_words_are_the_reason():
    assert "E1" in judge(exit_of("boot-failed"), None, None, words="E1", kernel_was_there=False).reason


@pytest.mark.parametrize(
    ("text", "words"), [(b"", ""), (b"x\r\nbareflow: panic: no memory.\n\n", "panic: no memory"), (b"\xff\n", "\ufffd")]
)
def test_last_words_are_one_line(text: bytes, words: str):
    assert last_words(text) == words


@pytest.mark.parametrize(
    ("rip", "workload_ran", "named"),
    [(0x401235, True, True), (0x401235, False, False), (0xFFFFFFFF80001000, True, False)],
)
def test_a_halt_of_the_workloads_own_is_named(rip: int, workload_ran: bool, named: bool):
    halted = MachineEnd("hang", "The CPU halted with interrupts off.", registers=Registers({"rip": rip}, ""))
    assert ("The workload halted the CPU at 0x401234" in with_workload_halt(halted, workload_ran).reason) is named
