"""Which variants of a program are fastest, found by measuring: greedy, within a budget, clang's code unless beaten.

The reference is what clang makes of the same sources ahead of time, byte for byte. First the whole program at its
best place, then the profile's weights, tunings and options, then special cases on top of what won, then the rest once
more. Every candidate's output is compared with the reference's before it is measured. One that compiles to the same
bytes is not measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from bareflow.compile.choose import Program
from bareflow.compile.libcode import TAKEN
from bareflow.compile.pool import CompilePool
from bareflow.compile.tiers import ObjectCode
from bareflow.compile.variants import AHEAD, PLAIN, Candidate, Choice
from bareflow.errors import BareFlowError
from bareflow.trials import candidates
from bareflow.trials.agree import outputs_agree
from bareflow.trials.executable import idle_executable, image_digest, link_executable
from bareflow.trials.final import MISSES, build_missing, decide, specialised
from bareflow.trials.measure import Outcome, Ratio, Workload, compare, run_plain, runs_for, time_main
from bareflow.trials.special import take_special

# Rounds to screen, to decide, and of the winner against plain O3, by what one round of one candidate may take, s.
ROUNDS = ((0.12, (3, 9, 15)), (0.5, (1, 5, 7)), (float("inf"), (1, 3, 4)))
BUILDERS = min(2, os.cpu_count() or 1)  # candidates compiled side by side
BUILD_S = 0.2  # about what building and checking a candidate takes, its run not counted
FINAL_SHARE = 0.3  # of all time, at most, is kept for comparing the best with clang's code
SCREEN_SHARE = 0.7  # of the time that is left, at most, goes into one screening
PATIENCE = 20  # times the reference's compile time, and 3 s: some options make LLVM run for ever on some programs
PASSES = 3  # over what can be tried on any program, each over what was not hopeless before
GENERAL_SHARE = 0.4  # of all time, at most, goes into what needs no special cases, before these
HOPELESS = 1.2  # a screening ratio of what is not tried again on top of others
PROMISING = 0.985  # a screening ratio that deserves a closer look
TOO_SHORT_S = 30e-6  # of a training run, without its start: below it nothing can be measured
IDLE_RUNS = 20  # of a process that does nothing
QUICK_S = 0.5  # a run that long is timed by its first one

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
    verdict: str  # "taken", "no faster", "too slow", "same code", "other output", "failed", "no time"


@dataclass(frozen=True)
class Trials:
    """What was found.

    Args:
        choice: the fastest.
        code: its object.
        gain: its ratio against clang's code; None when that stays.
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
    floor_s: float = 0.0  # CPU time of a process that does nothing
    build_s: float = BUILD_S  # of one candidate, several side by side
    deadline_s: float | None = None  # of a candidate's compilation; the first, the reference, has none
    plain: Built | None = None  # what has to be beaten
    expected: Outcome = field(default_factory=lambda: Outcome(0.0, 0, b""))
    findings: list[Finding] = field(default_factory=list)
    known: dict[tuple[bytes, tuple[str, ...]], Path] = field(default_factory=dict)
    images: dict[str, Path] = field(default_factory=dict)
    checked_s: dict[Path, float] = field(default_factory=dict)  # CPU time of the run that checked the output
    lock: Lock = field(default_factory=Lock)

    def build(self, choice: Choice) -> Built:
        """Compile and link; what is loaded into memory with the same bytes shares an executable."""
        code = self.program.compile(choice, self.pool, deadline_s=self.deadline_s)
        self.deadline_s = self.deadline_s or 3.0 + PATIENCE * code.compile_ms / 1000
        order = self.program.order(choice)
        with self.lock:
            path = self.known.get((code.data, order))
            if path is None:
                made = self.folder / f"trial-{len(self.known)}"
                link_executable([code.data], made, name=self.program.bitcode.name, order=order)
                path = self.images.setdefault(image_digest(made), made)
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
                self.checked_s[built.path] = outcome.cpu_s
                right = outcome.status == self.expected.status and outputs_agree(outcome.output, self.expected.output)
                verdict = "" if right else "other output"
        except Exception as problem:  # a text that cannot be edited as the candidate wants is no reason to stop
            if os.environ.get("BAREFLOW_DEBUG") and not isinstance(problem, BareFlowError):
                raise
            verdict = "failed"
        if verdict:
            self.findings.append(Finding(name, None, verdict))
            return None
        return built

    def measure(self, candidates: dict[str, Built], base: Built, rounds: int) -> dict[str, Ratio]:
        """Ratios against a base."""
        paths = {"base": base.path, **{name: built.path for name, built in candidates.items()}}
        runs, seed = self.runs, self.settings.seed
        return compare(
            paths, "base", self.load, rounds=rounds, runs=runs, seed=seed, until=self.until, floor_s=self.floor_s
        )

    def screened(self, candidates: dict[str, Built], base: Built, rounds: int) -> dict[str, Ratio]:
        """Ratios of a first look: of what runs for long the runs that checked the output are enough."""
        if self.brief or base.path not in self.checked_s:
            return self.measure(candidates, base, rounds)
        seconds = {name: self.checked_s[built.path] / self.checked_s[base.path] for name, built in candidates.items()}
        return {name: Ratio(found, found, found, 1) for name, found in seconds.items()}

    @property
    def brief(self) -> bool:
        """Whether the program ends so soon that one run of it says nothing."""
        return self.rounds[0] > 1

    @property
    def rounds(self) -> tuple[int, int, int]:
        """Rounds to screen, to decide, and at the end."""
        return next(rounds for most, rounds in ROUNDS if self.once_s * self.runs <= most)

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.until

    def found(self, name: str, ratio: Ratio, verdict: str) -> None:
        """Note what a measurement said of a candidate."""
        self.findings.append(Finding(name, ratio, verdict))

    def no_time(self, name: str) -> None:
        """Say of a candidate that it was not tried."""
        self.findings.append(Finding(name, None, "no time"))

    def affordable(self) -> int:
        """How many candidates can be screened in the time that is left; the likelier ones come first."""
        each = self.build_s + self.once_s
        each += self.rounds[0] * (self.once_s * self.runs + 0.01) if self.brief else 0.0
        return max(int(SCREEN_SHARE * (self.until - time.monotonic()) / each), 0)

    def build_all(self, wanted: Sequence[Candidate], base: Built, start: Choice) -> dict[str, Built]:
        """Candidates on top of a choice that are worth measuring, built side by side; equal code once."""
        most = self.affordable()
        for candidate in wanted[most:]:
            self.no_time(candidate.name)

        def build(candidate: Candidate) -> Built | None:
            if self.late:
                self.no_time(candidate.name)
                return None
            self.say(f"trying {candidate.name}")
            return self.try_build(candidate.name, candidate.change(start), base)

        began = time.monotonic()
        with ThreadPoolExecutor(BUILDERS if self.brief else 1) as threads:
            built = list(threads.map(build, wanted[:most]))
        self.build_s = max((time.monotonic() - began) / len(built), BUILD_S) if built else self.build_s
        found: dict[Path, str] = {}
        for candidate, one in zip(wanted, built, strict=False):
            if one:
                found.setdefault(one.path, candidate.name)
        by_name = {candidate.name: one for candidate, one in zip(wanted, built, strict=False) if one}
        return {name: by_name[name] for name in found.values()}

    def screen(self, wanted: Sequence[Candidate], base: Built) -> list[tuple[Candidate, Ratio]]:
        """The candidates that look faster than a base, best first."""
        by_name = {candidate.name: candidate for candidate in wanted}
        built = self.build_all(wanted, base, base.choice)
        if not built:
            return []
        ratios = self.screened(built, base, self.rounds[0])
        for name, found in ratios.items():
            if found.median >= PROMISING:
                self.findings.append(Finding(name, found, "no faster"))
        chosen = [name for name in ratios if ratios[name].median < PROMISING]
        return [(by_name[name], ratios[name]) for name in sorted(chosen, key=lambda name: ratios[name].median)]

    def take(self, wanted: Sequence[Candidate], base: Built) -> Built:
        """Add what is faster, one after the other, each decided on top of what was taken before."""
        kinds: set[str] = set()
        for candidate in wanted:
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
        CompileError, LinkError: not even plain O3 can be built.
        ToolError: it cannot be run.
    """
    settings = settings or Settings()
    started = time.monotonic()
    with TemporaryDirectory(prefix="bareflow-") as temporary, CompilePool(BUILDERS) as pool:
        run = Search(program, load, settings, Path(temporary), pool, progress, started + settings.budget_s)
        plain = _reference(run)
        best, gain = plain, None
        if run.once_s - run.floor_s > TOO_SHORT_S:
            placed = _placed_best(run, plain)
            if TAKEN & set(program.bitcode.undefined):
                placed = run.take([candidates.library()], placed)
            best, gain = decide(run, plain, _improved(run, placed, specialise=specialise, weights=weights))
        return Trials(best.choice, best.code, gain, tuple(run.findings), time.monotonic() - started)


def _improved(run: Search, placed: Built, *, specialise: bool, weights: bool) -> Built:
    """Everything that pays, one thing on top of the other; special cases on top of what pays without them.

    So other values than the profile's have tuned code too. Of a program that runs for long little can be tried: special
    cases first, which may bring most.
    """
    direct = [candidates.direct()] if specialise and run.program.proposed_direct else []
    weighted = [candidates.weights()] if weights and run.program.heat.hottest() else []
    if specialise and not run.brief:
        best = take_special(run, placed)
        best = _generally(run, run.take([one for one, _ in run.screen(direct + weighted, best)], best))
        return run.take([one for one, _ in run.screen(candidates.places(), best)], best)
    until = run.until
    if specialise:
        run.until = min(until, time.monotonic() + GENERAL_SHARE * run.settings.budget_s)
    tuned = run.take(direct, take_special(run, placed, specialise=False))
    tuned = _generally(run, run.take(weighted, tuned))
    run.until = until
    best = take_special(run, tuned) if specialise else tuned
    if specialise and tuned is not placed:
        best = _untuned(run, placed, best)
    if best is not tuned:
        best = _generally(run, best)
    return run.take([one for one, _ in run.screen(candidates.places(), best)], best)


def _untuned(run: Search, placed: Built, best: Built) -> Built:
    """Special cases of code as it was, where these are faster than special cases of tuned code, or any of it.

    With other values counts as much as with those of the profile.
    """
    other = take_special(run, placed)
    if not specialised(other.choice) or other.path == best.path:
        return best
    name = "special cases of untuned code"
    built = {name: other}
    for case, one in (("tuned", best), ("untuned", other)):
        missing = build_missing(run, f"{case}{MISSES}", one.choice, one)[0] if specialised(one.choice) else None
        built[case] = missing or one
    ratios = run.measure(built, best, run.rounds[1])
    found = ratios[name]
    taken = found.median * ratios["untuned"].median < (1 - run.settings.margin) * ratios["tuned"].median
    run.found(name, found, "taken" if taken else "no faster")
    return other if taken else best


def _reference(run: Search) -> Built:
    """What has to be beaten: clang's own code, or where clang cannot compile it, plain O3; run once or twice."""
    run.say("compiling as clang does ahead of time")
    try:
        plain = run.build(AHEAD)
    except BareFlowError:
        plain = run.build(PLAIN)
    run.plain = plain
    run.expected = run_plain(plain.path, run.load)
    run.once_s = run.expected.cpu_s
    if run.once_s < QUICK_S:  # the first run has cold caches
        run.once_s = time_main(plain.path, run.load, 3)
    run.checked_s[plain.path] = run.once_s
    run.floor_s = time_main(idle_executable(), Workload(("idle",)), IDLE_RUNS)
    run.load = replace(run.load, timeout_s=min(run.load.timeout_s, 5.0 + 10 * run.once_s))
    run.runs = runs_for(run.once_s)
    run.until -= min(2 * run.rounds[2] * run.runs * run.once_s, FINAL_SHARE * run.settings.budget_s)
    return plain


def _generally(run: Search, base: Built) -> Built:
    """What can be tried on any program; what was no faster alone is tried again on top of what was."""
    tried = candidates.general(run.program)
    for _ in range(PASSES):
        before = len(run.findings)
        best = run.take([one for one, _ in run.screen(tried, base)], base)
        if best is base:
            break
        base = best
        lost = {one.name for one in run.findings[before:] if _hopeless(one)}
        tried = [one for one in tried if one.name not in lost]
    return base


def _hopeless(finding: Finding) -> bool:
    return finding.ratio.median > HOPELESS if finding.ratio else finding.verdict != "no time"


def _placed_best(run: Search, plain: Built) -> Built:
    """The whole program at its best place: what all candidates begin with, be it slower than clang's code or not."""
    wanted = candidates.places()
    built = run.build_all(wanted, plain, PLAIN)
    if not built:
        return plain
    ratios = run.screened(built, plain, run.rounds[1])
    best = min(ratios, key=lambda name: ratios[name].median)
    same = {finding.name for finding in run.findings if finding.verdict == "same code"}
    as_it_is = next((one for one in wanted if one.name in same), None) if ratios[best].median > 1 else None
    for name, found in ratios.items():
        run.findings.append(Finding(name, found, "taken" if name == best and not as_it_is else "no faster"))
    return replace(plain, choice=as_it_is.change(PLAIN)) if as_it_is else built[best]
