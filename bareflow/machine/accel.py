"""Which accelerator a machine runs on, found by trying.

/dev/kvm can be there, open, and run simple code, and still kill a guest at its first vector instruction. So
"auto" boots a probe of ours once (guests/probe.S), which runs SSE, AVX and xsetbv in long mode and checks the
answers, and takes KVM only where the probe passes and is faster than under emulation. What was found is kept
with its reason, until the host's kernel, its CPU or QEMU changes.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bareflow.compile.freestanding import build_freestanding
from bareflow.errors import ImageError, MachineError, ToolError
from bareflow.machine.console import Console
from bareflow.machine.judge import guest_code
from bareflow.machine.qemu import QemuMachine
from bareflow.machine.spec import DEFAULT_CPU, MachineSpec
from bareflow.machine.watch import Watch
from bareflow.toolchain import cache_dir, ensure_program, tell, write_atomic

GUESTS = Path(__file__).with_name("guests")
KVM = Path("/dev/kvm")
PROBE_OK, PROBE_WRONG = 0x20, 0x21  # guests/probe.S
PROBE_S = 10.0  # a probe takes a third of a second under emulation
SMALLEST_DISK = 1 << 20  # SeaBIOS boots nothing under 504 KiB
# QEMU 7.2 dies of an assertion where a newer kernel offers an MSR that it may not write (0x10a); then without.
KVM_CPUS = (DEFAULT_CPU["kvm"], f"{DEFAULT_CPU['kvm']},-arch-capabilities")
STEPS = {
    "": "before it reached long mode",
    "S": "at its SSE instructions",
    "X": "at xgetbv or xsetbv",
    "A": "at its AVX instructions",
    "V": "at its AVX2 instructions",
}


@dataclass(frozen=True)
class AccelChoice:
    """What "auto" came to.

    Args:
        accel: "kvm" or "tcg".
        cpu: QEMU's CPU model that goes with it.
        reason: why, in a few words.
        kvm_ms: how long the probe took under KVM, in milliseconds; none where it did not pass.
        tcg_ms: and under emulation.
    """

    accel: str
    cpu: str
    reason: str
    kvm_ms: float | None = None
    tcg_ms: float | None = None


@dataclass(frozen=True)
class ProbeRun:
    """One run of the probe: its time if it passed, what went wrong if not."""

    passed: bool
    wall_ms: float
    problem: str = ""


async def choose_accel(spec: MachineSpec) -> AccelChoice:
    """Return the accelerator for a machine: what it asks for, or what the probe finds."""
    if spec.accel != "auto":
        return AccelChoice(spec.accel, spec.cpu or DEFAULT_CPU[spec.accel], "asked for")
    found = await find_accel()
    return replace(found, cpu=spec.cpu) if spec.cpu else found


async def find_accel(*, afresh: bool = False) -> AccelChoice:
    """Find out, or remember, whether KVM works here.

    Args:
        afresh: probe even if the answer is known.
    """
    out_of_reach = _out_of_reach()
    if out_of_reach:
        return _emulation(out_of_reach)
    store, key = cache_dir() / "accel.json", _key()
    known = None if afresh else _remembered(store, key)
    if known is not None:
        return known
    tell("trying KVM once, with a small machine")
    choice = await probe_accel()
    tell(f"using {choice.accel}: {choice.reason}")
    _remember(store, key, choice)
    return choice


async def probe_accel() -> AccelChoice:
    """Boot the probe under KVM, then under emulation, and compare."""
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        image = probe_image(Path(folder))
        problem = ""
        for cpu in KVM_CPUS:
            kvm = await run_probe(MachineSpec(image, accel="kvm", cpu=cpu, timeout_s=PROBE_S))
            if kvm.passed:
                break
            problem = kvm.problem
        else:
            return _emulation(f"KVM is here but {problem}")
        tcg = await run_probe(MachineSpec(image, accel="tcg", timeout_s=PROBE_S))
    if tcg.passed and kvm.wall_ms >= tcg.wall_ms:
        slow = _emulation(f"KVM is slower than emulation here ({kvm.wall_ms:.0f} against {tcg.wall_ms:.0f} ms)")
        return replace(slow, kvm_ms=kvm.wall_ms, tcg_ms=tcg.wall_ms)
    return AccelChoice("kvm", cpu, "the probe passed", kvm.wall_ms, tcg.wall_ms if tcg.passed else None)


def probe_image(folder: Path) -> Path:
    """Make the probe's disk in a folder."""
    sectors = build_freestanding("probe", [GUESTS / "probe.S"], script=GUESTS / "sector.ld").binary
    image = folder / "probe.img"
    image.write_bytes(sectors.ljust(SMALLEST_DISK, b"\0"))
    return image


async def run_probe(spec: MachineSpec) -> ProbeRun:
    """Boot one probe; `spec.accel` is "kvm" or "tcg"."""
    console = Console()
    try:
        async with QemuMachine(spec, spec.accel, spec.cpu or DEFAULT_CPU[spec.accel]) as machine:
            machine.console.on_data(console.feed)
            await machine.resume()
            end = await Watch(machine).until_end()
            wall_ms = machine.elapsed_ms()
    except MachineError as problem:
        return ProbeRun(False, 0.0, f"QEMU failed with it: {problem.message}")
    code = guest_code(end.status) if end.status is not None else None
    if code == PROBE_OK:
        return ProbeRun(True, wall_ms)
    step = console.text().transcript.decode(errors="replace")[-1:]
    where = STEPS.get(step, "somewhere")
    what = "gave a wrong answer" if code == PROBE_WRONG else f"died: {end.reason}"
    return ProbeRun(False, wall_ms, f"the probe {what.rstrip('.')}, {where}")


def _out_of_reach() -> str:
    """Why KVM need not even be tried; empty if it must be."""
    if not KVM.exists():
        return "there is no /dev/kvm"
    if not os.access(KVM, os.R_OK | os.W_OK):
        return "/dev/kvm may not be opened; add yourself to the group kvm"
    return ""


def _emulation(reason: str) -> AccelChoice:
    return AccelChoice("tcg", DEFAULT_CPU["tcg"], reason)


def _key() -> dict[str, Any]:
    """What an answer is true for: the host's kernel and CPU, and this very QEMU."""
    qemu = ensure_program("qemu-system-x86_64", "qemu-system-x86").resolve()
    about = qemu.stat()
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {"kernel": os.uname().release, "cpu": cpu, "qemu": [str(qemu), about.st_size, about.st_mtime_ns]}


def _remembered(store: Path, key: dict[str, Any]) -> AccelChoice | None:
    """The answer kept for this key; none if there is none or the file is damaged."""
    try:
        kept = json.loads(store.read_text())
        return AccelChoice(**kept["choice"]) if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(store: Path, key: dict[str, Any], choice: AccelChoice) -> None:
    """Keep an answer. Where the cache cannot be written it is found again next time."""
    document = json.dumps({"key": key, "choice": asdict(choice)}, indent=2)
    try:
        write_atomic(store, document.encode())
    except (ImageError, ToolError):
        tell(f"{store} cannot be written; KVM is tried again next time")
