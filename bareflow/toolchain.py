"""Finds the tools we call, and is the only one that runs them: clang and lld from PyPI, QEMU from the OS.

Every command goes through `run`, so that `-v` shows each exactly as it can be repeated by hand. zig's own
caches lie under `cache_dir()`; nothing is written elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TypeVar

from bareflow.errors import BareFlowError, ImageError, ToolError

ZIG_VERSION = "0.17.0"
DIGEST_BYTES = 32
KILL_AGAIN_S = 0.02
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TEMPORARY_BYTES = 8 << 20  # with less room than that, what a tool writes may be why it failed
CommandPart = str | Path
Made = TypeVar("Made")

_settings = {"echo": False}
_children: set[subprocess.Popen[bytes]] = set()  # tools that run now, in any thread


def set_echo(verbose: bool) -> None:
    """Show every command on stderr from now on (`-v`)."""
    _settings["echo"] = verbose


def show(command: Sequence[CommandPart], note: str = "") -> None:
    """With `-v`, show a command on stderr; the note says why it is not run now."""
    if _settings["echo"]:
        line = shlex.join([str(part) for part in command])
        sys.stderr.write(f"+ {line}{f'  # {note}' if note else ''}\n")
        sys.stderr.flush()


def tell(text: str) -> None:
    """Say one line on stderr: a slow first use, a package being installed."""
    sys.stderr.write(f"bareflow: {text}\n")
    sys.stderr.flush()


@cache
def data_root() -> Path:
    """The folder that holds kernel/, runtime/, loader/ and images/: the checkout, or the wheel's data."""
    package = Path(__file__).resolve().parent
    packed = package / "_data"
    return packed if packed.is_dir() else package.parent


def cache_dir() -> Path:
    """The folder for everything that can be made again; created if missing.

    Raises:
        ToolError: when it cannot be created.
    """
    own = os.environ.get("BAREFLOW_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME")
    folder = Path(own) if own else (Path(shared) if shared else Path.home() / ".cache") / "bareflow"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ToolError(
            f"The cache folder {folder} cannot be created: {problem.strerror}.",
            "Set BAREFLOW_CACHE to a folder that you may write to.",
        ) from None
    return folder.resolve()


def zig(*args: CommandPart) -> list[str]:
    """The command line of a tool inside the ziglang wheel, for instance `zig("cc", "-c", source)`."""
    return [sys.executable, "-m", "ziglang", *map(str, args)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of our tools: zig's caches in our own, no dates, plain messages."""
    folder = cache_dir()
    return {
        **os.environ,
        "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(folder / "zig"),
        "SOURCE_DATE_EPOCH": "0",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        **(extra or {}),
    }


def run(
    command: Sequence[CommandPart],
    *,
    what: str,
    error: type[BareFlowError] = ToolError,
    cwd: Path | None = None,
    timeout_s: float = 300,
    input: bytes | None = None,  # noqa: A002  the name subprocess gives it
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end and return what it printed.

    Args:
        command: program and arguments, never a shell line.
        what: what the tool is doing, as in "compiling hello.c"; it begins the error's sentence.
        error: the class to raise when the tool's exit status is not 0.
        cwd: the folder to run in; default ours.
        input: bytes for its stdin; default none.
        timeout_s: seconds after which the tool and its children are killed.

    Raises:
        ToolError: the tool is missing or does not end.
        error: it failed; its stderr is the detail.
    """
    line = [str(part) for part in command]
    show(line)
    try:
        child = subprocess.Popen(
            line,
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment(),
            start_new_session=True,
        )
    except OSError as problem:
        raise ToolError(f"{line[0]} cannot be started: {problem.strerror}.") from None
    _children.add(child)
    try:
        out, err = child.communicate(input, timeout=timeout_s)
    except BaseException as problem:
        _kill_group(child)
        if isinstance(problem, subprocess.TimeoutExpired):
            raise ToolError(f"{_sentence(what)} did not end within {timeout_s:g} s.", detail=shlex.join(line)) from None
        raise
    finally:
        _children.discard(child)
    text, complaint = out.decode(errors="replace"), err.decode(errors="replace")
    if child.returncode:
        raise error(f"{_sentence(what)} failed.", full_disk(), complaint.strip() or f"exit status {child.returncode}")
    return subprocess.CompletedProcess(line, child.returncode, text, complaint)


def side_by_side(work: Callable[..., Made], *arguments: Iterable[object]) -> list[Made]:
    """Call a function for each row of arguments, as `map` takes them; as many at once as there are cores.

    Raises:
        Whatever the first row that fails raises; what has not begun by then is left. Ctrl-C: tools that run are killed.
    """
    threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # an executor that is interrupted here loses threads
        try:
            calls = [threads.submit(work, *row) for row in zip(*arguments, strict=True)]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return [call.result() for call in calls]
    except KeyboardInterrupt:
        threads.shutdown(wait=False, cancel_futures=True)
        ending = Thread(target=threads.shutdown)
        ending.start()
        while ending.is_alive():  # one may just be starting its tool
            for child in tuple(_children):
                _kill_group(child)
            ending.join(KILL_AGAIN_S)
        raise
    finally:
        threads.shutdown(cancel_futures=True)


def full_disk() -> str:
    """What to do where a tool has failed for want of room for its files; empty where there is room."""
    folder = tempfile.gettempdir()
    full = shutil.disk_usage(folder).free < TEMPORARY_BYTES
    return f"{folder} is full: make room, or set TMPDIR." if full else ""


def _sentence(what: str) -> str:
    return what[:1].upper() + what[1:]


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a tool and what it started: zig runs clang and lld as children of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def place_of(path: Path) -> Path:
    """Return where a result file goes: behind links, and never in the place of a device, which a rename would replace.

    Raises:
        ImageError: something that is no regular file is there.
    """
    place = Path(os.path.realpath(path))
    if place.is_dir():
        raise ImageError(f"{path} is a folder.", "Name a file.")
    if place.exists() and not place.is_file():
        raise ImageError(f"{path} is no regular file.", "Name a file; devices are written to by ./inv flash --device.")
    return place


@contextlib.contextmanager
def replacing(path: Path, *, called: str = "", mode: int = 0o644) -> Iterator[Path]:
    """Give a temporary beside a result file, which takes its place once it is whole and synced, or goes away.

    kill -9 leaves old or new.

    Args:
        path: the result.
        called: it, for messages; empty: its path.
        mode: of the result.

    Raises:
        ImageError: when the folder or the file cannot be written.
        ToolError: when it is one of the cache.
    """
    temporary: Path | None = None
    try:
        place = place_of(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", dir=place.parent)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        temporary.chmod(mode)
        with temporary.open("rb") as made:
            os.fsync(made.fileno())
        temporary.replace(place)
        temporary = None
    except OSError as problem:
        if (cache := cache_dir()) in path.absolute().parents:
            hint = "Make room, or set BAREFLOW_CACHE to a folder that you may write to."
            raise ToolError(f"The cache folder {cache} cannot be written: {problem.strerror}.", hint) from None
        raise ImageError(
            f"{called or path} cannot be written: {problem.strerror}.", "Choose another output path or make room."
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a result file whole or not at all, see `replacing`.

    Raises:
        ImageError: when the folder or the file cannot be written.
    """
    with replacing(path, mode=mode) as temporary:
        temporary.write_bytes(data)


def keep(stored: Path, data: bytes) -> bytes:
    """Keep what can be made again in the cache, behind its digest, and return it.

    Raises:
        ToolError: when the cache cannot be written.
    """
    write_atomic(stored, hashlib.sha256(data).digest() + data)
    return data


def kept(stored: Path) -> bytes | None:
    """What `keep` has kept; None where there is nothing, or where not every byte is as it was."""
    try:
        content = stored.read_bytes()
    except OSError:
        return None
    digest, data = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == digest else None


def made(path: Path, make: Callable[[Path], bytes], *, mode: int = 0o644) -> Path:
    """A file of the cache that tools read as it is: made where it is missing or not whole, see `is_whole`.

    Args:
        path: the file.
        make: returns its bytes, given a folder for temporaries.
        mode: of the file.

    Raises:
        ToolError: when the cache cannot be written. And what `make` raises.
    """
    if not is_whole(path):
        with tempfile.TemporaryDirectory(prefix="bareflow-") as scratch:
            write_whole(path, make(Path(scratch)), mode=mode)
    return path


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file with its digest beside it, for `is_whole`.

    Raises:
        ToolError: when the cache cannot be written.
    """
    write_atomic(path, data, mode=mode)
    write_atomic(_digest_beside(path), hashlib.sha256(data).hexdigest().encode())


def is_whole(path: Path) -> bool:
    """Whether a file is there and every byte is as `write_whole` wrote it."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest().encode() == _digest_beside(path).read_bytes()
    except OSError:
        return False


def _digest_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def ensure_program(name: str, package: str) -> Path:
    """Find an OS program; where it is missing, have apt add its package (saying so first).

    Raises:
        ToolError: it is missing and apt is not here or failed; the package is named.
    """
    return _ensure(name, package, lambda: shutil.which(name))


def ensure_file(paths: Sequence[str], what: str, package: str) -> Path:
    """Find the first of several files; where none is there, have apt add the package that has one, as above.

    Raises:
        ToolError: none is there and apt is not here or failed; the package is named.
    """
    return _ensure(what, package, lambda: next((path for path in paths if Path(path).is_file()), None))


def _ensure(name: str, package: str, find: Callable[[], str | None]) -> Path:
    found = find()
    if found:
        return Path(found)
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else [shutil.which("sudo") or ""]
    if not apt or sudo == [""]:
        raise ToolError(f"{name} is not installed.", f"Install the package that has it ({package} on Debian).")
    tell(f"{name} is missing: apt-get installs {package}")
    install = [*sudo, apt, "install", "-y", "--no-install-recommends", package]
    if _run_in_sight(install) and (_run_in_sight([*sudo, apt, "update"]) or _run_in_sight(install)):
        raise ToolError(f"apt-get could not install {package}.", "Its own message is above.")
    found = find()
    if not found:
        raise ToolError(f"{package} was installed but {name} is still not found.", "Look at PATH.")
    return Path(found)


def _run_in_sight(command: list[str]) -> int:
    """Run a command that people watch and that may ask for a password; its output goes to stderr."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, check=False, env=environ, stdout=sys.stderr).returncode
