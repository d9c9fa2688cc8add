"""Gives an image to other machines: qemu-img's formats, and for Firecracker a kernel, a drive and a config file.

Every result is written beside its place, checked against the image, synced, then renamed.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bareflow.errors import ImageError, ToolError, UsageError
from bareflow.toolchain import ensure_program, replacing, run, write_atomic

# Our name → qemu-img's, with the options that make the file as its users expect it (qemu-img(1)).
QEMU_FORMATS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "raw": ("raw", ()),
    "qcow2": ("qcow2", ()),
    "vmdk": ("vmdk", ()),  # monolithicSparse: VMware Workstation, VirtualBox
    "vhdx": ("vhdx", ("-o", "subformat=dynamic")),
}
FORMATS = (*QEMU_FORMATS, "firecracker")
CONVERT_S = 3600.0
KERNEL_FILE, DRIVE_FILE, CONFIG_FILE = "kernel.elf", "drive.img", "config.json"

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
EM_X86_64, PT_LOAD, PT_NOTE = 62, 1, 4
PVH_NOTE = 18  # XEN_ELFNOTE_PHYS32_ENTRY: Xen's hvm/start_info.h, "direct boot"
LOWEST_ENTRY = 1 << 20  # Firecracker takes no kernel below its high memory
HEAD_SIZE = 1 << 20  # headers and notes lie before the partition

# Firecracker's API (its swagger/firecracker.yaml) for drives of files: check, kind, and whether it is required.
Field = tuple[Callable[[Any], bool], str, bool]


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is kind


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


TEXT: tuple[Callable[[Any], bool], str] = (lambda value: type(value) is str and value != "", "a text")
FLAG: tuple[Callable[[Any], bool], str] = (_is(bool), "true or false")
SCHEMA: Mapping[str, Mapping[str, Field]] = {
    "boot-source": {
        "kernel_image_path": (*TEXT, True),
        "boot_args": (_is(str), "a text", False),
        "initrd_path": (*TEXT, False),
    },
    "drives": {
        "drive_id": (
            lambda value: type(value) is str and value.replace("_", "").isalnum(),
            "letters, digits and _",
            True,
        ),
        "is_root_device": (*FLAG, True),
        "path_on_host": (*TEXT, True),
        "is_read_only": (*FLAG, True),
        "partuuid": (*TEXT, False),
        "cache_type": (_one_of("Unsafe", "Writeback"), "Unsafe or Writeback", False),
        "io_engine": (_one_of("Sync", "Async"), "Sync or Async", False),
    },
    "machine-config": {
        "vcpu_count": (lambda v: type(v) is int and 1 <= v <= 32 and (v == 1 or v % 2 == 0), "1 or even, to 32", True),
        "mem_size_mib": (lambda value: type(value) is int and value >= 1, "mebibytes", True),
        "smt": (*FLAG, False),
        "track_dirty_pages": (*FLAG, False),
        "huge_pages": (_one_of("None", "Transparent", "2M"), "None, Transparent or 2M", False),
    },
}
LISTS = ("drives",)


@dataclass(frozen=True)
class ExportReport:
    """What was written: `files` are (path, bytes as they lie on the disk's file system)."""

    image: Path
    format: str
    files: tuple[tuple[Path, int], ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        files = [{"path": str(path), "size_bytes": size} for path, size in self.files]
        return {**asdict(self), "image": str(self.image), "files": files}


def export_image(image: Path, form: str, out: Path, *, memory_mib: int = 128) -> ExportReport:
    """Write an image in another format.

    Args:
        image: an image of ours.
        form: one of FORMATS.
        out: the file; for firecracker the folder, made if missing.
        memory_mib: Firecracker's machine has as much.

    Raises:
        UsageError: no such format, or `out` is the image itself.
        ImageError: the output cannot be written, or the image has no entry for Firecracker.
        ToolError: qemu-img failed.
    """
    if form not in FORMATS:
        raise UsageError(f"--format {form} is not known.", f"Use one of {', '.join(FORMATS)}.")
    if out.exists() and out.samefile(image):
        raise UsageError(f"{out} is the image itself.", "Choose another output path.")
    if form == "firecracker":
        return _export_firecracker(image, out, memory_mib)
    if out.is_dir():
        raise UsageError(f"{out} is a folder.", "Name a file.")
    _convert(image, form, out)
    return ExportReport(image, form, ((out, out.stat().st_size),))


def _convert(image: Path, form: str, out: Path) -> None:
    """Have qemu-img convert the image, and compare the result with it; holes stay holes."""
    qemu_img = ensure_program("qemu-img", "qemu-utils")
    name, options = QEMU_FORMATS[form]
    with replacing(out) as temporary:
        convert: list[str | Path] = [qemu_img, "convert", "-f", "raw", "-O", name, *options, image, temporary]
        run(convert, what=f"converting {image} to {out}", timeout_s=CONVERT_S)
        compare: list[str | Path] = [qemu_img, "compare", "-f", "raw", "-F", name, image, temporary]
        run(compare, what=f"comparing {out} with {image}", error=ToolError, timeout_s=CONVERT_S)


def _export_firecracker(image: Path, folder: Path, memory_mib: int) -> ExportReport:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Name a folder: kernel, drive and config go into it.")
    kernel = kernel_elf(image)
    config = firecracker_config(memory_mib)
    check_config(config)
    kernel_path, drive, config_path = (folder / name for name in (KERNEL_FILE, DRIVE_FILE, CONFIG_FILE))
    write_atomic(kernel_path, kernel)
    _convert(image, "raw", drive)
    write_atomic(config_path, (json.dumps(config, indent=2) + "\n").encode())
    files = tuple((path, path.stat().st_size) for path in (kernel_path, drive, config_path))
    return ExportReport(image, "firecracker", files)


def firecracker_config(memory_mib: int) -> dict[str, Any]:
    """Make the config file's content; its paths are relative to the folder that Firecracker is started in."""
    return {
        "boot-source": {"kernel_image_path": KERNEL_FILE, "boot_args": ""},
        "drives": [{"drive_id": "disk0", "is_root_device": False, "is_read_only": True, "path_on_host": DRIVE_FILE}],
        "machine-config": {"vcpu_count": 1, "mem_size_mib": memory_mib},
    }


def check_config(config: Mapping[str, Any]) -> None:
    """Check a config against SCHEMA.

    Raises:
        UsageError: a section or field is missing, unknown or of the wrong kind; it is named.
    """
    for section in config.keys() - SCHEMA.keys():
        raise UsageError(f"Firecracker's config has no section {section!r}.")
    for section, fields in SCHEMA.items():
        content = config.get(section)
        for entry in content if section in LISTS and isinstance(content, list) else [content]:
            _check_section(section, entry, fields)


def _check_section(section: str, entry: Any, fields: Mapping[str, Field]) -> None:
    if not isinstance(entry, dict):
        raise UsageError(f"Firecracker's config needs the section {section!r}.")
    for name in entry.keys() - fields.keys():
        raise UsageError(f"Firecracker's {section} has no field {name!r}.")
    for name, (check, kind, required) in fields.items():
        if name not in entry and required:
            raise UsageError(f"Firecracker's {section} needs {name!r}.")
        if name in entry and not check(entry[name]):
            raise UsageError(f"Firecracker's {section} takes {kind} for {name!r}, not {entry[name]!r}.")


def kernel_elf(image: Path) -> bytes:
    """Return the ELF that an image begins with, cut where its last segment ends.

    Raises:
        ImageError: it begins with none, or with one that Firecracker would not start.
    """
    try:
        with image.open("rb") as stream:
            head = stream.read(HEAD_SIZE)
            image_size = stream.seek(0, os.SEEK_END)
    except OSError as error:
        raise ImageError(f"The image {image} cannot be read: {error.strerror}.") from None
    if head[:4] != b"\x7fELF":
        raise ImageError(
            f"{image} has no PVH entry, which Firecracker starts from.",
            'Put "pvh" into boot under [image] in its recipe.',
        )
    if len(head) < ELF_HEADER.size or head[4:6] != b"\x02\x01":
        raise _unsound(image, "it is not 64-bit little-endian")
    ident = ELF_HEADER.unpack_from(head)
    machine, entry, headers, entry_size, count = ident[2], ident[4], ident[5], ident[9], ident[10]
    if machine != EM_X86_64 or entry_size != PROGRAM_HEADER.size or headers < ELF_HEADER.size:
        raise _unsound(image, "its header is not that of an x86-64 program")
    if headers + count * entry_size > len(head):
        raise _unsound(image, "its program headers lie outside of it")
    end = headers + count * entry_size
    pvh = None
    for index in range(count):
        kind, _, offset, _, _, size, _, _ = PROGRAM_HEADER.unpack_from(head, headers + index * entry_size)
        if offset + size > image_size:
            raise _unsound(image, f"its segment {index} lies outside of it")
        end = max(end, offset + size) if kind in (PT_LOAD, PT_NOTE) else end
        pvh = _pvh_entry(head[offset : offset + size]) if kind == PT_NOTE and pvh is None else pvh
    if pvh is None or entry < LOWEST_ENTRY:
        raise _unsound(image, "it has no PVH note" if pvh is None else f"its entry {entry:#x} is below 1 MiB")
    with image.open("rb") as stream:
        return stream.read(end)


def _pvh_entry(notes: bytes) -> int | None:
    """Find the 32-bit entry among ELF notes; names and descriptions are padded to four bytes."""
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        name_at = at + 12
        content_at = name_at + (name_size + 3 & ~3)
        at = content_at + (size + 3 & ~3)
        content = notes[content_at : content_at + size]
        if kind == PVH_NOTE and notes[name_at : name_at + 4] == b"Xen\0" and len(content) in (4, 8):
            return int.from_bytes(content, "little")
    return None


def _unsound(image: Path, why: str) -> ImageError:
    return ImageError(f"{image} begins with an ELF that Firecracker cannot start: {why}.", "Build the image again.")
