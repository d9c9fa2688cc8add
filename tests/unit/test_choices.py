"""What a program asks to be frozen with: only names that its recipe lists, only from a line of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bareflow.errors import ProfileError, UsageError
from bareflow.growth.choices import choices_beside, choices_in, load_choices, save_choices, with_choices
from bareflow.image.recipe import load_recipe

NAMES = ("VARIANT", "AHEAD")


def test_flags_are_taken_in_the_order_of_the_names():
    said = b"bareflow: hello\r\nbareflow: freeze with -DAHEAD=2048 -DVARIANT=avx2\r\nbye\n"
    assert choices_in(said, NAMES) == ("-DVARIANT=avx2", "-DAHEAD=2048")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"it says bareflow: freeze with -DAHEAD=1\n",
        b"bareflow: freeze with -O0 -fplugin=x.so -DOTHER=1\n",
        b"bareflow: freeze with -DAHEAD=$(id) -DVARIANT='a\n",
        b"bareflow: freeze with \xff\n",
    ],
)
def test_whatever_else_is_said_is_left_alone(said):
    assert choices_in(said, NAMES) == ()


def test_of_several_lines_the_last_counts():
    said = b"bareflow: freeze with -DAHEAD=1\nbareflow: freeze with -DAHEAD=2\n"
    assert choices_in(said, NAMES) == ("-DAHEAD=2",)


def test_a_recipe_takes_only_what_it_lists():
    recipe = load_recipe("tinyllama")
    flags = ("-DTINYLLAMA_VARIANT=scalar", "-DNDEBUG=1", "-include/etc/passwd")
    assert with_choices(recipe, flags).flags == (*recipe.flags, "-DTINYLLAMA_VARIANT=scalar")
    shy = replace(recipe, grow=replace(recipe.grow, measured=()))
    assert with_choices(shy, flags).flags == recipe.flags


def test_choices_are_kept_beside_the_profile(tmp_path):
    profile = tmp_path / "x.profile"
    assert load_choices(profile) == ()
    save_choices(profile, ("-DAHEAD=2",))
    assert load_choices(profile) == ("-DAHEAD=2",)
    choices_beside(profile).write_text("{}")
    with pytest.raises(ProfileError, match="list of flags"):
        load_choices(profile)


def test_names_that_are_no_macros_are_refused(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('extends = "classic"\n[grow]\nmeasured = ["A B"]\n')
    with pytest.raises(UsageError, match="measured"):
        load_recipe(path)
