"""Trials of single functions in a program that grows on a machine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bareflow.compile.pool import CompilePool
from bareflow.growth.guest import grow_guest
from bareflow.growth.program import prepare
from bareflow.image.recipe import recipe_for_workload
from bareflow.machine.spec import MachineSpec
from bareflow.tiering import Policy
from bareflow.toolchain import data_root

TURNS = data_root() / "tests" / "native" / "growth" / "turns.c"
LIMIT_S = 100.0
SECONDS = "4"  # that the workload runs for, by its own clock


def test_blobs_take_turns_in_a_guest(tmp_path):
    recipe = recipe_for_workload(TURNS)
    spec = MachineSpec(tmp_path / "grow.img", memory_mib=64, accel="tcg", timeout_s=LIMIT_S)
    with CompilePool(2) as pool:
        eager = Policy(thresholds=(10, 20, 30))
        program = prepare(recipe.sources, pool, name=recipe.name, cpu="x86-64-v3", policy=eager, first="O0")
        program = replace(program, trials_s=LIMIT_S)
        growing = grow_guest(program, recipe, arguments=[SECONDS], image=spec.image, spec=spec)
        result = asyncio.run(growing)
    assert result.guest.verdict == "exited", result.guest.explain()
    assert (result.growth.output, result.growth.exit_status) == (b"2796160\n", 0)
    tried = {one.function: one for one in result.growth.tried}
    assert not tried["work"].reason
    assert tried["work"].ratios.keys() >= {"unrolling by four"}
