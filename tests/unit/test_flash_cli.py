"""The command line of flash, export and doctor: bad input is one sentence and status 2, and nothing is written."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bareflow.cli import hardware

ROOT = Path(__file__).resolve().parents[2]


def run(*words, stdin=""):
    command = [sys.executable, "-m", "bareflow", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)


@pytest.fixture
def image(tmp_path):
    """What passes for an image: a first sector with our partition, and bytes behind it."""
    first = bytearray(512)
    first[450:451], first[454:458], first[510:] = b"\xef", struct.pack("<I", 2048), b"\x55\xaa"
    path = tmp_path / "x.img"
    path.write_bytes(bytes(first) + os.urandom(2 << 20))
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--device", "/dev/none", "--file", "x"), "both given"),
        (("--device", "/dev/null"), "no block device"),
        (("--device", "/dev/no-such-disk"), "cannot be found"),
        (("--device", __file__), "--file"),
        (("--file", "/"), "no regular file"),
        (("--file", "/proc/no/such"), "cannot be opened"),
    ],
)
def test_flash_refuses_in_one_sentence(image, words, said):
    done = run("flash", "--image", image, *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_flash_writes_no_file_that_is_no_image(tmp_path):
    done = run("flash", "--image", __file__, "--file", tmp_path / "out")
    assert (done.returncode, "is no image of ours" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_flash_never_writes_an_image_over_itself(image):
    before = image.read_bytes()
    assert "is the image itself" in run("flash", "--image", image, "--file", image).stderr
    assert image.read_bytes() == before


def test_flash_to_a_file_says_what_was_done_and_verifies(image, tmp_path):
    out = tmp_path / "out"
    report = json.loads(run("flash", "--image", image, "--file", out, "--json").stdout)
    assert (report["image_bytes"], report["verified"]) == (image.stat().st_size, True)
    assert out.read_bytes() == image.read_bytes()
    assert run("flash", "--image", image, "--file", out, "--verify-only").returncode == 0
    with out.open("r+b") as stream:
        stream.seek(700_000)
        stream.write(bytes(16))
    done = run("flash", "--image", image, "--file", out, "--verify-only", "--json")
    assert done.returncode == 2
    assert "differs from the image: offset 700,0" in json.loads(done.stdout)["error"]


def test_verifying_what_is_not_there_makes_nothing(image, tmp_path):
    done = run("flash", "--image", image, "--file", tmp_path / "out", "--verify-only")
    assert (done.returncode, "does not exist" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_device_given_as_a_file_is_refused(image):
    done = run("flash", "--image", image, "--file", "/dev/full")
    assert (done.returncode, "no regular file" in done.stderr) == (2, True)


def test_flash_without_a_device_lists_and_writes_nothing(image):
    done = run("flash", "--image", image)
    assert done.returncode == 0
    assert "Nothing was written" in done.stderr
    assert isinstance(json.loads(run("flash", "--json").stdout)["devices"], list)


def test_export_needs_a_known_format(image):
    for words, said in (((), "no format was named"), (("--format", "vdi"), "--format vdi is not known")):
        done = run("export", "--image", image, *words)
        assert (done.returncode, said in done.stderr) == (2, True)


@pytest.mark.parametrize("name", ["flash", "export", "doctor"])
def test_every_task_has_help(name):
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout


def test_what_is_flashed_or_exported_of_a_recipe_boots_on_every_machine_and_shows_its_output(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(hardware, "built", lambda recipe, out: made.append((recipe, out)))
    monkeypatch.setattr(hardware, "output_folder", lambda: tmp_path)
    assert hardware.portable_image("classic")[0] == tmp_path / "classic.stick.img"
    recipe, out = made[0]
    assert recipe.boot == {"bios", "pvh", "uefi"}
    assert recipe.features == {"acpi", "framebuffer", "vga"}
    assert out == tmp_path / "classic.stick.img"
