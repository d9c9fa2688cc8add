"""Functions that call themselves, with copies of their bodies in place of their calls."""

import pytest

from bareflow.compile.cfg import find_functions
from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import compile_sources
from bareflow.compile.recursion import DEEP, MOST_LINES, self_recursive, unroll_recursion
from bareflow.compile.variants import PLAIN, Choice
from bareflow.trials.executable import link_executable
from bareflow.trials.freeze import program_of
from bareflow.trials.measure import Workload, run_plain
from bareflow.trials.train import train

SOURCE = """
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
static int depth;
__attribute__((noinline)) static long fib(long n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static long ackermann(long m, long n) {
    return !m ? n + 1 : !n ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
static void permute(char *s, int at, unsigned *h) {
    char before[8];
    depth++;
    for (int i = 0; i < 8; i++)
        before[i] = s[i];
    if (at == 7)
        for (int i = 0; i < 8; i++)
            *h = *h * 31 + (unsigned)s[i];
    for (int i = at; i < 8; i++) {
        char c = s[at];
        s[at] = s[i], s[i] = c;
        permute(s, at + 1, h);
        for (int k = 0; k < 8; k++)
            s[k] = before[k];
    }
}
static int listed(int n, ...) {
    va_list more;
    va_start(more, n);
    int last = va_arg(more, int);
    va_end(more);
    return n ? listed(n - 1, last + n) : last;
}
static long (*volatile other)(long) = fib;
int main(int argc, char **argv) {
    long n = argc > 1 ? atol(argv[1]) : 3;
    unsigned h = (unsigned)n;
    char s[] = "abcdefgh";
    permute(s, n & 3, &h);
    printf("%ld %ld %ld %u %d %d\\n", fib(n), other(n / 2), ackermann(2, n), h, depth, listed((int)n, 1));
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    source = tmp_path_factory.mktemp("recursion") / "deep.c"
    source.write_text(SOURCE)
    bitcode = compile_sources([source], name="deep")
    return program_of(bitcode, target_by_name("native"), train(bitcode, ["12"]))


def test_hot_functions_that_call_themselves_are_found(program):
    assert set(program.recursive) <= {"fib", "ackermann", "permute"}
    assert "permute" in program.recursive
    assert self_recursive(program.text, ["listed", "main", "fib"]) == ("fib",)


def test_any_depth_gives_what_it_gave(program, tmp_path):
    outputs = {}
    for levels in (0, 1, 3):
        code = program.compile(Choice(recursion=levels, inline_all=levels == 3) if levels else PLAIN)
        path = link_executable([code.data], tmp_path / str(levels), name="deep")
        outputs[levels] = [run_plain(path, Workload(("deep", n))).output for n in ("0", "1", "2", "7", "17")]
    assert outputs[1] == outputs[3] == outputs[0]
    assert len(set(outputs[0])) == 5


def test_copies_call_one_another_and_the_last_the_function(program):
    functions = find_functions(unroll_recursion(program.text, ["fib"], 2).splitlines())
    calls = {name: {callee for block in functions[name].blocks for callee in block.calls} for name in functions}
    assert calls["fib"] == {f"fib{DEEP}1"}
    assert calls[f"fib{DEEP}1"] == {f"fib{DEEP}2"}
    assert calls[f"fib{DEEP}2"] == {"fib"}


def test_what_would_be_too_large_gets_fewer_levels(program):
    text = unroll_recursion(program.text, ["fib"], 40)
    assert 2 < text.count(f"@fib{DEEP}") < 40
    assert len(text.splitlines()) < len(program.text.splitlines()) + MOST_LINES
