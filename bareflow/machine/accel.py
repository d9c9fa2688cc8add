"""Which accelerator a machine runs on."""

from __future__ import annotations

from dataclasses import dataclass

from bareflow.machine.spec import MachineSpec


@dataclass(frozen=True)
class AccelChoice:
    """What "auto" came to, and why."""

    accel: str
    reason: str


async def choose_accel(spec: MachineSpec) -> AccelChoice:
    """Return "kvm" or "tcg" for a machine."""
    if spec.accel != "auto":
        return AccelChoice(spec.accel, "asked for")
    return AccelChoice("tcg", "not probed")
