"""What the QEMU in use was built with."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from bareflow.errors import MachineError
from bareflow.toolchain import ensure_program, run

_NAME = re.compile(r'^name "([^"]+)"', re.MULTILINE)


def offers_device(name: str) -> bool:
    """Whether QEMU knows a device of that name; distributions leave some out.

    Raises:
        MachineError: QEMU cannot be run.
    """
    return name in _devices(ensure_program("qemu-system-x86_64", "qemu-system-x86"))


@cache
def _devices(qemu: Path) -> frozenset[str]:
    done = run([qemu, "-device", "help"], what="asking QEMU for its devices", error=MachineError)
    return frozenset(_NAME.findall(done.stdout))
