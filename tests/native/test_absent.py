"""Programs that lean on the optimiser to remove calls of functions that nobody defines."""

from __future__ import annotations

import asyncio

import pytest

from bareflow.compile.absent import absent_functions
from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import compile_sources
from bareflow.compile.pool import CompilePool
from bareflow.errors import LinkError
from bareflow.grow import grow_native, prepare
from bareflow.tiering import Policy

REMOVED = """
#include <stdio.h>
int nobody(int);
static int never(int value) { return value && sizeof(int) == 3; }
int main(int argc, char **argv) {
    (void)argv;
    if (never(argc)) return nobody(1);
    puts("ran");
    return 7;
}
"""
CALLED = "int nobody(int);\nint main(int argc, char **argv) { (void)argv; return argc > 5 ? nobody(1) : 0; }\n"


@pytest.fixture(scope="module")
def pool():
    with CompilePool(1) as compilers:
        yield compilers


def test_a_call_that_optimising_removes_needs_no_function_to_grow(tmp_path, pool):
    source = tmp_path / "removed.c"
    source.write_text(REMOVED)
    program = prepare([source], pool, cpu="x86-64-v2", policy=Policy(thresholds=(10, 20, 30)))
    grown = asyncio.run(grow_native(program, (), timeout_s=60))
    assert (grown.output, grown.exit_status) == (b"ran\n", 7)


def test_a_function_that_the_optimised_program_calls_too_is_still_missing(tmp_path, pool):
    source = tmp_path / "called.c"
    source.write_text(CALLED)
    assert absent_functions(compile_sources([source], name="called"), target_by_name("x86-64-v2"), pool) == ()
    with pytest.raises(LinkError) as refused:
        prepare([source], pool, cpu="x86-64-v2")
    assert "nobody" in refused.value.message + refused.value.detail


def test_a_function_that_assembly_defines_is_not_missing(tmp_path, pool):
    source = tmp_path / "assembly.c"
    source.write_text(
        '__asm__(".globl thrice\\nthrice: leal (%rdi,%rdi,2), %eax\\nret");\nint thrice(int);\n'
        "int main(int argc, char **argv) { (void)argv; return thrice(argc + 1); }\n"
    )
    program = prepare([source], pool, cpu="x86-64-v2", policy=Policy(thresholds=(10, 20, 30)))
    assert asyncio.run(grow_native(program, (), timeout_s=60)).exit_status == 6
