"""What is called and what is dead weight: of a workload by its profiles, of a library by breakpoints in a copy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.compile.cover import LIBRARY, VARIABLE
from bareflow.compile.frontend import compile_sources
from bareflow.deadcode import jit, measure
from bareflow.deadcode.library import FRAMES, SYMBOLS, Library, read_library
from bareflow.deadcode.workload import coverage, describe
from bareflow.errors import ProfileError, ToolError
from bareflow.image.recipe import LEAVE_OUT, Recipe, recipe_for_workload
from bareflow.profile.values import Profile, merge_all
from bareflow.trials.train import train

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
#include <stdio.h>
#include <stdlib.h>
static int small(int x) { return x + 1; }
__attribute__((noinline)) static int left(int x) { return small(x) * 3; }
__attribute__((noinline)) static int right(int x) { return small(x) * 5; }
__attribute__((noinline)) static int neither(int x) { return printf("%d\\n", x); }
int main(int argc, char **argv) {
    int which = argc > 1 ? atoi(argv[1]) : 0;
    printf("%d\\n", which == 0 ? left(argc) : which == 1 ? right(argc) : neither(argc));
    return 0;
}
"""
LIBRARY_SOURCE = """
static int hidden(int x) { return x * 7; }
int offered(int x) { return hidden(x) + 1; }
int unused(int x) { return x - 1; }
static int started;
__attribute__((constructor)) static void start(void) { started = 1; }
int has_started(void) { return started; }
"""
LOAD = """
import ctypes, os, sys
from pathlib import Path
sys.modules["llvmlite"] = sys.modules["llvmlite.binding"] = binding = type(sys)("llvmlite.binding")
binding.ffi = type(sys)("ffi")
class wrapper:
    def __call__(self): return 0
binding.ffi._lib_fn_wrapper = wrapper
sys.modules["llvmlite.binding.ffi"] = binding.ffi
sys.modules["llvmlite"].binding = binding
loaded = []
class Lazy:
    def __getattr__(self, name):
        loaded.append(ctypes.CDLL("/somewhere/libllvmlite.so"))
        return None
binding.__getattr__ = lambda name: Lazy().load
from bareflow.compile.cover import load_llvm
load_llvm()
print(loaded[0].offered(6), loaded[0].offered(1), loaded[0].has_started())
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Recipe:
    source = tmp_path_factory.mktemp("dead") / "dead.c"
    source.write_text(SOURCE)
    return recipe_for_workload(source)


@pytest.fixture(scope="module")
def profiles(recipe) -> tuple[Profile, Profile]:
    bitcode = compile_sources(recipe.sources, name=recipe.name)
    return train(bitcode), train(bitcode, ["1"])


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Library:
    folder = tmp_path_factory.mktemp("library")
    (folder / "some.c").write_text(LIBRARY_SOURCE)
    command = ["cc", "-O0", "-shared", "-fPIC", folder / "some.c", "-o", folder / LIBRARY]
    subprocess.run(command, check=True)
    return read_library(folder / LIBRARY)


def test_called_and_never_called_functions_are_told_apart(recipe, profiles):
    facts = describe(coverage(recipe, profiles[0]))
    assert {"left", "main"} <= set(facts["called"])
    assert facts["never_called"] == ["neither", "right"]
    assert set(facts["cold"]) == {"neither", "right"}
    assert facts["removed"] == ["small"]


def test_coverage_merges_as_profiles_do_in_any_order(recipe, profiles):
    one, other = (coverage(recipe, merge_all(*order)) for order in (profiles, profiles[::-1]))
    assert one.functions == other.functions
    assert describe(one)["never_called"] == ["neither"]
    assert describe(one)["boots"] == 2


def test_functions_left_out_are_listed_with_what_that_saves(recipe, profiles):
    facts = describe(coverage(replace(recipe, never_called=LEAVE_OUT), profiles[0]))
    assert facts["left_out"] == ["neither", "right"]
    assert facts["cold"] == []
    assert isinstance(facts["bytes"]["saved_by_leaving_out"], int)


def test_a_profile_of_another_program_is_refused(profiles, tmp_path):
    (tmp_path / "other.c").write_text("int other(int x) { return x; }\nint main(void) { return other(0); }\n")
    with pytest.raises(ProfileError, match="is of another program"):
        coverage(recipe_for_workload(tmp_path / "other.c"), profiles[0])


def test_a_librarys_functions_are_found_with_and_without_its_symbols(library, tmp_path):
    stripped = tmp_path / LIBRARY
    subprocess.run(["strip", library.path, "-o", stripped], check=True)
    bare = read_library(stripped)
    assert (library.source, bare.source) == (SYMBOLS, FRAMES)
    assert {"offered", "unused", "has_started"} <= set(library.exported) == set(bare.exported)
    assert library.sizes.items() <= bare.sizes.items()


def test_a_file_that_is_no_library_is_refused(tmp_path):
    (tmp_path / "text").write_text("no ELF")
    with pytest.raises(ToolError, match="cannot be read"):
        read_library(tmp_path / "text")


def test_just_the_functions_that_run_are_noted_from_the_librarys_start_on(library, tmp_path):
    measure._prepare(library, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        env={**os.environ, VARIABLE: str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "43 8 1\n"), done.stderr
    found = measure._collect(library, tmp_path, "some")
    assert found.processes == 1
    table = subprocess.run(["nm", library.path], capture_output=True, text=True, check=True).stdout
    listed = [line.split() for line in table.splitlines()]
    places = {words[2]: int(words[0], 16) for words in listed if len(words) == 3}
    (hits,) = tmp_path.glob("hits-*")
    noted = {start for start, hit in zip(library.sizes, hits.read_bytes(), strict=True) if hit}
    wanted = {places[name] for name in ("hidden", "offered", "start", "has_started")}
    assert wanted <= noted
    assert places["unused"] not in noted


def test_without_llvm_dev_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(jit, "find_config", lambda: None)
    assert "apt-get install llvm-dev" in jit.static_jit().reason


def test_the_command_answers_for_workload_and_llvm(recipe, tmp_path):
    command = [sys.executable, "-m", "bareflow", "deadcode", "--workload", str(recipe.sources[0]), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    facts = json.loads(done.stdout)
    assert done.returncode == 0, facts
    assert {"main", "left"} <= set(facts["called"])
    assert {"neither", "right"} <= set(facts["never_called"])
    llvm = facts["llvm"]
    assert 0 < llvm["executed"]["functions"] < llvm["functions"]
    assert 0 < llvm["executed"]["calls_used"] < llvm["exported"]
    assert llvm["executed"]["code_bytes"] < llvm["code_bytes"] < llvm["size_bytes"]
