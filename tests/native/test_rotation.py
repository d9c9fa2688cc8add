"""Trials of single functions in a program that grows as a Linux process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from bareflow.compile.choose import Program
from bareflow.compile.pool import CompilePool
from bareflow.compile.variants import NUMBERED
from bareflow.growth.local import grow_native
from bareflow.growth.program import prepare
from bareflow.growth.result import Watch
from bareflow.profile.file import decode_profile, encode_profile
from bareflow.tiering import Policy
from bareflow.trials.freeze import by_profile, program_of

TURNS = Path(__file__).parent / "growth" / "turns.c"
LIMIT_S = 120


def grow_until_tried(folder):
    def tried(_result):
        (folder / "done").touch()

    with CompilePool(2) as pool:
        program = prepare([TURNS], pool, cpu="native", policy=Policy(thresholds=(10, 20, 30)))
        program = replace(program, trials_s=LIMIT_S)
        watch = Watch(tried=tried)
        return program, asyncio.run(grow_native(program, folder=folder, watch=watch, timeout_s=LIMIT_S))


def frozen_program(program, profile) -> Program:
    return program_of(program.bitcode, program.target, profile)


def test_blobs_take_turns_and_the_profile_keeps_what_was_fastest(tmp_path):
    program, result = grow_until_tried(tmp_path)
    assert (result.output, result.exit_status, result.notes) == (b"2796160\n", 0, ())
    (tried,) = result.tried
    assert (tried.function, tried.reason) == ("work", "")
    assert tried.ratios
    assert all(one.rounds == 15 and one.low <= one.median <= one.high for one in tried.ratios.values())
    work = next(one for one in result.profile.functions.values() if one.name == "work")
    assert work.tunings == (1 << NUMBERED.index(tried.taken) if tried.taken else 0)
    again = decode_profile(encode_profile(result.profile))
    assert again.functions[work.key].tunings == work.tunings
    assert set(by_profile(frozen_program(program, again)).functions) == ({"work"} if tried.taken else set())
