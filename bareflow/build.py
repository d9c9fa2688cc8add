"""A recipe → an image file: kernel, boot code, frozen workload and the recipe's files, in one report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bareflow.compile.freestanding import build_kernel, with_brought_along
from bareflow.errors import ImageError
from bareflow.freeze import Frozen, freeze
from bareflow.image.disk import ImageContents, ImageReport, encode_arguments, pack_image
from bareflow.image.needs import features_needed
from bareflow.image.recipe import Recipe
from bareflow.image.ways import FROM_MEMORY, SCREEN_FEATURES, with_ways_in
from bareflow.snapshot.link import LinkedProgram

Progress = Callable[[str], None]

OPTIONS = ("framebuffer", "vga", "acpi", "power_off", "reset", "virtio", "virtio_mmio", "ide")  # for machines

MEMORY_LIMIT = 32 << 20  # bytes of an image that a PVH machine loads whole; of larger ones files come from virtio-blk
SLOW_LIMIT = 1 << 20  # bytes of files that a BIOS loads from an IDE drive in a tenth of a second


@dataclass(frozen=True)
class BuildReport:
    """What a build made.

    Args:
        image: the image file.
        size_bytes: its length.
        payload_bytes: boot sector, stage 2, kernel and snapshot together, real bytes.
        parts: (name, bytes) of each.
        frozen: the program on it.
        features: of its kernel.
    """

    image: Path
    size_bytes: int
    payload_bytes: int
    parts: tuple[tuple[str, int], ...]
    frozen: Frozen
    features: frozenset[str] = frozenset()

    def as_dict(self) -> dict[str, Any]:
        """The report for `--json`."""
        return {
            "image": str(self.image),
            "size_bytes": self.size_bytes,
            "payload_bytes": self.payload_bytes,
            "parts": dict(self.parts),
            "kernel_features": sorted(self.features),
            "cpu": self.frozen.target.name,
            "targets": [
                {"cpu": each.target.name, "build_id": each.program.build_id.hex(), "bytes": len(each.snapshot)}
                for each in self.frozen.targets
            ],
            "functions": len(self.frozen.program.functions),
            "build_id": self.frozen.program.build_id.hex(),
            "elf": str(self.frozen.elf),
            "compile_ms": round(self.frozen.compile_ms, 3),
        }


def build_image(
    recipe: Recipe, out: Path, *, frozen: Frozen | None = None, progress: Progress | None = None
) -> BuildReport:
    """Freeze a recipe's workload and pack a bootable image.

    Args:
        recipe: what to build.
        out: the image file; replaced whole or left as it was.
        frozen: the workload already frozen, with a profile for instance; default a plain freeze.
        progress: told what is being done.

    Raises:
        CompileError, LinkError, ImageError, UsageError: see the stages.
    """
    say = progress or (lambda _text: None)
    if out.is_dir():
        raise ImageError(f"The image {out} is a folder.", "Name a file to write.")
    program = frozen or freeze(recipe, progress=progress)
    say("building the kernel")
    features = kernel_features(recipe, program.program)
    for each in program.targets:
        features |= kernel_features(recipe, each.program) | {"targets"}
    kernel = build_kernel(features)
    say("building the boot code")
    contents = ImageContents(
        bios=None,
        memory_limit=MEMORY_LIMIT if "virtio" in features else None,
        kernel=kernel.binary,
        snapshot=program.snapshot,
        arguments=encode_arguments((recipe.name, *recipe.arguments), recipe.environment),
        files=recipe.files,
        image_size=recipe.image_size,
    )
    report = pack_image(with_ways_in(contents, recipe.boot), out, _percent(say))
    return _report(report, program, features)


def kernel_features(recipe: Recipe, program: LinkedProgram) -> frozenset[str]:
    """Return the parts of the kernel that an image needs: by its recipe or its program, and for its ways in."""
    features = recipe.features
    if features is None:
        features = features_needed(program)
        if recipe.files:
            features |= {"files"}
        size = sum(file.source.stat().st_size for file in recipe.files)
        if "pvh" in recipe.boot and size > MEMORY_LIMIT // 2:
            features |= {"virtio", "virtio_mmio"}  # it may not be loaded whole; everything else has its disk in memory
        if "bios" in recipe.boot and size > SLOW_LIMIT:
            features |= {"ide"}
        if "uefi" in recipe.boot:  # for real machines, which may have no serial port
            features |= SCREEN_FEATURES - (set() if "bios" in recipe.boot else {"vga"})
    if recipe.at_end != "halt":
        features |= {recipe.at_end.replace("-", "_")}
    return with_brought_along(features | {"ramdisk"} if recipe.boot & FROM_MEMORY else features)


def option_costs(features: frozenset[str]) -> dict[str, int]:
    """Return what each machine option among these features costs: bytes by which KERNEL.BIN is smaller without it.

    Each is a kernel of its own, built once and kept in the cache.

    Raises:
        CompileError, LinkError: as `build_kernel`.
    """
    size = len(build_kernel(features).binary)
    needs_it = {"virtio": {"virtio_mmio"}}
    return {
        name: size - len(build_kernel(features - {name} - needs_it.get(name, set())).binary)
        for name in OPTIONS
        if name in features
    }


def _percent(say: Progress) -> Callable[[str, int, int], None]:
    """Pass on bytes written as whole percents, where they change."""
    last = [-1]

    def tell(name: str, done: int, total: int) -> None:
        percent = 100 * done // total if total else 100
        if percent != last[0]:
            last[0] = percent
            say(f"writing {name}, {percent} %")

    return tell


def _report(report: ImageReport, program: Frozen, features: frozenset[str]) -> BuildReport:
    return BuildReport(
        image=report.image,
        size_bytes=report.size_bytes,
        payload_bytes=report.payload_bytes,
        parts=tuple((part.name, part.size) for part in report.parts),
        frozen=program,
        features=features,
    )
