"""The C reader of FAT16 under the sanitizers: volumes of several makers, and volumes that are wrong."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess

import pytest

from bareflow.image.fat16 import plan_volume, volume_file, write_volume
from tests.native.libfuzzer import TARGETS, corpus

EIO, EFORMAT, ECHAIN, ENOENT, ENOTDIR, ECROSS = 1, 2, 3, 4, 5, 6
SECTOR = 512
DATA = hashlib.shake_128(b"data").digest(70_001)


@pytest.fixture(scope="module")
def tool(build_native):
    path = build_native("fat16_tool", ["tests/native/fat16_tool.c", "runtime/fat16.c"])

    def run(image, *words, lba=0):
        command = [str(path), str(image), str(lba), *map(str, words)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert b"Sanitizer" not in done.stderr, done.stderr.decode()
        return done

    return run


def make(path, files, size=None, hidden=0):
    volume = plan_volume([volume_file(name, data) for name, data in files.items()], size_bytes=size)
    with path.open("wb") as out:
        out.truncate(hidden * SECTOR + volume.sectors * SECTOR)
        write_volume(volume, out, hidden * SECTOR)
    return path


@pytest.fixture
def volume(tmp_path):
    return make(tmp_path / "volume.img", {"A.BIN": DATA, "long name of a file.txt": b"x" * 1000, "EMPTY": b"",
                                          "sub/deeper/Dönerladen.bin": DATA[:5000]})  # fmt: skip


def patch(path, at, data):
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(data)


def fat_offset(cluster, copy=0, fat_sectors=17):
    return (1 + copy * fat_sectors) * SECTOR + cluster * 2


def test_reads_whole_files_by_either_name_in_any_case(tool, volume):
    assert tool(volume, "cat", "A.BIN").stdout == DATA
    assert tool(volume, "cat", "/a.bin").stdout == DATA
    assert tool(volume, "cat", "Long Name of a FILE.txt").stdout == b"x" * 1000
    assert tool(volume, "cat", "LONGNA~1.TXT").stdout == b"x" * 1000
    assert tool(volume, "cat", "sub/Deeper/Dönerladen.bin").stdout == DATA[:5000]
    assert tool(volume, "cat", "sub/../sub/deeper/Dönerladen.bin").stdout == DATA[:5000]
    assert tool(volume, "cat", "empty").stdout == b""


def test_lists_folders(tool, volume):
    names = [line.split("|")[0] for line in tool(volume, "ls", "/").stdout.decode().splitlines()]
    assert names == ["A.BIN", "long name of a file.txt", "EMPTY", "sub"]
    names = [line.split("|")[0] for line in tool(volume, "ls", "sub/deeper").stdout.decode().splitlines()]
    assert names == [".", "..", "Dönerladen.bin"]


def test_reads_pieces_from_anywhere(tool, volume):
    spans = [(0, 1), (511, 2), (512, 512), (513, 70_000), (69_999, 5), (70_001, 4), (1 << 40, 9), (1024, 0)]
    words = [number for span in spans for number in span]
    wanted = b"".join(DATA[at : at + count] for at, count in spans)
    assert tool(volume, "read", "A.BIN", *words).stdout == wanted


def test_neighbouring_clusters_are_read_in_one_call(tool, volume):
    calls = int(tool(volume, "cat", "A.BIN").stderr.split()[0])
    assert calls <= 6  # boot sector, FAT, root directory, 136 clusters at once, the last sector


def test_missing_files_are_told_from_paths_through_files(tool, volume):
    assert tool(volume, "cat", "nothing").returncode == ENOENT
    assert tool(volume, "cat", "sub/nothing").returncode == ENOENT
    assert tool(volume, "cat", "A.BIN/x").returncode == ENOTDIR


def test_volume_inside_a_disk(tool, tmp_path):
    image = make(tmp_path / "disk.img", {"A.BIN": DATA}, hidden=2048)
    assert tool(image, "cat", "A.BIN", lba=2048).stdout == DATA


@pytest.mark.parametrize("size_mib", [3, 40, 130, 600])
def test_every_cluster_size(tool, tmp_path, size_mib):
    image = make(tmp_path / "volume.img", {"A.BIN": DATA, "B.BIN": DATA[::-1]}, size=size_mib << 20)
    assert tool(image, "cat", "A.BIN").stdout == DATA
    assert tool(image, "cat", "B.BIN").stdout == DATA[::-1]


def fragmented(path):
    """Turn A.BIN's chain round: clusters 2, 138, 137 … 3."""
    count = -(-len(DATA) // SECTOR)
    order = [2, *range(count + 1, 2, -1)]
    with path.open("r+b") as stream:
        for index, cluster in enumerate(order):
            stream.seek(fat_offset(cluster))
            after = order[index + 1] if index + 1 < count else 0xFFFF
            stream.write(struct.pack("<H", after))
            stream.seek((1 + 34 + 32 + cluster - 2) * SECTOR)
            stream.write(DATA[index * SECTOR : (index + 1) * SECTOR].ljust(SECTOR, b"\0"))


def test_fragmented_files_are_read_forwards_and_backwards(tool, volume):
    fragmented(volume)
    assert tool(volume, "cat", "A.BIN").stdout == DATA
    spans = [(60_000, 3000), (100, 3000), (40_000, 600), (0, 70_001)]
    words = [number for span in spans for number in span]
    assert tool(volume, "read", "A.BIN", *words).stdout == b"".join(DATA[at : at + count] for at, count in spans)


@pytest.mark.parametrize(
    "value",
    [2, 5, 0, 1, 0xFFF7, 0xFFF0, 4103, 0xFFFF],
    ids=["loop", "self", "free", "one", "bad", "reserved", "outside", "too-short"],
)
def test_broken_chain_is_an_error(tool, volume, value):
    patch(volume, fat_offset(5), struct.pack("<H", value))
    assert tool(volume, "cat", "A.BIN").returncode == ECHAIN


def test_chain_longer_than_the_file_is_an_error(tool, volume):
    patch(volume, fat_offset(2 + 136), struct.pack("<H", 139))
    assert tool(volume, "cat", "A.BIN").returncode == ECHAIN


@pytest.mark.parametrize("cluster", [0, 1, 4103, 0xFFFF])
def test_first_cluster_outside_the_volume_is_an_error(tool, volume, cluster):
    patch(volume, (1 + 34) * SECTOR + 26, struct.pack("<H", cluster))
    assert tool(volume, "cat", "A.BIN").returncode == ECHAIN


def test_looped_folder_is_an_error(tool, volume):
    entry = tool(volume, "ls", "/").stdout
    assert b"sub|SUB|0|10" in entry
    folder = 2 + 137 + 2 + 10  # behind the files
    patch(volume, fat_offset(folder), struct.pack("<H", folder))
    assert tool(volume, "ls", "sub").returncode == ECHAIN


@pytest.mark.parametrize(
    ("at", "data"),
    [
        (0, b"\x00"),  # jump
        (11, b"\x00\x04"),  # 1024 bytes in a sector
        (13, b"\x00"), (13, b"\x03"), (13, b"\x80"),  # sectors in a cluster
        (14, b"\x00\x00"),  # reserved sectors
        (16, b"\x00"), (16, b"\x03"),  # FATs
        (17, b"\x00\x00"), (17, b"\x01\x02"),  # root entries
        (19, b"\x10\x00"), (19, b"\xff\xff"),  # total sectors: too few; more clusters than the FAT has
        (21, b"\x00"), (21, b"\xf9"),  # media byte, and one that differs from the FAT's
        (22, b"\x00\x00"), (22, b"\x01\x00"),  # sectors in a FAT
        (510, b"\x00\x00"),  # signature
    ],
)  # fmt: skip
def test_wrong_boot_sector_field_is_refused(tool, volume, at, data):
    patch(volume, at, data)
    assert tool(volume, "ls", "/").returncode == EFORMAT


def test_volume_cut_short_is_a_read_error(tool, volume):
    os.truncate(volume, 20 * SECTOR)
    assert tool(volume, "ls", "/").returncode == EIO
    os.truncate(volume, 0)
    assert tool(volume, "ls", "/").returncode == EIO


def test_long_name_of_another_entry_is_not_believed(tool, volume):
    root = (1 + 34) * SECTOR
    listing = volume.read_bytes()[root : root + 8 * 32]
    first_long = next(at for at in range(0, len(listing), 32) if listing[at + 11] == 0x0F)
    patch(volume, root + first_long + 13, b"\x00")  # its checksum
    names = [line.split(b"|")[0] for line in tool(volume, "ls", "/").stdout.splitlines()]
    assert b"LONGNA~1.TXT" in names
    assert b"long name of a file.txt" not in names


@pytest.mark.skipif(not shutil.which("mkfs.fat") or not shutil.which("mcopy"), reason="mkfs.fat or mtools is missing")
@pytest.mark.parametrize("per_cluster", [1, 8, 64])
def test_volumes_of_mkfs_and_mtools(tool, tmp_path, per_cluster):
    image, source = tmp_path / "volume.img", tmp_path / "A rather long name.bin"
    source.write_bytes(DATA)
    with image.open("wb") as stream:
        stream.truncate(5000 * per_cluster * SECTOR)
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}
    for command in (
        ["mkfs.fat", "-F16", "-s", per_cluster, image],
        ["mmd", "-i", image, "::sub"],
        ["mcopy", "-i", image, source, "::sub/"],
        ["mcopy", "-i", image, source, "::Zürich.bin"],
        ["mcopy", "-i", image, source, "::PLAIN.BIN"],
    ):
        subprocess.run([str(word) for word in command], check=True, capture_output=True, env=environment)
    for name in ("sub/a rather long name.bin", "Zürich.bin", "plain.bin"):
        assert tool(image, "cat", name).stdout == DATA, name


@pytest.fixture(scope="module")
def fuzzer(build_native):
    return build_native("fuzz_fat16", [*TARGETS["fat16"].sources, "tests/native/fuzz_driver.c"])


def test_the_corpus_and_inputs_near_it_neither_crash_nor_loop(fuzzer):
    inputs = sorted(corpus("fat16").iterdir())
    done = subprocess.run(
        [str(fuzzer), "1", "20000", *map(str, inputs)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(inputs) + 20000} runs\n"


def test_a_size_beyond_the_volume_is_refused_before_its_looped_chain_is_walked(tool, volume):
    patch(volume, fat_offset(3), struct.pack("<H", 2))
    patch(volume, (1 + 34) * SECTOR + 28, struct.pack("<I", 0xFFFFFFFF))
    done = tool(volume, "cat", "A.BIN")
    assert done.returncode == ECHAIN


def test_a_sound_volume_has_no_chains_that_meet(tool, volume):
    assert tool(volume, "check").returncode == 0
    fragmented(volume)
    assert tool(volume, "check").returncode == 0


@pytest.fixture
def twins(tmp_path):
    """Two files of one length, and a third two folders down."""
    return make(tmp_path / "twins.img", {"A.BIN": DATA, "B.BIN": DATA[::-1], "sub/deeper/C.BIN": DATA})


CLUSTERS = -(-len(DATA) // SECTOR)


def test_chains_that_join_in_the_middle_are_found_though_both_have_the_right_length(tool, twins):
    patch(twins, fat_offset(2 + CLUSTERS + 4), struct.pack("<H", 2 + 5))
    assert tool(twins, "cat", "B.BIN").returncode == 0
    assert tool(twins, "check").returncode == ECROSS


@pytest.mark.parametrize("cluster", [2, 3])
def test_a_file_that_begins_in_anothers_chain_is_found(tool, twins, cluster):
    root = (1 + 2 * 17) * SECTOR
    patch(twins, root + 32 + 26, struct.pack("<H", cluster))
    assert tool(twins, "check").returncode == ECROSS


def test_a_file_two_folders_down_that_shares_clusters_is_found(tool, twins):
    patch(twins, fat_offset(2 + 2 * CLUSTERS), struct.pack("<H", 2 + 1))
    assert tool(twins, "check").returncode == ECROSS


def test_a_loop_is_found(tool, twins):
    patch(twins, fat_offset(2 + 4), struct.pack("<H", 2))
    assert tool(twins, "check").returncode == ECROSS


def test_chains_broken_otherwise_are_left_to_whoever_opens_them(tool, twins):
    patch(twins, fat_offset(2 + 4), struct.pack("<H", 0xFFF7))
    assert tool(twins, "check").returncode == 0
    assert tool(twins, "cat", "A.BIN").returncode == ECHAIN


def test_a_folder_that_says_it_is_the_root_is_not_read_for_ever(tool, twins):
    root = (1 + 2 * 17) * SECTOR
    patch(twins, root + 3 * 32 + 26, b"\0\0")  # behind the entry of its long name
    assert tool(twins, "cat", "sub/A.BIN").stdout == DATA
    assert tool(twins, "check").returncode == 0
