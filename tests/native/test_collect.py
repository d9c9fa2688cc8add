"""Profiles from lines: sockets, pseudo-terminals, guests that reset, hosts that come late, and a real agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tty
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bareflow.collect import Collector, collect, same_program, store
from bareflow.compile.pool import CompilePool
from bareflow.errors import ProfileError, WireError
from bareflow.grow import prepare
from bareflow.layouts.growth import AGENT_STARTED, COLLECTED_RECORD, FUNCTION_COUNTS, GROWTH_MESSAGE, TIER_TIMES
from bareflow.layouts.wire import FINAL_RECORD, FRAME_TYPE
from bareflow.names import ProgramNames, load_names, names_of_build, remember_names
from bareflow.profile.decoder import KnownFunction
from bareflow.profile.store import load_profile, save_profile
from bareflow.profile.values import FunctionProfile, Profile
from bareflow.wire.frames import Frame, encode_frame
from bareflow.wire.line import Line
from bareflow.wire.link import GuestLink, HostLink
from bareflow.wire.stream import Port, Pump, open_port

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60
BUILD = bytes(range(1, 17))
NAMES = ProgramNames("", (KnownFunction("alpha", "5a" * 16), KnownFunction("beta", "11" * 16)), ((4096, 64, "alpha"),))


def counts(function: int, calls: int, tier: int = 1) -> bytes:
    times = TIER_TIMES.encode(samples=calls, weight=calls, cycles_low=calls * 30, cycles_high=0, minimum=25)
    head = FUNCTION_COUNTS.encode(function=function, tier=tier, timed=1 << tier, calls=calls, self_calls=0)
    return head + times


def collected(ns: int = 2_000_000_000) -> bytes:
    return COLLECTED_RECORD.encode(tsc=3 * ns, ns=ns, ticks=1)


def started(session: int) -> bytes:
    return AGENT_STARTED.encode(version=1, functions=2, tsc=session, ns=1, cpuid=[0] * 8, build_id=BUILD)


def final(status: int = 7) -> bytes:
    payload = FINAL_RECORD.encode(verdict=0x10, status=status, tsc_hz=1, stamps=[0] * 8)
    return encode_frame(Frame(FRAME_TYPE["final"], payload))


@dataclass
class Guest:
    """A guest in Python, over one socket after another."""

    session: int
    link: GuestLink = field(init=False)

    def __post_init__(self) -> None:
        self.link = GuestLink(self.session, BUILD)

    def say(self, *messages: tuple[str, bytes]) -> None:
        for kind, payload in messages:
            assert self.link.send(GROWTH_MESSAGE[kind], payload)

    async def talk(self, port: Port, until_idle: bool = True) -> None:
        """Serve the line until the host has everything, or has gone."""
        pump = Pump(self.link, lambda _message: None)
        running = asyncio.create_task(pump.run(port))
        while until_idle and not running.done() and not (self.link.connected and self.link.idle):
            await asyncio.wait({running}, timeout=0.01)
        if until_idle:
            running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@contextlib.contextmanager
def listening(path: Path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        server.setblocking(False)
        yield server


async def accept(server: socket.socket) -> Port:
    connection, _ = await asyncio.get_running_loop().sock_accept(server)
    return await open_port(connection)


def run(coroutine):
    async def bounded():
        return await asyncio.wait_for(coroutine, DEADLINE_S)

    return asyncio.run(bounded())


def collector() -> Collector:
    return Collector(lambda _build: NAMES, "testcpu")


def test_a_guest_is_read_to_its_final_record(tmp_path):
    async def scenario():
        with listening(tmp_path / "line") as server:
            reading = asyncio.create_task(collect(str(tmp_path / "line"), collector()))
            guest = Guest(5)
            guest.say(("started", started(1)), ("counts", counts(0, 40)), ("ended", collected()))
            port = await accept(server)
            await guest.talk(port)
            await port.write(final())
            result = await reading
            port.close()
            return result

    result = run(scenario())
    assert (result.why, result.complete, result.final["status"]) == ("final record", True, 7)
    assert result.profile.named("alpha").calls == 40
    assert (result.profile.builds, result.profile.cpus) == ({BUILD.hex()}, {"testcpu"})
    assert result.as_dict()["final"]["verdict"] == "exited"


def test_a_guest_that_resets_is_two_boots(tmp_path):
    async def scenario():
        with listening(tmp_path / "line") as server:
            reading = asyncio.create_task(collect(f"unix:{tmp_path / 'line'}", collector()))
            port = await accept(server)
            first, second = Guest(5), Guest(6)
            first.say(("counts", counts(0, 40)), ("counts", counts(1, 9)))
            await first.talk(port)
            await port.write(encode_frame(Frame(3, b"half"))[:9])  # reset in the middle of a frame
            second.say(("counts", counts(0, 2, tier=4)), ("ended", collected()))
            await second.talk(port)
            await port.write(final())
            result = await reading
            port.close()
            return result

    result = run(scenario())
    assert (result.sessions, result.profile.boots) == (2, 2)
    alpha = result.profile.named("alpha")
    assert (alpha.calls, alpha.tier, result.profile.named("beta").calls) == (42, "O3", 9)


def test_a_line_that_is_cut_goes_on_where_it_was(tmp_path):
    async def scenario():
        with listening(tmp_path / "line") as server:
            reading = asyncio.create_task(collect(str(tmp_path / "line"), collector()))
            guest = Guest(5)
            guest.say(("counts", counts(0, 10)))
            port = await accept(server)
            await guest.talk(port)
            port.close()
            guest.say(("counts", counts(0, 25)), ("counts", counts(1, 3)), ("ended", collected()))
            port = await accept(server)
            await guest.talk(port)
            port.close()
            return await reading

    result = run(scenario())
    assert (result.why, result.sessions, result.profile.boots) == ("program ended", 1, 1)
    assert (result.profile.named("alpha").calls, result.profile.named("beta").calls) == (25, 3)


def test_a_host_that_comes_late_asks_for_everything(tmp_path):
    async def scenario():
        orders = []
        with listening(tmp_path / "line") as server:
            guest = Guest(5)
            guest.say(("counts", counts(0, 10)))  # long before anybody listens
            reading = asyncio.create_task(collect(str(tmp_path / "line"), collector()))
            port = await accept(server)

            def ordered(message):
                if message.type == GROWTH_MESSAGE["collect"]:
                    orders.append(message.payload)
                    guest.say(("counts", counts(1, 77)), ("ended", collected()))

            running = asyncio.create_task(Pump(guest.link, ordered).run(port))
            while not orders or not guest.link.idle:
                await asyncio.wait({running}, timeout=0.01)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            port.close()
            return await reading, orders

    result, orders = run(scenario())
    assert orders[0][0] == 1  # COLLECT_ALL
    assert (result.profile.named("alpha").calls, result.profile.named("beta").calls) == (10, 77)


def test_a_pseudo_terminal_is_read_like_a_cable():
    async def scenario():
        master, slave = pty.openpty()
        tty.setraw(slave)
        path = os.ttyname(slave)
        reading = asyncio.create_task(collect(path, collector(), baud=115200))
        guest = Guest(9)
        guest.say(("counts", counts(1, 12)), ("ended", collected()))
        port = await open_port(master)
        await guest.talk(port)
        await port.write(final())
        result = await reading
        os.close(slave)
        port.close()
        return result

    result = run(scenario())
    assert (result.why, result.profile.named("beta").calls) == ("final record", 12)


def test_at_the_timeout_what_has_come_is_kept(tmp_path):
    async def scenario():
        with listening(tmp_path / "line") as server:
            reading = asyncio.create_task(collect(str(tmp_path / "line"), collector(), timeout_s=1.0))
            guest = Guest(5)
            guest.say(("counts", counts(0, 10)))
            port = await accept(server)
            await guest.talk(port)
            result = await reading
            port.close()
            return result

    result = run(scenario())
    assert (result.why, result.complete, result.profile.named("alpha").calls) == ("timeout", False, 10)


def test_whoever_stops_keeps_what_has_come(tmp_path):
    async def scenario():
        stop = asyncio.Event()
        with listening(tmp_path / "line") as server:
            reading = asyncio.create_task(collect(str(tmp_path / "line"), collector(), stop=stop))
            guest = Guest(5)
            guest.say(("counts", counts(0, 10)))
            port = await accept(server)
            await guest.talk(port)
            stop.set()
            result = await reading
            port.close()
            return result

    result = run(scenario())
    assert (result.why, result.profile.named("alpha").calls) == ("stopped", 10)


def test_nonsense_is_counted_and_the_rest_is_kept():
    one = collector()
    link = HostLink(1)
    for kind, payload in (("counts", b"\x07"), ("counts", counts(99, 1)), ("counts", counts(0, 3))):
        message = type("Message", (), {"type": GROWTH_MESSAGE[kind], "payload": payload, "session": 3})
        one.take(message, 4)
    short_final = type("Message", (), {"type": FRAME_TYPE["final"], "payload": b"", "session": 0})
    assert not one.take(short_final)
    assert (one.malformed, one.profile().named("alpha").calls, one.profile().dropped) == (3, 3, 4)
    assert link.peer_dropped == 0


def test_a_port_that_cannot_be_opened_is_an_error_at_once():
    with pytest.raises(WireError, match="cannot be opened"):
        run(collect("/dev/does-not-exist", collector()))


def test_a_line_ends_with_its_port_where_it_is_not_to_be_reopened():
    async def scenario():
        ours, theirs = socket.socketpair()

        async def opened() -> Port:
            return await open_port(ours)

        line = Line(HostLink(4))
        guest = Guest(5)
        guest.say(("counts", counts(0, 10)))
        port = await open_port(theirs)
        talking = asyncio.create_task(guest.talk(port))
        talking.add_done_callback(lambda _: port.close())
        return [message.type async for message in line.messages(opened, reopen=False)]

    assert run(scenario()) == [FRAME_TYPE["hello"], GROWTH_MESSAGE["counts"]]


# ---- names ----


def test_names_are_found_by_the_build(tmp_path, monkeypatch):
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path))
    functions = (KnownFunction("größe", "5a" * 16, ((0, 1), (2, 3, 4))),)
    path = remember_names(BUILD, functions, [(4096, 64, "größe")])
    found = names_of_build(BUILD.hex())
    assert (found.functions, found.known, load_names(path)) == (functions, True, found)
    assert [found.locate(address) for address in (0, 4095, 4096, 4159, 4160)] == [None, None, "größe", "größe", None]


def test_unknown_builds_have_numbers_for_names(tmp_path, monkeypatch):
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path))
    found = names_of_build("00ff")
    assert (found.known, found.functions[3].name, found.locate(5)) == (False, "function 3", None)
    with pytest.raises(IndexError):
        found.functions[1 << 20]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": "bareflow-names"}', '{"format": "bareflow-names", "version": 1, "functions": 3}']
)
def test_a_file_that_holds_no_names_is_refused(tmp_path, content):
    path = tmp_path / "names.json"
    path.write_text(content)
    with pytest.raises(ProfileError, match="holds no program's names"):
        load_names(path)


# ---- storing ----


def profile(name: str, digest: str, build: str, calls: int = 5) -> Profile:
    return Profile({(name, digest): FunctionProfile(name, digest, calls)}, builds=frozenset({build}), boots=1)


def test_a_profile_is_merged_into_one_of_the_same_program(tmp_path):
    path = tmp_path / "p.bin"
    for calls, words in ((5, "is new"), (7, "held 1 boot of the same program")):
        where, merged, said = store(path, profile("f", "5a" * 16, "aa", calls))
        assert (where, words in said) == (path, True)
    assert merged == load_profile(path)
    assert (merged.named("f").calls, merged.boots) == (12, 2)


def test_another_programs_profile_is_left_alone_and_nothing_is_lost(tmp_path):
    path = tmp_path / "p.bin"
    save_profile(path, profile("f", "5a" * 16, "aa"))
    before = path.read_bytes()
    for _ in range(2):
        where, _merged, said = store(path, profile("g", "77" * 16, "bbbbbbbbbb"))
        assert where != path
        assert "of another program" in said
        assert load_profile(where).named("g").calls == 5
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_file_is_left_alone_and_nothing_is_lost(tmp_path):
    path = tmp_path / "p.bin"
    path.write_bytes(b"BFPF damaged")
    where, _merged, _said = store(path, profile("g", "77" * 16, "bb"))
    assert path.read_bytes() == b"BFPF damaged"
    assert load_profile(where).named("g").calls == 5


def test_programs_are_the_same_by_build_or_by_a_body():
    one = profile("f", "5a" * 16, "aa")
    assert same_program(one, profile("g", "11" * 16, "aa"))
    assert same_program(one, profile("f", "5a" * 16, "bb"))
    assert same_program(one, Profile())
    assert not same_program(one, profile("f", "11" * 16, "bb"))
    assert not same_program(profile("f", "0" * 32, "aa"), profile("f", "0" * 32, "bb"))  # bodies not known


# ---- a real agent, and the command ----


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A growing program whose names are remembered, and the cache that holds them."""
    folder = tmp_path_factory.mktemp("collect")
    with CompilePool(1) as pool:
        made = prepare([Path(__file__).parent / "growth" / "loop.c"], pool, cpu="x86-64-v2")
    base = folder / "base.elf"
    base.write_bytes(made.base.elf)
    base.chmod(0o755)
    functions = [KnownFunction(one.name, one.digest) for one in made.split.functions.values()]
    names = {"build_id": made.base.build_id.hex()}
    names |= {"functions": [{"name": f.name, "digest": f.digest, "branches": []} for f in functions]}
    document = {"format": "bareflow-names", "version": 1, "places": [], **names}
    (folder / "names.json").write_text(json.dumps(document))
    return base


def start(base: Path, server: socket.socket, calls: int) -> subprocess.Popen[bytes]:
    connection, _ = server.accept()
    with connection:
        number = connection.fileno()
        return subprocess.Popen(
            [base, str(calls)], env={"BAREFLOW_WIRE_FD": str(number)}, pass_fds=[number], stdout=subprocess.DEVNULL
        )


def start_collect(line: Path, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bareflow", "collect", "--port", line, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_running_program_is_collected_to_its_last_call(program, tmp_path):
    line, out = tmp_path / "line", tmp_path / "p.bin"
    for boot in (1, 2):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(line))
            server.listen()
            host = start_collect(line, "--out", out, "--names", program.with_name("names.json"), "--json")
            guest = start(program, server, 3_000_000)
            stdout, stderr = host.communicate(timeout=DEADLINE_S)
            assert guest.wait(DEADLINE_S) == 7
        line.unlink()
        assert host.returncode == 0, stderr
        said = json.loads(stdout)
        assert (said["complete"], said["unnamed"], said["boots_in_file"]) == (True, [], boot)
        assert ("held 1 boot of the same program" in said["stored"]) == (boot == 2)
        assert load_profile(out).named("step").calls == boot * 3_000_000


def test_ctrl_c_keeps_what_has_come(program, tmp_path):
    line, out = tmp_path / "line", tmp_path / "p.bin"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(line))
        server.listen()
        host = start_collect(line, "--out", out, "--names", program.with_name("names.json"))
        guest = start(program, server, 1 << 62)
        try:
            heard = host.stderr.readline() + host.stderr.readline()
            while "functions" not in heard:
                heard = host.stderr.readline()
                assert heard, "it ended by itself"
            host.send_signal(signal.SIGINT)
            _, stderr = host.communicate(timeout=DEADLINE_S)
        finally:
            guest.kill()
            guest.wait()
            host.kill()
    assert host.returncode == 0, stderr
    assert "counts are as of its last report" in stderr
    assert load_profile(out).named("step").calls > 0


def test_a_silent_line_is_one_sentence_and_status_2(tmp_path):
    line, out = tmp_path / "line", tmp_path / "p.bin"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(line))
        server.listen()
        host = start_collect(line, "--out", out, "--timeout-s", "0.2")
        stdout, stderr = host.communicate(timeout=DEADLINE_S)
    assert (host.returncode, stdout) == (2, "")
    assert "nothing about a profile came from" in stderr
    assert not out.exists()
