"""Grow to shrink: the whole loop, from sources through growing runs to a frozen image that says the same.

prepare(sources)      sources → bitcode → base and bodies → a growing program
grow_native(program)  runs it as a Linux process and serves its agent until it ends
"""

from __future__ import annotations

from bareflow.growth.local import grow_native
from bareflow.growth.program import Program, prepare, restart
from bareflow.growth.result import GrownFunction, GrowthResult, TierFacts, Watch
from bareflow.growth.run import GrowthRun

__all__ = [
    "GrownFunction",
    "GrowthResult",
    "GrowthRun",
    "Program",
    "TierFacts",
    "Watch",
    "grow_native",
    "prepare",
    "restart",
]
