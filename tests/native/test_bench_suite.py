"""The bench on a suite of one program: what its result holds."""

from dataclasses import replace

import pytest

from bareflow.errors import CompileError, UsageError
from bench.suite import builds
from bench.suite.builds import REFERENCE, builders
from bench.suite.programs import SuiteProgram, find_programs
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


BUSY = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static volatile unsigned x;
int main(void) {
    for (unsigned i = 0; i < 6000000; i++)
        x += i;
    %s
}
"""


@pytest.fixture
def misbehaving(tmp_path):
    ends = {
        "crashes": "abort();",
        "hangs": "for (;;) pause();",
        "differs": 'printf("%d\\n", (int)getpid());',
        "reads": "return getchar() == EOF ? 7 : 0;",
        "silent": "return 0;",
        "untold": "return 0;",
    }
    (tmp_path / "untold.args").write_text("test: 'one quote\n")
    (tmp_path / ".hidden.c").write_text("no program\n")
    for name, end in ends.items():
        (tmp_path / f"{name}.c").write_text(BUSY % end)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "one.c").write_text(BUSY.replace("main", "busy") % 'return puts("one");')
    (tmp_path / "parts" / "deep" / "include").mkdir(parents=True)
    (tmp_path / "parts" / "deep" / "include" / "busy.h").write_text("int busy(void);\n")
    (tmp_path / "parts" / "deep" / "one.c").write_text('#include "busy.h"\nint (*other)(void) = busy;\n')
    (tmp_path / "parts" / "two.c").write_text("int busy(void);\nint main(void) { return busy() < 0; }\n")
    (tmp_path / "notes.txt").write_text("no program")
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


def test_programs_that_misbehave_are_excluded_by_name_with_the_reason(misbehaving):
    said = []
    settings = Settings(misbehaving, configurations=("O2", "O3"), rounds=1, repeats=1, timeout_s=0.5)
    result = bench_suite(settings, said.append)
    reasons = {one["name"]: one["reason"] for one in result["excluded"]}
    assert reasons == {
        "crashes": "the reference is ended by signal 6",
        "differs": "the reference prints something else each time it runs",
        "hangs": "A run of hangs did not end within 0.5 s.",
        "silent": "the reference prints nothing, so nothing can be compared",
        "untold": "untold.args cannot be read: No closing quotation",
    }
    rows = {row["name"]: row for row in result["kernels"]}
    assert set(rows) == {"parts", "reads"}
    assert rows["reads"]["agree"]
    assert any(text.startswith("1 of 7: crashes: ") for text in said)


def test_one_line_of_arguments_is_for_training_and_for_scoring(suite):
    for lines in ("train: 5 'a b'", "Test : 5 'a b'\nno line"):
        (suite / "mix.args").write_text(lines)
        (mix,) = find_programs(suite, ("mix",))
        assert mix.train == mix.test == ("5", "a b")


def test_the_same_bytes_are_run_once_and_count_as_the_same(misbehaving):
    settings = Settings(misbehaving, only=("reads",), configurations=("O3",), rounds=1, repeats=1)
    (row,) = bench_suite(settings)["kernels"]
    assert row["same_bytes_as"] == {"O3": REFERENCE}
    assert row["ratio"]["O3"] == 1.0


def test_a_configuration_that_gives_another_output_does_not_agree_and_has_no_ratio(suite, tmp_path):
    def wrong(_program, folder):
        source = folder / "wrong.c"
        source.write_text('#include <stdio.h>\nint main(void) { puts("wrong"); }')
        return builders()["O2"](SuiteProgram("wrong", source, (), ()), folder)

    def broken(program, _folder):
        raise CompileError(f"{program.name} is not to be compiled.")

    wanted = {REFERENCE: builders()[REFERENCE], "O2": wrong, "frozen": broken, "gcc-O3-native": broken}
    program = SuiteProgram("mix", suite / "mix.c", ("20000",), ("6000000",))
    row, _ = bench_program(program, wanted, replace(Settings(suite), rounds=1, repeats=1), tmp_path)
    assert row["agree"] is False
    assert row["agree_by_configuration"] == {REFERENCE: True, "O2": False, "frozen": False}
    assert set(row["ratio"]) == {REFERENCE}
    assert row["failed"]["gcc-O3-native"] == "mix is not to be compiled."


def test_an_unknown_configuration_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match="no configuration fast") as caught:
        builders(("fast",))
    assert "frozen-no-trials" in caught.value.hint


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
