"""What the tasks that speak over a port share: which port, how fast, and how Ctrl-C ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from bareflow.cli.task import positive
from bareflow.errors import UsageError

if TYPE_CHECKING:
    from bareflow.growth.remote import Remote

HELP_PORT = (
    "a serial device, VID:PID, socket://HOST:PORT, unix:PATH or a socket; without a value the only USB adapter there is"
)
HELP_BAUD = "of a serial device"
HELP_WAIT = "wait for a port that is not there yet"


def chosen_port(port: str | bool | None, baud: int) -> str:
    """The port that a command line means.

    Raises:
        UsageError: the rate is none.
        WireError: no port fits, or several do.
    """
    from bareflow.wire.ports import AUTO, port_name

    positive("--baud", baud)
    return port_name(AUTO if port is True or not port else str(port))


def stop_by_signal() -> asyncio.Event:
    """An event that Ctrl-C and SIGTERM set, from within the event loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):
            loop.add_signal_handler(number, stop.set)
    return stop


def teller(task: str) -> Callable[[str], None]:
    """Says how a task goes, to stderr, one line each."""

    def say(text: str) -> None:
        sys.stderr.write(f"{task}: {text}\n")
        sys.stderr.flush()

    return say


def remote_of(
    port: str | bool,
    console: str | None,
    *,
    baud: int,
    wait: bool,
    timeout_s: float,
    stdin: bytes,
) -> Remote:
    """The machine at a port; call it from within the event loop.

    Raises:
        UsageError: there is too much standard input for the line. And what `chosen_port` raises.
    """
    from bareflow.growth.remote import INPUT_MOST, Remote
    from bareflow.wire.line import opener

    if len(stdin) > INPUT_MOST and not console:
        raise UsageError(
            f"{len(stdin):,} bytes of standard input are more than the {INPUT_MOST:,} that the line takes.",
            "Attach the console too, and add --console PORT.",
        )
    where = chosen_port(port, baud)
    say = teller("grow")
    return Remote(
        opener(where, baud=baud, say=say),
        where,
        console=opener(console, baud=baud) if console else None,
        stdin=stdin,
        wait=wait,
        timeout_s=timeout_s,
        stop=stop_by_signal(),
        say=say,
    )
