"""Bodies are taken out of a module's text with every promise that was made about them."""

from __future__ import annotations

from bareflow.compile.leave_out import HANDLER, without_bodies

TEXT = """\
source_filename = "workload:t"

@table = global ptr @"odd name", align 8

define dso_local i32 @pure(i32 noundef %x) local_unnamed_addr #0 comdat align 16 !prof !3 {
  %y = add i32 %x, 1
  ret i32 %y
}

define internal void @"odd name"(ptr %p, ...) #1 {
entry:
  br label %loop
loop:
  br label %loop
}

define i32 @main() #1 {
  %a = call i32 @pure(i32 2) #2, !prof !4
  %b = call i32 @other(i32 2) #2
  ret i32 %a
}

declare i32 @other(i32)

attributes #0 = { nounwind willreturn memory(none) }
attributes #1 = { nounwind }
attributes #2 = { nounwind willreturn memory(none) }
"""


def test_the_functions_stay_defined_and_say_their_names():
    text = without_bodies(TEXT, ["pure", "odd name"])
    assert "define dso_local i32 @pure(i32 noundef %x) local_unnamed_addr comdat #3 {" in text
    assert 'define internal void @"odd name"(ptr %p, ...) #3 {' in text
    assert "br label" not in text
    assert 'constant [4 x i8] c"pure"' in text
    assert f"call void @{HANDLER}(ptr @.bareflow.name.1, i64 8)" in text


def test_calls_keep_no_promise_about_them_and_others_keep_theirs():
    text = without_bodies(TEXT, ["pure"])
    assert "%a = call i32 @pure(i32 2), !prof !4" in text
    assert "%b = call i32 @other(i32 2) #2" in text


def test_the_new_attributes_have_a_number_of_their_own():
    text = without_bodies(TEXT, ["pure"])
    assert text.count("attributes #3 = { noreturn nounwind noinline cold }") == 1


def test_a_trap_that_is_declared_is_not_declared_again():
    text = without_bodies(TEXT + "\ndeclare void @llvm.trap() #1\n", ["pure"])
    assert text.count("declare void @llvm.trap()") == 1
