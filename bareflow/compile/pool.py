"""A pool of compiler processes: each request has a deadline; a process that dies or hangs is replaced.

Whatever LLVM does to its process (abort, exit, endless loop) comes back as `WorkerFailure` with what it
printed last. Threads may share a pool; a request takes an idle process or waits for one.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import io
import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from bareflow.compile import worker
from bareflow.errors import CompileError
from bareflow.toolchain import environment

DEADLINE_S = 120.0
Reply = tuple[worker.Message, list[bytes]]
# glibc gives a module's memory back to the kernel after each request and fetches it anew for the next, in pages of
# 4 KiB: some 6 % of a compilation. Here it keeps it, in large pages where there are some ("Memory Allocation Tunables"
# of its manual); another libc does not read this.
MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.top_pad=33554432:glibc.malloc.trim_threshold=1073741824"
    ":glibc.malloc.mmap_threshold=33554432:glibc.malloc.hugetlb=1"
}
AT_ONCE = 32 << 10  # bytes that a pipe takes without anybody reading (pipe(7))


class WorkerFailure(Exception):  # noqa: N818  not an error for people: compile_object turns it into one
    """The compiler process died or was killed at its deadline.

    Args:
        reason: one phrase, "was killed by SIGABRT" or "did not end within 5 s".
        output: the end of what it printed on stderr.
    """

    def __init__(self, reason: str, output: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.output = output


class Worker:
    """One compiler process, started at the first request and again after a failure."""

    def __init__(self, llvm_options: tuple[str, ...] = ()) -> None:
        self.llvm_options = llvm_options
        self.warm = False  # it has answered before: LLVM is loaded
        self._child: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, or None where none runs."""
        return self._child.pid if self._child else None

    def request(
        self, message: worker.Message, blobs: list[bytes], deadline_s: float
    ) -> tuple[worker.Message, list[bytes]]:
        """Send one request and wait for its reply.

        Raises:
            WorkerFailure: the process died, or the deadline passed; it is gone then.
        """
        until = time.monotonic() + deadline_s
        self.begin(message, blobs, until, deadline_s)
        return self.finish(until, deadline_s)

    def begin(self, message: worker.Message, blobs: list[bytes], until: float, deadline_s: float) -> int:
        """Send one request, until a time of the monotonic clock; returns the descriptor on which its reply will come.

        Raises:
            WorkerFailure: the process has died, or the deadline passed; it is gone then.
        """
        child = self._child or self._start()
        assert child.stdin
        assert child.stdout
        try:
            left, handle = memoryview(worker.encode(message, blobs)), child.stdin.fileno()
            os.set_blocking(handle, False)  # a process that has been stopped takes no more than its pipe holds
            while left:
                if not select.select([], [handle], [], max(0.0, until - time.monotonic()))[1]:
                    raise self._late(deadline_s)
                left = left[os.write(handle, left) :]
        except (OSError, ValueError):
            raise self._bury() from None
        return child.stdout.fileno()

    def _late(self, deadline_s: float) -> WorkerFailure:
        """End a process at its deadline."""
        output = self._output()
        self.close()
        return WorkerFailure(f"did not end within {deadline_s:g} s", output)

    def finish(self, until: float, deadline_s: float) -> tuple[worker.Message, list[bytes]]:
        """Wait for the reply to what was begun, until a time of the monotonic clock.

        Raises:
            WorkerFailure: the process died, or the deadline passed; it is gone then.
        """
        child = self._child
        if child is None:  # closed by another thread
            raise self._bury()
        try:
            reply = self._receive(child, until, deadline_s)
        except (OSError, ValueError, EOFError):
            raise self._bury() from None
        except BaseException:
            self.close()
            raise
        if "bug" in reply[0]:
            raise RuntimeError(reply[0]["bug"])
        self.warm = True
        return reply

    def _start(self) -> subprocess.Popen[bytes]:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        command = [sys.executable, "-m", "bareflow.compile.worker", *self.llvm_options]
        package_parent = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH", "")]))
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment({"PYTHONPATH": path, **MEMORY}),
            start_new_session=True,  # neither the terminal's Ctrl-C nor its share of the CPU (sched(7), autogroup)
        )
        return self._child

    def _receive(
        self, child: subprocess.Popen[bytes], until: float, deadline_s: float
    ) -> tuple[worker.Message, list[bytes]]:
        head = self._read(child, worker.HEAD.size, until, deadline_s)
        body = self._read(child, sum(worker.HEAD.unpack(head)), until, deadline_s)
        reply = worker.receive(io.BytesIO(head + body))
        assert reply is not None
        return reply

    def _read(self, child: subprocess.Popen[bytes], size: int, until: float, deadline_s: float) -> bytes:
        assert child.stdout
        parts, handle = bytearray(), child.stdout.fileno()
        while len(parts) < size:
            left = until - time.monotonic()
            if left <= 0 or not select.select([handle], [], [], left)[0]:
                raise self._late(deadline_s)
            piece = os.read(handle, min(size - len(parts), 1 << 20))
            if not piece:
                raise EOFError
            parts += piece
        return bytes(parts)

    def _bury(self) -> WorkerFailure:
        """Collect a dead process's status and last words."""
        child = self._child
        if not child:  # closed by another thread
            return WorkerFailure("was ended", "")
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
        status, output = child.returncode, self._output()
        self.close()
        if status is not None and status < 0:
            return WorkerFailure(f"was killed by {signal.Signals(-status).name}", output)
        return WorkerFailure(f"exited with status {status}", output)

    def _output(self) -> str:
        assert self._log
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 20000))
        return self._log.read().decode(errors="replace").strip()

    def close(self) -> None:
        """End the process; the next request starts another."""
        child, self._child = self._child, None
        self.warm = False
        if child:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):
                    assert stream
                    stream.close()
        if self._log:
            self._log.close()
            self._log = None


class CompilePool:
    """A fixed number of compiler processes, shared by threads."""

    def __init__(self, size: int = 1) -> None:
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        self._workers = [Worker() for _ in range(size)]
        for each in self._workers:
            self._idle.put(each)
        self._threads = ThreadPoolExecutor(max_workers=size, thread_name_prefix="compile")
        # Whoever waits for an idle process must not be in the way of those who bring one back.
        self._late = ThreadPoolExecutor(max_workers=size, thread_name_prefix="late")
        self._warming: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm(self) -> None:
        """Have all processes started and LLVM loaded, a third of a second's work; does not wait."""
        self._warming = [self._threads.submit(self._warm_one) for _ in self._workers]

    def wait_until_warm(self) -> None:
        """Wait for what `warm` began; a process that failed then is started anew when it is wanted."""
        for each in self._warming:
            with contextlib.suppress(WorkerFailure):
                each.result()

    def _warm_one(self) -> None:
        idle: list[Worker] = []
        with contextlib.suppress(queue.Empty):
            while not idle or idle[-1].warm:
                idle.append(self._idle.get_nowait())
        chosen = idle.pop() if idle and not idle[-1].warm else None
        for each in reversed(idle):
            self._idle.put(each)
        if chosen is None:
            return
        try:
            chosen.request({"op": "warm"}, [], DEADLINE_S)
        finally:
            self._idle.put(chosen)

    def request(
        self,
        message: worker.Message,
        blobs: list[bytes],
        *,
        deadline_s: float = DEADLINE_S,
        llvm_options: tuple[str, ...] = (),
    ) -> tuple[worker.Message, list[bytes]]:
        """Have one request served; waits for an idle process. LLVM options are a process's own.

        Raises:
            WorkerFailure: the process died on it or met the deadline.
        """
        chosen = self._idle.get()
        try:
            if chosen.llvm_options != llvm_options:
                chosen.close()
                chosen.llvm_options = llvm_options
            return chosen.request(message, blobs, deadline_s)
        finally:
            self._idle.put(chosen)

    async def ask(
        self,
        message: worker.Message,
        blobs: list[bytes],
        *,
        deadline_s: float = DEADLINE_S,
        late: Callable[[Reply], object] = lambda _reply: None,
    ) -> Reply | None:
        """As `request`, waiting in the event loop instead of a thread: two changes of threads less until the reply.

        Args:
            message: as for `request`.
            blobs: likewise.
            deadline_s: likewise.
            late: called in a thread with a reply for which nobody waits any more: this was cancelled.

        Returns:
            The reply; None, nothing done: no loaded process is idle, or the request is too long to be sent at once.

        Raises:
            WorkerFailure: the process died on it or met the deadline.
        """
        chosen = self._take_warm() if sum(map(len, blobs)) <= AT_ONCE else None
        if chosen is None:
            return None
        until, loop, answered = time.monotonic() + deadline_s, asyncio.get_running_loop(), asyncio.Event()
        try:
            descriptor = chosen.begin(message, blobs, until, deadline_s)
            loop.add_reader(descriptor, answered.set)
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(answered.wait(), deadline_s)
            finally:
                loop.remove_reader(descriptor)
            reply = chosen.finish(until, deadline_s)
        except asyncio.CancelledError:
            self._late.submit(self._finish_late, chosen, until, deadline_s, late)
            raise
        except BaseException:
            self._idle.put(chosen)
            raise
        self._idle.put(chosen)
        return reply

    def _finish_late(self, chosen: Worker, until: float, deadline_s: float, late: Callable[[Reply], object]) -> None:
        """Let a process end what it is at: it stays loaded, and what it made may be kept."""
        try:
            with contextlib.suppress(WorkerFailure):
                late(chosen.finish(until, deadline_s))
        finally:
            self._idle.put(chosen)

    def _take_warm(self) -> Worker | None:
        """An idle process that waits for requests; None: there is none."""
        try:
            chosen = self._idle.get_nowait()
        except queue.Empty:
            return None
        if chosen.pid is not None and chosen.warm and not chosen.llvm_options:
            return chosen
        self._idle.put(chosen)
        return None

    def submit(
        self, message: worker.Message, blobs: list[bytes], **kwargs: Any
    ) -> Future[tuple[worker.Message, list[bytes]]]:
        """As `request`, without waiting."""
        return self._threads.submit(self.request, message, blobs, **kwargs)

    def run(self, work: Any, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function that uses this pool in one of its threads."""
        return self._threads.submit(work, *args, **kwargs)

    def close(self) -> None:
        """End all processes, idle or not."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for each in self._workers:
            each.close()
        self._late.shutdown(wait=True)  # its processes have ended, and somebody may wait for one
        self._threads.shutdown(wait=True)  # one of them may just have started a process anew
        for each in self._workers:
            each.close()


@cache
def default_pool() -> CompilePool:
    """The pool of a command that compiles one thing after the other; ended with the program."""
    pool = CompilePool(1)
    atexit.register(pool.close)
    return pool


def failure_sentence(failure: WorkerFailure) -> CompileError:
    """A failure where no function can be blamed."""
    return CompileError(f"The compiler {failure.reason}.", detail=failure.output[-4000:])
