"""Profile weights in IR text, block counts, and the order of functions."""

from bareflow.compile.cfg import find_functions
from bareflow.compile.order import placement
from bareflow.compile.prof import MAX_WEIGHT, Heat, attach, block_counts, heat, weights
from bareflow.profile.values import UNKNOWN_DIGEST, FunctionProfile, Profile

LOOP = """\
define i32 @count(i32 noundef %0) #0 {
  br label %2

2:                                                ; preds = %5, %1
  %3 = phi i32 [ 0, %1 ], [ %6, %5 ]
  %4 = icmp slt i32 %3, %0
  br i1 %4, label %5, label %7

5:                                                ; preds = %2
  %6 = add i32 %3, 1
  call void @helper()
  br label %2, !llvm.loop !0

7:                                                ; preds = %2
  ret i32 %3
}

define void @helper() {
  ret void
}

define void @never(i8 %0) {
  switch i8 %0, label %2 [
    i8 1, label %3
    i8 -1, label %3
  ], !prof !1

2:                                                ; preds = %1
  ret void

3:                                                ; preds = %1, %1
  br i1 true, label %4, label %4

4:                                                ; preds = %3, %3
  ret void
}

!0 = distinct !{!0}
!1 = !{!"branch_weights", i32 1, i32 2, i32 3}
"""


def profile(*functions: FunctionProfile) -> Profile:
    return Profile({function.key: function for function in functions})


def count(calls=1, branches=None) -> FunctionProfile:
    return FunctionProfile("count", calls=calls, branches=branches or {0: (10, 1), 2: (10,)})


def test_a_branch_gets_the_counts_of_its_successors_and_the_function_its_calls():
    text = attach(LOOP, profile(count(calls=3)), {})
    assert "br i1 %4, label %5, label %7, !prof !3" in text
    assert '!3 = !{!"branch_weights", i32 10, i32 1}' in text
    assert "@count(i32 noundef %0) #0 !prof !2 {" in text
    assert '!2 = !{!"function_entry_count", i64 3}' in text


def test_attachments_that_were_there_stay_before_the_weights():
    assert "br label %2, !llvm.loop !0\n" in attach(LOOP, profile(count()), {})


def test_counts_that_are_all_zero_give_no_weights():
    assert weights((0, 0)) is None
    assert 'branch_weights", i32 0' not in attach(LOOP, profile(count(branches={0: (0, 0)})), {})


def test_counts_beyond_32_bits_are_scaled_and_what_ran_stays_above_zero():
    scaled = weights((MAX_WEIGHT * 1000, 1, 0))
    assert scaled is not None
    assert max(scaled) <= MAX_WEIGHT
    assert scaled[1:] == (1, 0)


def test_a_switch_has_its_default_first_and_old_weights_go():
    never = FunctionProfile("never", calls=9, branches={0: (2, 3, 4), 4: (5, 2)})
    text = attach(LOOP, profile(never), {})
    assert "  ], !prof !3" in text
    assert '!3 = !{!"branch_weights", i32 2, i32 3, i32 4}' in text


def test_a_branch_whose_targets_are_one_block_gets_no_weights():
    never = FunctionProfile("never", calls=9, branches={0: (2, 3, 4), 4: (5, 2)})
    assert "  br i1 true, label %4, label %4\n" in attach(LOOP, profile(never), {})


def test_a_profile_of_another_body_is_not_used():
    assert attach(LOOP, profile(FunctionProfile("count", "1" * 32, 7)), {"count": "2" * 32}) == LOOP


def test_a_profile_that_knows_no_digest_is_used_by_name():
    assert "!prof" in attach(LOOP, profile(count()), {"count": "2" * 32}).split("@helper")[0]
    assert count().digest == UNKNOWN_DIGEST


def test_blocks_run_as_often_as_the_edges_into_them():
    function = find_functions(LOOP.splitlines())["count"]
    assert block_counts(function, count(calls=1)) == [1, 11, 10, 1]


def test_heat_follows_calls_and_names_what_never_ran():
    found = heat(LOOP, profile(count(), FunctionProfile("helper", calls=10), FunctionProfile("never")), {})
    assert found.calls == {("count", "helper"): 10}
    assert found.hottest() == ("count", "helper")
    assert found.never == ("never",)


def test_what_a_profile_does_not_know_is_not_taken_for_cold():
    found = heat(LOOP, profile(count(), FunctionProfile("helper", calls=10)), {})
    assert found.never == ()


def test_callees_are_placed_behind_their_most_frequent_caller():
    found = Heat(
        {"main": 10, "rare": 20, "hot": 1000, "leaf": 500},
        {("main", "hot"): 5, ("hot", "leaf"): 900, ("main", "leaf"): 1, ("main", "rare"): 1},
    )
    assert placement(found) == ("main", "hot", "leaf", "rare")
    assert placement(Heat({"main": 0}, {})) == ()


def test_a_summary_of_all_counts_is_a_flag_of_the_module():
    text = attach(LOOP, profile(count(calls=3)), {})
    (flags,) = (line for line in text.splitlines() if line.startswith("!llvm.module.flags"))
    number = flags.removeprefix("!llvm.module.flags = !{!").removesuffix("}")
    assert f'!{number} = !{{i32 1, !"ProfileSummary", !' in text
    assert '!{!"MaxFunctionCount", i64 3}' in text
    assert '!{!"MaxCount", i64 13}' in text
    assert "!{i32 999999, i64 1, i32 4}" in text


def test_a_summary_joins_flags_that_are_there():
    text = attach(LOOP + '!llvm.module.flags = !{!9}\n!9 = !{i32 1, !"wchar_size", i32 4}\n', profile(count()), {})
    (flags,) = (line for line in text.splitlines() if line.startswith("!llvm.module.flags"))
    assert flags.startswith("!llvm.module.flags = !{!9, !")


def test_a_profile_of_nothing_gives_no_summary():
    assert "ProfileSummary" not in attach(LOOP, profile(count(calls=0, branches={0: (0, 0)})), {})
