"""Timing frozen code by breakpoints: it runs as it is, its output unchanged, and long calls are timed right."""

from __future__ import annotations

import struct

import pytest

from bareflow.errors import MachineError
from bareflow.freeze import freeze
from bareflow.growth.probe import SAMPLES, measure_frozen, probe, read_times
from bareflow.image.recipe import recipe_for_workload
from bareflow.snapshot.contents import Function

PROGRAM = """
#include <setjmp.h>
#include <stdio.h>
#include <apart.h>
static jmp_buf back;
static volatile unsigned sink;
APART unsigned fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
APART unsigned spin(unsigned n) { for (unsigned i = 0; i < n; i++) sink += i; return sink; }
APART unsigned twice(unsigned n) { unsigned a = spin(n); return a + spin(n); }
APART void thrown(int n) { if (!n) longjmp(back, 1); thrown(n - 1); }
int main(void) {
    unsigned sum = 0;
    for (int round = 0; round < 300; round++) {
        sum += fibonacci(18 + (sum & 1)) + spin(20000) + twice(20000);
        if (!setjmp(back)) thrown(9);
    }
    printf("%u\\n", sum);
    return sum & 15;
}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "probed"  # whose headers are found as growing finds them
    (folder / "include").mkdir(parents=True)
    (folder / "include" / "apart.h").write_text("#define APART __attribute__((noinline))\n")
    (folder / "main.c").write_text(PROGRAM)
    return recipe_for_workload(folder)


def test_functions_are_timed_with_what_they_call(recipe):
    frozen = freeze(recipe)
    found = measure_frozen(frozen.snapshot, frozen.program, frozen.target, recipe, timeout_s=60)
    for way in ("frozen", "aot"):
        assert {"fibonacci", "spin", "twice"} <= found[way].keys()
        assert 1.5 < found[way]["twice"] / found[way]["spin"] < 3
        assert found[way]["fibonacci"] > 5000  # the calls from outside, not those of its own


def test_a_file_that_is_not_whole_gives_no_figures():
    functions = (Function("f", "O3", 4096, 16),)
    record = struct.pack(f"<QQ{SAMPLES}Q", 4096, 4, 9000, 9100, 9200, 9300, *[0] * (SAMPLES - 4))
    whole = struct.pack("<QQ", 1, 50) + record
    assert read_times(whole, functions) == {"f": 9100.0}
    assert read_times(whole[:-8], functions) == {}
    assert read_times(b"", functions) == {}
    assert read_times(struct.pack("<QQ", 2, 50) + record, functions) == {}


def test_probing_a_program_that_does_not_end_is_an_error(tmp_path):
    source = tmp_path / "endless.c"
    source.write_text("int main(void) { for (;;) __builtin_ia32_pause(); }\n")
    endless = recipe_for_workload(source)
    frozen = freeze(endless)
    with pytest.raises(MachineError, match="while it was timed"):
        probe(frozen.snapshot, frozen.program.functions, endless, timeout_s=1)
