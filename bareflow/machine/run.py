"""Boots a machine and reports what became of it: the machine stage's one verb."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bareflow.errors import MachineError
from bareflow.layouts.wire import FINAL_RECORD, FRAME_TYPE, STARTED_RECORD
from bareflow.machine.accel import choose_accel
from bareflow.machine.console import Console
from bareflow.machine.crash import StackFrame, TrapReport, backtrace, decode_trap, with_backtrace
from bareflow.machine.firmware import uefi_code
from bareflow.machine.judge import judge, last_words
from bareflow.machine.qemu import QemuMachine
from bareflow.machine.result import GuestResult, stamps_by_name
from bareflow.machine.spec import DEFAULT_CPU, Links, MachineSpec, qemu_command
from bareflow.machine.stdin import Stdin, forward_stdin
from bareflow.machine.watch import MachineEnd, Watch
from bareflow.toolchain import tell
from bareflow.wire.frames import Frame, FrameDecoder

OnText = Callable[[bytes], None]
OnFrame = Callable[[Frame], None]


@dataclass
class Kernel:
    """What the kernel has sent over the wire so far."""

    console: Console
    started_ms: float | None = None
    started: Mapping[str, Any] = field(default_factory=dict)
    final: Mapping[str, Any] | None = None
    trap: TrapReport | None = None

    def take(self, frame: Frame, now_ms: float) -> None:
        """Take one frame; a record that is too short never happened."""
        if frame.type == FRAME_TYPE["text-mark"]:
            self.console.mark(frame.payload)
        elif frame.type == FRAME_TYPE["trap"]:
            self.trap = decode_trap(frame.payload, self.trap)
        elif frame.type == FRAME_TYPE["started"] and len(frame.payload) >= STARTED_RECORD.size:
            self.started, self.started_ms = STARTED_RECORD.decode(frame.payload), now_ms
        elif frame.type == FRAME_TYPE["final"] and len(frame.payload) >= FINAL_RECORD.size:
            self.final = FINAL_RECORD.decode(frame.payload)


async def boot(
    spec: MachineSpec,
    *,
    stdin: Stdin = None,
    on_text: OnText | None = None,
    on_frame: OnFrame | None = None,
    on_gdb: Callable[[str], None] = tell,
    attend: Callable[[QemuMachine], Coroutine[Any, Any, None]] | None = None,
) -> GuestResult:
    """Boot a machine and wait for its end.

    Args:
        spec: what to boot, and for how long at most.
        stdin: the workload's standard input: bytes, or a file that is passed on as it gives.
        on_text: called with the console's text as it arrives.
        on_frame: called with every frame of the wire.
        on_gdb: called with the gdb line to use, before the machine's first instruction; default to stderr.
        attend: runs beside the machine from before its first instruction, to talk to it over `machine.wire` for
            instance (see `ChannelPort`); cancelled at the machine's end.

    Raises:
        MachineError: when QEMU cannot be started or gives up on the guest.
    """
    choice = await choose_accel(spec)
    async with QemuMachine(spec, choice.accel, choice.cpu) as machine:
        listening = asyncio.Event()
        kernel = Kernel(Console(on_text, listening.set))
        machine.console.on_data(kernel.console.feed)
        machine.wire.on_data(_wire_reader(kernel, machine, on_frame))
        tasks = [asyncio.create_task(attend(machine))] if attend else []
        await asyncio.sleep(0)  # `attend` has begun to listen
        if spec.gdb:  # gdb starts it
            on_gdb(gdb_line(spec, machine))
        else:
            await machine.resume()
        watch = Watch(machine)
        tasks.append(asyncio.create_task(_forward_when(listening, stdin, machine, watch)))
        try:
            end = await watch.until_end()
        finally:
            await _ended(tasks)
        wall_ms = machine.elapsed_ms()
    if end.kind == "fault":
        raise MachineError(
            end.reason,
            "Try --accel tcg." if choice.accel == "kvm" else "",
            detail="\n".join(end.registers.lines() if end.registers else []),
        )
    result = _result(kernel, end, machine)
    return replace(result, wall_ms=wall_ms, accel=choice.accel, accel_reason=choice.reason)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel what ran beside the machine, and pass on what went wrong in it."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


def _wire_reader(kernel: Kernel, machine: QemuMachine, on_frame: OnFrame | None) -> Callable[[bytes], None]:
    decoder = FrameDecoder()

    def take(data: bytes) -> None:
        now_ms = machine.elapsed_ms()
        for frame in decoder.feed(data):
            kernel.take(frame, now_ms)
            if on_frame is not None:
                on_frame(frame)

    return take


async def _forward_when(listening: asyncio.Event, stdin: Stdin, machine: QemuMachine, watch: Watch) -> None:
    """Forward input from when the kernel has set its UART up: what came before that would be lost."""
    await listening.wait()
    watch.patient = True  # the guest may wait for a person
    await forward_stdin(stdin, machine.console)
    watch.patient = False


def with_workload_halt(end: MachineEnd, workload_ran: bool) -> MachineEnd:
    """A halt of the workload's own, in the lower half of memory, is named."""
    rip = end.registers.values["rip"] if end.registers else 0
    if end.kind != "hang" or not workload_ran or rip == 0 or rip >> 63:
        return end
    return replace(
        end,
        reason=f"The workload halted the CPU at {rip - 1:#x}, by an instruction that nothing here can undo.",
    )


def _result(kernel: Kernel, end: MachineEnd, machine: QemuMachine) -> GuestResult:
    end = with_workload_halt(end, bool(kernel.started))
    text = kernel.console.text()
    build_id = bytes(kernel.started.get("build_id", b""))
    trap, frames = _backtraces(kernel.trap, end, machine.spec, build_id)
    words = last_words(text.kernel)
    verdict = judge(
        end,
        kernel.final,
        trap,
        words=words,
        kernel_was_there=kernel.console.marked,
        powers_off=not machine.spec.debug_exit,
    )
    last = kernel.final or kernel.started
    return GuestResult(
        verdict=verdict.name,
        reason=verdict.reason,
        status=verdict.status,
        exit_status=verdict.exit_status,
        stdout=text.stdout,
        stderr=text.stderr,
        kernel_text=text.kernel,
        transcript=text.transcript,
        trap=trap,
        registers=end.registers,
        frames=frames,
        boot_ms=kernel.started_ms,
        wall_ms=0.0,
        stamps=stamps_by_name(last["stamps"]) if last else {},
        tsc_hz=last.get("tsc_hz", 0),
        accel=machine.accel,
        accel_reason="",
        command=tuple(machine.command),
        complaints=machine.complaints,
        final=dict(kernel.final or {}),
        build_id=build_id.hex(),
    )


def _backtraces(
    trap: TrapReport | None, end: MachineEnd, spec: MachineSpec, build_id: bytes
) -> tuple[TrapReport | None, tuple[StackFrame, ...]]:
    if trap is None and end.registers is None:
        return None, ()
    from bareflow.machine.symbols import image_code  # noqa: PLC0415  only a crash needs it, and it reads ELF

    code = image_code(spec.image, build_id)
    frames = backtrace(end.registers.values, end.stack, code) if end.registers else ()
    return with_backtrace(trap, code) if trap else None, frames


def boot_(spec: MachineSpec, *, timeout_s: float | None = None, stdin: Stdin = None) -> GuestResult:
    """`boot` for callers without an event loop; `timeout_s` replaces the spec's."""
    chosen = spec if timeout_s is None else replace(spec, timeout_s=timeout_s)
    return asyncio.run(boot(chosen, stdin=stdin))


def command_line(spec: MachineSpec) -> list[str]:
    """The QEMU command by which a person can boot the same machine by hand, the console on the terminal."""
    accel = spec.accel if spec.accel != "auto" else "tcg"
    links = Links(gdb="tcp::1234" if spec.gdb else None, uefi=uefi_code(spec))
    return qemu_command(spec, links, accel=accel, cpu=spec.cpu or DEFAULT_CPU[accel])


def gdb_line(spec: MachineSpec, machine: QemuMachine) -> str:
    """The gdb command that attaches to a stopped machine, with the symbols that are at hand."""
    from bareflow.machine.symbols import image_code  # noqa: PLC0415  as above

    commands = [f"target remote {machine.gdb_socket}"]
    commands += [f"add-symbol-file {path}" for path in image_code(spec.image).elves]
    return shlex.join(["gdb", *(word for command in commands for word in ("-ex", command))])
