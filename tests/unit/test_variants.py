"""Tunings of functions, and choices as JSON."""

from dataclasses import replace

from bareflow.compile.cpu import target_by_name
from bareflow.compile.specialise import Clone
from bareflow.compile.tiers import Options
from bareflow.compile.variants import PLAIN, Choice, Tuning, baseline_features, tunings, with_tuning
from bareflow.trials.agree import outputs_agree
from bareflow.trials.measure import ratio, runs_for
from bareflow.trials.record import choice_from_json, choice_to_json

TEXT = """\
define double @f(double %0) #0 !prof !1 {
  %2 = call double @llvm.fmuladd.f64(double %0, double %0, double 1.0)
  ret double %2
}

define double @g(double %0) {
  %2 = call double @llvm.fmuladd.f64(double %0, double %0, double 1.0)
  ret double %2
}

attributes #0 = { nounwind "target-features"="+avx" }
"""


def test_one_function_can_be_tuned_alone():
    text = with_tuning(TEXT, Tuning(), {"f": Tuning(contract=False, width=256, features=("-fma",))})
    assert "@f(double %0) #1 !prof !1 {" in text
    assert 'attributes #1 = { nounwind "target-features"="+avx,-fma" "prefer-vector-width"="256" }' in text
    assert "fmul double %0, %0" in text
    assert text.count("@llvm.fmuladd") == 1


def test_a_function_without_attributes_gets_some():
    assert "define double @g(double %0) #1 {" in with_tuning(TEXT, Tuning(), {"g": Tuning(width=512)})


LOOPS = """\
define void @f() {
  br label %1

1:                                                ; preds = %4, %0
  br label %2

2:                                                ; preds = %3, %1
  br i1 true, label %3, label %4

3:                                                ; preds = %2
  br label %2, !llvm.loop !0

4:                                                ; preds = %2
  br label %1, !llvm.loop !1
}

!0 = distinct !{!0, !2}
!1 = distinct !{!1, !2}
!2 = !{!"llvm.loop.mustprogress"}
"""


def test_only_innermost_loops_are_unrolled():
    text = with_tuning(LOOPS, Tuning(unroll=4), {})
    assert '!3 = !{!"llvm.loop.unroll.count", i32 4}' in text
    assert "!0 = distinct !{!0, !2, !3}" in text
    assert "!1 = distinct !{!1, !2}\n" in text


def test_no_tuning_is_no_change():
    assert with_tuning(TEXT, Tuning(), {}) is TEXT


def test_later_tunings_win_where_they_disagree():
    both = Tuning(width=256, features=("+a",)) | Tuning(contract=False, width=512, features=("-a", "+b"))
    assert both == Tuning(False, 512, ("-a", "+b"))


def test_the_baseline_takes_away_all_that_is_above_it():
    features = baseline_features(target_by_name("x86-64-v3"))
    assert "-avx" in features
    assert "-fma" in features
    assert "-sse4.2" not in features
    assert baseline_features(target_by_name("x86-64-v2")) == ()


def test_only_tunings_that_the_cpu_can_tell_apart_are_tried():
    assert tunings(TEXT, target_by_name("x86-64-v2")) == {}
    assert {"no fused multiply-add", "256-bit vectors", "x86-64-v2"} <= tunings(
        TEXT, target_by_name("x86-64-v3")
    ).keys()


def test_no_vector_argument_crosses_between_cpus():
    text = TEXT + "\ndeclare <8 x float> @h(<8 x float>)\n"
    assert "x86-64-v2" not in tunings(text, target_by_name("x86-64-v3"))


def test_a_choice_survives_json():
    choice = Choice(
        True,
        (Clone("f", ((0, 3), (2, 1 << 63)), 9, 10),),
        Options(slp=False, llvm=("-x=1",)),
        Tuning(width=256, schedule="generic"),
        {"f": Tuning(False, None, ("-avx",))},
    )
    assert choice_from_json(choice_to_json(choice)) == choice
    assert choice_from_json(choice_to_json(PLAIN)) == PLAIN
    assert PLAIN.describe() == ()
    assert "vectors of 256 bits" in choice.describe()


def test_a_difference_within_noise_is_none():
    noisy = ratio([0.9, 1.1, 0.97, 1.02, 0.95, 1.06, 0.93], [1.0] * 7)
    assert not noisy.faster(0.015)
    assert ratio([0.9, 0.91, 0.9, 0.92, 0.9, 0.89, 0.9], [1.0] * 7).faster(0.015)
    assert not ratio([0.995] * 7, [1.0] * 7).faster(0.015)


def test_rounds_are_paired():
    assert ratio([1.0, 2.0, 4.0], [2.0, 4.0, 8.0]).median == 0.5


def test_short_programs_run_often_and_long_ones_once():
    assert runs_for(5.0) == 1
    assert runs_for(0.01) == 3
    assert runs_for(0.0) == 48


def test_outputs_agree_in_text_and_integers_exactly_and_in_floats_nearly():
    assert outputs_agree(b"x 1.0000001e5 3\n", b"x 100000.01 3\n")
    assert not outputs_agree(b"x 3\n", b"x 4\n")
    assert not outputs_agree(b"x 1.00001\n", b"x 1.0\n")
    assert not outputs_agree(b"x 1.0\n", b"y 1.0\n")
    assert replace(PLAIN) == PLAIN
