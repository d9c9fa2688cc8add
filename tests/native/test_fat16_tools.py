"""What dosfstools and mtools say of our volumes."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from bareflow.image.bios import BiosParts
from bareflow.image.disk import ImageContents, pack_image
from bareflow.image.recipe import PackedFile

SECTOR = 512
MISSING = [tool for tool in ("fsck.fat", "mdir", "mcopy") if not shutil.which(tool)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")
NAMES = ("plain.bin", "Ein langer Name.bin", "ordner/tiefer/Straße.bin", "x" * 100)


def run(*command):
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout


@pytest.fixture(params=[1, 3_000_000, 40_000_000], ids=["small", "3 MB", "40 MB"])
def packed(request, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1000))
    os.truncate(source, request.param)
    files = tuple(PackedFile(source, name) for name in NAMES)
    contents = ImageContents(BiosParts(bytes(440), b"x"), b"kernel" * 3000, b"snapshot" * 1000, b"1\0p\0", files)
    return pack_image(contents, tmp_path / "out.img").image, source


def test_fsck_finds_the_volume_clean(packed, tmp_path):
    volume = tmp_path / "volume"
    run("dd", f"if={packed[0]}", f"of={volume}", f"bs={SECTOR}", "skip=2048", "conv=sparse")
    said = run("fsck.fat", "-n", "-v", volume).decode()
    assert "0x" not in said.partition("Checking for unused clusters")[2]
    assert f"{len(NAMES) + 5} files" in said  # kernel, snapshot, arguments and two folders


def test_mtools_reads_every_file(packed, tmp_path):
    image, source = packed
    for index, name in enumerate(NAMES):
        out = tmp_path / f"copy{index}"
        run("mcopy", "-i", f"{image}@@{2048 * SECTOR}", f"::{name}", out)
        assert out.read_bytes() == source.read_bytes(), name
