"""Addresses of blocks: who may be compiled again although it has some, and who may not."""

import pytest

from bareflow.compile.split import split_module

WHY = "addresses of its blocks may be used by a later call"
MODULE = """
@table = internal constant [2 x ptr] [ptr blockaddress(@jumps, %4), ptr blockaddress(@jumps, %5)]
@shared = internal global ptr null

define internal i32 @jumps(ptr %0) {
  %2 = alloca ptr
BODY
  br label %3

3:                                                ; preds = %1
  %target = phi ptr [ %value, %1 ]
  indirectbr ptr %target, [label %4, label %5]

4:                                                ; preds = %3
  ret i32 1

5:                                                ; preds = %3
  ret i32 2
}
"""
TAKEN = "  %slot = getelementptr inbounds [2 x ptr], ptr @table, i64 0, i64 1\n  %value = load ptr, ptr %slot\n"
RELATIVE = "  %offset = load i64, ptr %0\n  %value = getelementptr i8, ptr blockaddress(@jumps, %4), i64 %offset\n"
COPIED = (
    "  call void @llvm.memcpy.p0.p0.i64(ptr align 8 %2, ptr align 8 @table, i64 8, i1 false)\n"
    "  %value = load ptr, ptr %2\n"
)


def split(body):
    return split_module(MODULE.replace("BODY\n", body))


@pytest.mark.parametrize(
    "body",
    [
        TAKEN,
        RELATIVE,
        TAKEN.replace("%value", "%first") + "  store ptr %first, ptr %2, align 8\n  %value = load ptr, ptr %2\n",
        "  store ptr @table, ptr %2\n  %first = load ptr, ptr %2\n  %value = load ptr, ptr %first\n",
        COPIED,
    ],
    ids=["from-its-table", "computed", "through-a-variable", "table-in-a-variable", "copied-table"],
)
def test_a_function_that_only_jumps_to_its_blocks_can_be_compiled_again(body):
    made = split(body)
    assert not made.kept
    assert "jumps.local" in made.functions
    for text in (made.body_text("jumps.local", "O0"), made.body_text("jumps.local", "O3")):
        assert "blockaddress(@jumps.local.body, %4)" in text
        assert "blockaddress(@jumps.local," not in text


def test_a_static_table_that_its_function_only_reads_goes_with_it():
    made = split_module(MODULE.replace("internal constant", "internal global").replace("BODY\n", TAKEN))
    assert not made.kept
    assert "@table.local = internal constant [2 x ptr]" in made.body_text("jumps.local", "O3")
    assert "@table" not in made.base_text()


@pytest.mark.parametrize(
    ("linkage", "body"),
    [
        ("internal global", TAKEN + "  store ptr null, ptr %slot\n"),
        ("internal global", TAKEN + "  store ptr null, ptr @table\n"),
        ("internal global", TAKEN + "  call void @llvm.memset.p0.i64(ptr @table, i8 0, i64 8, i1 false)\n"),
        ("global", TAKEN),
    ],
    ids=["element-written", "first-element-written", "filled", "visible-to-others"],
)
def test_a_table_that_may_be_written_stays_with_its_function(linkage, body):
    made = split_module(MODULE.replace("internal constant", linkage).replace("BODY\n", body))
    assert list(made.kept) == ["jumps"]
    assert f"@table{'.local' if 'internal' in linkage else ''} = dso_local global" in made.base_text()


@pytest.mark.parametrize(
    "body",
    [
        TAKEN + "  store ptr %value, ptr %0\n",
        TAKEN + "  store ptr @table, ptr @shared\n",
        TAKEN + "  %other = call i32 @jumps(ptr @table)\n",
        TAKEN + "  store ptr %2, ptr @shared\n  store ptr %value, ptr %2\n",
        RELATIVE + "  %number = ptrtoint ptr %value to i64\n  store i64 %number, ptr %0\n",
    ],
    ids=["written-down", "table-handed-out", "table-passed", "its-variable-handed-out", "as-a-number"],
)
def test_a_function_whose_blocks_may_be_jumped_to_by_a_later_call_stays(body):
    made = split(body)
    assert made.kept == {"jumps": WHY}
    assert "blockaddress(@jumps.local, %4)" in made.base_text()
