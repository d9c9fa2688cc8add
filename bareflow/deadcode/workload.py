"""Which functions of a workload were called, which never, and what became of each when it was frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bareflow.compile.cpu import target_by_name
from bareflow.compile.leave_out import HANDLER
from bareflow.compile.libc import libc_symbols
from bareflow.compile.prof import profile_of
from bareflow.freeze import Frozen, freeze
from bareflow.growth.probe import functions_of
from bareflow.image.recipe import Recipe
from bareflow.profile.values import Profile
from bareflow.trials.freeze import program_of

CALLED, NEVER, UNKNOWN = "called", "never called", "not in the profile"
HOT, COLD, REMOVED, LEFT_OUT = "hot", "cold", "removed", "left out"


@dataclass(frozen=True)
class FunctionUse:
    """One function of the workload.

    Args:
        name: its symbol.
        calls: counted by the profile; None: the profile does not know it with this body.
        size_bytes: of its frozen code; 0 where it has none of its own.
        place: `HOT`, `COLD` (at the end of the code), `REMOVED` (inlined, or nothing reaches it) or `LEFT_OUT`.
    """

    name: str
    calls: int | None
    size_bytes: int
    place: str

    @property
    def use(self) -> str:
        """`CALLED`, `NEVER` or `UNKNOWN`."""
        return UNKNOWN if self.calls is None else CALLED if self.calls else NEVER


@dataclass(frozen=True)
class Coverage:
    """A workload's functions in the order of its module, and what the profile was made of.

    Args:
        functions: all that it defines.
        frozen: the program they were looked up in.
        boots: runs in the profile.
    """

    functions: tuple[FunctionUse, ...]
    frozen: Frozen
    boots: int

    def names(self, *, use: str | None = None, place: str | None = None) -> list[str]:
        """Names of the functions of one use or place, sorted."""
        return sorted(f.name for f in self.functions if use in (None, f.use) and place in (None, f.place))

    def bytes_of(self, place: str) -> int:
        """Frozen code of one place, in bytes."""
        return sum(f.size_bytes for f in self.functions if f.place == place)


def coverage(recipe: Recipe, profile: Profile) -> Coverage:
    """Freeze a workload with a profile and say what became of its functions.

    Args:
        recipe: the workload; of several CPUs the first counts.
        profile: of any runs of it, merged.

    Raises:
        CompileError, LinkError: see freezing.
        ProfileError: the profile is of another program.
    """
    frozen = freeze(replace(recipe, targets=()), profile=profile)
    program = program_of(frozen.bitcode, target_by_name(recipe.cpu), profile)
    known = {name: profile_of(profile, name, program.digests) for name in frozen.bitcode.functions}
    calls = {name: None if one is None else one.all_calls for name, one in known.items()}
    left_out = frozen.evidence.get("left_out", {}).get("functions", ())
    return Coverage(tuple(_uses(frozen, calls, set(program.cold), set(left_out))), frozen, profile.boots)


def _uses(frozen: Frozen, calls: dict[str, int | None], cold: set[str], left_out: set[str]) -> Sequence[FunctionUse]:
    sizes = {one.name: one.size for one in frozen.program.functions}
    found = []
    for name in frozen.bitcode.functions:
        if name in left_out:
            place = LEFT_OUT
        elif name not in sizes:
            place = REMOVED
        else:
            place = COLD if name in cold else HOT
        found.append(FunctionUse(name, calls[name], sizes.get(name, 0), place))
    return found


def describe(found: Coverage) -> dict[str, Any]:
    """The coverage as JSON."""
    program = found.frozen.program
    own = {one.address for one in program.functions}
    library = [one for one in functions_of(program.elf) if one.address not in own]
    handler = sum(one.size for one in program.functions if one.name.startswith(HANDLER))
    return {
        "called": found.names(use=CALLED),
        "never_called": found.names(use=NEVER),
        "not_in_profile": found.names(use=UNKNOWN),
        "removed": found.names(place=REMOVED),
        "cold": found.names(place=COLD),
        "left_out": found.names(place=LEFT_OUT),
        "functions": [
            {"name": f.name, "use": f.use, "calls": f.calls, "bytes": f.size_bytes, "place": f.place}
            for f in found.functions
        ],
        "bytes": {
            "hot": found.bytes_of(HOT),
            "cold": found.bytes_of(COLD),
            "left_out": found.bytes_of(LEFT_OUT) + handler,
            "saved_by_leaving_out": found.frozen.evidence.get("left_out", {}).get("bytes_saved", 0),
            "snapshot": len(found.frozen.snapshot),
        },
        "c_library": {
            "names": len(libc_symbols()),
            "functions": len(library),
            "bytes": sum(one.size for one in library),
        },
        "boots": found.boots,
    }
