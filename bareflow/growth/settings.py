"""How to grow, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bareflow.growth.boots import OnBoot
from bareflow.growth.remote import Remote
from bareflow.growth.result import Watch
from bareflow.snapshot.slots import GrowthOptions

if TYPE_CHECKING:
    from bareflow.trials.freeze import TrialRun


@dataclass(frozen=True)
class Settings:
    """How to grow.

    Args:
        boots: most runs; None: as the recipe says.
        native: as a Linux process instead of on a machine.
        fresh: forget the profile of earlier growths.
        timeout_s: of each run.
        stdin: of each run.
        accel: of machines: "auto", "kvm" or "tcg".
        trials: runs that decide between variants of the frozen program, and as many seconds for trials of single
            functions where they grow; None: the profile alone decides.
        measure: time the frozen and the ahead-of-time program, too, where the growth was native.
        options: code cache and tick of the growing program.
        remote: the machine to serve, which somebody else boots; None: ours.
    """

    boots: int | None = None
    native: bool = False
    fresh: bool = False
    timeout_s: float = 600.0
    stdin: bytes = b""
    accel: str = "auto"
    trials: TrialRun | None = None
    measure: bool = True
    options: GrowthOptions | None = None
    remote: Remote | None = None


@dataclass
class Gardener:
    """Who is told how a growth goes.

    Args:
        watch: of tier-ups, counts and of what does not work, in the run under way.
        boot: of each run before it starts, and what rose since the run before.
        step: what is being done between runs.
    """

    watch: Watch = field(default_factory=Watch)
    boot: OnBoot = field(default=lambda _number, _program, _rises: None)
    step: Callable[[str], None] = field(default=lambda _text: None)
