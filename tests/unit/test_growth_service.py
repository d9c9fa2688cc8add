"""What the compile service asks for; no compiler runs."""

import pytest

from bareflow.compile.cpu import target_by_name
from bareflow.growth.service import CompileService

PLAIN = "define i64 @f.body(i64 %x) {\n  ret i64 %x\n}\n"
VECTOR = PLAIN.replace("i64", "<8 x float>")
VECTOR_BY_POINTER = PLAIN.replace("ret i64 %x", "%r = call <8 x i32> %x()\n  ret i64 0")
INTRINSIC = PLAIN + "declare i32 @llvm.x86.bmi.pext.32(i32, i32)\n"


def chosen(text, tier, cpu="x86-64-v4", **settings):
    service = CompileService("w", None, target_by_name(cpu), None, **settings)
    return service.target_for(text, tier).name


def test_low_tiers_are_compiled_for_a_small_cpu_and_high_ones_for_the_machines():
    assert [chosen(PLAIN, tier) for tier in ("O0", "O1", "O2", "O3")] == ["x86-64-v2"] * 2 + ["x86-64-v4"] * 2


@pytest.mark.parametrize("text", [VECTOR, VECTOR_BY_POINTER, INTRINSIC])
def test_what_could_tell_the_cpus_apart_is_compiled_for_the_machines_at_every_tier(text):
    assert chosen(text, "O0") == "x86-64-v4"


def test_features_of_a_functions_own_keep_the_machines_cpu():
    assert chosen(PLAIN, "O1", own_features=True) == "x86-64-v4"


def test_a_cpu_below_the_small_one_stays():
    assert chosen(PLAIN, "O0", cpu="x86-64") == "x86-64"
