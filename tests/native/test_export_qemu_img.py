"""Exports through qemu-img: every format holds the image's bytes, and a failure leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from bareflow.errors import BareFlowError
from bareflow.image import export
from bareflow.image.export import QEMU_FORMATS, export_image
from tests.elf_samples import head

pytestmark = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is missing")


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "x.img"
    path.write_bytes(head() + os.urandom(100_000) + bytes(3 << 20) + os.urandom(512 * 7 + 64 - 32))
    os.truncate(path, path.stat().st_size // 512 * 512)
    return path


@pytest.mark.parametrize("form", QEMU_FORMATS)
def test_a_format_holds_the_images_bytes_and_size(image, tmp_path, form):
    out = tmp_path / f"x.{form}"
    report = export_image(image, form, out)
    assert report.files == ((out, out.stat().st_size),)
    back = tmp_path / "back"
    subprocess.run(["qemu-img", "convert", "-f", form, "-O", "raw", out, back], check=True)
    assert back.read_bytes()[: image.stat().st_size] == image.read_bytes()
    info = json.loads(subprocess.check_output(["qemu-img", "info", "--output=json", out]))
    assert info["format"] == form
    assert info["virtual-size"] >= image.stat().st_size
    assert not any(back.read_bytes()[image.stat().st_size :])


def test_holes_stay_holes(image, tmp_path):
    out = tmp_path / "x.raw"
    export_image(image, "raw", out)
    assert out.stat().st_blocks * 512 < image.stat().st_size // 2


def test_firecracker_gets_kernel_drive_and_config_that_belong_together(image, tmp_path):
    folder = tmp_path / "fc"
    export_image(image, "firecracker", folder, memory_mib=64)
    config = json.loads((folder / "config.json").read_text())
    assert (folder / config["drives"][0]["path_on_host"]).read_bytes() == image.read_bytes()
    kernel = (folder / config["boot-source"]["kernel_image_path"]).read_bytes()
    assert image.read_bytes().startswith(kernel)
    assert config["machine-config"]["mem_size_mib"] == 64
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "drive.img", "kernel.elf"]


def test_a_failed_conversion_leaves_neither_a_result_nor_a_temporary(image, tmp_path, monkeypatch):
    monkeypatch.setitem(export.QEMU_FORMATS, "qcow2", ("qcow2", ("-o", "nonsense=1")))
    folder = tmp_path / "out"
    with pytest.raises(BareFlowError, match=r"Converting .* to .*qcow2 failed") as caught:
        export_image(image, "qcow2", folder / "x.qcow2")
    assert "nonsense" in caught.value.detail
    assert list(folder.iterdir()) == []


def test_an_unwritable_place_is_one_sentence(image, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BareFlowError, match="cannot be written"):
        export_image(image, "raw", tmp_path / "file" / "x.raw")
