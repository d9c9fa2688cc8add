"""One machine, described: what QEMU is to be, as data, and the command line that makes it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bareflow.errors import UsageError
from bareflow.layouts.verdict import VERDICT

ARGS_ITEM = "opt/bareflow/args"  # the fw_cfg file in which the kernel looks for the workload's arguments
DEBUG_EXIT_PORT = next(c.value for c in VERDICT.constants if c.name == "DEBUG_EXIT_PORT")

ACCELERATORS = ("auto", "kvm", "tcg")
DEFAULT_CPU: Mapping[str, str] = {"tcg": "max", "kvm": "host"}

# How a disk is attached: the devices that go between the machine and the drive "disk0".
DRIVES: Mapping[str, tuple[str, ...]] = {
    "ide": ("ide-hd,drive=disk0,bootindex=0",),
    "ahci": ("ahci,id=ahci0", "ide-hd,drive=disk0,bus=ahci0.0,bootindex=0"),
    "virtio": ("virtio-blk-pci,drive=disk0,bootindex=0",),
    "usb": ("qemu-xhci,id=xhci0", "usb-storage,drive=disk0,bus=xhci0.0,bootindex=0"),
}
MICROVM_DRIVE = "virtio-blk-device,drive=disk0"  # it has neither PCI nor a boot order

# Our name of a machine → QEMU's words. Without ACPI microvm takes qboot for firmware, the smallest there is, and names
# its devices on the command line, as Firecracker does. Its virtio devices are to follow the standard, not precede it.
MACHINES: Mapping[str, tuple[str, ...]] = {
    "pc": ("-machine", "pc"),
    "q35": ("-machine", "q35"),
    "microvm": ("-machine", "microvm,acpi=off", "-global", "virtio-mmio.force-legacy=false"),
}
FIRMWARES = ("bios", "uefi", "pvh")


@dataclass(frozen=True)
class MachineSpec:
    """What to boot and on what.

    Args:
        image: the disk image.
        memory_mib: mebibytes of memory.
        accel: "auto", "kvm" or "tcg"; "auto" takes KVM where the true probe finds that it works.
        cpu: QEMU's CPU model; none means everything the accelerator offers.
        machine: the machine type, a key of MACHINES.
        firmware: the way in: what finds the image on the disk, or "pvh", where QEMU itself puts it into memory.
        drive: how the disk is attached, a key of DRIVES; "auto": what the machine has itself, virtio with "pvh";
            "none": not at all, with "pvh".
        args: the workload's whole argv, its name first; none leaves what the image itself says.
        environment: its environment, (name, value) each; only with `args`.
        port: a virtio-serial port besides the two UARTs, for a guest whose wire is to be fast; not for microvm.
        bad_sectors: of the image's file, whose reading fails (QEMU's blkdebug).
        writable: let the guest change the image; otherwise its writes are forgotten when it ends.
        gdb: start stopped, with gdb's stub open.
        debug_exit: with QEMU's isa-debug-exit, by which a guest ends it at once; real machines have none.
        timeout_s: seconds after which the run is over; none is no limit.
        stall_s: seconds without output and without any change of a register that count as a hang.
        extra: further QEMU arguments, last on the line.

    Raises:
        UsageError: for a value that no machine has.
    """

    image: Path
    memory_mib: int = 128
    accel: str = "auto"
    cpu: str | None = None
    machine: str = "pc"
    firmware: str = "bios"
    drive: str = "auto"
    args: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    port: bool = False
    bad_sectors: tuple[int, ...] = ()
    writable: bool = False
    gdb: bool = False
    debug_exit: bool = True
    timeout_s: float | None = 120.0
    stall_s: float = 10.0
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _one_of("--accel", self.accel, ACCELERATORS)
        _one_of("--machine", self.machine, tuple(MACHINES))
        _one_of("--firmware", self.firmware, FIRMWARES)
        _one_of("--drive", self.drive, ("auto", *DRIVES, *(("none",) if self.firmware == "pvh" else ())))
        if self.machine == "microvm":
            self._check_microvm()
        if self.memory_mib < 1:
            raise UsageError(f"--memory {self.memory_mib} is no amount of memory.", "Give mebibytes, 128 for instance.")
        if self.timeout_s is not None and self.timeout_s <= 0:
            raise UsageError(f"--timeout-s {self.timeout_s:g} is no time.", "Give seconds, 120 for instance.")
        for text in (*(self.args or ()), *(text for pair in self.environment for text in pair)):
            if "\0" in text:
                raise UsageError(
                    f"the argument {text!r} holds a zero byte.", "An argument ends at its first zero byte."
                )

    def _check_microvm(self) -> None:
        """Refuse what the machine without firmware, disk controllers and PCI has not."""
        wrong = (
            f"--machine microvm has no firmware for --firmware {self.firmware}"
            if self.firmware != "pvh"
            else f"--machine microvm has no --drive {self.drive}"
            if self.drive not in {"auto", "virtio", "none"}
            else ""
        )
        if wrong:
            raise UsageError(f"{wrong}.", "Use --machine microvm --firmware pvh, with --drive virtio or none.")


def _one_of(flag: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(f"{flag} {value} is not known.", f"Use {', '.join(known)}.")


@dataclass(frozen=True)
class Links:
    """Where the machine's lines end on the host: QEMU character devices, without their ids.

    Args:
        console: COM1's character device.
        wire: COM2's.
        port: the virtio-serial port's, for a machine that has one.
        monitor: QMP's; none leaves the machine without a monitor, and running from the start.
        args_file: the file with the workload's arguments.
        gdb: where gdb's stub listens, as `-gdb` takes it.
        uefi: the file of UEFI's code, for a machine that has it.
    """

    console: str = "stdio"
    wire: str = "null"
    port: str = "null"
    monitor: str | None = None
    args_file: Path | None = None
    gdb: str | None = None
    uefi: Path | None = None


def qemu_command(
    spec: MachineSpec, links: Links, *, program: str = "qemu-system-x86_64", accel: str, cpu: str
) -> list[str]:
    """The QEMU command line of a machine.

    `accel` and `cpu` are what "auto" came to. A guest that resets or powers off leaves the machine paused with
    its registers (`-action`), so that a triple fault can be told from an end.
    """
    # fmt: off
    command = [
        program,
        *MACHINES[spec.machine], "-accel", accel, "-cpu", cpu,
        "-m", f"{spec.memory_mib}M",
        "-nodefaults", "-no-user-config", "-display", "none",
        "-action", "reboot=shutdown,shutdown=pause,panic=pause",
        "-chardev", f"{links.console},id=com1", "-device", "isa-serial,chardev=com1,index=0",
        "-chardev", f"{links.wire},id=com2", "-device", "isa-serial,chardev=com2,index=1",
    ]
    # fmt: on
    if spec.debug_exit:
        command += ["-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=4"]
    if spec.port:
        command += ["-chardev", f"{links.port},id=port", "-device", "virtio-serial-pci,max_ports=2"]
        command += ["-device", "virtserialport,chardev=port,nr=1"]  # 0 is for a console
    command += _disk(spec)
    if links.uefi is not None:
        command += ["-drive", f"if=pflash,format=raw,readonly=on,file={_quoted(links.uefi)}"]
    if spec.firmware == "pvh":
        command += ["-kernel", str(spec.image.absolute())]
    if links.monitor is not None:
        command += ["-S", "-chardev", f"{links.monitor},id=qmp", "-mon", "chardev=qmp,mode=control"]
    if links.args_file is not None:
        command += ["-fw_cfg", f"name={ARGS_ITEM},file={_quoted(links.args_file)}"]
    if links.gdb is not None:
        command += ["-gdb", links.gdb]
    return [*command, *spec.extra]


def _disk(spec: MachineSpec) -> list[str]:
    pvh = spec.firmware == "pvh"
    name = {"auto": "virtio" if pvh else "ide"}.get(spec.drive, spec.drive)
    if name == "none":
        return []
    drive = f"{_backend(spec)},if=none,id=disk0"
    words = ["-drive", drive if spec.writable else f"{drive},snapshot=on"]
    for device in (MICROVM_DRIVE,) if spec.machine == "microvm" else DRIVES[name]:
        # With -kernel QEMU's own entry is first in the boot order.
        words += ["-device", device.replace(",bootindex=0", "") if pvh else device]
    return words


def _backend(spec: MachineSpec) -> str:
    """What gives the drive its bytes: the image's file, with blkdebug between where sectors are to be bad."""
    if not spec.bad_sectors:
        return f"file={_quoted(spec.image.absolute())},format=raw"
    rules = (
        f"file.inject-error.{index}.event=read_aio,file.inject-error.{index}.sector={sector}"
        for index, sector in enumerate(spec.bad_sectors)
    )
    name = _quoted(spec.image.absolute())
    return ",".join(("driver=raw,file.driver=blkdebug", f"file.image.filename={name}", *rules))


def _quoted(path: Path) -> str:
    """A path inside a QEMU option list, where a comma is written twice."""
    return str(path).replace(",", ",,")
