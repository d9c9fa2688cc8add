"""The system calls that a program can make, read off its code; and a program of unusual ones, on Linux."""

from __future__ import annotations

import re
import subprocess

import pytest

from bareflow.freeze import freeze
from bareflow.image.calls import system_calls
from bareflow.image.needs import features_needed, features_of_calls
from bareflow.image.recipe import recipe_for_workload
from bareflow.toolchain import data_root


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
