"""Passes our standard input on to the machine's console, and its end as one byte 0x04."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import select
from typing import BinaryIO

from bareflow.machine.channel import Channel

END_OF_INPUT = b"\x04"
PIECE = 4096
Stdin = bytes | BinaryIO | None


async def forward_stdin(source: Stdin, console: Channel) -> None:
    """Send everything `source` gives, then its end. A terminal gives whole lines, as its own settings say."""
    if isinstance(source, bytes):
        await console.write(source)
    elif source is not None:
        await _forward_file(source, console)
    await console.write(END_OF_INPUT)


async def _forward_file(source: BinaryIO, console: Channel) -> None:
    try:
        number = source.fileno()
    except (io.UnsupportedOperation, ValueError, OSError):
        await console.write(source.read())  # a file in memory
        return
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(number, readable.set)
    except PermissionError:  # a regular file or /dev/null: always ready, and epoll will not have it
        while data := os.read(number, PIECE):
            await console.write(data)
        return
    try:
        while True:
            await readable.wait()
            readable.clear()
            if not select.select([number], [], [], 0)[0]:
                continue  # the loop has seen again what was read since: a terminal would keep us until the next line
            data = b""
            with contextlib.suppress(BlockingIOError):
                data = os.read(number, PIECE)
                if not data:
                    return
            await console.write(data)
    finally:
        loop.remove_reader(number)
