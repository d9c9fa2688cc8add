"""Builds what runs without an operating system: the kernel and the loaders, as ELF and as flat bytes.

Sources go through clang as link-time-optimised objects and ld.lld with a link script that sees the same
headers as C does (preprocessed with -DBAREFLOW_LINKER_SCRIPT). Same inputs give the same bytes; the digest of
all inputs is the cache key.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from elftools.elf.elffile import ELFFile

from bareflow import toolchain
from bareflow.compile import packing
from bareflow.errors import CompileError, LinkError, ToolError
from bareflow.layouts.boot import KERNEL_HEADER

TARGET = "x86_64-unknown-none-elf"

FLAGS = (
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Werror",
    "-ffreestanding",
    "-fno-pie",
    "-fomit-frame-pointer",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-math-errno",
    "-fmerge-all-constants",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-ident",
    "-g0",
    "-Oz",
    "-mno-red-zone",  # a trap on the same stack would overwrite it
    "-mgeneral-regs-only",  # vector registers belong to the workload
)

LINK_FLAGS = (
    "--gc-sections",
    "--build-id=none",
    "--no-dynamic-linker",
    "-z",
    "norelro",
    "-z",
    "nognustack",
    "--lto-O2",
    "--fatal-warnings",
)

KERNEL_FEATURES = {
    "files": "the workload opens and reads the files on the image",
    "input": 'the workload reads the console; part of "files" too',
    "ramdisk": "an image in memory, for ways in where no firmware reads the disk; added where one is asked for",
    "virtio": "virtio-blk disks, for machines whose firmware reads none",
    "virtio_mmio": "the same without PCI: microvm and Firecracker; needs virtio",
    "ide": "the booted disk by DMA after a BIOS, which reads an IDE drive two bytes at a time",
    "framebuffer": "the console on the screen too, where UEFI leaves a framebuffer",
    "vga": "the console on the screen too, where a BIOS leaves VGA text",
    "acpi": "the console on the serial port that ACPI's SPCR or DBG2 table names",
    "clock": "clock_gettime, nanosleep and kin",
    "memory": "munmap, mremap, mprotect and madvise beyond what malloc needs at start",
    "process": "identity, signals, limits: what larger programs ask at start",
    "signals": 'handlers of signals, and interval timers; brings "process" and "clock" along',
    "targets": "snapshots for several CPUs in one file; added where the snapshot has them",
}
"""Parts of the kernel that a recipe may leave out; each is -DCONFIG_<NAME>=1 (docs/kernel.md has the sizes)."""
BROUGHT_ALONG = {"signals": frozenset({"process", "clock"})}


def with_brought_along(features: frozenset[str]) -> frozenset[str]:
    """The features, and those that they cannot be without."""
    return features.union(*(brought for feature, brought in BROUGHT_ALONG.items() if feature in features))


@dataclass(frozen=True)
class Freestanding:
    """A linked program: `elf` is for symbols and debuggers, `binary` for the machine."""

    elf: Path
    binary: bytes


def build_freestanding(
    name: str,
    sources: Sequence[Path],
    *,
    script: Path,
    flags: Sequence[str] = (),
    defines: Sequence[str] = (),
    include: Sequence[Path] = (),
    binary: bool = True,
) -> Freestanding:
    """Compile and link C and .S files into one program at the addresses of a link script.

    Args:
        name: of the result and of its folder in the cache.
        sources: C and preprocessed assembly, in link order.
        script: ld.lld script; it is preprocessed with BAREFLOW_LINKER_SCRIPT defined and the same headers.
        flags: further clang flags; they come last, so they can undo one of `FLAGS`.
        defines: `NAME` or `NAME=value`, for C, assembly and the script.
        include: header folders besides runtime/include.
        binary: also extract the flat bytes, from the lowest loaded address to the last byte of file data.

    Raises:
        CompileError: clang refuses a source; its message is the detail.
        LinkError: ld.lld refuses; an undefined symbol, or a section that does not fit.
    """
    folders = [toolchain.data_root() / "runtime" / "include", *include]
    options = [*(f"-D{define}" for define in defines), *(f"-I{folder}" for folder in folders)]
    digest = digest_of([*sources, script, *headers_in(folders)], [*FLAGS, *flags, *defines, *LINK_FLAGS])
    elf = toolchain.cache_dir() / "freestanding" / f"{name}-{digest}" / f"{name}.elf"
    toolchain.made(elf, lambda scratch: _build(scratch, sources, script, [*flags, *options]))
    return Freestanding(elf, flat_bytes(elf.read_bytes()) if binary else b"")


def build_kernel(features: frozenset[str]) -> Freestanding:
    """KERNEL.BIN with just the given features: packed, with its header's size and CRC filled in.

    The ELF is of the kernel as it lies in memory once it has unpacked itself.

    Raises:
        CompileError, LinkError: as `build_freestanding`.
    """
    features = with_brought_along(features)
    root = toolchain.data_root()
    shared = ["runtime/crc32.c", "runtime/cobs.c", "runtime/fat16.c", "loader/common/snapshot_check.c"]
    shared += ["loader/common/snapshot_pick.c"] if "targets" in features else []
    lean = [] if "files" in features else ["FAT16_ROOT_ONLY=1"]
    own = sorted((root / "kernel").glob("*.S")) + sorted((root / "kernel").glob("*.c"))
    built = build_freestanding(
        "kernel",
        [*own, *(root / name for name in shared)],
        script=root / "kernel" / "kernel.ld",
        flags=("-mcmodel=kernel",),
        defines=[*(f"CONFIG_{feature.upper()}=1" for feature in sorted(features)), *lean],
        include=[root / "loader" / "common", root / "kernel"],
    )
    folder = root / "kernel" / "pack"
    version = digest_of([folder / "unpack.S", folder / "unpack.ld", Path(packing.__file__), Path(__file__)], [])
    packed = built.elf.with_name(f"packed-{version}.bin")
    toolchain.made(packed, lambda _scratch: _pack_kernel(built, folder))
    return replace(built, binary=packed.read_bytes())


def _pack_kernel(kernel: Freestanding, folder: Path) -> bytes:
    """The stub that unpacks the kernel, and the packed kernel."""
    packed = packing.pack(kernel.binary)
    header = KERNEL_HEADER.decode(kernel.binary[: KERNEL_HEADER.size])
    defines = {
        "STREAM_SIZE": len(packed.data),
        "BRANCH_LIMIT": packed.branch_limit,
        "MEMORY_SIZE": header["memory_size"],
        "SCRATCH": header["reserved"],
    }
    stub = build_freestanding(
        "unpack",
        [folder / "unpack.S"],
        script=folder / "unpack.ld",
        defines=[f"{name}={value}" for name, value in defines.items()],
    )
    return _seal_kernel(stub.binary + packed.data)


def flat_bytes(elf: bytes) -> bytes:
    """What a loader puts in memory: the PT_LOAD segments' file bytes, gaps filled with zeros."""
    segments = [
        (int(segment["p_paddr"]), segment.data())
        for segment in ELFFile(io.BytesIO(elf)).iter_segments("PT_LOAD")
        if segment["p_filesz"]
    ]
    start = min(address for address, _ in segments)
    flat = bytearray(max(address + len(data) for address, data in segments) - start)
    for address, data in segments:
        flat[address - start : address - start + len(data)] = data
    return bytes(flat)


def _seal_kernel(binary: bytes) -> bytes:
    """Fill in the header's file size and the CRC-32 over the file with the CRC field zero."""
    sealed = bytearray(binary)
    struct.pack_into("<I", sealed, KERNEL_HEADER.offsets["file_size"], len(sealed))
    struct.pack_into("<I", sealed, KERNEL_HEADER.offsets["crc32"], 0)
    struct.pack_into("<I", sealed, KERNEL_HEADER.offsets["crc32"], zlib.crc32(sealed))
    return bytes(sealed)


def _build(scratch: Path, sources: Sequence[Path], script: Path, options: Sequence[str]) -> bytes:
    """Compile each source, preprocess the script, link; the ELF's bytes."""
    root = toolchain.data_root()
    common = [f"--target={TARGET}", "-nostdinc", "-isystem", str(compiler_headers()), f"-ffile-prefix-map={root}/="]
    objects = [Path(f"{index}-{source.stem}.o") for index, source in enumerate(sources)]

    def compile_one(source: Path, made: Path) -> None:
        kind = ["-flto", *FLAGS] if source.suffix == ".c" else []
        wanted = [option for option in options if kind or option.startswith(("-D", "-I"))]
        command = toolchain.zig("clang", *common, *kind, *wanted, "-c", source, "-o", made)
        toolchain.run(command, what=f"compiling {source.name}", error=CompileError, cwd=scratch)

    toolchain.side_by_side(compile_one, sources, objects)
    preprocess = toolchain.zig(
        "clang", *common, *(option for option in options if option.startswith(("-D", "-I"))),
        "-DBAREFLOW_LINKER_SCRIPT", "-E", "-P", "-x", "c", script, "-o", "link.ld",
    )  # fmt: skip
    toolchain.run(preprocess, what=f"preprocessing {script.name}", error=CompileError, cwd=scratch)
    link = toolchain.zig("ld.lld", *LINK_FLAGS, "-T", "link.ld", *objects, "-o", "out.elf")
    toolchain.run(link, what=f"linking with {script.name}", error=LinkError, cwd=scratch)
    return (scratch / "out.elf").read_bytes()


def compiler_headers() -> Path:
    """The folder of stddef.h and stdint.h inside the ziglang wheel."""
    spec = find_spec("ziglang")
    if spec is None or not spec.origin:
        raise ToolError("The Python package ziglang is not installed.", "Run ./inv once; it makes .venv with it.")
    return Path(spec.origin).parent / "lib" / "include"


def headers_in(folders: Iterable[Path]) -> list[Path]:
    """Every header below the folders, in a fixed order."""
    return sorted(header for folder in folders for header in folder.rglob("*.h"))


def digest_of(files: Iterable[Path], words: Iterable[str]) -> str:
    """SHA-256 over the compiler's version, the words and the files' names and contents; 24 hexadecimal digits."""
    digest = hashlib.sha256(toolchain.ZIG_VERSION.encode())
    for word in words:
        digest.update(b"\0word\0" + word.encode())
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as problem:
            raise CompileError(f"{file} cannot be read: {problem.strerror}.") from None
        digest.update(b"\0file\0" + file.name.encode() + len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:24]
