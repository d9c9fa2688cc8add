"""Where a boot's time went: the guest's time stamps as stages in milliseconds, beside the floor of the same machine."""

from __future__ import annotations

import ctypes
import mmap
import platform
import time
from dataclasses import dataclass
from typing import Any

from bareflow.machine.result import GuestResult

# Stage → the stamps at its start and its end. What precedes the first stamp is firmware, and QEMU itself.
STAGES = {
    "loader": ("loader", "kernel"),
    "kernel": ("kernel", "snapshot"),
    "snapshot": ("snapshot", "workload"),
    "workload": ("workload", "end"),
}
FIRMWARE = "machine and firmware"
CALIBRATION_S = 0.02
BAR = 40  # characters
RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl $32, %rdx; or %rdx, %rax; ret


@dataclass(frozen=True)
class BootChart:
    """A boot, by stages in milliseconds.

    Args:
        stages: (name, duration) in the order of time; one that was not reached is missing.
        floor_ms: the whole process of a machine that ends with its first instruction; none where it was not measured.
    """

    stages: tuple[tuple[str, float], ...]
    floor_ms: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        floor = None if self.floor_ms is None else round(self.floor_ms, 3)
        return {"stages_ms": {name: round(taken, 3) for name, taken in self.stages}, "floor_ms": floor}

    def lines(self) -> list[str]:
        """For people: a bar a stage, the longest as long as BAR."""
        rows = [*self.stages, *([("floor", self.floor_ms)] if self.floor_ms is not None else [])]
        longest = max((taken for _, taken in rows), default=0.0) or 1.0
        width = max((len(name) for name, _ in rows), default=0)
        return [
            f"{name:<{width}} {taken:9.2f} ms {'█' * round(BAR * taken / longest)}".rstrip() for name, taken in rows
        ]


def boot_chart(result: GuestResult, tsc_hz: float, floor_ms: float | None = None) -> BootChart:
    """Turn a run's stamps into stages.

    Args:
        result: the run.
        tsc_hz: ticks of the guest's time stamp counter in a second.
        floor_ms: see `BootChart`.
    """
    stamps = result.stamps
    stages = [
        (name, 1000 * (stamps[end] - stamps[start]) / tsc_hz)
        for name, (start, end) in STAGES.items()
        if start in stamps and end in stamps
    ]
    if result.boot_ms is not None and "loader" in stamps:
        ours = sum(taken for name, taken in stages if name != "workload")
        stages.insert(0, (FIRMWARE, max(0.0, result.boot_ms - ours)))
    return BootChart(tuple(stages), floor_ms)


def host_tsc_hz() -> float | None:
    """The rate of this machine's time stamp counter, which QEMU gives its guests too; none off x86-64."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return None
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(RDTSC)
        place = (ctypes.c_char * len(RDTSC)).from_buffer(page)
        read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(place))
        first, began = read(), time.perf_counter()
        while (taken := time.perf_counter() - began) < CALIBRATION_S:
            pass
        hz = float(read() - first) / taken
        del read, place
    return hz
