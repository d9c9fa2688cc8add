"""How much memory boot-qemu gives a machine by itself."""

from __future__ import annotations

from bareflow.cli.images import memory_for


def image_of(path, mebibytes):
    with path.open("wb") as file:
        file.truncate(mebibytes << 20)
    return path


def test_a_small_image_gets_what_every_image_gets(tmp_path):
    assert memory_for(image_of(tmp_path / "i", 3), "bios") == 128
    assert memory_for(tmp_path / "none", "bios") == 128


def test_a_large_image_gets_room_for_its_files_and_where_it_is_read_whole_for_itself(tmp_path):
    image = image_of(tmp_path / "i", 600)
    assert memory_for(image, "bios") == 128 + 1200
    assert memory_for(image, "pvh") == memory_for(image, "uefi") == 128 + 1800
