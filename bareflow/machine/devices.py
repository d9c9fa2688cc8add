"""Block devices, as Linux describes them in /sys and /proc: what one is, and what it is being used for.

Nothing here opens a device. Everything is read below one root folder, so that tests can bring their own tree.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bareflow.errors import UsageError

SYSFS_SECTOR = 512  # /sys/block/*/size counts these whatever the device's own blocks are (sysfs-block)
NOT_MEDIA = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "mtdblock")  # never offered as a target
SYSTEM_MOUNTS = frozenset({"/", "/boot", "/boot/efi", "/boot/firmware", "/efi", "/usr", "/var", "/home", "/nix"})
LIST_HINT = "./inv flash without --device lists the removable devices."


@dataclass(frozen=True)
class BlockDevice:
    """One block device.

    Attributes:
        path: its node under /dev.
        name: the kernel's name for it.
        number: "major:minor".
        size_bytes: 0 where no medium is in it.
        removable: the kernel says so, or it is an SD card.
        partition_of: the node of the disk that it is a part of; empty for a whole disk.
        bus: "usb", "mmc", "virtio", … as far as it can be told.
        uses: what holds it or a part of it, in words; empty where nothing does.
        holds_system: one of the uses is a file system of the running system.
        sequence: changes whenever another medium is put in; 0 where the kernel does not count (before 5.15).
    """

    path: str
    name: str
    number: str
    size_bytes: int
    removable: bool
    read_only: bool
    partition_of: str
    model: str
    serial: str
    bus: str
    uses: tuple[str, ...]
    holds_system: bool
    sequence: int

    @property
    def title(self) -> str:
        """Path, model, serial and size, for people."""
        about = [self.model or "unknown model", f"serial {self.serial or 'unknown'}", human_size(self.size_bytes)]
        return f"{self.path}: {', '.join(about)}"


def human_size(size_bytes: int) -> str:
    """Write a size as a label on a stick does, in powers of 1000."""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


class Devices:
    """Looks devices up.

    Args:
        root: the folder that holds sys/ and proc/; a test's own, or /.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self.sys = root / "sys"
        self.proc = root / "proc"

    def number(self, path: Path) -> str:
        """Return "major:minor" of a device node, or of what a link leads to.

        Raises:
            UsageError: it is missing or no block device.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise UsageError(f"{path} cannot be found: {error.strerror}.", LIST_HINT) from None
        if not stat.S_ISBLK(status.st_mode):
            hint = "Use --file to write to a regular file." if stat.S_ISREG(status.st_mode) else LIST_HINT
            raise UsageError(f"{path} is no block device.", hint)
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"

    def find(self, path: Path) -> BlockDevice:
        """Describe the device behind a node such as /dev/sdb or /dev/disk/by-id/….

        Raises:
            UsageError: it is missing, no block device, or unknown to the kernel.
        """
        number = self.number(path)
        folder = self.sys / "dev/block" / number
        if not folder.exists():
            raise UsageError(f"{path} is a node without a device ({number}).", LIST_HINT)
        return self._describe(folder.resolve())

    def removable(self) -> tuple[BlockDevice, ...]:
        """Return every removable disk that has a medium, by name."""
        folder = self.sys / "block"
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        found = [self._describe((folder / name).resolve()) for name in names if not name.startswith(NOT_MEDIA)]
        return tuple(device for device in found if device.removable and device.size_bytes)

    def _describe(self, folder: Path) -> BlockDevice:
        is_part = (folder / "partition").exists()
        disk = folder.parent if is_part else folder
        uses, holds_system = self._uses(folder)
        name = _node_name(folder)
        card = _text(disk / "device/type") == "SD"
        return BlockDevice(
            path=f"/dev/{name}",
            name=name,
            number=_text(folder / "dev"),
            size_bytes=_number(folder / "size") * SYSFS_SECTOR,
            removable=_number(disk / "removable") == 1 or card,
            read_only=_number(folder / "ro") == 1,
            partition_of=f"/dev/{_node_name(disk)}" if is_part else "",
            model=_model(disk),
            serial=_serial(disk),
            bus=_bus(disk),
            uses=uses,
            holds_system=holds_system,
            sequence=_number(disk / "diskseq"),
        )

    def _uses(self, folder: Path) -> tuple[tuple[str, ...], bool]:
        """Say what uses a disk, its partitions, and what is stacked on them (LVM, RAID, dm-crypt)."""
        uses: list[str] = []
        holds_system = False
        mounts, swaps = self._mounts(), self._swaps()
        for member in _tree(folder, self.sys):
            number, node = _text(member / "dev"), f"/dev/{_node_name(member)}"
            for place in mounts.get(number, []) + mounts.get(node, []):
                use = f"{node} is mounted on {place}"
                uses += [use] if use not in uses else []
                holds_system = holds_system or place in SYSTEM_MOUNTS
            if node in swaps:
                uses.append(f"{node} is swap")
            holders = member / "holders"
            for holder in sorted(holders.iterdir()) if holders.is_dir() else []:
                uses.append(f"{node} belongs to {_node_name(holder.resolve())}")
        return tuple(uses), holds_system

    def _mounts(self) -> dict[str, list[str]]:
        """Mount points by "major:minor" and by source; btrfs has numbers of its own, so only its source tells."""
        found: dict[str, list[str]] = {}
        for line in _text(self.proc / "self/mountinfo").splitlines():
            before, _, after = line.partition(" - ")  # proc_pid_mountinfo(5)
            fields, tail = before.split(" "), after.split(" ")
            if len(fields) < 6 or len(tail) < 2:
                continue
            place = _unescape(fields[4])
            source = _unescape(tail[1])
            for key in {fields[2], source, os.path.realpath(source) if source.startswith("/dev/") else source}:
                found.setdefault(key, []).append(place)
        return found

    def _swaps(self) -> set[str]:
        lines = _text(self.proc / "swaps").splitlines()[1:]
        return {os.path.realpath(_unescape(line.split()[0])) for line in lines if line.strip()}


def _tree(folder: Path, sys: Path) -> Iterator[Path]:
    """Yield a device, its partitions, and all that is stacked on any of them."""
    yield folder
    for entry in sorted(folder.iterdir()):
        if (entry / "partition").exists():
            yield from _tree(entry, sys)
    holders = folder / "holders"
    for holder in sorted(holders.iterdir()) if holders.is_dir() else []:
        target = sys / "block" / holder.name
        if target.exists():
            yield from _tree(target.resolve(), sys)


def _node_name(folder: Path) -> str:
    """The name under /dev: sysfs writes a slash in a name as an exclamation mark (cciss!c0d0)."""
    return folder.name.replace("!", "/")


def _text(path: Path) -> str:
    """A small file's text without its line end; empty where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdecimal() else 0


def _unescape(text: str) -> str:
    r"""Undo the kernel's octal escapes in mount tables (`\040` is a blank)."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _usb_folder(disk: Path) -> Path | None:
    """The folder of the USB device that a disk is in, if it is in one."""
    device = disk / "device"
    here = device.resolve() if device.exists() else disk
    return next((parent for parent in (here, *here.parents) if (parent / "idVendor").exists()), None)


def _bus(disk: Path) -> str:
    if _usb_folder(disk) is not None:
        return "usb"
    subsystem = disk / "device/subsystem"
    return subsystem.resolve().name if subsystem.exists() else ""


def _model(disk: Path) -> str:
    """Vendor and model: SCSI and USB say both, an SD card has a name, NVMe a model."""
    vendor = _text(disk / "device/vendor")
    model = _text(disk / "device/model") or _text(disk / "device/name")
    vendor = "" if vendor.startswith("0x") else vendor  # a PCI number, not a name
    return " ".join(f"{vendor} {model}".split())


def _serial(disk: Path) -> str:
    usb = _usb_folder(disk)
    places = [disk / "device/serial", disk / "serial", *([usb / "serial"] if usb else []), disk / "device/wwid"]
    return next((text for text in map(_text, places) if text), "")
