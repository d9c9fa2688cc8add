"""What clang expects of a run-time library and zig's has not: growing and frozen programs say what gcc's say."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from bareflow.compile.pool import CompilePool
from bareflow.freeze import freeze
from bareflow.grow import grow_native, prepare
from bareflow.image.recipe import recipe_for_workload
from bareflow.native import native_command
from bareflow.tiering import Policy

COMPLEX = """
#include <complex.h>
#include <math.h>
#include <stdio.h>
static const long double values[] = {0, -0.0L, 1, -2.5L, INFINITY, NAN, 0x1p-4000L, 0x1p4000L};
enum { N = sizeof values / sizeof *values };
static void say(long double complex z) { printf(" %.15Lg %.15Lg", fabsl(creall(z)), fabsl(cimagl(z))); }
static void both(long double complex a, long double complex b) { say(a * b); say(a / b); puts(""); }
int main(void) {
    for (int i = 0; i < N * N * N * N; i++)
        both(CMPLXL(values[i % N], values[i / N % N]), CMPLXL(values[i / N / N % N], values[i / N / N / N]));
    return 0;
}
"""
NAMES = (
    "cmov mmx popcnt sse sse2 sse3 ssse3 sse4.1 sse4.2 avx avx2 sse4a fma4 xop fma avx512f bmi bmi2 aes pclmul "
    "avx512vl avx512bw avx512dq avx512cd avx512vbmi avx512ifma avx512vpopcntdq avx512vbmi2 gfni vpclmulqdq avx512vnni "
    "avx512bitalg avx512bf16 avx512vp2intersect"
)
CLONES = """
#include <stdio.h>
__attribute__((target_clones("avx2", "sse4.2", "default"))) int sum(const int *from, int count) {
    int all = 0;
    for (int i = 0; i < count; i++) all += from[i];
    return all;
}
int main(void) {
    static const int table[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    int all = 0;
    for (int i = 0; i < 300; i++) all += sum(table, i % 10);
    printf("%d", all);
    __builtin_cpu_init();
    ASKED
    printf(" %d %d\\n", !!__builtin_cpu_is("intel"), !!__builtin_cpu_is("amd"));
    return 0;
}
""".replace("ASKED", "\n".join(f'printf(" %d", !!__builtin_cpu_supports("{name}"));' for name in NAMES.split()))


@pytest.fixture(scope="module")
def pool():
    with CompilePool(1) as compilers:
        yield compilers


@pytest.mark.parametrize("text", [COMPLEX, CLONES], ids=["complex long double", "target_clones"])
def test_growing_and_frozen_programs_have_the_whole_runtime_library(tmp_path, pool, text):
    source, host, snapshot = tmp_path / "asks.c", tmp_path / "host", tmp_path / "snapshot.bin"
    source.write_text(text)
    subprocess.run(["cc", "-O2", "-w", source, "-o", host, "-lm"], check=True)
    expected = subprocess.run([host], capture_output=True, check=True).stdout
    program = prepare([source], pool, cpu="x86-64-v2", policy=Policy(thresholds=(10, 20, 30)))
    grown = asyncio.run(grow_native(program, (), timeout_s=60))
    assert (grown.output, grown.exit_status) == (expected, 0)
    snapshot.write_bytes(freeze(recipe_for_workload(source)).snapshot)
    assert subprocess.run(native_command(snapshot, ["asks"]), capture_output=True, check=True).stdout == expected
