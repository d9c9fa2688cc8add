"""Recipes: what they inherit, and what they refuse, in words a person can act on."""

from __future__ import annotations

import pytest

from bareflow.errors import UsageError
from bareflow.image.recipe import load_recipe, recipe_for_workload


@pytest.fixture
def write(tmp_path):
    (tmp_path / "hello.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "data.txt").write_text("data\n")

    def write(text, name="mine"):
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return path

    return write


def refusal(path):
    with pytest.raises(UsageError) as caught:
        load_recipe(path)
    return str(caught.value)


MINIMAL = 'extends = "base"\n[workload]\nsources = ["hello.c"]\n'


def test_minimal_recipe_inherits_everything_from_base(write, tmp_path):
    recipe = load_recipe(write(MINIMAL))
    assert recipe.name == "mine"
    assert recipe.sources == (tmp_path / "hello.c",)
    assert (recipe.memory_mib, recipe.stack_bytes, recipe.image_size) == (128, 8 << 20, None)
    assert recipe.cpu == "x86-64-v2"
    assert recipe.features is None  # the program's symbols decide
    assert recipe.grow.thresholds == (100, 1000, 10000)


def test_recipe_overrides_single_keys_of_a_section(write, tmp_path):
    text = """
extends = "base"
name = "other"
[workload]
sources = ["hello.c"]
arguments = ["a", "b c"]
environment = { HOME = "/", LANG = "C" }
[kernel]
features = ["files"]
[grow]
boots = 5
[image]
size = 8388608
[[files]]
source = "data.txt"
[[files]]
source = "data.txt"
name = "sub/other.txt"
"""
    recipe = load_recipe(write(text))
    assert recipe.name == "other"
    assert recipe.arguments == ("a", "b c")
    assert recipe.environment == (("HOME", "/"), ("LANG", "C"))
    assert recipe.features == {"files"}
    assert (recipe.grow.boots, recipe.grow.policy) == (5, "counts")
    assert recipe.image_size == 8 << 20
    assert [(f.source, f.name) for f in recipe.files] == [
        (tmp_path / "data.txt", "data.txt"),
        (tmp_path / "data.txt", "sub/other.txt"),
    ]


def test_recipe_extends_another_in_its_own_folder(write):
    write(MINIMAL + "[machine]\nmemory_mib = 64\n", "parent")
    recipe = load_recipe(write('extends = "parent"\n[machine]\ncpu = "native"\n'))
    assert (recipe.memory_mib, recipe.cpu) == (64, "native")


def test_recipe_that_extends_itself_is_refused(write):
    assert "extends itself" in refusal(write('extends = "mine"\n'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("memroy_mib = 3", ["memroy_mib"]),
        ("[machine]\nmemroy_mib = 3", ["machine.", "memroy_mib", "Did you mean 'memory_mib'?"]),
        ("[grwo]\nboots = 3", ["Did you mean 'grow'?"]),
        ('[machine]\nmemory_mib = "much"', ["machine.memory_mib must be a whole number", "'much'"]),
        ("[machine]\nmemory_mib = true", ["whole number"]),
        ("[machine]\nmemory_mib = 1", ["from 16"]),
        ("[workload]\nsources = 'hello.c'", ["workload.sources must be a list of strings"]),
        ("[workload]\nsources = ['hello.c']\nstack_bytes = 70000", ["multiple of 4096"]),
        ("[workload]\nsources = ['nope.c']", ["nope.c", "does not exist"]),
        ("[workload]\nsources = []", ["names no workload"]),
        ("[kernel]\nfeatures = ['fils']", ["'fils'", "Did you mean 'files'?"]),
        ("[grow]\nthresholds = [5, 1, 2]", ["three rising"]),
        ("[grow]\npolicy = 'guess'", ["breakeven"]),
        ("[image]\nsize = 'big'", ['must be "auto"']),
        ("[[files]]\nname = 'x'", ["needs a source"]),
        ("[[files]]\nsource = 'gone.bin'", ["gone.bin", "does not exist"]),
        ("[[files]]\nsource = 'data.txt'\nnam = 'x'", ["Did you mean 'name'?"]),
        ("files = 3", ["[[files]]"]),
        ("machine = 3", ["[machine]"]),
        ("extends = 3", ["extends must be a string"]),
        ("extends = 'nothing-like-it'", ["no recipe called"]),
        ("= what", ["is not TOML"]),
    ],
)
def test_wrong_recipe_is_refused_in_a_sentence(write, text, words):
    message = refusal(write(text))
    for word in words:
        assert word in message


def test_unknown_recipe_name_is_refused():
    assert "no recipe called 'clasic-of-sorts'" in refusal("clasic-of-sorts")


def test_unreadable_recipe_file_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.toml")


def test_workload_without_recipe_gets_the_base_recipe(tmp_path):
    source, data = tmp_path / "prog.c", tmp_path / "d.bin"
    source.write_text("")
    data.write_text("")
    recipe = recipe_for_workload(source, [data])
    assert (recipe.name, recipe.sources) == ("prog", (source,))
    assert [file.name for file in recipe.files] == ["d.bin"]
    assert recipe.memory_mib == 128


def test_workload_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"none\.c does not exist"):
        recipe_for_workload(tmp_path / "none.c")
