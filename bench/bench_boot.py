"""Boot time against the floor: how long until a workload's first instruction, and what the firmware alone takes.

Both sides are the same QEMU command with another disk, timed as whole processes, one after the other by turns.
The floor's disk is the smallest that the way in takes (a boot sector; an ELF; a UEFI program) and ends the machine at
once. The other disk is a real image whose workload
ends the machine the same way with its very first instruction: the image is as it was built, only these four bytes
at the snapshot's entry (and its CRC) are replaced.

    python -m bench.bench_boot IMAGE [--runs 10] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bareflow.errors import BareFlowError, SnapshotError
from bareflow.image.disk import read_file
from bareflow.layouts.snapshot import SNAPSHOT_HEADER, SNAPSHOT_SEGMENT
from bareflow.machine.floor import ENDING, bare_command, floor_disk, time_ms
from bareflow.machine.spec import MachineSpec

RUNS = 10
GOALS = {"bios": 1.3, "pvh": 1.2, "uefi": 1.1}  # boot to the first instruction over the floor, by the way in
SNAPSHOT_NAME = "OPTIMIZED_SNAPSHOT.BIN"
MACHINES: tuple[tuple[str, dict[str, str]], ...] = (
    ("pc, SeaBIOS", {"firmware": "bios", "machine": "pc"}),
    ("pc, PVH", {"firmware": "pvh", "machine": "pc", "drive": "none"}),
    ("microvm, PVH", {"firmware": "pvh", "machine": "microvm", "drive": "none"}),
    ("q35, OVMF", {"firmware": "uefi", "machine": "q35"}),
)
"""What the goals are given for, and PVH on pc."""


@dataclass(frozen=True)
class BootBench:
    """Measured times, in milliseconds, in the order in which they were taken.

    Args:
        floor_ms: of the boot sector that ends at once.
        image_ms: of the image whose workload ends at once.
        command: the QEMU command of the image.
        goal: for their ratio.
    """

    floor_ms: tuple[float, ...]
    image_ms: tuple[float, ...]
    command: tuple[str, ...]
    goal: float = GOALS["bios"]

    @property
    def ratio(self) -> float:
        """Median of the image over median of the floor."""
        return statistics.median(self.image_ms) / statistics.median(self.floor_ms)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "runs": len(self.floor_ms),
            "floor_ms": round(statistics.median(self.floor_ms), 2),
            "boot_ms": round(statistics.median(self.image_ms), 2),
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
            "floor_runs_ms": [round(value, 2) for value in self.floor_ms],
            "boot_runs_ms": [round(value, 2) for value in self.image_ms],
            "command": list(self.command),
        }


def bench_boot(
    image: Path, *, runs: int = RUNS, spec: MachineSpec | None = None, on_run: Callable[[str], None] | None = None
) -> BootBench:
    """Measure one image against the floor.

    Args:
        image: any image that boots; it is not changed.
        runs: of each side.
        spec: the machine; its image is replaced, and "auto" means emulation.
        on_run: called with a line of progress before every run.

    Raises:
        MachineError: when a side does not reach its one instruction.
        BareFlowError: when the image holds no snapshot.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as name:
        folder = Path(name)
        base = spec or MachineSpec(image)
        disks = {"floor": floor_disk(base.firmware, folder), "image": folder / "image.img"}
        disks["image"].write_bytes(ending_at_entry(image))
        commands = {side: bare_command(replace(base, image=disk)) for side, disk in disks.items()}
        times: dict[str, list[float]] = {side: [] for side in disks}
        for number in range(runs):
            for side in disks:
                if on_run is not None:
                    on_run(f"run {number + 1} of {runs}: {side}")
                times[side].append(time_ms(side, commands[side]))
    return BootBench(tuple(times["floor"]), tuple(times["image"]), tuple(commands["image"]), GOALS[base.firmware])


def bench_machines(
    image: Path, *, runs: int = RUNS, way: str = "", on_run: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Measure one image on every machine of `MACHINES` whose name holds `way`; it must have all ways in.

    Raises:
        MachineError, BareFlowError: as `bench_boot`.
    """
    rows = []
    for name, settings in (row for row in MACHINES if way.lower() in row[0].lower()):
        said = None if on_run is None else _prefixed(on_run, name)
        measured = bench_boot(image, runs=runs, spec=MachineSpec(image, **settings), on_run=said)  # type: ignore[arg-type]
        rows.append({"machine": name, **measured.as_dict()})
    return rows


def _prefixed(tell: Callable[[str], None], name: str) -> Callable[[str], None]:
    return lambda text: tell(f"{name}: {text}")


def ending_at_entry(image: Path) -> bytes:
    """An image's bytes, with a workload that ends the machine by its first instruction.

    Raises:
        SnapshotError: when the snapshot is not in one piece on the image, or its entry lies in no segment.
    """
    disk = bytearray(image.read_bytes())
    snapshot = read_file(image, SNAPSHOT_NAME)
    at = disk.find(snapshot)
    if at < 0:
        raise SnapshotError(f"{SNAPSHOT_NAME} is not in one piece on {image}.", "Build the image again.")
    disk[at : at + len(snapshot)] = end_snapshot_at_entry(snapshot)
    return bytes(disk)


def end_snapshot_at_entry(snapshot: bytes) -> bytes:
    """A version 2 snapshot with `mov $REACHED, %al; out %al, $DEBUG_EXIT_PORT` at its entry, and the CRC to match.

    Raises:
        SnapshotError: when its entry lies in no segment.
    """
    changed = bytearray(snapshot)
    header = SNAPSHOT_HEADER.decode(snapshot)
    for index in range(header["segment_count"]):
        segment = SNAPSHOT_SEGMENT.decode(snapshot, header["segments_offset"] + index * SNAPSHOT_SEGMENT.size)
        into = header["entry"] - segment["address"]
        if 0 <= into <= segment["file_size"] - len(ENDING):
            start = segment["file_offset"] + into
            changed[start : start + len(ENDING)] = ENDING
            break
    else:
        raise SnapshotError("The snapshot's entry lies in no segment.")
    crc_at = SNAPSHOT_HEADER.offsets["crc32"]
    changed[crc_at : crc_at + 4] = bytes(4)
    changed[crc_at : crc_at + 4] = zlib.crc32(changed).to_bytes(4, "little")
    return bytes(changed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        result = bench_boot(chosen.image, runs=chosen.runs).as_dict()
    except BareFlowError as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.exit_status
    if chosen.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"floor (firmware and one instruction)  {result['floor_ms']:8.1f} ms")
        print(f"boot to the first instruction         {result['boot_ms']:8.1f} ms")
        print(f"ratio                                 {result['ratio']:8.3f}    goal {result['goal']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
