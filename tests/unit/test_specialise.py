"""Which clones a profile suggests, and what dispatchers look like."""

from dataclasses import replace

from bareflow.compile.cfg import find_functions
from bareflow.compile.prof import heat
from bareflow.compile.specialise import Clone, can_specialise, propose, specialise
from bareflow.profile.values import ArgumentValues, FunctionProfile, Profile

TEXT = """\
define internal noundef signext i8 @scale(ptr noundef %0, i32 noundef %n, i64 %2) unnamed_addr #0 {
  %4 = trunc i32 %n to i8
  ret i8 %4
}

define { i64, i64 } @pair(i1 zeroext %0) {
  ret { i64, i64 } zeroinitializer
}

define void @nothing(i32 %0) {
  ret void
}

attributes #0 = { noinline nounwind "x"="y" }
"""


def seen(counts, others=0):
    return ArgumentValues(counts, others)


def known(calls=100, **values):
    return FunctionProfile("scale", calls=calls, values={int(at[1:]): one for at, one in values.items()})


def proposed(function):
    profile = Profile({function.key: function})
    return [clone.values for clone in propose(TEXT, profile, {}, heat(TEXT, profile, {}))]


def test_a_value_in_most_calls_gets_a_clone():
    assert proposed(known(a1=seen({32: 95, 7: 5}))) == [((1, 32),)]


def test_a_function_that_left_the_interpreter_is_judged_by_the_calls_seen_there():
    left = known(calls=1_000_000, a1=seen({32: 95}, 5))
    profile = Profile({left.key: left})
    (clone,) = propose(TEXT, profile, {}, heat(TEXT, profile, {}))
    assert (clone.calls, clone.total) == (95, 100)
    assert proposed(known(calls=1_000_000, a1=seen({32: 20}))) == []


def test_a_value_that_changes_gets_none():
    assert proposed(known(a1=seen({32: 60, 7: 5}, 35))) == []


def test_a_value_seen_in_few_calls_of_a_cold_function_gets_none():
    few = replace(known(calls=4, a1=seen({32: 4})))
    busy = FunctionProfile("nothing", calls=10000)
    profile = Profile({few.key: few, busy.key: busy})
    assert propose(TEXT, profile, {}, heat(TEXT, profile, {})) == ()


def test_dominant_values_come_together_first_and_then_each_alone():
    assert proposed(known(a1=seen({32: 100}), a2=seen({2000: 98}, 2))) == [
        ((1, 32), (2, 2000)),
        ((1, 32),),
        ((2, 2000),),
    ]


def test_two_values_that_share_nearly_all_calls_get_a_clone_each():
    assert proposed(known(a1=seen({4: 55, 8: 43}, 2))) == [((1, 4),), ((1, 8),)]


def test_calls_of_values_together_are_a_lower_bound():
    function = known(a1=seen({32: 95}, 5), a2=seen({8: 93}, 7))
    profile = Profile({function.key: function})
    assert propose(TEXT, profile, {}, heat(TEXT, profile, {}))[0].calls == 88


def test_the_dispatcher_compares_then_calls_and_the_body_stays():
    text = specialise(TEXT, [Clone("scale", ((1, 32), (2, 1)), 90, 100)])
    assert "icmp eq i32 %n, 32" in text
    assert "icmp eq i64 %2, 1" in text
    assert "tail call noundef signext i8 @scale.when.1_32.2_1(ptr noundef %0, i32 noundef 32, i64 1)" in text
    assert "tail call noundef signext i8 @scale.plain(ptr noundef %0, i32 noundef %n, i64 %2)" in text
    assert '!{!"branch_weights", i32 90, i32 10}' in text
    assert text.count("trunc i32 %n to i8") == 2


def test_the_dispatcher_keeps_noinline_and_its_bodies_do_not():
    text = specialise(TEXT, [Clone("scale", ((1, 32),))])
    assert "@scale(ptr noundef %0, i32 noundef %n, i64 %2) unnamed_addr #0 {" in text
    assert "define internal noundef signext i8 @scale.plain(ptr noundef %0, i32 noundef %n, i64 %2) #1 {" in text
    assert 'attributes #1 = { nounwind "x"="y" }' in text


def test_negative_values_booleans_and_structures_are_written_as_llvm_does():
    text = specialise(TEXT, [Clone("nothing", ((0, (1 << 32) - 5),)), Clone("pair", ((0, 1),))])
    assert "icmp eq i32 %0, -5" in text
    assert "tail call void @nothing.when.0_4294967291(i32 -5)\n  ret void" in text
    assert "icmp eq i1 %0, true" in text
    assert 'ret { i64, i64 } %"bareflow.result.pair.when.0_1"' in text


def test_functions_that_cannot_be_called_the_same_way_are_left_alone():
    for line in (
        "define i32 @f(i32 %0, ...) {",
        "define i32 @f(ptr byval(i64) align 8 %0, i32 %1) {",
        "define i32 @f() {",
        "define i32 @main(i32 %0) {",
        'define i32 @f(i32 %0) section "x" {',
    ):
        lines = [line, "  ret i32 0", "}"]
        (function,) = find_functions(lines).values()
        assert not can_specialise(function, lines), line
