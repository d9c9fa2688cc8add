"""Where UEFI firmware for QEMU is: OVMF's code, from the operating system's package."""

from __future__ import annotations

from pathlib import Path

from bareflow.machine.spec import MachineSpec
from bareflow.toolchain import ensure_file

# Debian and Ubuntu, Fedora, Arch, Homebrew and QEMU itself.
OVMF = (
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/OVMF/OVMF_CODE.fd",
    "/usr/share/edk2/ovmf/OVMF_CODE.fd",
    "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
    "/usr/share/qemu/edk2-x86_64-code.fd",
    "/usr/local/share/qemu/edk2-x86_64-code.fd",
    "/opt/homebrew/share/qemu/edk2-x86_64-code.fd",
)


def uefi_code(spec: MachineSpec) -> Path | None:
    """Return the file of UEFI's code for a machine that boots from it, or None for any other.

    Raises:
        ToolError: there is none and apt cannot add it.
    """
    return ensure_file(OVMF, "UEFI firmware (OVMF)", "ovmf") if spec.firmware == "uefi" else None
