"""Whole growths at native speed: a Linux process rises through the tiers while it runs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from bareflow.compile.pool import CompilePool, Worker
from bareflow.errors import CompileError
from bareflow.grow import Watch, grow_native, prepare
from bareflow.growth.program import functions_known, restart
from bareflow.growth.service import CompileService
from bareflow.growth.session import GrowthSession
from bareflow.snapshot.slots import GrowthOptions
from bareflow.tiering import Policy
from bareflow.wire.frames import FrameDecoder

SOURCES = Path(__file__).parent / "growth"
EAGER = Policy(thresholds=(10, 20, 30))
LIMIT_S = 120


@pytest.fixture(scope="module")
def pool():
    with CompilePool(2) as compilers:
        yield compilers


@pytest.fixture(scope="module")
def loop():
    return SOURCES / "loop.c"


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What a program prints when the host's own compiler made it."""

    def run(source, *arguments):
        program = tmp_path_factory.mktemp("reference") / source.stem
        subprocess.run(["cc", "-O1", "-w", source, "-o", program], check=True)
        return subprocess.run([program, *arguments], capture_output=True, check=False).stdout

    return run


def index_of(source, name, pool):
    """The slot of a function, for programs that wait until they have grown."""
    split = prepare([source], pool, cpu="x86-64-v2").split
    return next(str(index) for index, one in enumerate(split.functions.values()) if one.name == name)


def grow(pool, source, *arguments):
    program = prepare([source], pool, cpu="x86-64-v2", policy=EAGER)
    return asyncio.run(grow_native(program, arguments, timeout_s=LIMIT_S))


def test_functions_rise_through_all_tiers_and_the_output_is_right(pool, loop, reference):
    result = grow(pool, loop, "1000", "4", index_of(loop, "step", pool))
    assert (result.output, result.exit_status) == (reference(loop, "1000"), 7)
    step = next(one for one in result.functions if one.name == "step")
    rises = [(up.before, up.after) for up in result.tier_ups if up.function == "step"]
    assert rises[0][0] == "interp"
    assert rises[-1][1] == "O3"
    assert [before for before, _ in rises[1:]] == [after for _, after in rises[:-1]]
    assert (step.tier, result.complete) == ("O3", True)


TIMED = """
#include <signal.h>
#include <sys/time.h>
#define main run
#include "{loop}"
#undef main
static void on_alarm(int number) {{ (void)number; }}
int main(int argc, char **argv) {{
    const struct itimerval often = {{{{0, 1000}}, {{0, 1000}}}};
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, 0);
    return run(argc, argv);
}}
"""


def test_a_program_with_a_timer_of_its_own_rises_all_the_same(pool, loop, tmp_path, reference):
    source = tmp_path / "timed.c"
    source.write_text(TIMED.format(loop=loop))
    result = grow(pool, source, "1000", "4", index_of(source, "step", pool))
    assert (result.output, result.exit_status) == (reference(loop, "1000"), 7)
    assert {one.name: one.tier for one in result.functions}["step"] == "O3"


def test_a_sleep_ends_by_itself_or_by_a_signal_of_the_programs_own(pool, reference):
    sleeps = SOURCES / "sleeps.c"
    assert grow(pool, sleeps).output == reference(sleeps)


def test_a_wait_ends_by_itself_or_by_a_signal_of_the_programs_own(pool, reference):
    waits = SOURCES / "waits.c"
    result = grow(pool, waits)
    assert result.output == reference(waits)
    tiers = {one.name: one.tier for one in result.functions}
    assert (tiers["step"], tiers["late"]) == ("O3", "O3")


def test_every_call_is_counted_across_tiers(pool, loop):
    result = grow(pool, loop, "3000000")
    assert {one.name: one.calls for one in result.functions} == {"step": 3000000, "main": 1}


def test_interpreted_calls_of_a_function_to_itself_are_told_apart_and_only_others_are_timed(pool, tmp_path):
    source = tmp_path / "recursive.c"
    source.write_text(
        "__attribute__((noinline)) static long fib(long n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }\n"
        "int main(void) { long s = 0; for (int i = 0; i < 300; i++) s += fib(15); return s != 300 * 610; }\n"
    )
    program = prepare([source], pool, cpu="x86-64-v2", policy=Policy(interpreter_threshold=1 << 40))
    result = asyncio.run(grow_native(program, timeout_s=LIMIT_S))
    fib = result.profile.named("fib")
    assert (result.exit_status, fib.tier) == (0, "interp")
    assert (fib.calls, fib.all_calls) == (300, 300 * 1973)
    assert sum(times.calls for times in fib.times.values()) <= 300


def test_recursion_as_deep_as_compiled_code_can_take_it_fits_the_stack_while_interpreted(pool, tmp_path):
    source = tmp_path / "deep.c"
    source.write_text(
        "static int down(volatile int n) { return n == 0 ? 0 : down(n - 1) + (n & 1); }\n"
        "int main(void) { return down(100000) - 50000; }\n"
    )
    program = prepare([source], pool, cpu="x86-64-v2", policy=Policy(highest="interp"))
    assert asyncio.run(grow_native(program, timeout_s=LIMIT_S)).exit_status == 0


def test_a_programs_own_memset_and_strlen_do_not_become_calls_of_themselves(pool, tmp_path):
    source = tmp_path / "own.c"
    source.write_text(
        "void *memset(void *to, int c, unsigned long n) { for (char *p = to; n--;) *p++ = (char)c; return to; }\n"
        "unsigned long strlen(const char *s) { const char *p = s; while (*p) p++; return (unsigned long)(p - s); }\n"
        "int main(int n, char **argv) { static char b[64]; memset(b, n, 40); return (int)strlen(b) + argv[0][0]; }\n"
    )
    program = prepare([source], pool, cpu="x86-64-v2", name="a", tiers={"memset": "O3", "strlen": "O3", "main": "O3"})
    assert asyncio.run(grow_native(program, timeout_s=10)).exit_status == 40 + ord("a")


def test_a_function_that_is_too_long_for_the_interpreter_starts_at_o0_and_says_so(pool, loop, monkeypatch):
    monkeypatch.setattr("bareflow.growth.bytecode.MOST_LINES", 60)
    program = prepare([loop], pool, cpu="x86-64-v2")
    lines = {symbol: one.lines for symbol, one in program.split.functions.items()}
    assert lines["step.local"] <= 60 < lines["main"]
    assert program.interpreted.refused == {"main": f"{lines['main']} lines of IR"}
    assert program.start == {"step.local": "interp", "main": "O0"}


def test_what_c_has_survives_being_compiled_apart(pool, reference):
    source = SOURCES / "features.c"
    result = grow(pool, source, "20000", index_of(source, "one_round", pool))
    assert result.output == reference(source, "20000")
    assert (result.exit_status, result.notes, dict(result.kept)) == (0, (), {})
    assert next(one.tier for one in result.functions if one.name == "one_round") == "O3"


def test_a_later_run_may_start_where_an_earlier_one_ended(pool, loop, reference):
    program = prepare([loop], pool, policy=EAGER, tiers={"step.local": "O3"})
    result = asyncio.run(grow_native(program, ["9"], timeout_s=LIMIT_S))
    assert (result.output, result.tier_ups) == (reference(loop, "9"), ())
    assert {one.name: one.tier for one in result.functions} == {"step": "O3", "main": "interp"}


def test_a_function_that_the_compiler_cannot_do_at_its_tier_starts_lower(pool, loop, monkeypatch):
    compile_text = CompileService.compile_text

    def stubborn(service, text, tier):
        if tier == "O3":
            raise CompileError("LLVM did not end.")
        return compile_text(service, text, tier)

    monkeypatch.setattr(CompileService, "compile_text", stubborn)
    program = prepare([loop], pool, tiers={"step.local": "O3", "main": "O1"})
    assert program.start == {"step.local": "O2", "main": "O1"}
    assert {slot.symbol: slot.tier for slot in program.base.slots} == program.start


def until(sign, words):
    """Tell a program that waits for a file when a note with these words has come."""
    return Watch(note=lambda note: sign.touch() if words in note else None)


def test_a_compiler_that_is_killed_twice_bars_the_function_and_the_workload_goes_on(
    pool, loop, tmp_path, reference, monkeypatch
):
    begin = Worker.begin

    def killed_at_o3(worker, message, blobs, *deadline):
        if message.get("tier") == "O3":
            begin(worker, {"op": "host"}, [], *deadline)  # so that there is a process
            worker.finish(time.monotonic() + LIMIT_S, LIMIT_S)
            os.kill(worker.pid, signal.SIGKILL)
        return begin(worker, message, blobs, *deadline)

    arguments = ["1000", "4", index_of(loop, "step", pool), str(tmp_path / "barred")]
    program = prepare([loop], pool, cpu="x86-64-v2", policy=EAGER)
    monkeypatch.setattr("bareflow.growth.service.kept", lambda _: None)
    monkeypatch.setattr(Worker, "begin", killed_at_o3)
    growth = grow_native(program, arguments, timeout_s=LIMIT_S, watch=until(tmp_path / "barred", "step"))
    result = asyncio.run(growth)
    assert (result.output, result.exit_status) == (reference(loop, "1000"), 7)
    assert next(one.tier for one in result.functions if one.name == "step") != "O3"
    assert program.service.failures["step.local", "O3"] == 2
    assert any("step does not reach O3" in note and "SIGKILL" in note for note in result.notes)


def test_a_full_code_cache_refuses_and_the_workload_goes_on(pool, tmp_path, reference):
    source, full = SOURCES / "features.c", tmp_path / "full"
    program = prepare([source], pool, cpu="x86-64-v2", policy=EAGER, options=GrowthOptions(arena_size=1024))
    index = index_of(source, "main", pool)
    growth = grow_native(program, ["20000", index, str(full)], timeout_s=LIMIT_S, watch=until(full, "no room"))
    result = asyncio.run(growth)
    assert result.output == reference(source, "20000")
    assert result.tier_ups
    assert all("has no room" in note for note in result.notes)


def test_a_workload_finishes_when_its_host_dies(pool, loop, tmp_path, reference):
    program = prepare([loop], pool, cpu="x86-64-v2", policy=EAGER)
    base = tmp_path / "base.elf"
    base.write_bytes(program.base.elf)
    base.chmod(0o755)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environment = {"BAREFLOW_WIRE_FD": str(theirs.fileno())}
        process = subprocess.Popen([base, "30000000"], stdout=-1, pass_fds=[theirs.fileno()], env=environment)
        theirs.close()
        assert FrameDecoder().feed(ours.recv(4096))  # it is running and speaks
    output, _ = process.communicate(timeout=LIMIT_S)
    assert (output, process.returncode) == (reference(loop, "30000000"), 7)


def test_a_program_without_a_host_just_runs(pool, loop, tmp_path, reference):
    program = prepare([loop], pool, cpu="x86-64-v2", policy=EAGER)
    base = tmp_path / "alone.elf"
    base.write_bytes(program.base.elf)
    base.chmod(0o755)
    done = subprocess.run([base, "1000"], capture_output=True, check=False, timeout=LIMIT_S)
    assert (done.stdout, done.returncode) == (reference(loop, "1000"), 7)


def test_messages_of_the_wrong_length_are_noted_and_harmless(pool, loop):
    program = prepare([loop], pool, cpu="x86-64-v2", policy=EAGER)
    notes = []
    functions = tuple(program.split.functions.values())
    session = GrowthSession(program.base, functions, program.service, lambda *_: True, on_note=notes.append)
    for kind in range(30, 45):
        session.receive(kind, b"\x07")
        session.receive(kind, b"\xff" * 31)
    assert notes
    assert not session.tier_ups


def test_the_interpreter_reports_branches_loops_and_values_to_the_profile(pool, loop):
    result = grow(pool, loop, "9")  # fewer calls than step() needs to leave the interpreter
    step, main = result.profile.named("step"), result.profile.named("main")
    assert (step.tier, step.calls) == ("interp", 9)
    assert step.values[0].total == 9
    assert main.back_edges >= 9
    assert any(9 in counts for counts in main.branches.values())


def test_running_code_has_the_weights_of_what_was_seen_and_a_second_boot_compiles_nothing(pool, loop):
    first = prepare([loop], pool, policy=EAGER)
    grown = asyncio.run(grow_native(first, ["200000"], timeout_s=LIMIT_S))
    saved = grown.profile
    main = first.functions[[one.name for one in first.functions].index("main")]
    assert saved.named("main").branches
    assert "branch_weights" in first.service.text(main.symbol, "O3", functions_known(first.split, saved).get)
    tiers = dict.fromkeys(first.split.functions, "O3")
    for _ in range(2):
        again = restart(prepare([loop], pool, policy=EAGER, tiers=saved), tiers, saved)
        asyncio.run(grow_native(again, ["9"], timeout_s=LIMIT_S))
    assert again.service.from_cache == again.service.requests > 0
    assert again.service.compile_ms == 0
