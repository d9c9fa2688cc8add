"""Growths from the first run to the frozen program, all at native speed: profiles that outlive runs, and freezing."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.compile.pool import CompilePool
from bareflow.errors import ImageError, MachineError, ProfileError
from bareflow.grow import Gardener, GrowthRun, Places, Settings, Watch, grow, prepare, shrink
from bareflow.growth.summary import document
from bareflow.image.disk import read_file
from bareflow.image.recipe import load_recipe, recipe_for_workload
from bareflow.names import names_of_build
from bareflow.profile.store import load_profile
from bareflow.tiering import Policy
from bareflow.wire.line import given
from bareflow.wire.stream import Port

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(native=True, timeout_s=60, boots=4)
PROGRAM = """
#include <stdio.h>
__attribute__((noinline)) static unsigned mix(unsigned x, int by) {{ return x * 2654435761u ^ x >> by; }}
static unsigned twist(unsigned x) {{ return {twist}; }}
int main(int argc, char **argv) {{
    unsigned sum = argc;
    for (int i = 0; i < 400000; i++) sum = mix(sum, argc + 6) + twist(i);
    printf("sum %u\\n", sum);
    return 5;
}}
"""


def recipe_of(folder, text, name="mixer", **files):
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{name}.c"
    source.write_text(text)
    return recipe_for_workload(source, list(files.values()))


def mixer(folder, twist="x ^ 5"):
    return recipe_of(folder, PROGRAM.format(twist=twist))


def grown(recipe, folder, settings=SETTINGS):
    notes = []
    gardener = Gardener(Watch(note=notes.append))
    return asyncio.run(grow(recipe, Places(folder, recipe.name), settings, gardener)), notes


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A whole growth of `mixer`."""
    folder = tmp_path_factory.mktemp("first")
    return grown(mixer(folder / "src"), folder)[0], folder


def test_a_growth_that_is_stopped_keeps_what_was_counted(tmp_path):
    recipe = recipe_of(tmp_path, "static volatile int x; static void f(void) { x++; } int main(void) { for (;;) f(); }")
    places = Places(tmp_path / "out", recipe.name)

    async def stop_when_a_risen_function_was_counted():
        rises, counted = [], asyncio.Event()
        gardener = Gardener(Watch(tier_up=rises.append, counts=lambda _: counted.set() if rises else None))
        growing = asyncio.create_task(grow(recipe, places, SETTINGS, gardener))
        await counted.wait()
        growing.cancel()
        await growing

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stop_when_a_risen_function_was_counted())
    assert {name for name, _ in load_profile(places.profile).functions} == {"f", "main"}


def test_a_folder_that_cannot_be_written_is_known_before_the_program_runs(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="Nothing can be written to"):
        grown(mixer(tmp_path / "src"), tmp_path / "file")


def test_a_damaged_profile_is_named_with_the_way_out(tmp_path):
    (tmp_path / "mixer.profile").write_bytes(b"not a profile")
    with pytest.raises(ProfileError, match=r"mixer\.profile is not a profile.*--fresh"):
        grown(mixer(tmp_path / "src"), tmp_path)


def test_a_growth_ends_frozen_with_the_same_output(first):
    growth, folder = first
    facts = document(growth)
    assert (facts["outputs_agree"], facts["exit_code"], facts["notes"]) == (True, 5, [])
    assert facts["stdout"].startswith("sum ")
    assert facts["converged"]
    assert {row["name"]: row["tier"] for row in facts["functions"]}["mix"] == "O3"
    assert facts["development_bytes"] > 100_000_000 > facts["payload_bytes"] > 0
    assert 0 < facts["compile_ms"] < facts["total_ms"]
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        "mixer.profile",
        "mixer.grow.img",
        "mixer.shrunk.img",
        "optimized_snapshot.bin",
    }
    assert read_file(folder / "mixer.shrunk.img", "OPTIMIZED_SNAPSHOT.BIN") == growth.snapshot.read_bytes()


def test_tier_ups_of_one_run_begin_where_the_run_before_ended(first):
    ups = document(first[0])["tier_ups"]
    rises = [(up["from"], up["to"]) for up in ups if up["function"] == "mix"]
    assert rises[0][0] == "interp"
    assert [before for before, _ in rises[1:]] == [after for _, after in rises[:-1]]
    boots = [up["boot"] for up in ups]
    assert boots == sorted(boots)


def test_the_growing_image_carries_the_profile_and_names_are_remembered(first):
    growth, folder = first
    assert read_file(folder / "mixer.grow.img", "PROFILE.BIN") == (folder / "mixer.profile").read_bytes()
    known = names_of_build(growth.boots.last.program.base.build_id.hex())
    assert {one.name for one in known.functions} == {"mix", "twist", "main"}


def test_the_profile_says_what_was_specialised(first):
    cases = load_profile(first[1] / "mixer.profile").special
    assert set(cases) == {("mix", "clone", "argument 1 is 7")}
    (case,) = cases.values()
    assert 0.9 * case.total < case.calls <= case.total
    assert [row["text"] for row in document(first[0])["specialisations"]] == [case.words]


def test_freezing_from_the_saved_profile_gives_the_same_bytes(first, tmp_path):
    growth, folder = first
    profile = load_profile(folder / "mixer.profile")
    frozen, report = shrink(mixer(folder / "src"), profile, Places(tmp_path, "mixer"))
    assert frozen.snapshot == growth.snapshot.read_bytes()
    assert report.image.read_bytes() == growth.image.read_bytes()


def test_a_later_growth_starts_at_the_tiers_of_the_earlier_and_merges(first, tmp_path):
    (tmp_path / "mixer.profile").write_bytes((first[1] / "mixer.profile").read_bytes())
    again, _ = grown(mixer(tmp_path / "src"), tmp_path)
    facts = document(again)
    assert again.boots.boots[0].program.start["mix.local"] == "O3"
    assert (facts["boots"], facts["tier_ups"], facts["earlier_boots"]) == (1, [], first[0].boots.profile.boots)
    assert load_profile(tmp_path / "mixer.profile").boots == first[0].boots.profile.boots + 1


def test_a_fresh_growth_forgets_the_earlier(first, tmp_path):
    (tmp_path / "mixer.profile").write_bytes((first[1] / "mixer.profile").read_bytes())
    again, _ = grown(mixer(tmp_path / "src"), tmp_path, Settings(native=True, timeout_s=60, boots=1, fresh=True))
    assert again.boots.boots[0].program.start["mix.local"] == "interp"
    assert load_profile(tmp_path / "mixer.profile").boots == 1


def test_a_changed_source_keeps_the_profile_of_what_has_not_changed(first, tmp_path):
    (tmp_path / "mixer.profile").write_bytes((first[1] / "mixer.profile").read_bytes())
    again, notes = grown(mixer(tmp_path / "src", twist="x ^ 6"), tmp_path)
    start = again.boots.boots[0].program.start
    assert (start["mix.local"], start["twist.local"]) == ("O3", "interp")
    assert "The profile of twist (changed) was dropped." in notes
    assert "The profile of twist (changed) was dropped." in document(again)["notes"]


def test_a_host_that_is_killed_is_followed_by_another_that_goes_on_where_it_was(tmp_path):
    source = Path(__file__).parent / "growth" / "loop.c"
    eager = Policy(thresholds=(10, 20, 30))
    with CompilePool(2) as pool:
        program = prepare([source], pool, cpu="x86-64-v2", policy=eager)
        index = next(n for n, one in enumerate(program.functions) if one.name == "step")
        first, second, done = asyncio.run(two_hosts(program, ["1000", "4", str(index)], tmp_path))
    assert done == (b"842122313 0\n", 7)
    assert [up.after for up in first.tier_ups if up.function == "step"][-1] == "O1"
    rises = [(up.before, up.after) for up in second.tier_ups if up.function == "step"]
    assert (rises[0][0], rises[-1][1]) == ("O1", "O3")
    assert second.live.blobs[0].start >= first.live.blobs[-1].start + len(first.live.blobs[-1].data)


async def two_hosts(program, arguments, folder):
    """Serve a program by a host that goes no higher than O1, and when it got there by another."""
    base = folder / "base.elf"
    base.write_bytes(program.base.elf)
    base.chmod(0o755)
    ours, theirs = socket.socketpair()
    environment = {"BAREFLOW_WIRE_FD": str(theirs.fileno())}
    process = await asyncio.create_subprocess_exec(
        base, *arguments, stdout=subprocess.PIPE, pass_fds=[theirs.fileno()], env=environment
    )
    theirs.close()
    rose = asyncio.Event()
    modest = replace(program, policy=Policy(thresholds=(10, 20, 30), highest="O1"))
    first = GrowthRun(
        modest, Watch(tier_up=lambda up: rose.set() if (up.function, up.after) == ("step", "O1") else None)
    )
    serving = asyncio.create_task(first.serve(given(Port(ours.dup(), "first"))))
    async with asyncio.timeout(60):
        await rose.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        second = GrowthRun(program)
        serving = asyncio.create_task(second.serve(given(Port(ours, "second"))))
        output, _ = await process.communicate()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    for run in (first, second):
        await run.session.finish()
    return first.session, second.session, (output, process.returncode)


def test_a_program_whose_runs_differ_is_refused(tmp_path):
    recipe = recipe_of(
        tmp_path,
        '#include <stdio.h>\n#include <unistd.h>\nint f(int x) { return x + 1; }\n'
        'int main(void) { int s = 0; for (int i = 0; i < 300000; i++) s = f(s);'
        ' printf("%d by %d\\n", s, (int)getpid()); return 0; }\n',
    )  # fmt: skip
    with pytest.raises(MachineError, match="mixer differs between its runs: line 1 of the output"):
        grown(recipe, tmp_path)


def test_a_frozen_program_that_differs_is_named_and_not_called_frozen(tmp_path):
    text = '#include <stdio.h>\nint main(void) { printf("%p\\n", (void *)main); return 0; }\n'
    growth, _ = grown(recipe_of(tmp_path, text), tmp_path, Settings(native=True, timeout_s=60, boots=1))
    assert growth.difference.startswith("line 1 of the output is '0x")
    assert document(growth)["outputs_agree"] is False
    assert not (tmp_path / "optimized_snapshot.bin").exists()
    assert not (tmp_path / "mixer.shrunk.img").exists()
    assert growth.image.name == "mixer.unchecked.img"


def test_a_program_that_does_not_end_is_stopped(tmp_path):
    recipe = recipe_of(tmp_path, "int main(void) { for (;;) __builtin_ia32_pause(); }\n")
    with pytest.raises(MachineError, match="did not end within 1 s"):
        grown(recipe, tmp_path, Settings(native=True, timeout_s=1))


def test_a_program_that_crashes_while_it_grows_is_an_error_and_keeps_what_was_counted(tmp_path):
    text = (
        "static volatile int x; static int f(int n) { return x += n; }\n"
        "int main(void) { for (int i = 0; i < 30000000; i++) f(i); __builtin_trap(); }\n"
    )
    with pytest.raises(MachineError, match="ended by signal"):
        grown(recipe_of(tmp_path, text), tmp_path)
    assert load_profile(tmp_path / "mixer.profile").named("f").all_calls > 0


def test_files_and_standard_input_reach_every_run(tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("from a file")
    recipe = recipe_of(
        tmp_path / "src",
        '#include <stdio.h>\nint main(void) { char a[32] = {0}, b[32] = {0}; FILE *f = fopen("data.txt", "r");'
        ' if (!f || !fgets(a, 32, f) || !fgets(b, 32, stdin)) return 9; printf("%s, %s\\n", a, b); return 0; }\n',
        data=data,
    )  # fmt: skip
    growth, _ = grown(recipe, tmp_path, Settings(native=True, timeout_s=60, boots=2, stdin=b"typed"))
    assert (document(growth)["stdout"], growth.difference) == ("from a file, typed\n", "")


def test_classic_grows_from_the_command_line_and_keeps_its_size(tmp_path):
    words = ("grow", "--image", "classic", "--native", "--args", "60", "--boots", "2", "--timeout-s", "100")
    command = [sys.executable, "-m", "bareflow", *words, "--out", str(tmp_path), "--json"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    facts = json.loads(done.stdout)
    assert "fibonacci = 832040" in facts["stdout"]
    assert facts["payload_bytes"] <= 20_480
    assert "fibonacci: interp → " in done.stderr.decode()
    assert load_recipe("classic").name == facts["name"]
