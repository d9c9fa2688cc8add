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


IDE = {
    "primary": ("ide-hd,drive=disk0,bus=ide.0,unit=0,bootindex=0",),
    "beside another": (
        "ide-hd,drive=other,bus=ide.0,unit=0",
        "ide-cd,bus=ide.1,unit=0",
        "ide-hd,drive=disk0,bus=ide.1,unit=1,bootindex=0",
    ),
}


@pytest.fixture
def boot_ide(image, boot, tmp_path, monkeypatch):
    """Return `run(devices)`: boot with these; the result, and how often the bus master was started."""

    def run(devices: tuple[str, ...], **settings: object):
        monkeypatch.setitem(DRIVES, "ide", devices)
        log, other = tmp_path / "log", tmp_path / "other.img"
        other.write_bytes(bytes(1 << 20))
        extra = ("-drive", f"if=none,id=other,format=raw,file={other}", "-d", "trace:bmdma_cmd_writeb", "-D", str(log))
        result = boot(image, drive="ide", extra=extra, **settings)
        return result, log.read_text().count("val: 0x00000009")

    return run


@pytest.mark.parametrize("place", IDE)
def test_a_file_comes_from_the_booted_ide_drive_by_dma(boot_ide, place):
    result, started = boot_ide(IDE[place])
    assert result.stdout == EXPECTED, result.explain()
    assert started > len(BIG) // 65536


def test_an_ide_drive_that_was_not_booted_is_left_alone(boot_ide):
    result, started = boot_ide(
        ("ide-hd,drive=other,bus=ide.0,unit=0", "ahci,id=ahci", "ide-hd,drive=disk0,bus=ahci.0,bootindex=0")
    )
    assert result.stdout == EXPECTED, result.explain()
    assert started == 1  # its first sector, to see that it is another's


def test_a_sector_that_neither_dma_nor_the_firmware_can_read_is_an_error_of_the_workload(image, boot_ide):
    sector = image.read_bytes().find(BIG[1_000_000:1_000_100]) // 512
    result, started = boot_ide(IDE["primary"], bad_sectors=(sector,))
    assert result.verdict == "exited", result.explain()
    assert result.stdout != EXPECTED
    assert started


def test_a_machine_without_a_disk_is_refused(kernel, boot_pvh):
    result = boot_pvh(kernel)
    assert (result.verdict, result.status) == ("refused", REFUSAL["read-error"]), result.explain()
