"""Builds the UEFI way in: BOOTX64.EFI, a PE program that firmware finds on the EFI system partition."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from bareflow import toolchain
from bareflow.compile.freestanding import FLAGS, compiler_headers, digest_of, headers_in
from bareflow.errors import CompileError, LinkError

TARGET = "x86_64-unknown-uefi"

LINK_FLAGS = (
    "/subsystem:efi_application",
    "/entry:efi_main",
    "/nodefaultlib",
    "/Brepro",  # no time of ours
    "/opt:ref",
    "/opt:icf",
    "/merge:.rdata=.text",  # firmware loads whole sections: one for what is never written
)


SELF = struct.Struct("<4sIII")  # `self` in loader.c: magic, first byte in memory, bytes, CRC-32
SELF_MAGIC = b"BFCK"
SECTION = struct.Struct("<8sIIIIIIHHI")  # PE: name, size and place in memory, size and place in the file, …


def build_uefi() -> bytes:
    """Build BOOTX64.EFI, cached by its inputs; it can tell whether it is whole.

    Raises:
        CompileError, LinkError: the loader's sources do not build.
    """
    root = toolchain.data_root()
    folder = root / "loader" / "uefi"
    sources = [folder / "loader.c", root / "runtime" / "fat16.c", root / "runtime" / "crc32.c"]
    return seal(build_efi(sources, include=[root / "loader" / "common", folder], defines=["FAT16_ROOT_ONLY=1"]))


def seal(program: bytes) -> bytes:
    """Fill in what the loader checks itself by: a CRC-32 over its code and constants as firmware will load them.

    Raises:
        LinkError: they hold addresses that firmware would change, or there is no place for the checksum.
    """
    memory_size, at, file_size, start = _text_section(program)
    size = min(memory_size, file_size)
    text = program[start : start + size]
    place = text.find(SELF_MAGIC)
    if place < 0 or place != text.rfind(SELF_MAGIC) or _relocation_bytes(program):
        raise LinkError("BOOTX64.EFI cannot be sealed: it has no place for its checksum, or its code is relocated.")
    sealed = bytearray(program)
    SELF.pack_into(sealed, start + place, SELF_MAGIC, at, size, 0)
    crc = zlib.crc32(sealed[start : start + size])
    SELF.pack_into(sealed, start + place, SELF_MAGIC, at, size, crc)
    return bytes(sealed)


def _text_section(program: bytes) -> tuple[int, int, int, int]:
    """Size and place in memory, size and place in the file, of `.text`."""
    head = int.from_bytes(program[0x3C:0x40], "little")
    count, optional = struct.unpack_from("<H12xH", program, head + 6)
    for index in range(count):
        section = SECTION.unpack_from(program, head + 24 + optional + index * SECTION.size)
        if section[0].rstrip(b"\0") == b".text":
            return section[1], section[2], section[3], section[4]
    raise LinkError("BOOTX64.EFI has no code.")


def _relocation_bytes(program: bytes) -> int:
    """Size of the base relocation table, the sixth data directory."""
    head = int.from_bytes(program[0x3C:0x40], "little")
    return int(struct.unpack_from("<I", program, head + 24 + 112 + 5 * 8 + 4)[0])


def build_efi(sources: Sequence[Path], *, include: Sequence[Path] = (), defines: Sequence[str] = ()) -> bytes:
    """Build a UEFI program, whose entry is `efi_main`; cached by its inputs.

    Args:
        sources: C.
        include: header folders besides runtime/include.
        defines: `NAME` or `NAME=value`.

    Raises:
        CompileError, LinkError: it does not build.
    """
    folders = [toolchain.data_root() / "runtime" / "include", *include]
    options = [*FLAGS, "-fshort-wchar", "-flto", *(f"-D{define}" for define in defines)]
    digest = digest_of([*sources, *headers_in(folders)], [TARGET, *options, *LINK_FLAGS])
    cached = toolchain.cache_dir() / "freestanding" / f"uefi-{digest}" / "BOOTX64.EFI"
    options += [f"-I{path}" for path in folders]
    return toolchain.made(cached, lambda scratch: _build(scratch, sources, options)).read_bytes()


def _build(scratch: Path, sources: Sequence[Path], options: Sequence[str]) -> bytes:
    common = [f"--target={TARGET}", "-nostdinc", "-isystem", str(compiler_headers()), *options]
    common.append(f"-ffile-prefix-map={toolchain.data_root()}/=")
    objects = []
    for source in sources:
        made = Path(f"{source.stem}.obj")
        command = toolchain.zig("clang", *common, "-c", source, "-o", made)
        toolchain.run(command, what=f"compiling {source.name}", error=CompileError, cwd=scratch)
        objects.append(made)
    link = toolchain.zig("lld-link", *LINK_FLAGS, "/out:out.efi", *objects)
    toolchain.run(link, what="linking BOOTX64.EFI", error=LinkError, cwd=scratch)
    return (scratch / "out.efi").read_bytes()
