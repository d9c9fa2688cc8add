"""Which variants of a program are fastest, found by measuring: greedy, within a time budget, plain O3 unless beaten.

First the profile's clones and weights, then tunings and options on top of what won. Every candidate's output is
compared with plain O3's before it is measured. One that compiles to the same bytes is not measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bareflow.compile.choose import Program
from bareflow.compile.pool import CompilePool
from bareflow.compile.tiers import ObjectCode, Options
from bareflow.compile.variants import (
    PLACES,
    PLAIN,
    Candidate,
    Change,
    Choice,
    Tuning,
    module_options,
    tunings,
)
from bareflow.errors import BareFlowError
from bareflow.trials.agree import outputs_agree
from bareflow.trials.executable import link_executable
from bareflow.trials.measure import Outcome, Ratio, Workload, compare, run_plain, runs_for, time_main
from bareflow.trials.special import take_special

# Rounds to screen, to decide, and of the winner against plain O3, by what one round of one candidate may take, s.
ROUNDS = ((0.12, (3, 9, 11)), (0.5, (2, 5, 7)), (float("inf"), (1, 4, 5)))
BUILD_S = 0.3  # about what building and checking a candidate takes, its run not counted
SCREEN_SHARE = 0.7  # of the time that is left, at most, goes into one screening
PATIENCE = 20  # times plain O3's compile time, and 3 s: some options make LLVM run for ever on some programs
PROMISING = 0.985  # a screening ratio that deserves a closer look
TOO_SHORT_S = 20e-6  # of a training run: below it nothing can be measured

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How to search.

    Args:
        budget_s: wall-clock seconds; what is begun is ended.
        margin: how much faster a candidate must be.
        seed: of the orders in which things run.
    """

    budget_s: float = 40.0
    margin: float = 0.015
    seed: int = 1


@dataclass(frozen=True)
class Finding:
    """One candidate: its ratio against what it was built upon, and what became of it."""

    name: str
    ratio: Ratio | None
    verdict: str  # "taken", "no faster", "same code", "other output", "failed", "no time"


@dataclass(frozen=True)
class Trials:
    """What was found.

    Args:
        choice: the fastest.
        code: its object.
        gain: its ratio against plain O3; None when plain O3 stays.
        findings: all candidates in the order of their trials.
        seconds: that it took.
    """

    choice: Choice
    code: ObjectCode
    gain: Ratio | None
    findings: tuple[Finding, ...]
    seconds: float


@dataclass(frozen=True)
class Built:
    """A choice, its object and its executable."""

    choice: Choice
    code: ObjectCode
    path: Path


@dataclass
class Search:
    """A search in progress: what it runs, what it has found, how long it may go on."""

    program: Program
    load: Workload
    settings: Settings
    folder: Path
    pool: CompilePool
    say: Progress
    until: float
    runs: int = 1
    once_s: float = 0.0
    deadline_s: float | None = None  # of a candidate's compilation; the first, plain O3, has none
    expected: Outcome = field(default_factory=lambda: Outcome(0, b""))
    findings: list[Finding] = field(default_factory=list)
    known: dict[tuple[bytes, tuple[str, ...]], Path] = field(default_factory=dict)

    def build(self, choice: Choice) -> Built:
        """Compile and link; equal objects share an executable."""
        code = self.program.compile(choice, self.pool, deadline_s=self.deadline_s)
        self.deadline_s = self.deadline_s or 3.0 + PATIENCE * code.compile_ms / 1000
        order = self.program.order(choice)
        path = self.known.get((code.data, order))
        if path is None:
            path = self.folder / f"trial-{len(self.known)}"
            name = self.program.bitcode.name
            link_executable([code.data], path, name=name, runtime="trial", order=order)
            self.known[code.data, order] = path
        return Built(choice, code, path)

    def try_build(self, name: str, choice: Choice, base: Built) -> Built | None:
        """Build a candidate and check its output; None, with a finding, if it is not worth measuring."""
        verdict = ""
        try:
            built = self.build(choice)
            if built.path == base.path:
                verdict = "same code"
            else:
                outcome = run_plain(built.path, self.load)
                right = outcome.status == self.expected.status and outputs_agree(outcome.output, self.expected.output)
                verdict = "" if right else "other output"
        except BareFlowError:
            verdict = "failed"
        if verdict:
            self.findings.append(Finding(name, None, verdict))
            return None
        return built

    def measure(self, candidates: dict[str, Built], base: Built, rounds: int) -> dict[str, Ratio]:
        """Ratios against a base."""
        paths = {"base": base.path, **{name: built.path for name, built in candidates.items()}}
        return compare(paths, "base", self.load, rounds=rounds, runs=self.runs, seed=self.settings.seed)

    @property
    def rounds(self) -> tuple[int, int, int]:
        """Rounds to screen, to decide, and at the end."""
        return next(rounds for most, rounds in ROUNDS if self.once_s * self.runs <= most)

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.until

    def no_time(self, name: str) -> None:
        """Say of a candidate that it was not tried."""
        self.findings.append(Finding(name, None, "no time"))

    def affordable(self) -> int:
        """How many candidates can be screened in the time that is left; the likelier ones come first."""
        each = BUILD_S + self.once_s + self.rounds[0] * (self.once_s * self.runs + 0.01)
        return max(int(SCREEN_SHARE * (self.until - time.monotonic()) / each), 0)

    def screen(self, candidates: Sequence[Candidate], base: Built) -> list[tuple[Candidate, Ratio]]:
        """The candidates that look faster than a base, best first."""
        built: dict[str, Built] = {}
        by_name = {candidate.name: candidate for candidate in candidates}
        seen: set[Path] = set()
        most = self.affordable()
        for candidate in candidates:
            if self.late or len(built) >= most:
                self.findings.append(Finding(candidate.name, None, "no time"))
                continue
            self.say(f"trying {candidate.name}")
            one = self.try_build(candidate.name, candidate.change(base.choice), base)
            if one and one.path not in seen:
                built[candidate.name] = one
                seen.add(one.path)
        if not built:
            return []
        ratios = self.measure(built, base, self.rounds[0])
        for name, found in ratios.items():
            if found.median >= PROMISING:
                self.findings.append(Finding(name, found, "no faster"))
        chosen = [name for name in ratios if ratios[name].median < PROMISING]
        return [(by_name[name], ratios[name]) for name in sorted(chosen, key=lambda name: ratios[name].median)]

    def take(self, candidates: Sequence[Candidate], base: Built) -> Built:
        """Add what is faster, one after the other, each decided on top of what was taken before."""
        kinds: set[str] = set()
        for candidate in candidates:
            if candidate.kind in kinds:
                continue
            if self.late:
                self.findings.append(Finding(candidate.name, None, "no time"))
                continue
            self.say(f"deciding on {candidate.name}")
            built = self.try_build(candidate.name, candidate.change(base.choice), base)
            if built is None:
                continue
            found = self.measure({"it": built}, base, self.rounds[1])["it"]
            taken = found.faster(self.settings.margin)
            self.findings.append(Finding(candidate.name, found, "taken" if taken else "no faster"))
            if taken:
                base = built
                kinds.add(candidate.kind)
        return base


def search(
    program: Program,
    load: Workload,
    settings: Settings | None = None,
    *,
    specialise: bool = True,
    weights: bool = True,
    progress: Progress = lambda _text: None,
) -> Trials:
    """Find the fastest choice for a program by running it.

    Args:
        program: with its profile.
        load: the training run.
        settings: see there.
        specialise: try guarded clones.
        weights: try the profile's weights.
        progress: told what is being tried.

    Raises:
        CompileError, LinkError: plain O3 cannot be built.
        ToolError: plain O3 cannot be run.
    """
    settings = settings or Settings()
    started = time.monotonic()
    with TemporaryDirectory(prefix="bareflow-") as temporary, CompilePool(1) as pool:
        run = Search(program, load, settings, Path(temporary), pool, progress, started + settings.budget_s)
        plain = run.build(PLAIN)
        run.expected = run_plain(plain.path, load)
        once = run.once_s = time_main(plain.path, load, 1)
        run.runs = runs_for(once)
        best = plain
        if once > TOO_SHORT_S:
            best = take_special(run, best, specialise=specialise)
            if weights and program.heat.hottest():
                best = run.take([Candidate("profile weights", lambda c: replace(c, weights=True), "weights")], best)
            best = run.take([one for one, _ in run.screen(_general(program), best)], best)
            if program.order():
                places = [Candidate(f"placed {place}", _placed(place), "place") for place in PLACES[1:]]
                best = run.take([one for one, _ in run.screen(places, best)], best)
        gain = None
        if best is not plain:
            gain = run.measure({"it": best}, plain, run.rounds[2])["it"]
            if not gain.faster(settings.margin):
                best, gain = plain, None
        return Trials(best.choice, best.code, gain, tuple(run.findings), time.monotonic() - started)


def _placed(place: str) -> Change:
    return lambda choice: replace(choice, place=place)


def _tuned(tuning: Tuning) -> Change:
    return lambda choice: replace(choice, tuning=choice.tuning | tuning)


def _optioned(change: Callable[[Options], Options]) -> Change:
    return lambda choice: replace(choice, options=change(choice.options))


def _general(program: Program) -> list[Candidate]:
    """Tunings of all functions, then options of the module."""
    found = []
    for name, tuning in tunings(program.text, program.target).items():
        found.append(
            Candidate(name, _tuned(tuning), "width" if tuning.width else "schedule" if tuning.schedule else name)
        )
    for name, (kind, change) in module_options().items():
        found.append(Candidate(name, _optioned(change), kind))
    return found
