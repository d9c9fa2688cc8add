"""A machine that is not ours, seen only through its serial ports: one for everything, or one more for the console."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bareflow.machine.firmware import OVMF
from tests.port_machine import ENVIRONMENT, host

DEADLINE_S = 120
CALLS = "4000000"
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
extern struct { unsigned long target; long counters[2]; unsigned tier, reserved; } bf_slots[] __attribute__((weak));
__attribute__((noinline)) static unsigned step(unsigned x) { return x * 2654435761u ^ x >> 9; }
/* Until step() is at O3, then as many calls more; the frozen program need not wait. */
int main(int argc, char **argv) {
    volatile unsigned *tier = bf_slots ? &bf_slots[1].tier : 0;
    unsigned sum = 0, more = atoi(argv[1]);
    char name[40] = "nobody";
    fprintf(stderr, "begin\\n");
    if (scanf("%39s", name) == 1) printf("hello %s\\n", name);
    for (int i = 0; i < 3000; i++) printf("line %d: %u\\n", i, sum = step(sum + i));
    fflush(stdout);
    for (unsigned i = 0; tier && *tier < 4; i++) (void)step(i);
    for (unsigned i = 0; tier && i < more; i++) (void)step(i);
    printf("end of %s %u\\n", name, sum);
    return 6;
}
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with the program and its growing images: `two/` for two ports, `one/` for the first alone."""
    folder = tmp_path_factory.mktemp("ports")
    (folder / "steps.c").write_text(PROGRAM)
    (folder / "typed").write_text("somebody\n")
    for name, words in (("two", ()), ("one", ("--one-port",))):
        common = ("grow", "--workload", "steps.c", "--args", CALLS, "--only-image", "--out", name, "--json", *words)
        done = subprocess.run(
            [sys.executable, "-m", "bareflow", *common], cwd=folder, env=ENVIRONMENT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        assert json.loads(done.stdout)["one_port"] == (name == "one")
    return folder


def uefi():
    """QEMU's words for UEFI firmware; none where it is not installed."""
    found = next((path for path in OVMF if Path(path).is_file()), None)
    return ("-drive", f"if=pflash,format=raw,readonly=on,file={found}") if found else ()


@contextlib.asynccontextmanager
async def switched_on(image, ports, *firmware):
    """A PC with serial ports that somebody may connect to, and nothing by which the guest could end it."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(ports)]
    words = ["-machine", "pc", "-accel", "tcg", "-cpu", "max", "-m", "192", "-nodefaults", "-display", "none"]
    words += ["-no-reboot", "-drive", f"file={image},format=raw,if=ide,snapshot=on", *firmware]
    for index, server in enumerate(servers):
        wait = "on" if ports > 1 and not index else "off"  # a console's first bytes would be gone
        words += ["-chardev", f"socket,fd={server.fileno()},server=on,wait={wait},id=c{index}"]
        words += ["-device", f"isa-serial,chardev=c{index},index={index}"]
    machine = await asyncio.create_subprocess_exec(
        *("qemu-system-x86_64", *words), stderr=subprocess.DEVNULL, pass_fds=[one.fileno() for one in servers]
    )
    try:
        yield machine, *(f"socket://127.0.0.1:{server.getsockname()[1]}" for server in servers)
    finally:
        machine.kill()
        await machine.wait()
        for server in servers:
            server.close()


def grow(folder, out, where, *words):
    common = ("grow", "--workload", folder / "steps.c", "--args", CALLS, "--out", folder / out, "--accel", "tcg")
    return host(*common, "--port", where, "--json", *words, cwd=folder)


def run(scenario):
    async def bounded():
        async with asyncio.timeout(DEADLINE_S):
            return await scenario

    return asyncio.run(bounded())


def check(facts, folder, typed):
    assert facts["status"] == 0, facts
    assert (facts["outputs_agree"], facts["exit_code"]) == (True, 6)
    assert next(row["tier"] for row in facts["functions"] if row["name"] == "step") == "O3"
    assert "BOOTX64.EFI" in facts["parts"]  # of the shrunk image: the machine may have no BIOS
    subprocess.run(["cc", "-O1", "-w", folder / "steps.c", "-o", folder / "steps"], check=True)
    native = subprocess.run([folder / "steps", CALLS], input=typed, capture_output=True, check=False)
    assert (facts["stdout"].encode(), facts["exit_code"]) == (native.stdout, native.returncode)


def test_one_port_is_enough_under_uefi_too_and_a_killed_host_is_followed_by_another(images):
    async def scenario():
        async with switched_on(images / "one" / "steps.grow.img", 1, *uefi()) as (machine, port):
            words = ("--native", "--stdin", images / "typed")
            async with grow(images, "one", port, *words) as first:
                said = await first.until("step: ")
                await first.kill()
                machine.send_signal(signal.SIGSTOP)  # so that it is still there when the next host is
            async with grow(images, "one", port, *words) as second:
                await second.until("is open")
                machine.send_signal(signal.SIGCONT)
                return said, await second.document()

    said, facts = run(scenario())
    check(facts, images, b"somebody\n")
    before = [up["from"] for up in facts["tier_ups"] if up["function"] == "step"]
    assert "step: interp → " in said
    assert "interp" not in before


def test_with_a_second_port_the_console_has_one_of_its_own(images):
    async def scenario():
        async with switched_on(images / "two" / "steps.grow.img", 2) as (_, console, wire):
            words = ("--console", console, "--stdin", images / "typed")
            async with grow(images, "two", wire, *words) as serving:
                return await serving.document()

    check(run(scenario()), images, b"somebody\n")
