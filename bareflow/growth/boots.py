"""Several runs of one program: each starts where the one before ended, and all their profiles become one.

What a run is (a Linux process, a machine) is a function's matter; this module only knows results.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bareflow.errors import MachineError
from bareflow.growth.program import Program, restart
from bareflow.growth.result import GrowthResult
from bareflow.profile.values import Profile

Runner = Callable[[Program], Awaitable[GrowthResult]]


@dataclass(frozen=True)
class Outcome:
    """What a run of a program came to for whoever called it: its exit status and its standard output."""

    status: int
    output: bytes


@dataclass(frozen=True)
class Boot:
    """One run.

    Args:
        number: 1 for the first.
        program: what ran, with the tiers that it started at.
        result: what came of it.
    """

    number: int
    program: Program
    result: GrowthResult

    @property
    def outcome(self) -> Outcome:
        """Its status and output."""
        return Outcome(self.result.exit_status, self.result.output)


@dataclass(frozen=True)
class Boots:
    """All runs.

    Args:
        boots: in order, at least one.
        profile: of all of them, and of what was known before.
        converged: in the last of them nothing rose any more.
    """

    boots: tuple[Boot, ...]
    profile: Profile
    converged: bool

    @property
    def last(self) -> Boot:
        """The last run."""
        return self.boots[-1]

    def next_program(self) -> Program:
        """The program as another run would start it."""
        return restart(self.last.program, tiers_of(self.last.result))


def tiers_of(result: GrowthResult) -> dict[str, str]:
    """Function symbol → the tier at the end of a run."""
    return {one.symbol: one.tier for one in result.functions}


async def grow_boots(
    program: Program,
    run: Runner,
    *,
    most: int,
    earlier: Profile | None = None,
    on_boot: Callable[[int, Program], None] = lambda _number, _program: None,
    save: Callable[[Profile], None] = lambda _profile: None,
) -> Boots:
    """Run a program until nothing rises any more, or as often as allowed.

    Args:
        program: as the first run starts it.
        run: runs it once.
        most: runs.
        earlier: what earlier runs left, of functions that are still the same.
        on_boot: told of each run before it starts.
        save: given the merged profile after each run.

    Raises:
        MachineError: a run printed something else than the first, or ended otherwise.
        CompileError, LinkError: the program cannot be linked at other tiers. And what `run` raises.
    """
    profile, done = earlier or Profile(), list[Boot]()
    converged = False
    while len(done) < most and not converged:
        if done:
            program = restart(program, tiers_of(done[-1].result))
        number = len(done) + 1
        on_boot(number, program)
        boot = Boot(number, program, await run(program))
        if done and (why := difference(done[0].outcome, boot.outcome)):
            raise MachineError(
                f"{program.bitcode.name} differs between its runs: {why} (run 1 against run {number}).",
                "A program that prints times or random numbers cannot be compared; the tiers of that run are in -v.",
            )
        done.append(boot)
        profile = profile.merge(boot.result.profile)
        save(profile)
        converged = not boot.result.tier_ups
    return Boots(tuple(done), profile, converged)


def difference(expected: Outcome, found: Outcome) -> str:
    """What differs between two runs, in words; empty: nothing."""
    if expected.output != found.output:
        return output_difference(expected.output, found.output)
    if expected.status != found.status:
        return f"the exit status is {found.status} and was {expected.status}"
    return ""


def output_difference(expected: bytes, found: bytes) -> str:
    """The first line that differs, in words."""
    before, after = expected.splitlines(keepends=True), found.splitlines(keepends=True)
    at = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))
    return f"line {at + 1} of the output is {_line(after, at)} and was {_line(before, at)}"


def _line(lines: list[bytes], at: int, most: int = 80) -> str:
    if at >= len(lines):
        return "missing"
    text = lines[at].decode(errors="backslashreplace")
    return repr(text if len(text) <= most else text[:most] + "…")
