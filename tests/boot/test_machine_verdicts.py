"""What becomes of machines that say and do all kinds of things, played by a boot sector."""

from __future__ import annotations

import asyncio
import os
import subprocess

import pytest

from bareflow.layouts.verdict import GUEST_VERDICT, HOST_STATUS
from bareflow.layouts.wire import FINAL_RECORD, FRAME_TYPE, STARTED_RECORD, TEXT_MARK, TEXT_STREAM
from bareflow.machine import GuestResult, MachineSpec, boot
from bareflow.machine.channel import ChannelPort
from bareflow.machine.console import CONSOLE_MARK
from bareflow.machine.qemu import QemuMachine
from bareflow.wire.frames import Frame, encode_frame

from .conftest import COM1, COM2, Script


def frame(kind: str, payload: bytes) -> bytes:
    return encode_frame(Frame(FRAME_TYPE[kind], payload))


def final(verdict: str, status: int = 0) -> bytes:
    return frame("final", FINAL_RECORD.encode(verdict=GUEST_VERDICT[verdict], status=status, tsc_hz=10**9))


def started() -> bytes:
    return frame("started", STARTED_RECORD.encode(stamps=(1, 2, 3, 4)))


def workload(text: bytes = b"") -> Script:
    return Script().say(COM1, CONSOLE_MARK).say(COM2, started()).say(COM1, text)


def test_text_and_status_come_back(player, boot):
    script = workload(b"hello\n").say(COM2, final("exited", 7)).act("e", GUEST_VERDICT["exited"])
    result = boot(player(script))
    assert (result.verdict, result.exit_status, result.stdout) == ("exited", 7, b"hello\n"), result.explain()
    assert result.boot_ms is not None
    assert 0 < result.boot_ms <= result.wall_ms
    assert result.stamps == {"loader": 1, "kernel": 2, "snapshot": 3, "workload": 4} or not result.stamps
    assert result.explain() == []


def test_streams_are_told_apart(player, boot):
    said = [(b"out 1\n", "stdout"), (b"oops\n", "stderr"), (b"bareflow: note\n", "kernel"), (b"out 2\n", "stdout")]
    script, offset = Script().say(COM1, b"loader\n" + CONSOLE_MARK), 0
    for text, stream in said:
        if stream != "stdout":
            mark = TEXT_MARK.encode(offset=offset, length=len(text), stream=TEXT_STREAM[stream])
            script.say(COM2, frame("text-mark", mark))
        script.say(COM1, text)
        offset += len(text)
    result = boot(player(script.say(COM2, final("exited")).act("e", GUEST_VERDICT["exited"])))
    assert result.stdout == b"out 1\nout 2\n"
    assert result.stderr == b"oops\n"
    assert result.kernel_text == b"loader\nbareflow: note\n"
    assert result.transcript == b"loader\n" + b"".join(text for text, _ in said)


def test_no_byte_is_lost_in_a_flood(player, boot):
    text = bytes(i * 7 % 255 + 1 for i in range(30000))
    script = workload(text).say(COM2, final("exited")).act("e", GUEST_VERDICT["exited"])
    assert boot(player(script)).stdout == text


def test_input_reaches_the_guest_and_ends(player, boot):
    script = workload().act("c").say(COM2, final("exited")).act("e", GUEST_VERDICT["exited"])
    given = b"".join(b"line %d\n" % i for i in range(200))
    assert boot(player(script), stdin=given).stdout == given


def test_without_input_the_guest_sees_its_end_at_once(player, boot):
    script = workload().act("c").say(COM2, final("exited")).act("e", GUEST_VERDICT["exited"])
    assert boot(player(script)).verdict == "exited"


@pytest.mark.parametrize("verdict", ["trapped", "killed", "panic", "refused", "boot-failed"])
def test_each_guest_verdict_has_a_status_of_its_own(player, boot, verdict: str):
    script = workload().say(COM2, final(verdict, 3)).act("e", GUEST_VERDICT[verdict])
    result = boot(player(script))
    assert (result.verdict, result.exit_status, result.status) == (verdict, HOST_STATUS[verdict], 3)


def test_a_status_without_a_record_is_not_believed(player, boot):
    result = boot(player(workload().act("e", GUEST_VERDICT["exited"])))
    assert result.verdict == "no-verdict"


def test_a_record_without_a_status_is_not_believed(player, boot):
    result = boot(player(workload().say(COM2, final("exited")).act("p")))
    assert result.verdict == "no-verdict", result.reason


def test_a_record_and_a_status_that_differ_are_not_believed(player, boot):
    result = boot(player(workload().say(COM2, final("exited")).act("e", GUEST_VERDICT["panic"])))
    assert result.verdict == "no-verdict"


def test_a_damaged_record_never_happened(player, boot):
    damaged = bytearray(final("exited"))
    damaged[9] ^= 1
    result = boot(player(workload().say(COM2, bytes(damaged)).act("e", GUEST_VERDICT["exited"])))
    assert result.verdict == "no-verdict"


def test_a_triple_fault_is_told_from_an_end(player, boot):
    result = boot(player(workload(b"last words\n").say(COM2, final("exited")).act("t")))
    assert (result.verdict, result.exit_status) == ("triple-fault", HOST_STATUS["triple-fault"])
    assert result.registers is not None
    assert 0x7C00 <= result.registers.values["rip"] < 0x7E00
    assert any("last words" in line for line in result.explain())


def test_a_halt_with_interrupts_off_is_a_hang(player, boot):
    result = boot(player(Script().say(COM1, b"E5\n").act("h")))
    assert (result.verdict, result.exit_status) == ("hang", HOST_STATUS["hang"])
    assert result.registers is not None
    assert result.registers.halted_for_good
    assert "E5" in "\n".join(result.explain())


def test_a_spin_is_a_hang(player, boot):
    result = boot(player(workload().act("s")), stall_s=0.5)
    assert result.verdict == "hang"
    assert result.registers is not None


def test_a_machine_that_waits_for_a_person_is_no_hang(player, boot):
    reader, writer = os.pipe()
    with open(reader, "rb") as terminal:  # noqa: PTH123  a person who has not typed yet
        result = boot(player(workload().act("s")), stall_s=0.1, timeout_s=2.0, stdin=terminal)
    os.close(writer)
    assert result.verdict == "timeout"


def test_a_machine_whose_input_has_ended_waits_for_nobody(player, boot):
    assert boot(player(workload().act("s")), stall_s=0.5, stdin=b"all of it").verdict == "hang"


def test_input_comes_from_a_file_and_from_a_pipe_alike(player, boot, tmp_path):
    script = workload().act("c").say(COM2, final("exited")).act("e", GUEST_VERDICT["exited"])
    given = bytes(i % 200 + 40 for i in range(5000))
    path = tmp_path / "input"
    path.write_bytes(given)
    with path.open("rb") as stream:
        assert boot(player(script), stdin=stream).stdout == given
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        assert boot(player(script), stdin=cat.stdout).stdout == given


def test_work_without_output_ends_only_by_the_timeout(player, boot):
    result = boot(player(workload().act("l")), stall_s=0.1, timeout_s=2.0)
    assert (result.verdict, result.exit_status) == ("timeout", HOST_STATUS["timeout"])
    assert result.registers is not None


def test_the_image_is_as_it_was(player, boot):
    image = player(workload(b"x").say(COM2, final("exited")).act("e", GUEST_VERDICT["exited"]))
    before = image.read_bytes()
    boot(image)
    assert image.read_bytes() == before


@pytest.mark.parametrize("drive", ["ide", "ahci", "virtio", "usb"])
def test_every_drive_boots(player, boot, drive: str):
    script = workload(b"ok\n").say(COM2, final("exited")).act("e", GUEST_VERDICT["exited"])
    result = boot(player(script), drive=drive)
    assert result.stdout == b"ok\n", result.explain()


def test_one_can_talk_to_a_machine_while_it_runs(player):
    """The player copies COM1's input; here somebody who attends writes it, and reads the wire."""
    script = workload().act("c").say(COM2, final("exited")).act("e", GUEST_VERDICT["exited"])
    heard = bytearray()

    async def attend(machine: QemuMachine) -> None:
        port = ChannelPort(machine.wire)
        while len(heard) < len(started()) and (piece := await port.read()):
            heard.extend(piece)
        assert await machine.console.write(b"spoken\x04")

    async def run() -> GuestResult:
        reader, writer = os.pipe()  # standard input stays silent
        with open(reader, "rb") as silent:  # noqa: ASYNC230, PTH123
            spec = MachineSpec(player(script), accel="tcg", timeout_s=60)
            result = await boot(spec, stdin=silent, attend=attend)
        os.close(writer)
        return result

    assert asyncio.run(run()).stdout == b"spoken"
    assert bytes(heard).startswith(started())
