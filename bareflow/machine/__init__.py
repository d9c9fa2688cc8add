"""The machine stage: a bootable image in, what became of its guest out.

`boot` runs one machine to its end; `QemuMachine` owns one for those who talk to it while it runs.
"""

from __future__ import annotations

from bareflow.machine.result import GuestResult
from bareflow.machine.run import boot, boot_, command_line
from bareflow.machine.spec import MachineSpec

__all__ = ["GuestResult", "MachineSpec", "boot", "boot_", "command_line"]
