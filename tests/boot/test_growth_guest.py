"""Whole growths on a machine: the guest rises through the tiers while it runs, over its second serial port."""

from __future__ import annotations

import asyncio

import pytest

from bareflow.compile.pool import CompilePool
from bareflow.growth.guest import grow_guest
from bareflow.growth.program import prepare
from bareflow.growth.result import Watch
from bareflow.growth.run import GrowthRun
from bareflow.image.recipe import load_recipe, recipe_for_workload
from bareflow.layouts.snapshot import TIER
from bareflow.machine.spec import MachineSpec
from bareflow.tiering import Policy
from bareflow.toolchain import data_root

EAGER = Policy(thresholds=(10, 20, 30), interpreter_threshold=5)
LIMIT_S = 100.0
LOOP = data_root() / "tests" / "native" / "growth" / "loop.c"
SLEEPS = LOOP.with_name("sleeps.c")
ENDS = data_root() / "tests" / "guests" / "growth" / "ends.c"
CLASSIC = b"fibonacci = 832040\nsum_to_n = 500000500000\nmultiply = 121932631112635269\nmatrix_multiply = 8561387605\n"


@pytest.fixture
def grow(tmp_path):
    """Return `run(recipe, *arguments, policy, watch, first)`."""

    def run(recipe, *arguments, policy=None, watch=None, first="O0"):
        spec = MachineSpec(tmp_path / "grow.img", memory_mib=64, accel="tcg", timeout_s=LIMIT_S)
        with CompilePool(2) as pool:
            program = prepare(recipe.sources, pool, name=recipe.name, cpu=recipe.cpu, policy=policy, first=first)
            growing = grow_guest(program, recipe, arguments=arguments, image=spec.image, spec=spec, watch=watch)
            return asyncio.run(growing)

    return run


def slot_of(source, name):
    """The slot of a function in a program, for programs that wait until it has risen."""
    with CompilePool(1) as pool:
        functions = prepare([source], pool, cpu="x86-64-v2", first="O0").functions
    return str(next(index for index, one in enumerate(functions) if one.name == name))


def tiers_of(result, name):
    """Every tier that a function was at, in order."""
    rises = [up for up in result.growth.tier_ups if up.function == name]
    return [rises[0].before, *(up.after for up in rises)] if rises else []


def test_classic_rises_from_the_interpreter_to_o3(grow):
    result = grow(load_recipe("classic"), "20", first="interp")
    assert result.guest.verdict == "exited", result.guest.explain()
    assert (result.growth.output, result.growth.exit_status, result.growth.complete) == (CLASSIC, 0, True)
    assert (tiers_of(result, "fibonacci")[0], tiers_of(result, "fibonacci")[-1]) == ("interp", "O3")
    assert result.growth.notes == ()
    assert next(one.calls for one in result.growth.functions if one.name == "multiply") == 20


def test_a_function_of_few_cycles_rises_to_o3(grow):
    result = grow(load_recipe("classic"), "20000000", "cycles", "sum_to_n")
    assert result.growth.output.startswith(b"sum_to_n = 500000500000 cycles ")
    assert (tiers_of(result, "sum_to_n")[0], tiers_of(result, "sum_to_n")[-1]) == ("O0", "O3")


def test_a_call_that_waits_is_ended_by_the_programs_own_signals_alone(grow):
    result = grow(recipe_for_workload(SLEEPS), "pause", policy=EAGER)
    naps, sleep, pause = result.growth.output.decode().splitlines()
    assert naps.endswith("ended early: 0")
    assert (sleep, pause) == ("sleep: -1 1, left 999, alarms 1", "pause: -1 1, alarms 2")


def test_the_kernels_frames_pass_through_the_agents(grow):
    result = grow(recipe_for_workload(ENDS), "return", slot_of(ENDS, "step"), str(TIER["O3"]), policy=EAGER)
    assert (result.guest.verdict, result.guest.exit_status) == ("exited", 5), result.guest.explain()
    assert result.guest.stdout == b"at tier %d\n" % TIER["O3"]
    lines = result.guest.stderr.decode().splitlines()
    assert (lines[-1], set(lines[:-1]) <= {"still at work"}) == ("the end", True)
    assert result.guest.stamps["workload"]
    assert result.growth.complete


def test_a_fault_names_the_blob_that_it_happened_in(grow):
    policy = Policy(thresholds=EAGER.thresholds, highest="O2")
    result = grow(recipe_for_workload(ENDS), "fault", slot_of(ENDS, "step"), str(TIER["O2"]), policy=policy)
    assert result.guest.verdict == "trapped"
    where = result.guest.trap.frames[0]
    assert (where.function, where.module, where.tier) == ("step", "workload", "O2")
    assert "in step+" in result.guest.reason
    assert "null pointer: read from 0x8" in result.guest.reason


def test_a_workload_finishes_when_its_host_falls_silent(grow, monkeypatch):
    serve, heard = GrowthRun.serve, asyncio.Event()

    async def serve_until_heard(run, port):
        serving = asyncio.create_task(serve(run, port))
        await heard.wait()
        serving.cancel()

    monkeypatch.setattr(GrowthRun, "serve", serve_until_heard)
    watch = Watch(tier_up=lambda _: heard.set())
    result = grow(recipe_for_workload(LOOP), "60000000", policy=EAGER, watch=watch)
    assert (result.guest.verdict, result.guest.exit_status) == ("exited", 7), result.guest.explain()
    assert result.guest.stdout.endswith(b" 0\n")
    assert not result.growth.complete


def test_a_machine_that_resets_ends_the_run(grow):
    result = grow(recipe_for_workload(ENDS), "reset", slot_of(ENDS, "step"), str(TIER["O1"]), policy=EAGER)
    assert result.guest.verdict == "triple-fault"
    assert not result.growth.complete
