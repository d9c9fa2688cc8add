"""The bench on a suite of one program: what its result holds."""

from dataclasses import replace

import pytest

from bench.suite import builds
from bench.suite.builds import REFERENCE, builders
from bench.suite.programs import SuiteProgram
from bench.suite.run import Settings, bench_program, bench_suite

SOURCE = """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    unsigned x = 1;
    for (long i = argc > 1 ? atol(argv[1]) : 1; i > 0; i--)
        x = x * 1664525u + (x >> 7) %s;
    printf("%%u\\n", x);
}
"""


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "mix.c").write_text(SOURCE % "")
    (tmp_path / "mix.args").write_text("train: 20000\ntest: 6000000\n")
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }")
    (tmp_path / "fails.c").write_text("int main(void) { return nothing; }")
    return tmp_path


def test_a_row_has_ratio_agreement_bytes_and_time_of_each_configuration(suite):
    settings = Settings(suite, configurations=("O2", "frozen-no-trials"), rounds=1, repeats=1)
    result = bench_suite(settings)
    (row,) = result["kernels"]
    assert row["name"] == "mix"
    assert row["agree"] is True
    for key in ("ratio", "bytes", "compile_ms"):
        assert set(row[key]) == {REFERENCE, "O2", "frozen-no-trials"}
    assert row["ratio"][REFERENCE] == 1.0
    assert result["geomean"]["O2"] == pytest.approx(row["ratio"]["O2"])
    assert result["worst"].keys() == result["geomean"].keys()
    reasons = {one["name"]: one["reason"] for one in result["excluded"]}
    assert "folded away" in reasons["empty"]
    assert "fails" in reasons


def test_frozen_code_comes_with_its_evidence(suite, tmp_path):
    quick = builds.Settings(budget_s=3.0)
    wanted = {REFERENCE: builders()[REFERENCE], "frozen": builds.frozen(settings=quick)}
    program = SuiteProgram("mix", suite / "mix.c", ("20000",), ("6000000",))
    row, reason = bench_program(program, wanted, replace(Settings(suite), rounds=1, repeats=1), tmp_path)
    assert not reason
    assert row
    assert row["agree"]
    assert {"choice", "gain", "findings"} <= row["chosen"]["frozen"].keys()


def test_a_program_that_cannot_be_trained_is_frozen_all_the_same(tmp_path):
    source = tmp_path / "leaves.c"
    source.write_text("#include <unistd.h>\nint main(void) { _exit(3); }")
    built = builds.frozen(settings=builds.Settings(budget_s=1.0))(SuiteProgram("leaves", source, (), ()), tmp_path)
    assert built.path.exists()
