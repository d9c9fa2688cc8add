"""The image file: its first sectors, what is read back from it, and that it appears whole or not at all."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from bareflow.errors import ImageError, LinkError
from bareflow.image.bios import BiosParts, seal
from bareflow.image.disk import (
    WAY_IN_PARTS,
    ImageContents,
    check_way_in,
    encode_arguments,
    is_image,
    pack_image,
    payload_bytes,
    read_file,
    read_parts,
)
from bareflow.image.pvh import PVH_MAGIC, PvhParts
from bareflow.image.recipe import PackedFile
from bareflow.layouts.boot import PVH_HEADER
from bareflow.layouts.memmap import MEMMAP
from bareflow.toolchain import data_root

SECTOR = 512
NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}
STAGE2 = b"stage 2" * 100
BIOS = BiosParts(seal(bytes(range(200)) + bytes(240), STAGE2), STAGE2)
CONTENTS = ImageContents(BIOS, b"kernel" * 99, b"snapshot" * 77, encode_arguments(["name", "a b"], {"X": "1"}))


@pytest.fixture
def image(tmp_path):
    return pack_image(CONTENTS, tmp_path / "out.img").image


def test_parts_are_read_back_in_real_bytes(image):
    parts = {part.name: part.data for part in read_parts(image)}
    assert list(parts) == ["boot sector", "stage 2", "kernel", "snapshot"]
    assert len(parts["boot sector"]) == SECTOR
    assert (parts["stage 2"], parts["kernel"], parts["snapshot"]) == (STAGE2, CONTENTS.kernel, CONTENTS.snapshot)
    assert payload_bytes(read_parts(image)) == SECTOR + len(STAGE2) + len(CONTENTS.kernel) + len(CONTENTS.snapshot)


def test_report_counts_what_is_read_back(tmp_path):
    report = pack_image(CONTENTS, tmp_path / "out.img")
    assert report.parts == read_parts(report.image)
    assert report.payload_bytes == payload_bytes(report.parts)
    assert report.size_bytes == report.image.stat().st_size


def test_partition_table_has_one_bootable_entry(image):
    first = image.read_bytes()[:SECTOR]
    status, kind, lba, sectors = struct.unpack_from("<B3xB3xII", first, 446)
    assert (status, kind, lba) == (0x80, 0xEF, 2048)
    assert (2048 + sectors) * SECTOR == image.stat().st_size
    assert first[462:510] == bytes(48)
    assert first[510:] == b"\x55\xaa"
    assert struct.unpack_from("<I", first, 440) != (0,)


def test_checksum_covers_boot_sector_and_stage_2(image):
    data = image.read_bytes()
    at, (size,) = NUMBERS["BOOT_CRC_OFFSET"], struct.unpack_from("<H", data, NUMBERS["BOOT_STAGE2_SIZE_OFFSET"])
    stage2 = data[NUMBERS["DISK_STAGE2_LBA"] * SECTOR :][:size]
    assert struct.unpack_from("<I", data, at)[0] == zlib.crc32(stage2, zlib.crc32(data[:at]))


def test_sector_1_is_left_for_an_elf_head(image):
    assert image.read_bytes()[SECTOR : 2 * SECTOR] == bytes(SECTOR)


def test_same_contents_make_the_same_bytes(image, tmp_path):
    assert pack_image(CONTENTS, tmp_path / "other.img").image.read_bytes() == image.read_bytes()


def test_image_is_sparse(image):
    assert image.stat().st_blocks * SECTOR < image.stat().st_size // 10


def test_kernel_and_snapshot_lie_first(image):
    data = image.read_bytes()
    assert data.index(CONTENTS.kernel) < data.index(CONTENTS.snapshot)
    partition = data[2048 * SECTOR :]
    assert partition.index(CONTENTS.kernel) == (1 + 2 * 17 + 32) * SECTOR


def test_packed_files_are_read_back(tmp_path):
    source = tmp_path / "data"
    source.write_bytes(b"payload")
    contents = ImageContents(BIOS, b"k", b"s", files=(PackedFile(source, "sub/Data file.bin"),))
    image = pack_image(contents, tmp_path / "out.img").image
    assert read_file(image, "sub/data FILE.bin") == b"payload"
    with pytest.raises(ImageError, match="holds no file called 'nope'"):
        read_file(image, "nope")
    with pytest.raises(ImageError, match="holds no file called 'sub'"):
        read_file(image, "sub")


def test_given_size_is_kept(tmp_path):
    report = pack_image(ImageContents(BIOS, b"k", b"s", image_size=8 << 20), tmp_path / "out.img")
    assert report.image.stat().st_size == report.size_bytes == 8 << 20


def test_arguments_are_encoded():
    assert encode_arguments(["p", "a b", ""], [("X", "1")]) == b"3\0p\0a b\0\0X=1\0"


def test_recipe_file_may_not_take_the_kernels_place(tmp_path):
    source = tmp_path / "kernel.bin"
    source.write_bytes(b"")
    contents = ImageContents(BIOS, b"k", b"s", files=(PackedFile(source, "kernel.bin"),))
    with pytest.raises(ImageError, match="Two files would be called"):
        pack_image(contents, tmp_path / "out.img")


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_failed_build_leaves_the_old_image(tmp_path):
    out = tmp_path / "out.img"
    out.write_bytes(b"old")
    missing = ImageContents(BIOS, b"k", b"s", files=(PackedFile(tmp_path / "gone", "gone"),))
    with pytest.raises(ImageError, match="cannot be read"):
        pack_image(missing, out)
    assert out.read_bytes() == b"old"
    assert left_in(tmp_path) == ["out.img"]


def test_full_device_is_an_image_error():
    with pytest.raises(ImageError, match="cannot be written"):
        pack_image(CONTENTS, Path("/proc/nothing/out.img"))


def test_output_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "out.img").mkdir()
    with pytest.raises(ImageError, match="is a folder"):
        pack_image(CONTENTS, tmp_path / "out.img")
    assert left_in(tmp_path) == ["out.img"]


def test_too_large_stage_2_is_refused():
    with pytest.raises(LinkError, match="one disk call reads"):
        seal(bytes(440), bytes(70_000))


def test_images_are_recognised(image, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"\x7fELF" + bytes(1000))
    assert is_image(image)
    assert not is_image(other)
    assert not is_image(tmp_path / "none")


@pytest.mark.parametrize(
    ("at", "data", "words"),
    [
        (454, b"\x3f\0\0\0", "no boot sector with our partition"),
        (510, b"\0\0", "no boot sector with our partition"),
        (2048 * SECTOR + 510, b"\0\0", "no FAT16 volume"),
        (2048 * SECTOR + 12, b"\0", "no FAT16 volume"),
        (2049 * SECTOR, b"\0", "allocation table is damaged"),
        (2049 * SECTOR + 4, b"\0\0", "cluster chain"),
        ((2048 + 35) * SECTOR, b"X", "holds no KERNEL.BIN"),
    ],
)
def test_damaged_image_is_refused_in_a_sentence(image, at, data, words):
    with image.open("r+b") as stream:
        stream.seek(at)
        stream.write(data)
    with pytest.raises(ImageError, match="is not a sound image") as caught:
        read_parts(image)
    assert words in caught.value.message


def test_shortened_image_is_refused(image):
    with image.open("r+b") as stream:
        stream.truncate(2060 * SECTOR)
    with pytest.raises(ImageError, match="cut short"):
        read_parts(image)


def test_missing_image_is_refused(tmp_path):
    with pytest.raises(ImageError, match=r"none\.img cannot be read"):
        read_parts(tmp_path / "none.img")


def test_every_failure_letter_is_documented():
    root = data_root()
    code = (root / "loader/bios/boot.S").read_text()
    sources = (path for path in (root / "loader").glob("*/*") if path.suffix in {".c", ".h", ".S"})
    words = "".join(path.read_text() for path in sources)
    letters = set(re.findall(r"movb \$'(\w)'", code)) | set(re.findall(r'"(\w): ', words))
    page = (root / "docs/boot.md").read_text()
    assert letters == set(re.findall(r"^\| (\w) \|", page, re.MULTILINE))


CODE = PVH_HEADER.encode(magic=PVH_MAGIC, size=0, crc32=0, kernel_offset=0, disk_size=0, entry=0x110020) + b"code"
LOADER = PvhParts(CODE, bytes(184))


def test_every_way_in_is_read_back(tmp_path):
    contents = replace(CONTENTS, pvh=LOADER, uefi=b"MZ uefi")
    report = pack_image(contents, tmp_path / "all.img")
    assert report.parts == read_parts(report.image)
    names = ["boot sector", "ELF head", "stage 2", "PVH loader", "BOOTX64.EFI", "kernel", "snapshot"]
    assert [part.name for part in report.parts] == names
    for way in WAY_IN_PARTS:
        check_way_in(report.image, way)


def test_a_way_in_that_an_image_has_not_is_refused(image):
    check_way_in(image, "bios")
    with pytest.raises(ImageError, match="no PVH loader, so it does not boot by pvh"):
        check_way_in(image, "pvh")


def test_elf_head_loads_the_files_and_boots_on_a_bios(tmp_path):
    image = pack_image(replace(CONTENTS, pvh=LOADER), tmp_path / "pvh.img").image
    data = image.read_bytes()
    with image.open("rb") as stream:
        elf = ELFFile(stream)
        load, note = elf.iter_segments()
        notes = list(note.iter_notes())
    assert (load["p_type"], load["p_offset"], load["p_paddr"]) == ("PT_LOAD", 0, NUMBERS["MEM_DISK_PHYS"])
    assert data.index(CONTENTS.snapshot) + len(CONTENTS.snapshot) <= load["p_filesz"] <= len(data)
    assert [(item["n_name"], item["n_descsz"]) for item in notes] == [("Xen", 8)]
    assert data[:2] == b"\x7f\x45"  # jg to the boot code
    assert 2 + data[1] == 10 + data[9] == NUMBERS["BOOT_HEAD_SIZE"]
    sealed = PVH_HEADER.decode(data[NUMBERS["DISK_PVH_LBA"] * SECTOR :][: PVH_HEADER.size])
    assert data[sealed["kernel_offset"] :].startswith(CONTENTS.kernel)
    assert sealed["disk_size"] == load["p_filesz"]


def test_a_large_file_stays_on_the_disk(tmp_path):
    source = tmp_path / "large"
    source.write_bytes(b"large" * 100_000)
    contents = replace(CONTENTS, pvh=LOADER, files=(PackedFile(source, "large"),))
    sizes = []
    for limit in (None, 1 << 20):
        image = pack_image(replace(contents, memory_limit=limit), tmp_path / "large.img").image
        sizes.append(PVH_HEADER.decode(image.read_bytes()[0x10000:][: PVH_HEADER.size])["disk_size"])
    assert sizes[0] - sizes[1] >= 500_000
