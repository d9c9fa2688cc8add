"""Cutting a module's text into base and bodies; the text is as LLVM prints it, no LLVM needed."""

import pytest

from bareflow.compile.irtext import bare, parse_module, quoted, symbols_in
from bareflow.compile.split import split_module
from bareflow.errors import CompileError

MODULE = r"""
; ModuleID = 'sample'
source_filename = "sample.c"
target datalayout = "e-m:e"
target triple = "x86_64-unknown-linux-musl"

module asm ".globl seen_by_assembly"

%struct.S = type { [5 x double], %struct.inner }
%struct.inner = type { i32 }
%struct.unused = type { i8 }

$folded = comdat any

@counter = internal global i32 0, align 4
@.str = private unnamed_addr constant [9 x i8] c"a @b \22!7\00", align 1
@limit = internal constant i32 7, align 4
@visible = dso_local global %struct.S zeroinitializer, section ".mine", align 16
@weakling = weak dso_local global i32 1, align 4
@tentative = common global [4 x i32] zeroinitializer, align 16
@stdout = external global ptr, align 8
@per_thread = internal thread_local(localexec) global i64 5, align 8
@0 = private unnamed_addr constant [2 x i8] c"x\00", align 1
@sw.table = internal constant [2 x ptr] [ptr blockaddress(@sw, %5), ptr blockaddress(@sw, %6)], align 16
@kept.table = global [1 x ptr] [ptr blockaddress(@kept, %3)], align 8
@handlers = dso_local global [2 x ptr] [ptr @helper, ptr @second], align 16
@llvm.used = appending global [1 x ptr] [ptr @helper], section "llvm.metadata"
@folded = linkonce_odr constant i32 3, comdat, align 4

@second = dso_local alias i32 (i32), ptr @helper
@chosen = dso_local ifunc i32 (i32), ptr @resolve

; Function Attrs: nounwind
define internal i32 @helper(i32 noundef %0) #0 {
  %2 = load i32, ptr @counter, align 4, !tbaa !1
  %3 = load i32, ptr @limit, align 4, !tbaa !1
  %4 = add i32 %2, %3
  ret i32 %4
}

define dso_local i32 @main(i32 noundef %0, ptr noundef %1) #1 !dbg !9 {
  %3 = call i32 @helper(i32 noundef %0), !tbaa !1
  %4 = call i32 (ptr, ...) @printf(ptr noundef @.str, i32 %3), !range !4
  %5 = icmp eq ptr @main, @helper
  %6 = call i32 @main(i32 1, ptr null)
  br label %7

7:                                                ; preds = %2
  ret i32 %6
}

define internal i32 @sw(i32 %0) #0 {
  %2 = getelementptr inbounds [2 x ptr], ptr @sw.table, i64 0, i64 1
  %3 = load ptr, ptr %2, align 8
  br label %4

4:                                                ; preds = %1
  indirectbr ptr %3, [label %5, label %6]

5:                                                ; preds = %4
  ret i32 1

6:                                                ; preds = %4
  ret i32 2
}

define internal i32 @kept(i32 %0) #0 {
  %2 = load ptr, ptr @kept.table, align 8
  indirectbr ptr %2, [label %3]

3:                                                ; preds = %1
  ret i32 1
}

define internal ptr @resolve() #0 {
  ret ptr @helper
}

define available_externally i32 @from_header(i32 %0) #0 {
  ret i32 %0
}

define internal i32 @seen_by_assembly() #0 {
  call void asm sideeffect "call seen_by_assembly", "~{memory}"()
  ret i32 0
}

define internal double @"odd name"(double %0) unnamed_addr #2 section ".hot" align 32 personality ptr @helper {
  %2 = call double @"odd name"(double %0)
  ret double %2
}

declare i32 @printf(ptr noundef, ...) #1

declare extern_weak void @maybe()

attributes #0 = { nounwind "x"="y" }
attributes #1 = { noinline nounwind }
attributes #2 = { nounwind }

!llvm.module.flags = !{!0}
!llvm.ident = !{!8}

!0 = !{i32 1, !"wchar_size", i32 4}
!1 = !{!2, !2, i64 0}
!2 = !{!"int", !3, i64 0}
!3 = !{!"char"}
!4 = !{i32 0, i32 9}
!5 = distinct !{!5, !6}
!6 = !{!"llvm.loop.mustprogress"}
!8 = !{!"clang"}
!9 = distinct !DISubprogram(name: "main")
"""


@pytest.fixture(scope="module")
def split():
    return split_module(MODULE)


def lines_of(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


def test_internal_names_get_a_suffix_and_keep_their_own_for_people(split):
    assert {one.symbol: one.name for one in split.functions.values()} == {
        "helper.local": "helper",
        "main": "main",
        "sw.local": "sw",
        "seen_by_assembly": "seen_by_assembly",
        "from_header.local": "from_header",
        "odd name.local": "odd name",
    }


def test_what_cannot_leave_stays_and_says_why(split):
    assert split.kept == {
        "kept": "kept.table holds addresses of its blocks",
        "resolve": "it resolves chosen",
    }


def test_the_base_defines_every_global_once_and_only_declares_functions_that_grow(split):
    base = split.base_text()
    assert "@counter.local = dso_local global i32 0, align 4" in base
    assert "@tentative = dso_local global [4 x i32] zeroinitializer, align 16" in base
    assert "@weakling = dso_local global i32 1, align 4" in base
    assert "@stdout = external global ptr, align 8" in base
    assert '@visible = dso_local global %struct.S zeroinitializer, section ".mine", align 16' in base
    assert "@per_thread.local = dso_local thread_local(localexec) global i64 5, align 8" in base
    assert "declare dso_local i32 @helper.local(i32 noundef %0) #0" in base
    assert "define dso_local i32 @kept.local" in base
    assert "@sw.table" not in base
    assert "llvm.used" not in base
    assert "comdat" not in base
    assert 'module asm ".globl seen_by_assembly"' in base


def test_a_body_has_a_name_of_its_own_and_sees_the_others_as_declarations(split):
    body = split.body_text("helper.local", "O1")
    assert "define dso_local i32 @helper.local.body(i32 noundef %0) #0 {" in body
    assert "@counter.local = external dso_local global i32, align 4" in body
    assert "@limit.local = external dso_local constant i32, align 4" in body
    assert "module asm" not in body
    assert "%struct" not in body


def test_calls_to_itself_go_to_a_second_entry_below_o3_and_straight_at_o3(split):
    assert split.functions["main"].recursive
    low, high = split.body_text("main", "O1"), split.body_text("main", "O3")
    assert "%6 = call i32 @main.self(i32 1, ptr null)" in low
    assert "%6 = call i32 @main.body(i32 1, ptr null)" in high
    assert "icmp eq ptr @main, @helper.local" in low
    assert "icmp eq ptr @main, @helper.local" in high


def test_the_upper_tiers_may_inline_callees_and_fold_constants(split):
    body = split.body_text("main", "O2")
    assert "define available_externally dso_local i32 @helper.local(" in body
    assert "@limit.local = available_externally dso_local constant i32 7, align 4" in body
    assert "declare i32 @printf(ptr noundef, ...) #1" in body


def test_a_noinline_function_and_one_with_block_addresses_are_not_offered(split):
    assert "available_externally" not in split.body_text("odd name.local", "O3")


def test_a_table_of_block_addresses_goes_where_its_function_goes(split):
    body = split.body_text("sw.local", "O0")
    blocks = "ptr blockaddress(@sw.local.body, %5), ptr blockaddress(@sw.local.body, %6)"
    assert lines_of(body, "@sw.table.local") == [f"@sw.table.local = internal constant [2 x ptr] [{blocks}], align 16"]


def test_names_with_blanks_and_trailers_survive(split):
    body = split.body_text("odd name.local", "O0")
    head = 'define dso_local double @"odd name.local.body"(double %0) unnamed_addr #2 section ".hot" align 32'
    assert f"{head} personality ptr @helper.local {{" in body
    assert '%2 = call double @"odd name.local.self"(double %0)' in body


def test_aliases_become_second_names_of_stubs(split):
    assert split.aliases == {"second": "helper.local"}
    assert "[ptr @helper.local, ptr @helper.local]" in split.base_text(), "LLVM would take them for two objects"


def test_names_that_assembly_speaks_of_are_left_alone(split):
    assert "define dso_local i32 @seen_by_assembly.body()" in split.body_text("seen_by_assembly", "O0")


@pytest.mark.parametrize(
    ("printed", "name"),
    [("@plain.1", "plain.1"), ('@"a$b"', "a$b"), (r'@"\C3\BCber"', "über"), (r'@"q\22\5C"', 'q"\\'), ('@"1st"', "1st")],
)
def test_names_are_written_as_llvm_prints_them(printed, name):
    assert (bare(printed), quoted(name)) == (name, printed)


def test_what_assembly_defines_for_functions_is_visible_to_their_bodies():
    made = split_module(
        MODULE.replace("module asm", 'module asm "printf: ret"\nmodule asm "other: ret"\nmodule asm', 1)
    )
    assert 'module asm ".globl printf"' in made.base_text()
    assert 'module asm ".globl other"' not in made.base_text()


def test_strings_are_stepped_over():
    assert symbols_in(r'call void asm "call @no", ""(ptr @yes, ptr @"a b")') == ["@yes", '@"a b"']


def test_debug_information_is_left_out(split):
    assert "!dbg" not in split.body_text("main", "O0")


def test_bodies_of_several_functions_fit_one_module(split):
    text = split.bodies_text(["helper.local", "sw.local"])
    assert len(lines_of(text, "define")) == 2
    assert "@sw.table.local = internal constant" in text


def test_a_digest_follows_content_and_not_numbering():
    before = split_module(MODULE).functions
    renumbered = MODULE.replace("!1 ", "!77 ").replace("!1,", "!77,").replace("!1\n", "!77\n").replace("#0", "#44")
    assert {one.name: one.digest for one in split_module(renumbered).functions.values()} == {
        one.name: one.digest for one in before.values()
    }
    changed = split_module(MODULE.replace("add i32 %2, %3", "sub i32 %2, %3")).functions
    assert [name for name, one in before.items() if changed[name].digest != one.digest] == ["helper.local"]


def test_a_changed_constant_changes_who_uses_it():
    before = split_module(MODULE).functions
    changed = split_module(MODULE.replace("constant i32 7", "constant i32 8")).functions
    assert [name for name, one in before.items() if changed[name].digest != one.digest] == ["helper.local"]


def test_a_line_that_is_no_ir_is_an_error():
    with pytest.raises(CompileError, match="a line that we cannot read: nonsense"):
        parse_module("nonsense\n")
