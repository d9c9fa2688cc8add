"""A recipe may have functions left out that were never called: calling one stops the program with its name."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.compile.frontend import compile_sources
from bareflow.freeze import Frozen, freeze
from bareflow.image.recipe import LEAVE_OUT, Recipe, recipe_for_workload
from bareflow.native import native_command
from bareflow.profile.values import merge_all
from bareflow.trials.train import train

SOURCE = """
#include <stdio.h>
#include <stdlib.h>
typedef int (*step)(int);
static int twice(int x) { return 2 * x; }
__attribute__((const)) static int thrice(int x) { return 3 * x + (x & 1); }
int rare(int x) {
    puts("a long explanation of what is rare, which takes bytes of the program although nobody ever reads it");
    puts("and a second one, as long as the first, of what to do about it, which nobody ever reads either");
    for (int i = 0; i < x; i++)
        printf("%d %d %d\\n", i, i * i % 7, x / (i + 1));
    return x;
}
static __attribute__((always_inline)) inline int everywhere(int x) { return x ^ 1; }
static int by_library(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
step table[] = {twice, thrice};
int main(int argc, char **argv) {
    int which = argc > 1 ? atoi(argv[1]) : 0, sum = 0, numbers[] = {3, 1, 2};
    for (int i = 0; i < 100; i++)
        sum += everywhere(table[which & 1](i));
    qsort(numbers, 3, sizeof *numbers, by_library);
    printf("%d %d\\n", numbers[0], sum);
    if (which == 2)
        sum = rare(5);
    return sum == 1;
}
"""
WORDS = "bareflow: {} was left out, since the profile never saw it called\n"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Recipe:
    source = tmp_path_factory.mktemp("left") / "left.c"
    source.write_text(SOURCE)
    made = recipe_for_workload(source)
    return replace(made, memory_mib=32, boot=frozenset({"bios"}), never_called=LEAVE_OUT)


@pytest.fixture(scope="module")
def profiles(recipe):
    """What was seen of a run without arguments, and of one with 1."""
    bitcode = compile_sources(recipe.sources, name=recipe.name)
    return train(bitcode), train(bitcode, ["1"])


@pytest.fixture(scope="module")
def frozen(recipe, profiles) -> Frozen:
    return freeze(recipe, profile=profiles[0])


@pytest.fixture(scope="module")
def run(frozen, tmp_path_factory):
    path: Path = tmp_path_factory.mktemp("left") / "left.bin"
    path.write_bytes(frozen.snapshot)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = native_command(path, ("left", *arguments))
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_functions_that_never_ran_are_left_out_and_the_bytes_saved_are_told(frozen):
    told = frozen.evidence["left_out"]
    assert told["functions"] == ["rare", "thrice"]
    assert told["bytes_saved"] == told["bytes_with_them"] - told["bytes"] > 0


def test_what_the_profile_saw_still_works(run):
    done = run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 10000\n", "")


@pytest.mark.parametrize(("argument", "name"), [("1", "thrice"), ("2", "rare")])
def test_a_process_is_stopped_with_the_functions_name_however_it_is_reached(run, argument, name):
    done = run(argument)
    assert done.returncode < 0
    assert done.stderr == WORDS.format(name)


@pytest.mark.parametrize(("argument", "name"), [("1", "thrice"), ("2", "rare")])
def test_a_guest_is_stopped_with_the_functions_name(boot, recipe, frozen, tmp_path, argument, name):
    image = build_image(recipe, tmp_path / "left.img", frozen=frozen).image
    result = boot(image, args=("left", argument), accel="tcg")
    assert (result.verdict, result.stderr.decode()) == ("trapped", WORDS.format(name))
    assert any(name in line or "left_out" in line for line in result.explain())


def test_profiles_of_more_runs_leave_less_out(recipe, profiles):
    told = freeze(recipe, profile=merge_all(*profiles)).evidence["left_out"]
    assert told["functions"] == ["rare"]


def test_the_message_asks_for_no_more_of_the_kernel(recipe, frozen, profiles):
    from bareflow.image.needs import features_needed

    whole = freeze(replace(recipe, never_called="keep"), profile=profiles[0])
    assert "left_out" not in whole.evidence
    assert features_needed(frozen.program) <= features_needed(whole.program)
