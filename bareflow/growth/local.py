"""Growth at native speed: the program is a Linux process, its wire a socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bareflow.errors import MachineError
from bareflow.growth.program import STACKS, Program
from bareflow.growth.result import GrowthResult, Watch
from bareflow.growth.run import GrowthRun
from bareflow.wire.line import given
from bareflow.wire.stream import Port

GRACE_S = 5.0  # between the program's end and the end of its wire


@dataclass(frozen=True)
class Inputs:
    """What a run is given.

    Args:
        arguments: argv[1] and on; argv[0] is the workload's name.
        environment: variables on top of ours.
        stdin: its standard input; None: ours.
        folder: where it runs; None: here.
    """

    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes | None = None
    folder: Path | None = None


async def grow_native(
    program: Program,
    arguments: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    folder: Path | None = None,
    watch: Watch | None = None,
    timeout_s: float | None = None,
) -> GrowthResult:
    """Run a program as a Linux process and grow it until it ends.

    Args:
        program: from `prepare`.
        arguments: see `Inputs`, as of the next three.
        environment: likewise.
        stdin: likewise.
        folder: likewise.
        watch: told of tier-ups and of what does not work.
        timeout_s: seconds after which it is killed; None: never.

    Raises:
        MachineError: the time is over.
    """
    run = GrowthRun(program, watch)
    inputs = Inputs(arguments, environment or {}, stdin, folder)
    with tempfile.TemporaryFile() as output:
        try:
            status = await _serve(run, inputs, output.fileno(), timeout_s)
        except TimeoutError:
            await run.cut()
            raise MachineError(
                f"{program.bitcode.name} did not end within {timeout_s:g} s.", "Give --timeout-s more."
            ) from None
        except BaseException:
            await run.cut()
            raise
        output.seek(0)
        return await run.result(status, output.read())


async def _serve(run: GrowthRun, inputs: Inputs, output: int, timeout_s: float | None) -> int:
    """Start the process, serve it, and return its exit status."""
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder, ours:
        process = await _start(run.program, inputs, output, theirs, Path(folder))
        port = Port(ours, "the agent")
        serving = asyncio.create_task(run.serve(given(port)))
        try:
            async with asyncio.timeout(timeout_s):
                status = await process.wait()
            run.stop_clock()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(serving, GRACE_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            port.close()
    return status


async def _start(
    program: Program, inputs: Inputs, output: int, wire: socket.socket, folder: Path
) -> asyncio.subprocess.Process:
    """Start the base with the wire's other end; both files are closed here afterwards."""
    path = folder / "base.elf"
    path.write_bytes(program.base.elf)
    path.chmod(0o755)
    with wire, tempfile.TemporaryFile(dir=folder) as typed, _large_stacks():
        typed.write(inputs.stdin or b"")
        typed.seek(0)
        return await asyncio.create_subprocess_exec(
            program.bitcode.name,
            *inputs.arguments,
            executable=path,
            stdin=None if inputs.stdin is None else typed,
            stdout=output,
            pass_fds=[wire.fileno()],
            cwd=inputs.folder,
            process_group=0,  # Ctrl-C is for us: we end it
            env={**os.environ, **inputs.environment, "BAREFLOW_WIRE_FD": str(wire.fileno())},
        )


@contextlib.contextmanager
def _large_stacks() -> Iterator[None]:
    """Processes that are started meanwhile may use more stack than ours, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == resource.RLIM_INFINITY:
        yield
        return
    wanted = STACKS * soft
    resource.setrlimit(resource.RLIMIT_STACK, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
