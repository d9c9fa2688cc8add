"""The Firecracker export: which ELF heads are taken, and what its config may hold."""

from __future__ import annotations

import copy
import struct

import pytest

from bareflow.errors import ImageError, UsageError
from bareflow.image.export import check_config, export_image, firecracker_config, kernel_elf
from tests.elf_samples import CODE, CODE_AT, NOTE, head


@pytest.fixture
def image(tmp_path):
    def write(data):
        path = tmp_path / "x.img"
        path.write_bytes(data)
        return path

    return write


def test_the_kernel_is_the_image_up_to_the_end_of_its_last_segment(image):
    data = head()
    assert kernel_elf(image(data)) == data[: CODE_AT + len(CODE)]


def test_an_image_without_an_elf_has_no_pvh_entry_and_nothing_is_written(image, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ImageError, match="has no PVH entry"):
        export_image(image(b"\xeb\x45" + bytes(8190)), "firecracker", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF", "64-bit little-endian"),
        (head(CLASS=b"\x7fELF\x01\x01".ljust(16, b"\0")), "64-bit little-endian"),
        (head(MACHINE=3), "x86-64"),
        (head(PHENTSIZE=32), "x86-64"),
        (head(PHOFF=8180), "lie outside"),
        (head(PHNUM=65535), "lie outside"),
        (head(code_at=8000), "segment 1 lies outside"),
        (head(code_size=2**64 - 1), "segment 1 lies outside"),
        (head(note=b""), "no PVH note"),
        (head(note=struct.pack("<III4sI", 4, 4, 18, b"GNU\0", 1)), "no PVH note"),
        (head(note=struct.pack("<III", 2**32 - 1, 2**32 - 1, 18)), "no PVH note"),
        (head(ENTRY=0x7C00), "below 1 MiB"),
    ],
)
def test_an_elf_that_firecracker_cannot_start_is_refused(image, data, said):
    with pytest.raises(ImageError, match=f"Firecracker cannot start: .*{said}"):
        kernel_elf(image(data))


def test_a_note_behind_another_with_an_odd_name_is_found(image):
    other = struct.pack("<III8sI", 5, 1, 1, b"Linux\0\0\0", 7)
    assert kernel_elf(image(head(note=other + NOTE)))


def test_our_config_keeps_to_the_schema():
    config = firecracker_config(256)
    check_config(config)
    assert config["machine-config"] == {"vcpu_count": 1, "mem_size_mib": 256}


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("boot-source", "kernel_image_path", ""),
        ("boot-source", "kernel_image_path", None),
        ("boot-source", "boot_arguments", "x"),
        ("drives", "is_root_device", "false"),
        ("drives", "drive_id", "disk 0"),
        ("drives", "io_engine", "Uring"),
        ("machine-config", "vcpu_count", 0),
        ("machine-config", "vcpu_count", 3),
        ("machine-config", "vcpu_count", 64),
        ("machine-config", "vcpu_count", True),
        ("machine-config", "mem_size_mib", "128"),
    ],
)
def test_a_config_with_a_wrong_field_is_refused_by_name(section, field, value):
    config = copy.deepcopy(firecracker_config(128))
    entry = config[section]
    (entry[0] if isinstance(entry, list) else entry)[field] = value
    with pytest.raises(UsageError, match=field):
        check_config(config)


@pytest.mark.parametrize("section", ["boot-source", "drives", "machine-config"])
def test_a_config_without_a_section_is_refused(section):
    config = firecracker_config(128)
    del config[section]
    with pytest.raises(UsageError, match=section):
        check_config(config)


def test_an_unknown_section_and_a_missing_field_are_refused():
    with pytest.raises(UsageError, match="'machine'"):
        check_config({**firecracker_config(128), "machine": {}})
    config = firecracker_config(128)
    del config["machine-config"]["mem_size_mib"]
    with pytest.raises(UsageError, match="needs 'mem_size_mib'"):
        check_config(config)


def test_an_unknown_format_and_the_image_itself_are_refused(image, tmp_path):
    path = image(head())
    with pytest.raises(UsageError, match="vdi is not known"):
        export_image(path, "vdi", tmp_path / "out")
    with pytest.raises(UsageError, match="is the image itself"):
        export_image(path, "raw", path)
    with pytest.raises(UsageError, match="is a folder"):
        export_image(path, "qcow2", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        export_image(path, "firecracker", tmp_path / "file")
