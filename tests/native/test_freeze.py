"""Whole programs to snapshots, run in a Linux process and compared with what Linux does."""

import io
import subprocess
from dataclasses import replace
from itertools import pairwise

import pytest
from elftools.elf.elffile import ELFFile

from bareflow.compile.tiers import COMPILED_TIERS
from bareflow.errors import LinkError, SnapshotError, UsageError
from bareflow.freeze import freeze
from bareflow.image.recipe import load_recipe, recipe_for_workload
from bareflow.layouts.snapshot import REFUSAL
from bareflow.layouts.verdict import HOST_STATUS
from bareflow.native import native_command, run_native
from bareflow.snapshot.reader import read_snapshot

TOUR = r"""
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int listed __attribute__((section("registry"))) = 7; /* nobody names it, but a linker's symbols reach it */
extern int __start_registry[], __stop_registry[];
static const int fixed[2] __attribute__((section("constants"), used)) = {8, 9};
extern const int __start_constants[], __stop_constants[];
static _Thread_local volatile int mine = 5;
static jmp_buf back;
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static int total(int n, ...) {
    va_list list;
    va_start(list, n);
    int sum = 0;
    while (n--)
        sum += va_arg(list, int);
    va_end(list);
    return sum;
}
__attribute__((constructor)) static void first(void) { puts("constructor"); }
__attribute__((constructor)) static void second(void) { puts("second constructor"); }
__attribute__((constructor(200))) static void early(void) { puts("early constructor"); }
__attribute__((destructor)) static void last(void) { puts("destructor"); }
static void at_exit(void) { puts("at exit"); }
int main(int argc, char **argv) {
    int numbers[] = {5, 3, 9, 1};
    char text[64], *heap = malloc(100000);
    atexit(at_exit);
    for (int i = 0; i < argc; i++)
        printf("argv[%d] = %s\n", i, argv[i]);
    printf("%d listed: %d\n", (int)(__stop_registry - __start_registry), *__start_registry);
    printf("%d constants: %d\n", (int)(__stop_constants - __start_constants), __start_constants[1]);
    printf("HOME_OF_TEST=%s\n", getenv("HOME_OF_TEST"));
    qsort(numbers, 4, sizeof *numbers, compare);
    printf("%d %d %d %d, %d, %.17g %a\n", numbers[0], numbers[1], numbers[2], numbers[3], total(3, 1, 2, 3),
           sin(0.5) + pow(2.5, 1.5) + expf(0.25f), log(3.0));
    memset(heap, 'x', 99999);
    heap[99999] = 0;
    printf("%zu %d\n", strlen(heap), ++mine);
    if (!setjmp(back))
        longjmp(back, 1);
    printf("%s %d\n", fopen("/no/such/file", "r") ? "?" : strerror(errno), fscanf(stdin, "%63s", text));
    printf("read %s\n", text);
    fprintf(stderr, "to stderr\n");
    free(heap);
    return 41;
}
"""


@pytest.fixture
def recipe(tmp_path):
    def recipe(text, name="program.c"):
        path = tmp_path / name
        path.write_text(text)
        return recipe_for_workload(path)

    return recipe


@pytest.fixture
def run_frozen(tmp_path):
    def run_frozen(frozen, *arguments, stdin=b"", environment=None):
        path = tmp_path / "program.snapshot"
        path.write_bytes(frozen.snapshot)
        command = native_command(path, ["program", *arguments])
        return subprocess.run(command, input=stdin, capture_output=True, check=False, env=environment)

    return run_frozen


def test_a_program_does_what_it_does_on_linux(recipe, run_frozen, tmp_path):
    environment = {"HOME_OF_TEST": "here"}
    frozen = freeze(recipe(TOUR))
    subprocess.run(["cc", "-O1", "-w", "-o", "program", "program.c", "-lm"], check=True, cwd=tmp_path)
    here = run_frozen(frozen, "a b", "", "ü", stdin=b"word\n", environment=environment)
    linux = subprocess.run(
        ["program", "a b", "", "ü"], executable=tmp_path / "program", input=b"word\n", capture_output=True,
        check=False, env=environment,
    )  # fmt: skip
    assert (here.returncode, here.stdout, here.stderr) == (linux.returncode, linux.stdout, linux.stderr)
    assert here.returncode == 41


@pytest.mark.parametrize("tier", COMPILED_TIERS)
def test_classic_is_right_at_every_tier(run_frozen, tier):
    done = run_frozen(freeze(load_recipe("classic"), tier=tier), "1")
    assert done.returncode == 0, done.stdout
    assert b"fibonacci = 832040\n" in done.stdout


def test_classic_is_small_and_lists_its_functions():
    frozen = freeze(load_recipe("classic"))
    assert len(frozen.snapshot) <= 5 * 1024
    functions = {function.name: function for function in read_snapshot(frozen.snapshot).contents.functions}
    assert {"fibonacci", "sum_to_n", "multiply", "matrix_multiply", "main"} <= functions.keys()
    assert functions["fibonacci"].tier == "frozen"
    assert "memset" not in functions


def test_no_segment_is_writable_and_executable_and_none_share_a_page(recipe):
    segments = freeze(recipe(TOUR)).program.segments
    assert sorted(segment.permissions for segment in segments) == ["r--", "r-x", "rw-"]
    pages = [
        range(segment.address // 4096, (segment.address + segment.memory_size - 1) // 4096 + 1) for segment in segments
    ]
    assert all(before.stop <= after.start for before, after in pairwise(pages))


def test_unwind_tables_and_names_are_kept_but_not_loaded(recipe):
    frozen = freeze(recipe(TOUR))
    elf = ELFFile(io.BytesIO(frozen.elf.read_bytes()))
    table = elf.get_section_by_name(".eh_frame")
    assert table.data_size > 100
    assert not any(s.address <= table["sh_addr"] < s.address + s.memory_size for s in frozen.program.segments)
    assert elf.get_section_by_name(".symtab").get_symbol_by_name("memcpy")
    assert elf.get_dwarf_info(relocate_dwarf_sections=False).EH_CFI_entries()


def test_headers_are_loaded_only_for_thread_local_data(recipe):
    assert freeze(recipe(TOUR)).program.phdr_count > 0
    assert freeze(load_recipe("classic")).program.phdr_address == 0


def test_equal_sources_in_two_folders_freeze_to_equal_bytes(tmp_path):
    made = []
    for name in ("one", "two/deeper"):
        folder = tmp_path / name / "app"
        folder.mkdir(parents=True)
        (folder / "main.c").write_text(TOUR)
        (folder / "more.c").write_text("const char *where(void) { return __FILE__; }\n")
        made.append(freeze(recipe_for_workload(folder)))
    assert made[0].snapshot == made[1].snapshot
    assert made[0].program.elf == made[1].program.elf


def test_order_puts_hot_functions_first_and_cold_ones_last(recipe):
    names = ["alpha", "beta", "gamma", "delta"]
    text = "".join(f"__attribute__((noinline)) int {n}(volatile int *x) {{ return *x * {len(n)}; }}\n" for n in names)
    calls = " + ".join(f"{name}(&x)" for name in names)
    program = freeze(
        recipe(text + f"int main(void) {{ volatile int x = 1; return {calls}; }}\n"), order=["gamma"], cold=["beta"]
    ).program
    listed = [function.name for function in program.functions]
    assert listed[0] == "gamma"
    assert listed[-1] == "beta"
    assert listed.index("main") not in (0, len(listed) - 1)


def test_a_workloads_own_function_replaces_the_librarys(recipe, run_frozen):
    text = """#include <stdio.h>
#include <string.h>
#include <unistd.h>
int puts(const char *s) { return (int)(write(1, "mine ", 5) + write(1, s, strlen(s))) - 5; }
int main(void) { return puts("text") != 4 || printf("printed\\n") != 8; }
"""
    done = run_frozen(freeze(recipe(text)))
    assert (done.returncode, done.stdout) == (0, b"mine textprinted\n")


def test_a_symbol_named_only_in_inline_assembly_survives(recipe, run_frozen):
    text = """
int called(void) { return 7; }
int main(void) { int r; __asm__ volatile("call called" : "=a"(r) : : "rcx", "rdx", "rsi", "rdi", "r8", "r9",
                                         "r10", "r11", "memory", "cc"); return r; }
"""
    assert run_frozen(freeze(recipe(text))).returncode == 7


def test_an_undefined_symbol_is_named_with_who_uses_it(recipe):
    text = "int missing(int);\n__attribute__((noinline)) int user(int x) { return missing(x); }\n"
    with pytest.raises(LinkError, match=r"missing \(used by \w+\)"):
        freeze(recipe(text + "int main(int c, char **v) { (void)v; return user(c); }\n"))


def test_an_unknown_intrinsic_is_named(recipe):
    text = (
        "declare i32 @llvm.x86.new(i32)\ndefine i32 @main() {\n  %r = call i32 @llvm.x86.new(i32 3)\n  ret i32 %r\n}\n"
    )
    with pytest.raises(LinkError, match=r"intrinsic .*llvm\.x86\.new \(used by main\)"):
        freeze(recipe(text, "program.ll"))


@pytest.mark.parametrize(("size", "said"), [("300000000u", "needs 2.. MiB"), ("3000000000u", "2 GiB")])
def test_a_program_too_large_for_its_machine_is_told_so(recipe, size, said):
    text = f"char a[{size}];\nint main(int c, char **v) {{ a[c] = 1; return ((volatile char *)a)[(long)v]; }}\n"
    with pytest.raises(LinkError, match=said):
        freeze(recipe(text))


def test_an_unknown_cpu_offers_the_nearest(recipe):
    with pytest.raises(UsageError, match="'x86-64-v9'") as caught:
        freeze(replace(recipe("int main(void) { return 0; }\n"), cpu="x86-64-v9"))
    assert "x86-64-v" in caught.value.hint


def test_native_code_runs_here_and_names_its_features(recipe, run_frozen):
    frozen = freeze(replace(recipe("int main(int c, char **v) { (void)v; return c; }\n"), cpu="native"))
    assert run_frozen(frozen, "x").returncode == 2
    named = {feature.name for feature in read_snapshot(frozen.snapshot).contents.features}
    assert named <= frozen.target.enabled


def test_a_trap_and_an_abort_have_statuses_of_their_own(recipe, tmp_path):
    for text, status in (("*(volatile int *)0 = c;", "trapped"), ("abort();", "killed")):
        frozen = freeze(
            recipe(f"#include <stdlib.h>\nint main(int c, char **v) {{ (void)v; (void)c; {text} return 0; }}\n")
        )
        path = tmp_path / "p.snapshot"
        path.write_bytes(frozen.snapshot)
        assert run_native(path, ["p"]) == HOST_STATUS[status]


def test_code_cannot_be_written_nor_data_run(recipe, run_frozen):
    for action in ("*(volatile char *)(long)main = 1;", "((void (*)(void))data)();"):
        text = f"char data[16] = {{(char)0xc3}};\nint main(void) {{ {action} return 0; }}\n"
        assert run_frozen(freeze(recipe(text))).returncode == -11


def test_the_runner_refuses_a_changed_snapshot(recipe, tmp_path):
    frozen = freeze(recipe("int main(void) { return 0; }\n"))
    path = tmp_path / "p.snapshot"
    path.write_bytes(frozen.snapshot)
    command = native_command(path, ["p"])
    path.write_bytes(frozen.snapshot[:-1] + bytes([frozen.snapshot[-1] ^ 1]))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == HOST_STATUS["refused"]
    assert f"reason {REFUSAL['crc']}" in done.stderr
    with pytest.raises(SnapshotError):
        native_command(path, ["p"])


def test_no_snapshot_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.snapshot"):
        native_command(tmp_path / "gone.snapshot", [])
