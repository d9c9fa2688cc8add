"""Machines whose firmware reads no disk: virtio-blk and a disk in memory, started by a small PVH loader."""

from __future__ import annotations

from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.compile.freestanding import KERNEL_FEATURES, build_freestanding, build_kernel
from bareflow.image.recipe import PackedFile, recipe_for_workload
from bareflow.layouts.snapshot import REFUSAL
from bareflow.machine.spec import DRIVES
from bareflow.toolchain import data_root

GUESTS = data_root() / "tests" / "guests"
BIG = bytes((index * 31 + index // 4096) % 256 for index in range(3_000_000))


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """A workload that adds up its file, through buffers that lie across pages."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "big.bin").write_bytes(BIG)
    out = folder / "disk.img"
    packed = [PackedFile(folder / "big.bin", "big.bin")]
    build_image(recipe_for_workload(GUESTS / "kernel" / "sum.c", packed), out)
    return out


@pytest.fixture(scope="module")
def loader() -> Path:
    folder = GUESTS / "pvh"
    return build_freestanding("pvh", [folder / "pvh.S", folder / "pvh.c"], script=folder / "pvh.ld", binary=False).elf


@pytest.fixture(scope="module")
def kernel() -> bytes:
    return build_kernel(frozenset(KERNEL_FEATURES)).binary


@pytest.fixture
def boot_pvh(image, loader, boot, tmp_path, monkeypatch):
    """Return `run(module, drive=…, **spec)`: the loader with this module, before any disk in the boot order."""

    def run(module: bytes, drive: str = "ide", **settings: object):
        monkeypatch.setitem(DRIVES, drive, tuple(text.replace(",bootindex=0", "") for text in DRIVES[drive]))
        (tmp_path / "module").write_bytes(module)
        extra = ("-kernel", str(loader), "-initrd", str(tmp_path / "module"))
        return boot(image, drive=drive, extra=extra, **settings)

    return run


EXPECTED = f"{len(BIG)} {sum(BIG)} {sum(BIG[4095:1_004_095])}\n".encode()


@pytest.mark.parametrize("memory_mib", [128, 5120])
def test_a_workload_and_its_file_come_from_virtio_blk(kernel, boot_pvh, memory_mib):
    result = boot_pvh(kernel, drive="virtio", memory_mib=memory_mib)
    assert result.stdout == EXPECTED, result.explain()


def test_a_workload_and_its_file_come_from_a_disk_in_memory(kernel, image, boot_pvh):
    result = boot_pvh(kernel + image.read_bytes())
    assert result.stdout == EXPECTED, result.explain()


@pytest.mark.parametrize("drive", ["ide", "ahci", "virtio", "usb"])
def test_a_workload_and_its_file_come_from_the_firmware(image, boot, drive):
    result = boot(image, drive=drive)
    assert result.stdout == EXPECTED, result.explain()


def test_a_machine_without_a_disk_is_refused(kernel, boot_pvh):
    result = boot_pvh(kernel)
    assert (result.verdict, result.status) == ("refused", REFUSAL["read-error"]), result.explain()
