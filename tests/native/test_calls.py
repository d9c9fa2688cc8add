"""The system calls that a program can make, read off its code; and a program of unusual ones, on Linux."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

from bareflow.compile.libc import static_libc
from bareflow.freeze import freeze
from bareflow.image.calls import SystemCalls, system_calls
from bareflow.image.needs import CALLERS, FUTEX, QUIET, WAITS, features_for, features_needed, features_of_calls
from bareflow.image.recipe import recipe_for_workload
from bareflow.toolchain import data_root, run, zig

CONSTANT_CALL = re.compile(rb"(?<!\x41)(?:\xb8(.[\0\1])\0\0|\x6a(.)\x58)(?=[^\xb8\x58]{0,12}\x0f\x05)", re.DOTALL)
"""mov or push and pop of a number into eax, and `syscall` at most 12 bytes behind it."""


@pytest.fixture
def calls_of(tmp_path):
    """Return `look(assembly)`: what is found in a function `f` with this body, and the numbers alone."""

    def look(body, more=""):
        source, program = tmp_path / "f.S", tmp_path / "f.elf"
        source.write_text(f".globl f\n.type f,@function\nf:\n{body}\nret\n.size f,.-f\n{more}")
        command = ["cc", "-nostdlib", "-static", "-no-pie", "-Wl,-e,f", str(source), "-o", str(program)]
        subprocess.run(command, check=True, capture_output=True)
        found = system_calls(program.read_bytes())
        return sorted(found.numbers), sorted(found.unknown)

    return look


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        ("mov $35, %eax; mov $1, %edi; syscall", [35]),
        ("xor %eax, %eax; syscall", [0]),
        ("push $39; pop %rax; syscall", [39]),
        ("mov $1, %eax; syscall; mov $60, %eax; xor %edi, %edi; syscall", [1, 60]),
        ("mov $5, %eax; test %rdi, %rdi; je 1f; mov $6, %eax; 1: syscall", [5, 6]),
        ("test %rdi, %rdi; je 1f; mov $5, %eax; jmp 2f; 1: mov $6, %eax; 2: syscall", [5, 6]),
        ("mov $7, %eax; jmp 2f; 1: syscall; ret; 2: cmp $3, %esi; jmp 1b", [7]),
        ("mov $9, %eax; mov $0x0f, %cl; 1: dec %ecx; jne 1b; syscall", [9]),
        ("nop", []),
    ],
)
def test_numbers_are_followed_to_their_call(calls_of, body, numbers):
    assert calls_of(body) == (numbers, [])


@pytest.mark.parametrize(
    "body",
    [
        "mov %edi, %eax; syscall",
        "mov $1, %eax; call g; syscall",
        "mov $1, %eax; syscall; syscall",
        "mov $5, %eax; test %rdi, %rdi; je 1f; mov %esi, %eax; 1: syscall",
        "mov $1, %eax; inc %eax; syscall",
        "mov $1, %eax; mov $2, %al; syscall",
        "jmp *%rdx; syscall",
    ],
)
def test_what_cannot_be_followed_is_told(calls_of, body):
    assert "f" in calls_of(body, "g: ret")[1]


def test_numbers_go_through_libcs_own_taker(calls_of):
    taker = ".globl syscall\n.type syscall,@function\nsyscall: mov %rdi, %rax; syscall; ret\n.size syscall,.-syscall"
    assert calls_of("mov $318, %edi; xor %eax, %eax; call syscall", taker) == ([318], [])
    assert calls_of("mov $24, %edi; jmp syscall", taker) == ([24], [])
    assert calls_of("mov %rsi, %rdi; call syscall", taker) == ([], ["f"])


def test_every_call_of_the_kernel_has_its_feature():
    table = features_of_calls()
    text = (data_root() / "kernel/syscall.S").read_text().partition("#ifdef CONFIG_GROW\n    CALL")[0]
    assert {int(number) for number in re.findall(r"CALL (\d+),", text)} == set(table)
    assert (table[1], table[0], table[9], table[257], table[230], table[318]) == (
        "", "input", "memory", "files", "clock", "process",
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole_library(tmp_path_factory):
    """All of the C library as one program: every function of every archive."""
    out = tmp_path_factory.mktemp("library") / "all.elf"
    flags = ("-m", "elf_x86_64", "-static", "--unresolved-symbols=ignore-all", "--allow-multiple-definition", "-e", "0")
    run(zig("ld.lld", *flags, "--whole-archive", *static_libc().archives, "-o", out), what="linking the whole library")
    return out.read_bytes()


def bodies_of(elf):
    """Name and bytes of every function that has a size."""
    file = ELFFile(BytesIO(elf))
    for symbol in file.get_section_by_name(".symtab").iter_symbols():
        if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"] and symbol["st_shndx"] != "SHN_UNDEF":
            section = file.get_section(symbol["st_shndx"])
            at = symbol["st_value"] - section["sh_addr"]
            yield symbol.name, section.data()[at : at + symbol["st_size"]]


def test_every_call_of_every_library_function_is_found(whole_library):
    """Against another way to look: a constant into eax and a system call a few bytes behind it."""
    found = system_calls(whole_library)
    assert found.unknown == {"__clone", "do_setxid"}  # which get everything
    names, seen = defaultdict(set), 0
    for name, body in bodies_of(whole_library):
        names[body].add(name)  # aliases
    for body, aliases in names.items():
        for match in re.finditer(
            rb"(?<!\x41)(?:\xb8(.[\0\1])\0\0|\x6a(.)\x58)(?=[^\xb8\x58]{0,12}\x0f\x05)", body, re.DOTALL
        ):
            number = int.from_bytes(match[1] or match[2], "little")
            makers = found.numbers.get(number, set()) | found.unknown
            assert makers & aliases, (aliases, number)
            seen += 1
    assert seen > 300


def test_every_library_function_gets_the_features_that_its_calls_need(whole_library):
    table, numbers = features_of_calls(), system_calls(whole_library).numbers
    reached = [(number, name) for number in table.keys() & numbers.keys() if table[number] for name in numbers[number]]
    for number, name in reached:
        alone = SystemCalls({number: {name}})
        if number != FUTEX and name not in QUIET.get(number, set()):
            assert table[number] in features_for({name}, alone), (number, name)
    assert {table[number] for number, _ in reached} == set(CALLERS)


def test_what_may_wait_for_ever_gets_a_kernel_that_says_so():
    assert "process" in features_for({"sem_wait"}, SystemCalls({FUTEX: {"__lock", "__timedwait_cp"}}))
    assert not features_for({"puts"}, SystemCalls({FUTEX: {"__lock", "__lockfile"}}))


def test_every_name_that_stands_for_a_call_is_one_of_the_librarys(whole_library):
    names = {name.lstrip("_") for name, _ in bodies_of(whole_library)}
    assert {name for callers in CALLERS.values() for name in callers} <= names
    assert {name.lstrip("_") for callers in QUIET.values() for name in callers} | {
        w.lstrip("_") for w in WAITS
    } <= names


def test_an_unusual_program_gets_what_it_calls(tmp_path):
    frozen = freeze(recipe_for_workload(data_root() / "tests/guests/unusual/unusual.c"))
    assert features_needed(frozen.program) == {"files", "memory", "clock", "process"}
    program = tmp_path / "unusual"
    program.write_bytes(frozen.elf.read_bytes())
    program.chmod(0o755)
    done = subprocess.run([program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.count("works") == 12


def test_a_program_that_only_prints_gets_nothing():
    frozen = freeze(recipe_for_workload(data_root() / "tests/guests/growth/ends.c"))
    assert features_needed(frozen.program) == frozenset()
