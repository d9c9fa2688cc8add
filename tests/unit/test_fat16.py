"""The FAT16 writer: what it makes, read back by two readers, and what it refuses."""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfatfs.PyFat import PyFat

from bareflow.errors import ImageError
from bareflow.image import names
from bareflow.image.fat16 import MAX_CLUSTERS, MIN_CLUSTERS, boot_sector, plan_volume, volume_file, write_volume
from bareflow.image.reader import VolumeReader

SECTOR = 512
DATA = hashlib.shake_128(b"data").digest(3000)


def plan(files, **options):
    return plan_volume([volume_file(name, data) for name, data in files.items()], **options)


def written(files, **options):
    volume = plan(files, **options)
    out = io.BytesIO(bytes(volume.sectors * SECTOR))
    write_volume(volume, out, 0)
    return out.getvalue()


def read_all(image):
    reader = VolumeReader(io.BytesIO(image), 0)

    def walk(folder, prefix):
        for entry in reader.entries(folder):
            if entry.name in {".", ".."}:
                continue
            if entry.attribute & 0x10:
                yield from walk(entry, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, reader.read(entry)

    return dict(walk(None, ""))


FILES = {
    "KERNEL.BIN": DATA,
    "OPTIMIZED_SNAPSHOT.BIN": DATA[:512],
    "empty": b"",
    "a/b/c.txt": b"deep",
    "a/Ünï cödé.dat": DATA[:513],
    "a/b/.hidden": b"dot",
    "x" * 200: b"long",
}


def test_what_is_written_is_read_back():
    assert read_all(written(FILES)) == FILES


def test_an_independent_reader_agrees(tmp_path):
    path = tmp_path / "volume.img"
    path.write_bytes(written(FILES))
    fat = PyFat(encoding="cp437")
    fat.open(str(path), read_only=True)
    found = {}
    for root, _, files in fat.root_dir.walk():
        for entry in files:
            data = b"".join(fat.read_cluster_contents(c) for c in fat.get_cluster_chain(entry.get_cluster()) if c)
            found[f"{root}/{entry}".lstrip("/")] = data[: entry.filesize]
    fat.close()
    assert {name: data for name, data in found.items() if data} == {n: d for n, d in FILES.items() if d}


def test_same_files_make_the_same_bytes():
    assert written(FILES) == written(dict(FILES))


def test_serial_number_tells_contents_apart():
    serial = [struct.unpack_from("<I", written({"A": data}), 39)[0] for data in (b"1", b"2")]
    assert serial[0] != serial[1]


def test_files_lie_in_the_given_order_each_in_one_piece():
    volume = plan({"B": DATA, "a/D": DATA, "C": b"x"})
    assert [(node.name, node.cluster) for node in volume.placed] == [
        ("B", 2),
        ("D", 8),
        ("C", 14),
        ("a", 15),
    ]
    image = written({"B": DATA, "a/D": DATA, "C": b"x"})
    start = volume.cluster_offset(2)
    assert image[start : start + len(DATA)] == DATA


def test_smallest_volume_is_real_fat16():
    volume = plan({"A": b"x"})
    assert volume.clusters == MIN_CLUSTERS >= 4085
    assert volume.cluster_sectors == 1


@pytest.mark.parametrize(("mib", "sectors"), [(3, 1), (31, 1), (33, 2), (600, 32), (1900, 64)])
def test_cluster_size_grows_with_the_volume(mib, sectors):
    volume = plan({"A": b"x"}, size_bytes=mib << 20)
    assert volume.cluster_sectors == sectors
    assert MIN_CLUSTERS <= volume.clusters <= MAX_CLUSTERS


def test_boot_sector_has_the_specified_fields():
    volume = plan({"A": b"x"}, hidden_sectors=2048)
    sector = boot_sector(volume, 0x12345678)
    assert sector[510:] == b"\x55\xaa"
    assert struct.unpack_from("<HBHBH", sector, 11) == (512, 1, 1, 2, 512)
    assert struct.unpack_from("<I", sector, 28) == (2048,)
    assert struct.unpack_from("<HI", sector, 19)[0] == volume.sectors
    assert sector[54:62] == b"FAT16   "


def test_both_tables_are_the_same():
    image = written(FILES)
    size = struct.unpack_from("<H", image, 22)[0] * SECTOR
    assert image[SECTOR : SECTOR + size] == image[SECTOR + size : SECTOR + 2 * size]


def test_files_come_from_paths_too(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(DATA)
    assert read_all(written({"A": source})) == {"A": DATA}


def test_progress_counts_every_byte(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(DATA)
    volume = plan({"A": source, "B": b"xyz"})
    seen = []
    write_volume(volume, io.BytesIO(), 0, lambda *call: seen.append(call))
    assert seen == [("A", 3000, 3003), ("B", 3003, 3003)]


def test_file_that_changes_while_it_is_packed_is_refused(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(DATA)
    volume = plan({"A": source})
    source.write_bytes(DATA[:-1])
    with pytest.raises(ImageError, match="changed while it was packed"):
        write_volume(volume, io.BytesIO(), 0)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a:b", "contains ':'"), ("a\x01", "contains"), ("ends.", "ends with a dot"), ("ends ", "or a space"),
        ("x" * 256, "longer than 255"), ("a//b", "empty"), ("/a", "empty"), ("../a", "folders of its own"),
        ("😀", "basic plane"), ("\udc80", "not valid Unicode"), ("", "empty"),
    ],
)  # fmt: skip
def test_name_that_fat_cannot_hold_is_refused(name, reason):
    with pytest.raises(ImageError, match="FAT cannot hold the name") as caught:
        plan({name: b""})
    assert reason in caught.value.message


def test_names_that_differ_in_case_only_are_refused():
    with pytest.raises(ImageError, match="Two files would be called 'readme'"):
        plan({"README": b"", "readme": b""})


def test_file_and_folder_of_one_name_are_refused():
    with pytest.raises(ImageError, match="is a file, so 'A/b' cannot lie in it"):
        plan({"a": b"", "A/b": b""})


def test_full_volume_names_the_largest_file():
    with pytest.raises(ImageError, match=r"The image is full: .* 'big' alone 5000000") as caught:
        plan({"small": b"x", "big": bytes(5_000_000)}, size_bytes=4 << 20)
    assert "Raise image.size" in caught.value.hint


def test_file_larger_than_fat16_is_refused(tmp_path):
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.truncate(3 << 30)
    with pytest.raises(ImageError, match="is full"):
        plan({"huge": huge})


def test_volume_too_small_for_fat16_is_refused():
    with pytest.raises(ImageError, match="too small; the smallest has 21"):
        plan({"A": b""}, size_bytes=1 << 20)


def test_many_files_in_the_root_enlarge_it():
    files = {f"a file with a long name {number}": b"" for number in range(400)}
    assert plan(files).root_entries >= 400 * 3
    assert read_all(written(files)) == files


def test_short_names_of_a_folder_are_unique():
    taken = set()
    for number in range(120):
        short = names.short_name(f"same beginning {number}.text", taken)
        assert short not in taken
        assert len(short) == 11
        taken.add(short)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("KERNEL.BIN", b"KERNEL  BIN"),
        ("data.txt", b"DATA    TXT"),
        ("OPTIMIZED_SNAPSHOT.BIN", b"OPTIMI~1BIN"),
        (".profile", b"PROFIL~1   "),
        ("a.b.c", b"AB~1    C  "),
        ("é", b"_~1        "),
    ],
)
def test_short_names(name, short):
    assert names.short_name(name, ()) == short


FILE_NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters='"*/:<>?\\|.\x7f'), min_size=1, max_size=30
)


@settings(max_examples=25)
@given(st.dictionaries(FILE_NAMES, st.binary(max_size=1200), max_size=6))
def test_any_files_survive(files):
    folded = {names.fold(name): (name, data) for name, data in files.items()}
    files = dict(folded.values())
    assert read_all(written(files)) == files


@pytest.mark.parametrize("seed", range(40))
def test_reader_survives_damage(seed):
    image = bytearray(written(FILES))
    for index in range(3):
        place = zlib.crc32(bytes((seed, index))) % (36 * SECTOR)
        image[place] ^= 1 << seed % 8
    with contextlib.suppress(ImageError):
        read_all(bytes(image))


@pytest.mark.parametrize("entry", [b"B       BIN", b"C       BIN"])
def test_two_files_that_share_clusters_are_named(entry):
    """Both chains have the right length; only beside each other are they wrong."""
    image = bytearray(written({"A.BIN": DATA, "B.BIN": DATA, "F/C.BIN": DATA}))
    first, second = image.find(b"A       BIN") + 26, image.find(entry) + 26
    image[second : second + 2] = image[first : first + 2]
    with pytest.raises(ImageError, match=f"A.BIN and {entry[:1].decode()}.BIN share clusters on the image"):
        VolumeReader(io.BytesIO(image), 0)


def test_a_chain_that_runs_into_another_files_is_named():
    image = bytearray(written({"A.BIN": DATA, "B.BIN": DATA}))
    (second,) = struct.unpack_from("<H", image, image.find(b"B       BIN") + 26)
    struct.pack_into("<H", image, SECTOR + 2 * second, 3)
    with pytest.raises(ImageError, match=r"A\.BIN and B\.BIN share clusters"):
        VolumeReader(io.BytesIO(image), 0)


def test_a_chain_that_runs_into_itself_is_left_to_its_reader():
    image = bytearray(written({"A.BIN": DATA, "B.BIN": DATA}))
    struct.pack_into("<H", image, SECTOR + 2 * 3, 2)
    reader = VolumeReader(io.BytesIO(image), 0)
    assert reader.read(reader.find("B.BIN")) == DATA
    with pytest.raises(ImageError, match="chain on the image is damaged"):
        reader.read(reader.find("A.BIN"))
