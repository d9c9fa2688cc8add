"""Several runs of one program: each starts where the one before ended, and all their profiles become one.

A function that was hot when a run ended, its better code not there yet, begins the next run with it: such a rise
counts as a tier-up of that next run, at its very beginning.

What a run is (a Linux process, a machine) is a function's matter; this module only knows results.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bareflow.errors import MachineError
from bareflow.growth.growing import TierUp
from bareflow.growth.program import Program, restart
from bareflow.growth.result import GrowthResult
from bareflow.profile.values import Profile

Runner = Callable[[Program], Awaitable[GrowthResult]]
OnBoot = Callable[[int, Program, tuple[TierUp, ...]], None]


@dataclass(frozen=True)
class Outcome:
    """What a run of a program came to for whoever called it: exit status, standard output, and error if it was kept."""

    status: int
    output: bytes
    errors: bytes = b""


@dataclass(frozen=True)
class Boot:
    """One run.

    Args:
        number: 1 for the first.
        program: what ran, with the tiers that it started at.
        result: what came of it.
        before: rises between the run before and this one.
    """

    number: int
    program: Program
    result: GrowthResult
    before: tuple[TierUp, ...] = ()

    @property
    def tier_ups(self) -> tuple[TierUp, ...]:
        """All rises, in order."""
        return (*self.before, *self.result.tier_ups)

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
        converged: in the last of them nothing rose any more, nor had earned to.
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
        return restart(self.last.program, tiers_of(self.last.result), self.profile)


def tiers_of(result: GrowthResult) -> dict[str, str]:
    """Function symbol → the tier that a run has brought it to, or that it has earned there."""
    return {one.symbol: one.tier for one in result.functions} | dict(result.earned)


def rises_between(result: GrowthResult, program: Program) -> tuple[TierUp, ...]:
    """The rises of functions that had earned a tier when a run ended.

    Args:
        result: of that run.
        program: linked with them.
    """
    sizes = {slot.symbol: program.base.symbols.functions.get(slot.target, (0, 0))[1] for slot in program.base.slots}
    rose = [one for one in result.functions if one.symbol in result.earned]
    return tuple(
        TierUp(
            one.name,
            one.tier,
            result.earned[one.symbol],
            program.spent_ms.get(one.symbol, 0.0),
            0.0,
            sizes.get(one.symbol, 0),
            one.calls + one.self_calls,
            0.0,
        )
        for one in rose
    )


async def grow_boots(
    program: Program,
    run: Runner,
    *,
    most: int,
    earlier: Profile | None = None,
    on_boot: OnBoot = lambda _number, _program, _rises: None,
    save: Callable[[Profile], None] = lambda _profile: None,
) -> Boots:
    """Run a program until nothing rises any more, or as often as allowed.

    Args:
        program: as the first run starts it.
        run: runs it once.
        most: runs.
        earlier: what earlier runs left, of functions that are still the same.
        on_boot: told of each run before it starts: its number, the program, and what rose since the run before.
        save: given the merged profile after each run.

    Raises:
        MachineError: a run printed something else than the first, or ended otherwise.
        CompileError, LinkError: the program cannot be linked at other tiers. And what `run` raises.
    """
    profile, done = earlier or Profile(), list[Boot]()
    converged = False
    while len(done) < most and not converged:
        if done:
            result = done[-1].result
            program = restart(program, tiers_of(result), profile)
            program = replace(program, rises=rises_between(result, program))
        number = len(done) + 1
        on_boot(number, program, program.rises)
        boot = Boot(number, program, await run(program), program.rises)
        if done and (why := difference(done[0].outcome, boot.outcome)):
            raise MachineError(
                f"{program.bitcode.name} differs between its runs: {why} (run 1 against run {number}).",
                "A program that prints times or random numbers cannot be compared; the tiers of that run are in -v.",
            )
        done.append(boot)
        profile = profile.merge(boot.result.profile)
        save(profile)
        converged = not boot.result.tier_ups and not boot.result.earned
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
