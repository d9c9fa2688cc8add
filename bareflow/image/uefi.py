"""Builds the UEFI way in: BOOTX64.EFI, a PE program that firmware finds on the EFI system partition."""

from __future__ import annotations

import tempfile
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


def build_uefi() -> bytes:
    """Build BOOTX64.EFI, cached by its inputs.

    Raises:
        CompileError, LinkError: the loader's sources do not build.
    """
    root = toolchain.data_root()
    folder = root / "loader" / "uefi"
    sources = [folder / "loader.c", root / "runtime" / "fat16.c", root / "runtime" / "crc32.c"]
    return build_efi(sources, include=[root / "loader" / "common", folder], defines=["FAT16_ROOT_ONLY=1"])


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
    if not cached.exists():
        with tempfile.TemporaryDirectory(prefix="bareflow-") as scratch:
            searched = [f"-I{path}" for path in folders]
            toolchain.write_atomic(cached, _build(Path(scratch), sources, [*options, *searched]))
    return cached.read_bytes()


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
