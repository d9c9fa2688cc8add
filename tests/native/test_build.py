"""Recipes to image files."""

from dataclasses import replace

import pytest

from bareflow.build import build_image
from bareflow.errors import ImageError
from bareflow.image.disk import read_file, read_parts
from bareflow.image.recipe import load_recipe, recipe_for_workload


def test_an_image_holds_the_snapshot_and_its_parts_add_up(tmp_path):
    report = build_image(load_recipe("classic"), tmp_path / "classic.img")
    assert read_file(report.image, "OPTIMIZED_SNAPSHOT.BIN") == report.frozen.snapshot
    parts = [(part.name, part.size) for part in read_parts(report.image)]
    assert tuple(parts) == report.parts
    document = report.as_dict()
    assert document["payload_bytes"] == sum(document["parts"].values())
    assert document["image"] == str(tmp_path / "classic.img")


def test_equal_recipes_in_two_folders_give_equal_images(tmp_path):
    images = []
    for name in ("one", "two/deeper"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "app.c").write_text("int main(void) { return 3; }\n")
        (folder / "data.txt").write_text("data")
        recipe = recipe_for_workload(folder / "app.c", files=[folder / "data.txt"])
        images.append(build_image(recipe, folder / "app.img").image.read_bytes())
    assert images[0] == images[1]


def test_arguments_and_environment_are_on_the_image(tmp_path):
    recipe = replace(load_recipe("classic"), arguments=("7", "a b"), environment=(("X", "1"),))
    report = build_image(recipe, tmp_path / "classic.img")
    assert read_file(report.image, "ARGS.BIN") == b"3\0classic\x007\0a b\0X=1\0"


def test_progress_is_told(tmp_path):
    said = []
    build_image(load_recipe("classic"), tmp_path / "classic.img", progress=said.append)
    assert said[0] == "compiling classic"
    assert "100 %" in said[-1]


def test_a_folder_is_no_place_for_an_image(tmp_path):
    with pytest.raises(ImageError, match="is a folder"):
        build_image(load_recipe("classic"), tmp_path)


def test_an_unwritable_image_is_named_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageError, match=r"file/classic\.img"):
        build_image(load_recipe("classic"), tmp_path / "file" / "classic.img")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
