"""Trials: the code that has to be beaten, and how candidates are told apart."""

import subprocess

import pytest

from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import clang, compile_parts, compile_sources
from bareflow.compile.variants import AHEAD, PLAIN
from bareflow.errors import ToolError
from bareflow.trials.executable import image_digest, link_executable
from bareflow.trials.freeze import TrialRun as Trial
from bareflow.trials.freeze import choose, program_of
from bareflow.trials.measure import Workload, compare, run_plain
from bareflow.trials.search import Settings

MAIN = r"""
#include <stdio.h>
#include "half.h"
static unsigned unused(unsigned x) { return x * 3; }
unsigned (*volatile keep)(unsigned) = unused;
int main(int argc, char **argv) {
    unsigned x = (unsigned)argc;
    for (int i = 0; i < 1000; i++)
        x = half(x) + (unsigned)(argv[0][0] == 'x');
    printf("%u\n", x);
}
"""
HALF = '#include "half.h"\nunsigned half(unsigned x) { return x / 2 + (x ^ x << 7); }\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("program") / "parts"
    place.mkdir()
    (place / "half.h").write_text("unsigned half(unsigned x);\n")
    (place / "half.c").write_text(HALF)
    (place / "main.c").write_text(MAIN)
    return place


def ahead(folder, out):
    """What a user's clang makes of the sources, one after the other."""
    objects = []
    for source in sorted(folder.glob("*.c")):
        made = out.parent / f"{source.stem}.o"
        command = clang("-O3", "-march=native", "-fno-pie", "-fno-stack-protector", "-c", source, "-o", made)
        subprocess.run([str(word) for word in command], check=True)
        objects.append(made.read_bytes())
    link_executable(objects, out, name="parts")
    return out


def test_the_code_to_beat_is_clangs_own_byte_for_byte(folder, tmp_path):
    bitcode = compile_sources([folder], name="parts")
    parts = compile_parts([folder], name="parts")
    assert len(parts) == 2
    program = program_of(bitcode, target_by_name("native"), None, parts)
    link_executable([program.compile(AHEAD).data], tmp_path / "ours", name="parts")
    assert image_digest(tmp_path / "ours") == image_digest(ahead(folder, tmp_path / "theirs"))
    link_executable([program.compile(PLAIN).data], tmp_path / "whole", name="parts")
    assert image_digest(tmp_path / "whole") != image_digest(tmp_path / "theirs")


def test_a_program_that_cannot_be_tried_is_frozen_as_clang_compiles_it(tmp_path):
    source = tmp_path / "ever.c"
    source.write_text("int main(void) { for (volatile int i = 1; i;) {} }")
    program = program_of(compile_sources([source], name="ever"), target_by_name("native"), None)
    chosen = choose(program, Trial(Workload(("ever",), timeout_s=0.2), Settings(budget_s=1)))
    assert chosen.choice == AHEAD
    assert "did not end within 0.2 s" in chosen.evidence["reason"]


def test_each_run_reads_its_input_from_the_start(tmp_path):
    source = tmp_path / "echo.c"
    source.write_text("#include <stdio.h>\nint main(void) { int c = getchar(); return putchar(c) == 'a' ? 0 : 3; }")
    program = program_of(compile_sources([source], name="echo"), target_by_name("native"), None)
    link_executable([program.compile(PLAIN).data], tmp_path / "echo", name="echo")
    load = Workload(("echo",), b"abc")
    assert run_plain(tmp_path / "echo", load).output == b"a"
    paths = {"base": tmp_path / "echo", "it": tmp_path / "echo"}
    assert compare(paths, "base", load, rounds=2, runs=2)["it"].rounds == 2
    assert compare(paths, "base", load, rounds=6, runs=1, until=0.0)["it"].rounds == 3  # the time is over


def test_what_cannot_be_started_is_named(tmp_path):
    with pytest.raises(ToolError, match="cannot be run"):
        run_plain(tmp_path / "nothing", Workload(("nothing",)))
