"""Calls through pointers, compared with the functions that they mostly reach."""

import pytest

from bareflow.compile.cfg import find_functions
from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import compile_sources
from bareflow.compile.indirect import PREFIX, address_taken, find_through, with_direct
from bareflow.compile.variants import PLAIN, Choice, Tuning
from bareflow.trials.executable import link_executable
from bareflow.trials.freeze import program_of
from bareflow.trials.measure import Workload, run_plain
from bareflow.trials.train import train

SOURCE = """
#include <stdio.h>
#include <stdlib.h>
struct pair { double x, y; };
struct large { long of[5]; };
struct way {
    long (*step)(long, short);
    struct pair (*turn)(struct pair);
    struct large (*copy)(struct large);
    unsigned char (*cut)(unsigned char);
    void (*tell)(void);
    int (*say)(const char *, ...);
};
static int told;
static long three(long n, short by) { return 3 * n + by; }
static long half(long n, short by) { return n / 2 - by; }
static long seven(long n, short by) { return n % 7 + by; }
static struct pair turn(struct pair p) { return (struct pair){p.y + 1, p.x}; }
static struct large copy(struct large all) { return all.of[0]++, all; }
static unsigned char cut(unsigned char c) { return (unsigned char)(c + 200); }
static void tell(void) { told++; }
static long go(const struct way *ways, long n, struct pair *p, struct large *all) {
    long sum = 0;
    for (long i = 0; i < n; i++) {
        const struct way *way = &ways[i % 16 == 15 ? 1 + i % 2 : 0];
        sum = way->step(sum, (short)(i - 3)) % 1000003;
        *p = way->turn(*p);
        *all = way->copy(*all);
        sum += way->cut((unsigned char)i);
        way->tell();
        if (i % 1000 == 0)
            way->say("%ld\\n", sum);
    }
    return sum;
}
int main(int argc, char **argv) {
    static const struct way ways[3] = {
        {three, turn, copy, cut, tell, printf},
        {half, turn, copy, cut, tell, printf},
        {seven, turn, copy, cut, tell, printf},
    };
    struct pair p = {0, 1};
    struct large all = {{0}};
    long n = argc > 1 ? atol(argv[1]) : 1, sum = go(ways + (argc > 2), argc > 2 ? 15 : n, &p, &all);
    printf("%ld %g %g %ld %d\\n", sum, p.x, p.y, all.of[0], told);
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    source = tmp_path_factory.mktemp("indirect") / "ways.c"
    source.write_text(SOURCE)
    bitcode = compile_sources([source], name="ways")
    return program_of(bitcode, target_by_name("native"), train(bitcode, ["3000"]))


def test_a_training_run_counts_what_calls_through_pointers_reach(program):
    mostly = {one.targets[0][0]: one for one in program.proposed_direct}
    assert set(mostly) == {"three", "turn", "cut", "tell"}
    assert mostly["three"].total == 3000
    assert mostly["three"].targets == (("three", 2813),)
    assert mostly["tell"].targets == (("tell", 3000),)


def test_arguments_in_memory_and_variable_ones_are_left_alone(program):
    lines = program.text.splitlines()
    functions = find_functions(lines)
    assert len(find_through(lines, functions["go"])) == 4
    assert set(address_taken(lines, functions)) == {"three", "half", "seven", "turn", "copy", "cut", "tell"}


def test_a_call_keeps_its_number_and_is_compared_elsewhere(program):
    text = with_direct(program.text, program.proposed_direct)
    lines, before = text.splitlines(), program.text.splitlines()
    assert not find_through(lines, find_functions(lines)["go"])
    assert [line[:12] for line in lines[: len(before)]] == [line[:12] for line in before]
    assert text.count(f"@{PREFIX}.") == 2 * len(program.proposed_direct)


def test_any_target_is_called(program, tmp_path):
    outputs = {}
    choices = (PLAIN, Choice(direct=True), Choice(direct=True, weights=True, tuning=Tuning(width=128), inline_all=True))
    for at, choice in enumerate(choices):
        path = link_executable([program.compile(choice).data], tmp_path / str(at), name="ways")
        given = (("3000",), ("15",), ("1", "other"), ("0",))
        outputs[at] = [run_plain(path, Workload(("ways", *one))).output for one in given]
    assert outputs[1] == outputs[2] == outputs[0]
    assert len(set(outputs[0])) == 4
