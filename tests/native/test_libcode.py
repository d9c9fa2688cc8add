"""Functions of the C library that are compiled with the program do what the linked ones do."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.compile.frontend import compile_sources
from bareflow.compile.libcode import library_text, taken_text
from bareflow.errors import ToolError
from bareflow.freeze import Frozen, freeze
from bareflow.image.recipe import COMPILED_IN, LEAVE_OUT, LINKED, Recipe, recipe_for_workload
from bareflow.native import native_command
from bareflow.trials.train import train

SOURCE = r"""
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
struct item { int key, place; };
static int by_key(const void *a, const void *b) {
    return ((const struct item *)a)->key - ((const struct item *)b)->key;
}
int tolower(int c) { return c == 'X' ? '!' : c; }
__attribute__((noinline)) int never(int x) { return printf("%d\n", toupper(x)); }
int (*volatile pointer)(int) = isalnum;
int main(int argc, char **argv) {
    struct item items[500], wanted = {3, 0};
    unsigned seed = 1, sum = 0;
    for (int i = 0; i < 500; i++) {
        seed = seed * 1664525 + 1013904223;
        items[i] = (struct item){seed >> 24 & 15, i};
    }
    qsort(items, 500, sizeof *items, by_key); /* equal keys: their order is the algorithm's */
    for (int i = 0; i < 500; i++)
        sum = sum * 31 + (unsigned)items[i].place;
    struct item *found = bsearch(&wanted, items, 500, sizeof *items, by_key);
    printf("%u %d %c %d\n", sum, (int)(found - items), tolower('X'), strcasecmp("ABC", argc > 9 ? "abd" : "abc"));
    for (int c = 0; c < 256; c++)
        printf("%d%d%d%d ", !!isalnum(c), !!ispunct(c), toupper(c), !!pointer(c));
    return argc > 9 ? never(argc) : 0;
}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Recipe:
    source: Path = tmp_path_factory.mktemp("libcode") / "lib.c"
    source.write_text(SOURCE)
    return recipe_for_workload(source)


@pytest.fixture(scope="module")
def frozen(recipe) -> dict[str, Frozen]:
    profile = train(compile_sources(recipe.sources, name=recipe.name))
    compiled = replace(recipe, c_library=COMPILED_IN)
    recipes = {LINKED: recipe, COMPILED_IN: compiled, LEAVE_OUT: replace(compiled, never_called=LEAVE_OUT)}
    return {name: freeze(one, profile=profile) for name, one in recipes.items()}


@pytest.mark.parametrize("kind", [COMPILED_IN, LEAVE_OUT])
def test_the_program_prints_what_the_linked_one_prints(frozen, tmp_path, kind):
    said = []
    for name in (LINKED, kind):
        path = tmp_path / name
        path.write_bytes(frozen[name].snapshot)
        said.append(subprocess.run(native_command(path, ("lib",)), capture_output=True, check=True).stdout)
    assert said[0] == said[1]
    assert b" ! 0\n" in said[0], "the program's own tolower is the one that is called"


def test_nothing_of_it_is_linked_any_more(frozen):
    for name in (b"qsort", b"bsearch", b"toupper"):
        assert b"\0" + name + b"\0" in frozen[LINKED].program.elf
        assert b"\0" + name + b"\0" not in frozen[COMPILED_IN].program.elf


def test_the_profile_still_knows_the_program(frozen):
    assert frozen[LEAVE_OUT].evidence["left_out"]["functions"] == ["never"]


def test_functions_with_state_are_refused():
    names, text = library_text()
    with pytest.raises(ToolError, match="keeps state"):
        taken_text(text, [names["rand"]])
