"""Training, clones and tunings on real programs: whatever was trained, any input gives what plain code gives."""

import subprocess
from pathlib import Path

import pytest

from bareflow.compile.bytecode.edges import describe_edges
from bareflow.compile.cfg import find_functions
from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import compile_sources
from bareflow.compile.variants import AHEAD, PLAIN, Choice, Tuning, tunings
from bareflow.errors import ProfileError
from bareflow.trials.executable import link_executable
from bareflow.trials.freeze import TrialRun, choose, program_of
from bareflow.trials.measure import Workload
from bareflow.trials.search import Settings
from bareflow.trials.train import train

# Signed, unsigned, narrow and wide arguments, struct results, recursion, function pointers, early exit.
SOURCE = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#define NOINLINE __attribute__((noinline))
struct pair { int64_t low, high; };
static NOINLINE int8_t narrow(int8_t x, uint16_t scale, _Bool negate) {
    int value = x * scale % 127;
    return (int8_t)(negate ? -value : value);
}
static NOINLINE struct pair both(int64_t n, uint64_t step) {
    struct pair p = {0, 0};
    for (int64_t i = 0; i < n; i++)
        p.low += i * (int64_t)step, p.high ^= p.low;
    return p;
}
static NOINLINE double horner(const double *c, int degree, double x) {
    double value = c[degree];
    for (int i = degree - 1; i >= 0; i--)
        value = value * x + c[i];
    return value;
}
static uint64_t power(uint64_t base, uint64_t exponent, uint64_t modulus) {
    if (!exponent)
        return 1 % modulus;
    uint64_t half = power(base, exponent / 2, modulus);
    return half * half % modulus * (exponent & 1 ? base % modulus : 1) % modulus;
}
static int leave(int code) { if (code > 2) exit(code); return code; }
static int plus(int x, int k) { return x + k; }
static int times(int x, int k) { return x * k; }
static NOINLINE int apply(int (*f)(int, int), int n, int k) {
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += f(i, k);
    return sum;
}
static const char *kind(int c) {
    switch (c) { case -1: return "end"; case 0: return "zero"; case 7: case 9: return "odd"; default: return "other"; }
}
int main(int argc, char **argv) {
    long v[6] = {0};
    for (int i = 1; i < argc && i < 7; i++)
        v[i - 1] = strtol(argv[i], NULL, 10);
    double c[40];
    for (int i = 0; i < 40; i++)
        c[i] = 1.0 / (i + 1);
    for (int i = 0; i < 50; i++) {
        struct pair p = both(v[0], (uint64_t)v[1]);
        printf("%d %lld %lld %.6e %llu %s\n", narrow((int8_t)i, (uint16_t)v[1], v[2] & 1), (long long)p.low,
               (long long)p.high, horner(c, (int)(v[3] % 40), i * 0.01),
               (unsigned long long)power((uint64_t)i, 1000, (uint64_t)v[4] | 1), kind((int)v[2] + i % 3));
        printf("%d %d\n", apply(plus, 20, (int)v[5]), apply(times, (int)v[0], 3));
    }
    return leave((int)v[2]);
}
"""
TRAIN = ("100", "3", "1", "12", "1000003", "5")
OTHERS = (
    TRAIN,
    ("99", "3", "1", "12", "1000003", "5"),
    ("100", "-3", "0", "12", "7", "5"),
    ("0", "65535", "-1", "39", "4294967295", "-5"),
    ("-100", "4294967299", "2", "0", "1", "2147483647"),
    ("100", "3", "7", "13", "18446744073709551615", "5"),
    (),
)


def build(folder: Path, source: str = SOURCE, name: str = "subject"):
    path = folder / f"{name}.c"
    path.write_text(source)
    return compile_sources([path], name=name)


def outputs(path: Path):
    runs = [subprocess.run([path, *args], capture_output=True, timeout=60, check=False) for args in OTHERS]
    return [(run.returncode, run.stdout) for run in runs]


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subject")
    bitcode = build(folder)
    program = program_of(bitcode, target_by_name("native"), train(bitcode, TRAIN))
    plain = link_executable([program.compile(PLAIN).data], folder / "plain", name="subject")
    return program, folder, outputs(plain)


def test_counters_have_the_interpreters_numbers(subject):
    program, _, _ = subject
    theirs = describe_edges(program.text)
    for name, function in find_functions(program.text.splitlines()).items():
        mine = [
            (counter.block, counter.first + at, function.blocks[counter.block].terminator.targets[at], at)
            for counter in function.counters
            for at in range(counter.count)
        ]
        assert mine == [(e.block, e.counter, e.target, e.successor) for e in theirs[name]]


def test_a_training_run_counts_calls_branches_and_values(subject):
    profile = subject[0].profile
    assert profile.named("both").calls == 50
    assert profile.named("both").values[1].counts == {3: 50}
    assert profile.named("both").branches[0] == (5000, 50)
    assert profile.named("narrow").values[2].counts == {1: 50}
    assert sum(profile.named("kind").branches[0]) == 50
    assert profile.named("leave").calls == 1


def test_any_input_gives_what_plain_code_gives(subject):
    program, folder, expected = subject
    assert {clone.function for clone in program.proposed} >= {"both", "apply", "power"}
    code = program.compile(Choice(weights=True, clones=program.proposed))
    assert outputs(link_executable([code.data], folder / "clones", name="subject")) == expected


@pytest.mark.parametrize("mixed", [False, True])
def test_tunings_do_not_change_results(subject, mixed):
    program, folder, expected = subject
    for number, (name, tuning) in enumerate(tunings(program.text, program.target).items()):
        choice = Choice(functions={"horner": tuning, "both": tuning}) if mixed else Choice(tuning=tuning)
        path = link_executable([program.compile(choice).data], folder / f"t{mixed}{number}", name="subject")
        assert outputs(path) == expected, name


def test_values_unlike_any_in_training_take_the_plain_body(subject):
    program, folder, expected = subject
    clones = [clone for clone in program.proposed if clone.function == "power"]
    code = program.compile(Choice(clones=tuple(clones), tuning=Tuning(width=128)))
    assert outputs(link_executable([code.data], folder / "power", name="subject")) == expected


def test_trials_keep_clangs_code_where_nothing_is_faster(tmp_path):
    bitcode = build(tmp_path, '#include <stdio.h>\nint main(void) { return puts("hi") < 0; }', "short")
    program = program_of(bitcode, target_by_name("native"), train(bitcode))
    chosen = choose(program, TrialRun(Workload(("short",)), Settings(budget_s=2)))
    assert chosen.choice == AHEAD
    assert chosen.evidence["gain"] is None


def test_trials_find_a_constant_trip_count(tmp_path):
    source = r"""
#include <stdio.h>
#include <stdlib.h>
static __attribute__((noinline)) void filter(const float *in, float *out, int length, const float *taps, int n) {
    for (int i = 0; i + n <= length; i++) {
        float sum = 0;
        for (int k = 0; k < n; k++)
            sum += in[i + k] * taps[k];
        out[i] = sum;
    }
}
int main(int argc, char **argv) {
    float a[1000], b[1000], taps[16];
    int n = argc > 1 ? atoi(argv[1]) : 16;
    for (int i = 0; i < 1000; i++)
        a[i] = b[i] = i * 0.001f;
    for (int i = 0; i < 16; i++)
        taps[i] = 1.0f / (i + 17);
    for (int i = 0; i < 20; i++)
        filter(a, b, 1000, taps, n), filter(b, a, 1000, taps, n);
    printf("%.6e\n", (double)a[500]);
}
"""
    bitcode = build(tmp_path, source, "filter")
    program = program_of(bitcode, target_by_name("native"), train(bitcode, ("16",)))
    chosen = choose(program, TrialRun(Workload(("filter", "16")), Settings(budget_s=11)))
    assert chosen.choice.clones or chosen.choice.versions
    assert chosen.evidence["gain"]["median"] < 0.8
    again = choose(program, TrialRun(Workload(("filter", "16")), Settings(budget_s=11)))
    assert again.choice == chosen.choice
    assert again.code.data == chosen.code.data


def test_a_program_that_ends_without_its_counts_says_so(tmp_path):
    bitcode = build(tmp_path, "#include <unistd.h>\nint main(void) { _exit(0); }", "gone")
    with pytest.raises(ProfileError, match="ended without its counts"):
        train(bitcode)
