"""Looks at this host: everything the tasks need, whether it is here, and what to do where it is not.

Nothing is installed and nothing is changed, but for the answer of the KVM probe, which is kept for next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from serial.tools import list_ports

from bareflow.errors import BareFlowError, ToolError
from bareflow.machine.accel import find_accel
from bareflow.machine.firmware import OVMF
from bareflow.toolchain import cache_dir, data_root

State = Literal["ok", "warn", "fail"]
OLDEST_QEMU = (7, 2)  # the oldest that the machine's command line was tried with
OLDEST_PYTHON = (3, 11)
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)")
# Program → its Debian package, and what it is for. QEMU has a line of its own.
PROGRAMS: Mapping[str, tuple[str, str]] = {
    "cc": ("gcc", "./inv test"),
    "mcopy": ("mtools", "./inv test"),
    "fsck.fat": ("dosfstools", "./inv test"),
    "qemu-img": ("qemu-utils", "./inv export"),
}
NEEDED_BY_TWO_COMMANDS = ("cc", "mcopy", "fsck.fat")
SPACE_NEEDED, SPACE_WISHED = 300 << 20, 2 << 30  # bytes: one image with its caches; room to work


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was looked at.
        state: "fail" only where one of the README's two commands would fail.
        found: what is there.
        fix: what to do; empty where nothing needs to be done.
    """

    name: str
    state: State
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All lines; `as_dict` is the JSON document."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether both commands of the README can work."""
        return all(check.state != "fail" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {"healthy": self.healthy, "checks": [asdict(check) for check in self.checks]}


def examine() -> Diagnosis:
    """Look at everything; a check that cannot be made is a line of its own, never an exception."""
    looks: tuple[Callable[[], Iterable[Check]], ...] = (
        check_python, check_pins, check_qemu, check_ovmf, check_kvm, check_programs, check_serial, check_cache,
        check_space,
    )  # fmt: skip
    return Diagnosis(tuple(check for look in looks for check in _safely(look)))


def _safely(look: Callable[[], Iterable[Check]]) -> tuple[Check, ...]:
    try:
        return tuple(look())
    except (BareFlowError, OSError) as problem:
        name = look.__name__.removeprefix("check_")
        return (Check(name, "warn", f"could not be looked at: {problem}"),)


def check_python() -> Iterable[Check]:
    """Python itself."""
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info[:2] >= OLDEST_PYTHON
    yield Check("python", "ok" if fine else "fail", version, "" if fine else "Install Python 3.11 or newer.")


def check_pins() -> Iterable[Check]:
    """Every pinned package, in one line where all are as they should be."""
    direct, indirect = pins()
    fix = "Remove .venv and run ./inv again."
    if not direct:
        yield Check("packages", "warn", "no list of pins is here", "Run ./inv from a checkout, or install the wheel.")
        return
    wrong, odd = _not_as_pinned(direct), _not_as_pinned(indirect)
    missing = [text for text in odd if " missing " in text]
    if wrong or missing:
        yield Check("packages", "fail", "; ".join(wrong + missing), fix)
    elif odd:
        yield Check("packages", "warn", "; ".join(odd), fix)
    else:
        yield Check("packages", "ok", f"{len(direct) + len(indirect)} as pinned")


def _not_as_pinned(wanted: Mapping[str, str]) -> list[str]:
    wrong = []
    for name, version in wanted.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version:
            wrong.append(f"{name} {installed} instead of {version}")
    return wrong


def pins() -> tuple[dict[str, str], dict[str, str]]:
    """What must be installed: what we use ourselves, and what that needs in turn.

    From the checkout's requirements.txt, or from what the wheel says it needs.
    """
    listed = data_root() / "requirements.txt"
    if listed.is_file():
        ours, _, theirs = listed.read_text().partition("\n# ----\n")
        return _read_pins(ours.splitlines()), _read_pins(theirs.splitlines())
    try:
        lines = metadata.requires("bareflow") or []
    except metadata.PackageNotFoundError:
        lines = []
    return _read_pins(line for line in lines if "extra ==" not in line), {}


def _read_pins(lines: Iterable[str]) -> dict[str, str]:
    found = (PIN.match(line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def _can_add() -> bool:
    """Whether the tasks could add an OS package by themselves."""
    return bool(shutil.which("apt-get")) and (os.geteuid() == 0 or bool(shutil.which("sudo")))


def _missing(name: str, package: str, *, needed: bool) -> Check:
    if _can_add():
        return Check(name, "warn", "not installed; apt adds it when it is first needed", f"apt-get install {package}")
    return Check(name, "fail" if needed else "warn", "not installed", f"Install the package {package} as root.")


def check_qemu() -> Iterable[Check]:
    """QEMU and its version."""
    found = shutil.which("qemu-system-x86_64")
    if not found:
        yield _missing("qemu", "qemu-system-x86", needed=True)
        return
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=30)
    version = re.search(r"version (\d+)\.(\d+)[\d.]*", done.stdout)
    if not version:
        why = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it says nothing"]
        yield Check("qemu", "fail", f"{found} does not run: {why[0]}", "Install qemu-system-x86 again.")
    elif (int(version[1]), int(version[2])) < OLDEST_QEMU:
        yield Check("qemu", "warn", f"{version[0]}, {found}", "Use QEMU 7.2 or newer; older ones are not tried.")
    else:
        yield Check("qemu", "ok", f"{version[0]}, {found}")


def check_ovmf() -> Iterable[Check]:
    """UEFI firmware for QEMU."""
    found = next((path for path in OVMF if Path(path).is_file()), None)
    fix = "apt-get install ovmf, to boot images through UEFI in QEMU"
    yield Check("ovmf", "ok", found) if found else Check("ovmf", "warn", "no UEFI firmware for QEMU", fix)


def check_kvm() -> Iterable[Check]:
    """KVM, and what the true probe found."""
    if not shutil.which("qemu-system-x86_64"):
        yield Check("kvm", "warn", "not tried: QEMU is missing", "See the line qemu.")
        return
    try:
        choice = asyncio.run(find_accel())
    except BareFlowError as problem:
        yield Check("kvm", "warn", f"the probe could not be made: {problem.message}", problem.hint)
        return
    if choice.accel == "kvm":
        times = f" ({choice.kvm_ms:.0f} ms against {choice.tcg_ms:.0f} emulated)" if choice.tcg_ms else ""
        yield Check("kvm", "ok", f"{choice.reason}{times}")
    else:
        yield Check("kvm", "warn", f"emulation is used: {choice.reason}", _kvm_fix(choice.reason))


def _kvm_fix(reason: str) -> str:
    if "may not be opened" in reason:
        return "usermod -aG kvm $USER as root, then log in again; or go on with emulation, which is only slower."
    if "there is no" in reason:
        return "Turn virtualisation (VT-x, AMD-V) on in the firmware; inside a virtual machine, nested virtualisation."
    return "None is needed: emulation is correct and only slower."


def check_programs() -> Iterable[Check]:
    """OS programs besides QEMU."""
    for name, (package, task) in PROGRAMS.items():
        found = shutil.which(name)
        if found:
            yield Check(name, "ok", f"{found}, for {task}")
        else:
            yield _missing(name, package, needed=name in NEEDED_BY_TWO_COMMANDS)


def check_serial() -> Iterable[Check]:
    """Serial ports, and whether they may be opened."""
    ports = sorted(list_ports.comports(), key=lambda port: port.device)
    if not ports:
        yield Check("serial", "warn", "no serial port", "None is needed but for real machines (docs/hardware.md).")
    for port in ports:
        about = f"{port.device}: {port.description}"
        if port.vid is not None:
            about += f" ({port.vid:04x}:{port.pid:04x})"
        if os.access(port.device, os.R_OK | os.W_OK):
            yield Check("serial", "ok", about)
        else:
            yield Check("serial", "warn", f"{about}; it may not be opened", _group_fix(port.device))


def _group_fix(device: str) -> str:
    try:
        group = grp.getgrgid(Path(device).stat().st_gid).gr_name
    except (KeyError, OSError):
        group = "dialout"
    if group == "root":
        return f"Only root may open {device}: run this as root."
    return f"usermod -aG {group} $USER as root, then log in again."


def check_cache() -> Iterable[Check]:
    """The toolchain's cache: where, how large, writable."""
    try:
        folder = cache_dir()
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (BareFlowError, OSError) as problem:
        where = os.environ.get("BAREFLOW_CACHE", "~/.cache/bareflow")
        said = problem.message if isinstance(problem, BareFlowError) else f"{where}: {problem.strerror}"
        yield Check("cache", "fail", said, "Set BAREFLOW_CACHE to a folder that you may write to.")
        return
    yield Check("cache", "ok", f"{folder}, {_megabytes(_folder_size(folder))}; it can be removed at any time")


def _folder_size(folder: Path) -> int:
    total = 0
    for base, _, names in os.walk(folder, onerror=None):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_blocks * 512  # noqa: PTH118  tens of thousands
            except OSError:
                continue
    return total


def check_space() -> Iterable[Check]:
    """Room on the disk, for the cache and for images."""
    places = {"current folder": Path.cwd()}
    with contextlib.suppress(ToolError):  # check_cache says so
        places = {"cache": cache_dir(), **places}
    seen = set()
    for name, folder in places.items():
        device = folder.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(folder).free
        about = f"{_megabytes(free)} free for the {name} ({folder})"
        if free < SPACE_NEEDED:
            yield Check("space", "fail", about, f"Make room: {_megabytes(SPACE_NEEDED)} at least.")
        elif free < SPACE_WISHED:
            yield Check("space", "warn", about, "Images with large files may not fit.")
        else:
            yield Check("space", "ok", about)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"
