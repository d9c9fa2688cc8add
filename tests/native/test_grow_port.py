"""Growth of a machine that somebody else has switched on, over lines as they are: slow, noisy, pulled, joined late."""

from __future__ import annotations

import asyncio

import pytest

from bareflow.compile.pool import CompilePool
from bareflow.grow import policy_of, prepare
from bareflow.image.recipe import recipe_for_workload
from bareflow.layouts.snapshot import TIER
from bareflow.profile.store import load_profile
from tests.port_machine import Machine, cable, host
from tests.wire_line import Noise

DEADLINE_S = 90
STATUS = 5
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
extern struct { unsigned long target; long counters[2]; unsigned tier, reserved; } bf_slots[] __attribute__((weak));
__attribute__((noinline)) static unsigned step(unsigned x) { return x * 1664525u + 1013904223u; }
/* Until step() is at a tier, and a file is there; the frozen program need not wait. */
int main(int argc, char **argv) {
    volatile unsigned *tier = bf_slots ? &bf_slots[1].tier : 0;
    unsigned wrong = 0, x = 1;
    printf("begin\\n");
    fflush(stdout);
    for (int i = 0; i < 1000; i++) x = step(x);
    while (tier && (*tier < (unsigned)atoi(argv[1]) || access(argv[2], F_OK)))
        for (unsigned j = 0; j < 100000; j++) wrong += step(j) != j * 1664525u + 1013904223u;
    for (int i = 0; i < 40; i++) printf("%d: %u %u\\n", i, x = step(x), wrong);
    return 5;
}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The program's source, and its growing base as `grow --port` will expect it."""
    folder = tmp_path_factory.mktemp("port")
    source = folder / "steps.c"
    source.write_text(PROGRAM)
    recipe = recipe_for_workload(source)
    with CompilePool(1) as pool:
        program = prepare(recipe.sources, pool, name=recipe.name, cpu=recipe.cpu, policy=policy_of(recipe))
    assert program.functions[1].name == "step"
    base = folder / "base.elf"
    base.write_bytes(program.base.elf)
    base.chmod(0o755)
    return source, base


@pytest.fixture
def machine(built, tmp_path):
    """Return `make(**cable)`: the machine, whose program ends when `go` is in its folder."""
    folder = tmp_path / "machine"
    folder.mkdir()

    def make(*, go=True, goal="O3", **cable):
        if go:
            (folder / "go").touch()
        return Machine(built[1], (str(TIER[goal]), "go"), folder, **cable)

    return make


def grow(built, tmp_path, where, *words):
    """`grow --port`, whose frozen program finds its file, too."""
    (tmp_path / "go").touch()
    common = ("grow", "--workload", built[0], "--args", f"{TIER['O3']} go", "--file", tmp_path / "go", "--native")
    return host(*common, "--port", where, "--out", tmp_path / "out", "--json", *words, cwd=tmp_path)


def run(scenario):
    async def bounded():
        async with asyncio.timeout(DEADLINE_S):
            return await scenario

    return asyncio.run(bounded())


def step_of(facts):
    return next(row for row in facts["functions"] if row["name"] == "step")


def rises_of(facts):
    return [(up["from"], up["to"]) for up in facts["tier_ups"] if up["function"] == "step"]


def check(facts, machine):
    """A growth that came to its end."""
    assert facts["status"] == 0, facts
    assert (facts["outputs_agree"], facts["exit_code"]) == (True, STATUS)
    assert facts["stdout"].encode() == bytes(machine.text)
    assert step_of(facts)["tier"] == "O3"


def test_a_serial_cable_with_noise_that_is_pulled_and_joined_again(built, tmp_path, machine):
    async def scenario():
        device = tmp_path / "ttyUSB0"
        noisy = machine(go=False, baud=115200, up=Noise(0.001, 7), down=Noise(0.001, 8))
        async with noisy as one, grow(built, tmp_path, device, "--wait") as serving:
            async with cable(one, device):
                await serving.until("step: ")
            async with cable(one, device):
                await serving.until("is open again")
                (one.folder / "go").touch()
                return await serving.document(), serving.said, one

    facts, said, one = run(scenario())
    check(facts, one)
    assert said.count("is open") == 2
    assert one.connections == 2
    assert one.up.faults + one.down.faults > 0


def test_a_line_that_breaks_again_and_again_is_joined_again(built, tmp_path, machine):
    async def scenario():
        async with machine(pull_at=(500, 1500, 3000)) as one, grow(built, tmp_path, one.wire) as serving:
            return await serving.document(), one

    facts, one = run(scenario())
    check(facts, one)
    assert one.pulls == []
    assert one.connections > 2  # the last pull may come behind the last word


def test_a_host_that_is_killed_is_followed_by_one_that_goes_on_where_it_was(built, tmp_path, machine):
    async def scenario():
        async with machine(go=False) as one:
            async with grow(built, tmp_path, one.wire) as first:
                began = await first.until("step: ")
                await first.kill()
            async with grow(built, tmp_path, one.wire) as second:
                await second.until("session")
                (one.folder / "go").touch()
                return began, await second.document(), one

    began, facts, one = run(scenario())
    check(facts, one)
    assert "step: interp → " in began
    assert "interp" not in [before for before, _ in rises_of(facts)]
    assert one.connections == 2


def test_a_console_of_its_own_carries_what_the_program_prints(built, tmp_path, machine):
    async def scenario():
        async with (
            machine(go=False, one_port=False) as one,
            grow(built, tmp_path, one.wire, "--console", one.console) as serving,
        ):
            await serving.until("session")
            (one.folder / "go").touch()
            return await serving.document(), one

    facts, one = run(scenario())
    check(facts, one)


def test_what_was_counted_is_kept_when_the_host_is_stopped_and_counts_once_when_another_comes(built, tmp_path, machine):
    profile = tmp_path / "out" / "steps.profile"

    async def scenario():
        async with machine(go=False) as one:
            async with grow(built, tmp_path, one.wire) as serving:
                await serving.until("step: ")
                serving.process.terminate()
                stopped, guest = await serving.document(), one.process.returncode
            kept = load_profile(profile)
            async with grow(built, tmp_path, one.wire) as second:
                await second.until("session")
                (one.folder / "go").touch()
                return stopped, guest, kept, await second.document(), one

    stopped, guest, kept, facts, one = run(scenario())
    assert (stopped["status"], guest) == (2, None)  # the guest goes on
    assert "it was stopped here" in stopped["error"]
    check(facts, one)
    whole = load_profile(profile)
    assert (kept.boots, whole.boots, kept.runs.keys()) == (1, 1, whole.runs.keys())
    assert whole.named("step").all_calls == next(iter(whole.runs.values())).named("step").all_calls
    assert whole.named("step").all_calls > kept.named("step").all_calls > 0


def test_a_machine_that_runs_something_else_is_named(tmp_path, machine):
    async def scenario():
        other = tmp_path / "other.c"
        other.write_text("int main(void) { return 3; }\n")
        words = ("grow", "--workload", other, "--json")
        async with machine(go=False) as one, host(*words, "--port", one.wire, cwd=tmp_path) as serving:
            return await serving.document()

    facts = run(scenario())
    assert facts["status"] == 2
    assert "The machine runs build" in facts["error"]


def test_a_collector_that_is_killed_is_followed_by_one_that_gets_everything(tmp_path, machine):
    async def scenario():
        async with machine(go=False, goal="interp") as one:
            async with host("collect", "--port", one.wire, "--out", tmp_path / "p.bin", cwd=tmp_path) as first:
                await first.until("boot 1")
                await first.kill()
            words = ("collect", "--port", one.wire, "--out", tmp_path / "p.bin", "--json")
            async with host(*words, cwd=tmp_path) as second:
                await second.until("boot 1")
                (one.folder / "go").touch()
                return await second.document(), one

    facts, one = run(scenario())
    assert (facts["status"], facts["why"], facts["complete"]) == (0, "final record", True)
    assert facts["stdout"].encode() == bytes(one.text)
    assert load_profile(tmp_path / "p.bin").named("step").all_calls > 1000


def test_a_host_that_comes_when_all_is_over_says_so(tmp_path, machine):
    async def scenario():
        async with machine(goal="interp") as one:
            await one.process.wait()
            async with host("collect", "--port", one.wire, "--json", cwd=tmp_path) as late:
                return await late.document()

    facts = run(scenario())
    assert facts["status"] == 2
    assert "its program had ended before" in facts["error"]
    assert facts["hint"] == "Switch the machine off and on."
