"""Runs the tests in several pytest processes at once; `tests/lanes.py` shares the modules out between them.

What a process prints is shown when all have ended, a line about each module at once. Nothing that they write is
shared but BareFlow's cache, whose files appear whole, and Hypothesis's, likewise.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

GRACE_S = 20.0  # for the fixtures of a test that was interrupted
NO_TESTS = 5  # pytest's exit status
SUM = re.compile(r"\n*[^\n]* in \d+\.\d+s[^\n]*\Z")  # pytest's last line


def run_lanes(arguments: Sequence[str], root: Path, count: int) -> int:
    """Run pytest in `count` processes that share the tests.

    Args:
        arguments: pytest's, for each of them.
        root: folder of the checkout.
        count: of processes.

    Returns:
        pytest's exit status: 0 only if each returned it and, together, they ran every test once.

    Raises:
        KeyboardInterrupt: Ctrl-C, and what is taken for it; the processes are gone.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bareflow-tests-") as name:
        folder, lanes = Path(name), []
        reader, writer = os.pipe()
        try:
            with os.fdopen(reader, encoding="utf-8") as progress:
                lanes += [_start(arguments, root, folder, number, writer) for number in range(count)]
                os.close(writer)
                for line in progress:
                    sys.stdout.write(line)
                    sys.stdout.flush()
                statuses = [lane.wait() for lane in lanes]
        finally:
            _end(lanes)
            _show(folder, count)
        return _judge(folder, statuses, time.monotonic() - began)


def _start(arguments: Sequence[str], root: Path, folder: Path, number: int, progress: int) -> subprocess.Popen[bytes]:
    # fmt: off
    command = [
        sys.executable, "-m", "pytest", *arguments,
        "-q", "--no-header", "-o", "console_output_style=classic",  # without percents
        "-p", "no:cacheprovider",  # they would overwrite each other's list of failures
        "-p", "tests.lanes", "--lane", str(number), "--lane-folder", str(folder), "--lane-progress", str(progress),
    ]
    # fmt: on
    command += ["--color=yes"] if sys.stdout.isatty() else []
    with _output(folder, number).open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(progress,),
            process_group=0,  # Ctrl-C reaches it and its children once, through us
        )


def _output(folder: Path, number: int) -> Path:
    return folder / f"output-{number}.txt"


def _end(lanes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Interrupt those that still run, with their children, as a terminal does; kill what stays."""
    until = time.monotonic() + GRACE_S
    try:
        for lane in lanes:
            if lane.poll() is None:
                os.killpg(lane.pid, signal.SIGINT)
        for lane in lanes:
            lane.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:
        for lane in lanes:
            if lane.poll() is None:
                os.killpg(lane.pid, signal.SIGKILL)
                lane.wait()


def _show(folder: Path, count: int) -> None:
    """Print what each process had to say but its own sum; what all say alike (a test that cannot be collected) once."""
    shown: list[str] = []
    for number in range(count):
        text = SUM.sub("", _output(folder, number).read_text(errors="replace").strip())
        if text and text not in shown:
            sys.stdout.write(f"\n{text}\n")
            shown.append(text)
    sys.stdout.flush()


def _judge(folder: Path, statuses: Sequence[int], seconds: float) -> int:
    """Add up and print what came of all."""
    outcomes: list[dict[str, Any]] = []
    for number in range(len(statuses)):
        with suppress(OSError, ValueError):
            outcomes.append(json.loads((folder / f"outcome-{number}.json").read_text()))
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        counts.update(outcome["counts"])
    told = ", ".join(f"{counts[what]} {what}" for what in sorted(counts)) or "no tests ran"
    sys.stdout.write(f"\n{told} in {seconds:.0f} s, {len(statuses)} processes\n")
    killed = [signal.Signals(-status).name for status in statuses if status < 0]
    if killed:
        sys.stdout.write(f"a process was ended by {' and '.join(killed)}\n")
    if any(status != NO_TESTS for status in statuses):
        statuses = [status for status in statuses if status != NO_TESTS]
    bad = next((abs(status) for status in statuses if status), 0)
    selected, ran = max((outcome["selected"] for outcome in outcomes), default=0), sum(o["ran"] for o in outcomes)
    if ran == selected:
        return bad
    sys.stdout.write(f"{selected} tests were selected but {ran} ran\n")
    return bad or 1
