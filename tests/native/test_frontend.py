"""Sources to one bitcode module, with clang and LLVM."""

import pytest

from bareflow.compile.frontend import compile_sources
from bareflow.errors import CompileError, UsageError

MAIN = "int main(void) { return 0; }\n"


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_a_c_file_becomes_a_module(write):
    bitcode = compile_sources([write("a.c", '#include <stdio.h>\nint main(void) { return puts("x"); }\n')])
    assert bitcode.name == "a"
    assert bitcode.functions == ("main",)
    assert bitcode.undefined == ("puts",)
    assert bitcode.data[:2] == b"BC"
    assert not bitcode.intrinsics


def test_a_file_that_does_not_compile_shows_clangs_message(write):
    with pytest.raises(CompileError, match=r"Compiling .*broken\.c failed") as caught:
        compile_sources([write("broken.c", "int main(void) { retrun 0; }\n")])
    assert "broken.c:1:18: error: use of undeclared identifier 'retrun'" in caught.value.detail


def test_a_folder_is_taken_with_sub_folders_and_their_headers(write, tmp_path):
    main = (
        '#include "deep.h"\n#include <api.h>\n#include <part/more.h>\nint main(void) { return deep() + API + MORE; }\n'
    )
    write("app/main.c", main)
    write("app/lib/deep.c", '#include "deep.h"\nint deep(void) { return 3; }\n')
    write("app/lib/deep.h", "int deep(void);\n")
    write("app/include/api.h", "#define API 4\n")
    write("app/vendor/include/part/more.h", "#define MORE 5\n")
    write("app/.hidden/main.c", MAIN)
    bitcode = compile_sources([tmp_path / "app"])
    assert set(bitcode.functions) == {"main", "deep"}


def test_c_files_that_only_compile_as_parts_of_others_are_left_to_those(write, tmp_path):
    write(
        "app/main.c",
        '#define TYPE int\n#include "swap.c"\nint main(void) { TYPE a = 1, b = 2; swap(&a, &b); return a; }\n',
    )
    write("app/swap.c", "static void swap(TYPE *a, TYPE *b) { TYPE c = *a; *a = *b; *b = c; }\n")
    for _ in ("compiled", "from the cache"):
        assert set(compile_sources([tmp_path / "app"]).functions) == {"main", "swap"}
    with pytest.raises(CompileError, match=r"swap\.c failed"):
        compile_sources([tmp_path / "app/main.c", tmp_path / "app/swap.c"])
    write("app/other.c", "TYPE other;\n")
    with pytest.raises(CompileError, match=r"other\.c failed"):
        compile_sources([tmp_path / "app"])


def test_folders_that_flags_name_come_before_those_that_were_found(write, tmp_path):
    write("app/main.c", '#include "check.h"\nint main(void) { return CHECK; }\n')
    write("app/api/check.h", "#error not this one\n")
    write("app/check/check.h", '#include "deep.h"\n#define CHECK DEEP\n')
    write("app/lib/deep.h", "#define DEEP 5\n")
    with pytest.raises(CompileError):
        compile_sources([tmp_path / "app"])
    assert "main" in compile_sources([tmp_path / "app"], flags=["-Icheck"]).functions


def test_static_functions_of_one_name_live_side_by_side(write, tmp_path):
    for name in ("one", "two"):
        write(
            f"app/{name}.c",
            f"static int helper(int x) {{ return x * {len(name)}; }}\nint {name}(int x) {{ return helper(x); }}",
        )
    write("app/main.c", MAIN)
    assert len([name for name in compile_sources([tmp_path / "app"]).functions if name.startswith("helper")]) == 2


def test_two_mains_are_named_with_their_files(write, tmp_path):
    write("app/a.c", MAIN)
    write("app/sub/b.c", MAIN)
    with pytest.raises(CompileError, match=r"main is defined in a\.c and in sub/b\.c"):
        compile_sources([tmp_path / "app"])


def test_a_missing_main_is_said(write):
    with pytest.raises(CompileError, match=r"lib\.c defines no main\(\)"):
        compile_sources([write("lib.c", "int f(void) { return 1; }\n")])


def test_cxx_is_refused_by_name(write, tmp_path):
    write("app/main.c", MAIN)
    write("app/x.cpp", "int x;")
    with pytest.raises(CompileError, match=r"x\.cpp is C\+\+"):
        compile_sources([tmp_path / "app"])
    with pytest.raises(CompileError, match=r"x\.cpp is C\+\+"):
        compile_sources([tmp_path / "app" / "x.cpp"])


@pytest.mark.parametrize("name", ["gone.c", "empty", "notes.txt"])
def test_a_path_without_a_source_is_named(write, tmp_path, name):
    (tmp_path / "empty").mkdir()
    write("notes.txt", "hello")
    with pytest.raises(UsageError, match=name):
        compile_sources([tmp_path / name])


def test_a_changed_header_is_seen(write, tmp_path):
    write("app/main.c", '#include "n.h"\nint main(void) { return N; }\n')
    write("app/n.h", "#define N 1\n")
    first = compile_sources([tmp_path / "app"])
    assert compile_sources([tmp_path / "app"]) == first
    write("app/n.h", "#define N 2\n")
    assert compile_sources([tmp_path / "app"]).digest != first.digest


def test_flags_reach_clang(write):
    source = write("a.c", "int main(void) { return N; }\n")
    assert compile_sources([source], flags=["-DN=1"]).digest != compile_sources([source], flags=["-DN=2"]).digest


def test_equal_sources_in_two_folders_give_equal_bytes(write, tmp_path):
    for folder in ("here", "there/deeper"):
        write(f"{folder}/app/main.c", '#include "f.h"\nint main(void) { return where()[0]; }\n')
        write(f"{folder}/app/lib/f.c", '#include "f.h"\nconst char *where(void) { return __FILE__; }\n')
        write(f"{folder}/app/lib/f.h", "const char *where(void);\n")
    here = compile_sources([tmp_path / "here/app"])
    there = compile_sources([tmp_path / "there/deeper/app"])
    assert here.data == there.data
    assert str(tmp_path).encode() not in here.data


def test_assert_is_alive_and_the_frontends_cpu_is_gone(write):
    source = "#include <assert.h>\nint main(int c, char **v) { (void)v; assert(c == 1); return 0; }\n"
    bitcode = compile_sources([write("a.c", source)])
    assert "__assert_fail" in bitcode.undefined
    assert b"target-cpu" not in bitcode.data
    assert not bitcode.own_features


def test_ll_and_c_link_together(write, tmp_path):
    write("app/main.c", "int twice(int);\nint main(void) { return twice(2); }\n")
    write("app/twice.ll", "define i32 @twice(i32 %x) {\n  %r = add i32 %x, %x\n  ret i32 %r\n}\n")
    assert set(compile_sources([tmp_path / "app"]).functions) == {"main", "twice"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("bad.ll", "define i32 @main() { ret i64 0 }\n", "bad.ll: LLVM IR parsing error"),
        ("arm.ll", 'target triple = "aarch64-linux-gnu"\ndefine i32 @main() { ret i32 0 }\n', "made for aarch64"),
        ("junk.bc", "BC\xc0\xde nonsense", "junk.bc"),
    ],
)
def test_bad_ir_is_one_clear_error(write, name, text, said):
    path = write(name, "")
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CompileError) as caught:
        compile_sources([path])
    assert said in caught.value.message + caught.value.detail
