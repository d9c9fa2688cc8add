"""The C link inside a process whose workload is interrupted at any instruction, with a Python host on a socket."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess

from bareflow.wire.link import HostLink
from bareflow.wire.stream import Pump, open_port

COUNT = 20_000
DEADLINE_S = 60


async def _serve(end: socket.socket) -> tuple[HostLink, dict[int, list[bytes]]]:
    got: dict[int, list[bytes]] = {50: [], 51: [], 60: []}
    link = HostLink(7)

    def arrived(message) -> None:
        if message.type in got:
            got[message.type].append(message.payload)
        else:
            for n in range(20):
                pump.send(60, bytes([n]) * 10)

    pump = Pump(link, arrived)
    port = await open_port(end)
    await asyncio.wait_for(pump.run(port), DEADLINE_S)
    port.close()
    return link, got


def test_a_workload_interrupted_anywhere_loses_only_what_is_counted(build_native):
    sources = ["wire.c", "wire_flow.c", "cobs.c", "crc32.c"]
    program = build_native("wire_signal", ["tests/native/wire_signal.c", *(f"runtime/{name}" for name in sources)])
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    command = [str(program), str(theirs.fileno()), str(COUNT)]
    guest = subprocess.Popen(
        command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        theirs.close()
        link, got = asyncio.run(_serve(ours))
        out, errors = guest.communicate(timeout=DEADLINE_S)
    finally:
        guest.kill()
        guest.wait()
    assert guest.returncode == 0, errors
    dropped_by_workload, dropped, ticks = map(int, out.split())
    numbers = [struct.unpack_from("<I", record)[0] for record in got[50]]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + dropped_by_workload == COUNT
    for number, record in zip(numbers, got[50], strict=True):
        assert record == (struct.pack("<I", number) * 15)[: 4 + number % 56]
    assert len(got[51]) <= ticks
    assert len(got[50]) + len(got[51]) + len(got[60]) + dropped == COUNT + ticks + 20
    assert link.peer_dropped == dropped
