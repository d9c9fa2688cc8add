"""The floor of a boot time: the same machine with the smallest disk that the same way in takes, ended at once."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bareflow.compile.freestanding import build_freestanding
from bareflow.errors import MachineError
from bareflow.image.disk import ImageContents, pack_image
from bareflow.image.pvh import SECTOR, pvh_head
from bareflow.image.uefi import build_efi
from bareflow.layouts.boot import PVH_HEADER
from bareflow.layouts.memmap import MEMMAP
from bareflow.machine.firmware import uefi_code
from bareflow.machine.spec import DEBUG_EXIT_PORT, DEFAULT_CPU, Links, MachineSpec, qemu_command
from bareflow.toolchain import ensure_program

GUESTS = Path(__file__).with_name("guests")
REACHED = 0x2A  # written to the debug-exit port, so that a run that ended otherwise is noticed
ENDING = bytes((0xB0, REACHED, 0xE6, DEBUG_EXIT_PORT))  # mov $REACHED, %al; out %al, $DEBUG_EXIT_PORT
SMALLEST_DISK = 1 << 20  # SeaBIOS boots nothing under 504 KiB
RUN_S = 60.0


def floor_disk(firmware: str, folder: Path) -> Path:
    """Make the smallest disk image that a way in boots, in a folder; its first instructions end the machine."""
    disk = folder / f"floor-{firmware}.img"
    defines = [f"FLOOR_REACHED={REACHED:#x}"]
    if firmware == "bios":
        sector = build_freestanding("floor", [GUESTS / "floor.S"], script=GUESTS / "sector.ld", defines=defines).binary
        disk.write_bytes(sector.ljust(SMALLEST_DISK, b"\0"))
    elif firmware == "pvh":
        disk.write_bytes(_pvh_floor())
    else:
        efi = build_efi([GUESTS / "floor_uefi.c"], defines=defines)
        pack_image(ImageContents(None, b"", b"", uefi=efi), disk)
    return disk


def _pvh_floor() -> bytes:
    phys = next(constant.value for constant in MEMMAP.constants if constant.name == "MEM_DISK_PHYS")
    head = PVH_HEADER.encode(magic=0, size=0, crc32=0, kernel_offset=0, disk_size=0, entry=phys + 2 * SECTOR)
    elf = pvh_head(head, 3 * SECTOR)
    return b"".join(part.ljust(SECTOR, b"\0") for part in (elf.header, elf.table, ENDING))


def bare_command(spec: MachineSpec) -> list[str]:
    """The QEMU command of a machine that nobody listens to; "auto" means emulation."""
    program = ensure_program("qemu-system-x86_64", "qemu-system-x86")
    accel = "tcg" if spec.accel == "auto" else spec.accel
    links = Links(console="null", wire="null", uefi=uefi_code(spec))
    return qemu_command(spec, links, program=str(program), accel=accel, cpu=spec.cpu or DEFAULT_CPU[accel])


def time_ms(side: str, command: Sequence[str]) -> float:
    """Milliseconds that a machine takes, as a whole process, which ends itself by REACHED.

    Raises:
        MachineError: it did not; `side` says which.
    """
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=RUN_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise MachineError(f"The {side} did not reach its end within {RUN_S:g} s.") from None
    taken = 1000 * (time.perf_counter() - start)
    if done.returncode != 2 * REACHED + 1:
        words = done.stderr.decode(errors="replace").strip()
        raise MachineError(f"The {side} ended with status {done.returncode}, not at its end.", detail=words)
    return taken


def floor_ms(spec: MachineSpec) -> float:
    """Milliseconds of the floor of a machine, measured once."""
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        return time_ms("floor", bare_command(replace(spec, image=floor_disk(spec.firmware, Path(folder)))))
