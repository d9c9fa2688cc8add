"""A QEMU process and everything attached to it, owned as one context manager.

The machine starts stopped; QMP and both serial lines are attached before its first instruction, so nothing is
missed. However the block is left (an end, an error, cancellation, Ctrl-C), the process is gone afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bareflow.errors import MachineError
from bareflow.image.disk import encode_arguments
from bareflow.machine.channel import Channel
from bareflow.machine.firmware import uefi_code
from bareflow.machine.monitor import Monitor
from bareflow.machine.spec import Links, MachineSpec, qemu_command
from bareflow.toolchain import ensure_program

STOP_S = 3.0  # for each of: quit, terminate
STDERR_LIMIT = 1 << 16  # bytes of QEMU's own complaints that are kept
_PR_SET_PDEATHSIG = 1  # prctl(2)


class QemuMachine:
    """One machine, from its start to its certain end.

    Args:
        spec: what to boot.
        accel: "kvm" or "tcg": what `spec.accel` came to.
        cpu: the CPU model: `spec.cpu`, or the accelerator's own.

    Attributes:
        console: COM1. Register its `on_data` callbacks before `resume`.
        wire: COM2, likewise.
        port: the virtio-serial port; None where the machine has none.
        command: the QEMU command line as it was run.
        started_at: `time.perf_counter()` when the process was made, in seconds.
    """

    def __init__(self, spec: MachineSpec, accel: str, cpu: str) -> None:
        self.spec = spec
        self.accel = accel
        self.cpu = cpu
        self.command: list[str] = []
        self.started_at = 0.0
        self._cleanup = contextlib.AsyncExitStack()
        self._complaints = bytearray()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._cleanup.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._cleanup.aclose()

    async def _start(self) -> None:
        if not self.spec.image.is_file():
            raise MachineError(f"There is no image {self.spec.image}.", "Build one with build-image.")
        self.console, self.wire, self.monitor = Channel(), Channel(), Monitor()
        self.port = Channel() if self.spec.port else None
        self._cleanup.callback(self.console.close)
        self._cleanup.callback(self.wire.close)
        if self.port:
            self._cleanup.callback(self.port.close)
        self._cleanup.push_async_callback(self.monitor.close)
        folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="bareflow-")))
        self.gdb_socket = folder / "gdb"
        links = Links(
            console=self.console.chardev,
            wire=self.wire.chardev,
            port=self.port.chardev if self.port else "null",
            monitor=self.monitor.chardev,
            args_file=self._arguments(folder),
            gdb=f"unix:path={self.gdb_socket},server=on,wait=off" if self.spec.gdb else None,
            uefi=uefi_code(self.spec),
        )
        program = ensure_program("qemu-system-x86_64", "qemu-system-x86")
        self.command = qemu_command(self.spec, links, program=str(program), accel=self.accel, cpu=self.cpu)
        await self._spawn()
        self.console.hand_over()
        self.wire.hand_over()
        if self.port:
            self.port.hand_over()
        try:
            await self.monitor.connect()
        except MachineError as problem:
            raise await self._failed_start(problem) from None

    def _arguments(self, folder: Path) -> Path | None:
        if self.spec.args is None:
            return None
        path = folder / "args"
        path.write_bytes(encode_arguments(self.spec.args, self.spec.environment))
        return path

    async def _spawn(self) -> None:
        """Make the process, in a session of its own: the terminal's Ctrl-C is for us, and we end it properly."""
        ends = [self.console.far_end, self.wire.far_end, self.monitor.far_end]
        ends += [self.port.far_end] if self.port else []
        self.started_at = time.perf_counter()
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[end.fileno() for end in ends],
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        except OSError as problem:
            raise MachineError(
                f"QEMU cannot be started: {problem.strerror}.", detail=shlex.join(self.command)
            ) from None
        self._cleanup.push_async_callback(self._stop)
        self._stderr_reader = asyncio.create_task(self._keep_complaints())

    async def _keep_complaints(self) -> None:
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(4096):
            self._complaints += data[: STDERR_LIMIT - len(self._complaints)]

    async def _failed_start(self, problem: MachineError) -> MachineError:
        """Say why QEMU would not start, in its own words."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), STOP_S)
            await asyncio.wait_for(self._stderr_reader, STOP_S)
        words = self.complaints or problem.detail
        return MachineError(
            f"QEMU did not start: {words.splitlines()[-1] if words else problem.message}",
            detail=f"{words}\n{shlex.join(self.command)}",
        )

    @property
    def complaints(self) -> str:
        """What QEMU itself wrote to its stderr."""
        return self._complaints.decode(errors="replace").strip()

    @property
    def lines(self) -> tuple[Channel, ...]:
        """All lines on which bytes may come."""
        return (self.console, self.wire, *([self.port] if self.port else []))

    def elapsed_ms(self) -> float:
        """Milliseconds since the process was made."""
        return 1000 * (time.perf_counter() - self.started_at)

    async def resume(self) -> None:
        """Let the machine run: after everything that listens has been attached."""
        await self.monitor.execute("cont")

    async def _stop(self) -> None:
        """End the process: quit, then terminate, then kill. The kill itself waits for nothing."""
        try:
            if self.process.returncode is None:
                await self._gone_within(STOP_S, self.monitor.quit())
            if self.process.returncode is None:
                self._signal(signal.SIGTERM)
                await self._gone_within(STOP_S)
        finally:
            if self.process.returncode is None:
                self._signal(signal.SIGKILL)
            await asyncio.shield(self.process.wait())
            await asyncio.shield(self._stderr_reader)

    async def _gone_within(self, seconds: float, request: Coroutine[Any, Any, None] | None = None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if request is not None:
                    await request
                await self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


def _die_with_parent() -> Callable[[], object] | None:
    """What the child does before it becomes QEMU: have Linux kill it when we die without a word (kill -9)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
