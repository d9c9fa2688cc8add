"""However a run is left, the machine is gone; and what cannot start says why."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bareflow.errors import MachineError
from bareflow.layouts.wire import FINAL_RECORD
from bareflow.machine import MachineSpec, boot, qemu
from bareflow.machine.console import CONSOLE_MARK
from bareflow.machine.qemu import QemuMachine

from .conftest import COM1, COM2, Script

ENDLESS = Script().say(COM1, CONSOLE_MARK + b"up\n").act("l")


def spec_of(image: Path) -> MachineSpec:
    return MachineSpec(image, accel="tcg", timeout_s=60)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_cancelled_run_leaves_no_machine(player):
    image = player(ENDLESS)

    async def cancel_when_up() -> None:
        up = asyncio.Event()
        task = asyncio.create_task(boot(spec_of(image), on_text=lambda _: up.set()))
        await up.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_when_up())  # no_child_is_left looks


def test_cancelling_twice_leaves_no_machine_either(player):
    image = player(ENDLESS)

    async def cancel_twice() -> None:
        up = asyncio.Event()
        task = asyncio.create_task(boot(spec_of(image), on_text=lambda _: up.set()))
        await up.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_twice())


def test_a_machine_that_does_not_answer_is_killed(player, monkeypatch):
    monkeypatch.setattr(qemu, "STOP_S", 0.3)
    image = player(ENDLESS)

    async def stop_a_stopped_process() -> int | None:
        async with QemuMachine(spec_of(image), "tcg", "max") as machine:
            os.kill(machine.process.pid, signal.SIGSTOP)  # neither quit nor terminate reaches it
        return machine.process.returncode

    assert asyncio.run(stop_a_stopped_process()) == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_machine_outlives_a_killed_parent(player, number: signal.Signals):
    image = player(ENDLESS)
    program = (
        "import asyncio, signal\nfrom pathlib import Path\nfrom bareflow.machine.spec import MachineSpec\n"
        "from bareflow.machine.qemu import QemuMachine\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job inherits it ignored
        "async def main():\n"
        f"    async with QemuMachine(MachineSpec(Path({str(image)!r})), 'tcg', 'max') as machine:\n"
        "        await machine.resume()\n"
        "        print(machine.process.pid, flush=True)\n"
        "        await machine.process.wait()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        machine = int(parent.stdout.readline())
        assert is_alive(machine)
        end = os.pidfd_open(machine)
        try:
            parent.send_signal(number)
            parent.wait(timeout=30)
            # The machine is not our child: its pidfd becomes readable when it ends.
            asyncio.run(asyncio.wait_for(_readable(end), 30))
            assert not is_alive(machine)
        finally:  # nothing is left of a failed try either
            parent.kill()
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(end, signal.SIGKILL)
            os.close(end)


async def _readable(number: int) -> None:
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(number, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(number)


def test_qemus_own_complaint_is_passed_on(player, boot):
    with pytest.raises(MachineError, match="no-such-device") as caught:
        boot(player(ENDLESS), extra=("-device", "no-such-device"))
    assert "-machine" in caught.value.detail


def test_a_missing_image_is_named(tmp_path, boot):
    with pytest.raises(MachineError, match=r"nothing\.img"):
        boot(tmp_path / "nothing.img")


def test_under_gdb_the_machine_waits_for_it(player):
    image = player(ENDLESS)
    lines: list[str] = []

    async def attach() -> bytes:
        spec = MachineSpec(image, accel="tcg", gdb=True, timeout_s=30)
        task = asyncio.create_task(boot(spec, on_gdb=lines.append))
        while not lines:
            await asyncio.wait({task}, timeout=0.01)
            assert not task.done(), task.result()
        path = lines[0].partition("target remote ")[2].split("'")[0]
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"+$?#3f")  # why has the target stopped? (GDB Remote Serial Protocol)
        answer = await asyncio.wait_for(reader.readuntil(b"#"), 20)
        writer.write(b"+$k#6b")  # end it
        result = await task
        writer.close()
        assert not result.transcript
        return answer

    assert asyncio.run(attach()).lstrip(b"+").startswith(b"$T")


def test_a_frame_split_over_many_reads_counts_once(player, boot):
    """The wire is read as it comes, here one byte a read: the player polls the UART."""
    from bareflow.layouts.verdict import GUEST_VERDICT
    from bareflow.layouts.wire import FRAME_TYPE
    from bareflow.wire.frames import Frame, encode_frame

    payload = FINAL_RECORD.encode(verdict=GUEST_VERDICT["exited"], status=5)
    script = Script().say(COM1, CONSOLE_MARK).say(COM2, encode_frame(Frame(FRAME_TYPE["final"], payload)))
    assert boot(player(script.act("e", GUEST_VERDICT["exited"]))).exit_status == 5
