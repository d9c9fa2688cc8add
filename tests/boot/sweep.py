"""Boots an image once for every sector that holds anything, each time with that sector spoiled.

    python -m tests.boot.sweep [--image classic] [--way bios-ide …] [--fault error …] [--every 1] [--piece 1/4]
                               [--apart]

Ways: those of `WAYS`. Faults: `error` (the drive cannot read the sector), `cut` (the disk ends before it), `half`
(from it on nothing was written), `flip` (one bit of it is wrong). Every boot must end in words of ours, or run as if
nothing were wrong, where that sector is not on its way; firmware that finds nothing to start is counted apart. Anything
else (a hang, a loop, a silent end, a wrong output) is a finding, and exit status 1. It takes some minutes; `--piece`
boots only a part of the sectors. UEFI's firmware reads 64 KiB around what it wants: `--apart` puts that much between
what it reads (root folder, BOOTX64.EFI) and what only BOOTX64.EFI reads: kernel, snapshot, arguments; these are swept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bareflow.build import build_image
from bareflow.image import fat16
from bareflow.image.disk import ARGUMENTS_NAME, KERNEL_NAME, SNAPSHOT_NAME, read_file
from bareflow.image.recipe import WAYS_IN, load_recipe
from bareflow.machine import GuestResult, MachineSpec, boot_

SECTOR = 512
GAP, GAP_END = 320 << 10, 128 << 10  # bytes of arguments; how many of the last of them the firmware may read
WAYS: dict[str, dict[str, Any]] = {
    "bios-ide": {"drive": "ide"},
    "bios-ahci": {"drive": "ahci"},
    "bios-virtio": {"drive": "virtio"},
    "bios-usb": {"drive": "usb"},
    "uefi-ahci": {"firmware": "uefi", "machine": "q35", "drive": "ahci"},
    "pvh-memory": {"firmware": "pvh", "drive": "none"},
}
FAULTS = ("error", "cut", "half", "flip")
FIRMWARE_WAITS_S = {"bios": 6.0, "uefi": 14.0, "pvh": 6.0}  # a boot takes a tenth of it
NAMED = ("boot-failed", "refused", "panic")
FINE = ("named", "ran", "firmware")


@dataclass(frozen=True)
class Outcome:
    """What one spoiled boot came to: `kind` is one of FINE or "finding"; `words` are the last of ours."""

    kind: str
    words: str


def sectors_in_use(image: Path) -> list[int]:
    """The sectors that hold anything but zeros."""
    data = image.read_bytes()
    return [at // SECTOR for at in range(0, len(data), SECTOR) if data[at : at + SECTOR].count(0) < SECTOR]


def sectors_before_the_gap(image: Path) -> list[int]:
    """The sectors of kernel and snapshot, and every 64th of the arguments that part them from BOOTX64.EFI."""
    data = image.read_bytes()
    found: list[int] = []
    for name, step in ((KERNEL_NAME, 1), (SNAPSHOT_NAME, 1), (ARGUMENTS_NAME, 64)):
        held = read_file(image, name)
        first = data.find(held) // SECTOR
        found += range(first, first + (len(held) - GAP_END * (step > 1) - 1) // SECTOR + 1, step)
    return found


def build(name: str, folder: Path, *, apart: bool) -> Path:
    """Build a recipe's image with every way in."""
    recipe = replace(load_recipe(name), boot=frozenset(WAYS_IN), features=None)
    if apart:
        fat16.ROOT_ENTRIES = 2048  # 64 KiB
        recipe = replace(recipe, arguments=(*(recipe.arguments or (name,)), "x" * GAP))
    build_image(recipe, folder / "image.img")
    return folder / "image.img"


def spoil(image: Path, copy: Path, fault: str, sector: int) -> dict[str, Any]:
    """Write a spoiled copy; the machine's settings that go with it."""
    if fault == "error":
        if not copy.exists():
            os.link(image, copy)
        return {"bad_sectors": (sector,)}
    copy.unlink(missing_ok=True)
    shutil.copy(image, copy)
    with copy.open("r+b") as stream:
        if fault == "flip":
            at = sector * SECTOR + sector * 37 % SECTOR
            stream.seek(at)
            byte = stream.read(1)[0]
            stream.seek(at)
            stream.write(bytes((byte ^ 1 << sector % 8,)))
            return {}
        size = stream.seek(0, os.SEEK_END)
        stream.truncate(sector * SECTOR)
        if fault == "half":
            stream.truncate(size)
    return {}


def classify(result: GuestResult, expected: bytes) -> Outcome:
    """Say what a spoiled boot came to, `expected` being the output of a sound one."""
    said = result.transcript.decode(errors="replace")
    lines = [line.strip() for line in said.splitlines() if "bareflow: " in line]
    words = lines[-1].rpartition("bareflow: ")[2] if lines else ""
    if result.verdict == "exited" and result.stdout == expected:
        return Outcome("ran", "")
    if result.verdict in NAMED and words:
        return Outcome("named", words)
    if result.verdict in {"hang", "timeout"} and not words and not result.stdout:
        return Outcome("firmware", said.strip().splitlines()[-1] if said.strip() else "nothing to boot")
    return Outcome("finding", f"{result.verdict}: {result.reason} {words}")


def boot_spoiled(image: Path, folder: Path, way: str, fault: str, sector: int, expected: bytes) -> Outcome:
    """Boot the image with one sector spoiled."""
    settings = {**WAYS[way], **spoil(image, folder / f"{fault}.img", fault, sector)}
    limit = FIRMWARE_WAITS_S[str(settings.get("firmware", "bios"))]
    try:
        spec = MachineSpec(folder / f"{fault}.img", accel="tcg", timeout_s=limit, stall_s=2.0, **settings)
        return classify(boot_(spec), expected)
    except Exception as problem:
        if "QEMU did not start" in str(problem):
            return Outcome("firmware", "QEMU refuses the image")
        raise


def sweep(
    image: Path, ways: Sequence[str], faults: Sequence[str], sectors: Sequence[int]
) -> Iterator[tuple[str, str, int, Outcome]]:
    """Boot for each way, fault and sector; yield them with what came of it."""
    with tempfile.TemporaryDirectory(prefix="bareflow-", dir=image.parent) as name:
        for way in ways:
            sound = boot_(MachineSpec(image, accel="tcg", timeout_s=60, **WAYS[way]))
            for fault in faults:
                for sector in sectors:
                    yield way, fault, sector, boot_spoiled(image, Path(name), way, fault, sector, sound.stdout)


def main() -> int:
    """Sweep and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="classic", help="a recipe's name")
    parser.add_argument("--way", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--fault", nargs="+", default=list(FAULTS), choices=FAULTS)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--piece", default="1/1", help="which part of how many")
    parser.add_argument("--apart", action="store_true")
    chosen = parser.parse_args()
    part, parts = map(int, chosen.piece.split("/"))
    counts: Counter[tuple[str, str, str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        image = build(chosen.image, Path(folder), apart=chosen.apart)
        sectors = sectors_before_the_gap(image) if chosen.apart else sectors_in_use(image)
        sectors = sectors[part - 1 :: parts][:: chosen.every]
        for way, fault, sector, outcome in sweep(image, chosen.way, chosen.fault, sectors):
            counts[way, fault, outcome.kind, outcome.words] += 1
            if outcome.kind == "finding":
                sys.stdout.write(f"{way} {fault} sector {sector}: {outcome.kind}: {outcome.words}\n")
                sys.stdout.flush()
    for (way, fault, kind, words), count in sorted(counts.items()):
        sys.stdout.write(f"{way:12} {fault:6} {count:4} {kind:9} {words}\n")
    sys.stdout.write(f"{sum(counts.values())} boots\n")
    return 1 if any(kind not in FINE for _, _, kind, _ in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
