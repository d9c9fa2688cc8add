"""What is known of a program that ran: immutable values, and how two of them merge.

`merge` is commutative and associative, and an empty `Profile` is its neutral element: boots, machines and people
can be merged in any order. Counts add; two parts of one run do not, since a guest's counts are totals since its start:
of those the greater stay. A function is its name *and* the digest of its body, so profiles of two
versions of a source merge without mixing; `fit` then picks what belongs to one program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import zip_longest
from typing import TypeVar

from bareflow.layouts.snapshot import TIER

TIERS: tuple[str, ...] = tuple(TIER.members)
UNKNOWN_DIGEST = "0" * 32
MILLION = 1_000_000
Key = TypeVar("Key")
Value = TypeVar("Value")
Count = Callable[[int, int], int]  # what two counts come to: their sum, or of two parts of one run the greater


@dataclass(frozen=True)
class TierTimes:
    """A function at one tier.

    Args:
        calls: calls that `cycles` stands for.
        cycles: TSC cycles of these calls, calls below included.
        samples: calls that were really timed.
        minimum: fewest cycles of a timed call; None: none was timed.
        code_bytes: size of the code; 0: unknown.
    """

    calls: int = 0
    cycles: int = 0
    samples: int = 0
    minimum: int | None = None
    code_bytes: int = 0

    @property
    def exact(self) -> bool:
        """Whether every call was timed; otherwise `cycles` is an estimate from samples."""
        return self.samples == self.calls

    @property
    def cycles_per_call(self) -> float | None:
        """The mean; None when nothing was timed."""
        return self.cycles / self.calls if self.calls else None

    def merge(self, other: TierTimes, count: Count = int.__add__) -> TierTimes:
        """Both together."""
        known = [m for m in (self.minimum, other.minimum) if m is not None]
        return TierTimes(
            count(self.calls, other.calls),
            count(self.cycles, other.cycles),
            count(self.samples, other.samples),
            min(known, default=None),
            max(self.code_bytes, other.code_bytes),
        )


@dataclass(frozen=True)
class ArgumentValues:
    """What one argument was, or what one instruction gave.

    Args:
        counts: calls by value; integers zero-extended, floats as their bits.
        others: calls with any other value.
    """

    counts: Mapping[int, int] = field(default_factory=dict)
    others: int = 0

    @property
    def total(self) -> int:
        """Calls seen."""
        return sum(self.counts.values()) + self.others

    def top(self, number: int = 4) -> tuple[tuple[int, int], ...]:
        """The most frequent (value, calls), most frequent first; the smaller value first among equals."""
        return tuple(sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:number])

    def dominant(self, share: float) -> int | None:
        """The value that at least `share` (above 0.5) of all calls had; None: there is none."""
        if not self.counts:
            return None
        value, count = self.top(1)[0]
        return value if count >= share * self.total else None

    def merge(self, other: ArgumentValues) -> ArgumentValues:
        """Both together; no value is forgotten."""
        return ArgumentValues(join(self.counts, other.counts, int.__add__), self.others + other.others)

    def later(self, other: ArgumentValues) -> ArgumentValues:
        """Of two parts of one run the later: a guest keeps few values and forgets some, but never a call."""
        return max(self, other, key=lambda seen: (seen.total, sorted(seen.counts.items())))


@dataclass(frozen=True)
class FunctionProfile:
    """One function with one body.

    Args:
        name: as the source has it.
        digest: 32 hexadecimal digits of its body; UNKNOWN_DIGEST where it is not known.
        calls: from outside.
        self_calls: direct calls to itself, where they were counted.
        back_edges: loop iterations, where they were counted.
        tier: the highest that it reached.
        times: by tier.
        branches: taken counts by successor, by the number of the terminator's first edge counter; the order is
            that of LLVM's branch weights: (true, false), or (default, case …).
        values: by argument.
        sites: values of loads and of what calls return, by the instruction's number (compile.sites).
        tunings: bit n: tuning n (compile.variants) was faster than plain O3 on a machine that grew it.
    """

    name: str
    digest: str = UNKNOWN_DIGEST
    calls: int = 0
    self_calls: int = 0
    back_edges: int = 0
    tier: str = TIERS[0]
    times: Mapping[str, TierTimes] = field(default_factory=dict)
    branches: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    values: Mapping[int, ArgumentValues] = field(default_factory=dict)
    sites: Mapping[int, ArgumentValues] = field(default_factory=dict)
    tunings: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What tells functions apart."""
        return self.name, self.digest

    @property
    def all_calls(self) -> int:
        """Calls of both kinds."""
        return self.calls + self.self_calls

    def merge(self, other: FunctionProfile, count: Count = int.__add__) -> FunctionProfile:
        """Both together; `other` must have the same key."""
        both_values = ArgumentValues.merge if count is int.__add__ else ArgumentValues.later
        return FunctionProfile(
            self.name,
            self.digest,
            count(self.calls, other.calls),
            count(self.self_calls, other.self_calls),
            count(self.back_edges, other.back_edges),
            max(self.tier, other.tier, key=TIERS.index),
            join(self.times, other.times, partial(TierTimes.merge, count=count)),
            join(self.branches, other.branches, partial(_counts, count=count)),
            join(self.values, other.values, both_values),
            join(self.sites, other.sites, both_values),
            self.tunings | other.tunings,
        )


@dataclass(frozen=True, order=True)
class TierUp:
    """One tier-up in one boot.

    Args:
        boot: names the boot: its session id, or anything else that is different.
        at_us: when the function was found hot, microseconds since the boot.
        function: its name.
        before, after: tiers.
        kind: of layouts.profile.EVENT_KIND.
        compile_us: time in the compiler; 0: the code came from the cache.
        latency_us: from hot to published; 0 unless published.
        calls: of the function, by then.
        code_bytes: size of the new code.
    """

    boot: int
    at_us: int
    function: str
    before: str
    after: str
    kind: str = "published"
    compile_us: int = 0
    latency_us: int = 0
    calls: int = 0
    code_bytes: int = 0


@dataclass(frozen=True, order=True)
class Special:
    """A special case that the program was frozen with: for what, on which evidence, for what gain.

    Args:
        function: its name.
        kind: of layouts.profile.SPECIAL_KIND.
        values: in words: "argument 1 is 64".
        total: calls that were seen, or reads for a version.
        calls: those of them in which the values held.
        gain: time with it, in millionths of that without; 0: not measured.
        miss: the same where the values do not hold.
    """

    function: str
    kind: str
    values: str
    total: int = 0
    calls: int = 0
    gain: int = 0
    miss: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells special cases apart."""
        return self.function, self.kind, self.values

    @property
    def words(self) -> str:
        """For people: "taps is 9 in 100 % of 1,916,520 reads; takes 0.125 of the time"."""
        said = self.values
        if self.total:
            what = "reads" if self.kind == "version" else "calls"
            said += f" in {100 * round(self.calls / self.total, 4):.4g} % of {self.total:,} {what}"
        if self.gain:
            said += f"; takes {self.gain / MILLION:.3f} of the time"
        if self.miss:
            said += f", and {self.miss / MILLION:.3f} with other values"
        return said


@dataclass(frozen=True)
class Profile:
    """All of it.

    Args:
        functions: by name and digest.
        stacks: ticks by stack, outermost frame first; one frame where only the function is known.
        events: tier-ups, sorted.
        builds: build ids, hexadecimal.
        cpus: names of the CPUs that it was taken on.
        boots: runs merged into it.
        dropped: records that guests had to drop.
        tsc_hz: TSC ticks in a second of the fastest machine; 0: unknown.
        special: what the program was frozen with last, by `Special.key`; of two the one with more evidence.
        runs: by the identity that a guest gives its run: what was seen of a run of which another host may see more.
            It is in all the counts above, too. Made by `of_run` and `merge` alone.
        settled: all but `runs`; None: there are none.
    """

    functions: Mapping[tuple[str, str], FunctionProfile] = field(default_factory=dict)
    stacks: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    events: tuple[TierUp, ...] = ()
    builds: frozenset[str] = frozenset()
    cpus: frozenset[str] = frozenset()
    boots: int = 0
    dropped: int = 0
    tsc_hz: int = 0
    special: Mapping[tuple[str, str, str], Special] = field(default_factory=dict)
    runs: Mapping[int, Profile] = field(default_factory=dict)
    settled: Profile | None = None

    def merge(self, other: Profile) -> Profile:
        """Both together; of a run that both have seen, what the one that saw more of it has counted."""
        runs = join(self.runs, other.runs, partial(_both, count=max))
        return with_runs(_both(self.settled or self, other.settled or other, int.__add__), runs)

    def of_run(self, identity: int) -> Profile:
        """The same as what was seen of one run, of which another host may see more; 0: no host can."""
        return with_runs(Profile(), {identity: self}) if identity else self

    def whole(self) -> Profile:
        """The same with all runs settled: what else is seen of them would add."""
        return replace(self, runs={}, settled=None)

    def with_special(self, special: Mapping[tuple[str, str, str], Special]) -> Profile:
        """The same with other special cases."""
        if self.settled is None:
            return replace(self, special=special)
        return with_runs(replace(self.settled, special=special), self.runs)

    def named(self, name: str) -> FunctionProfile | None:
        """The function of that name; with several bodies the one with most calls."""
        found = [f for f in self.functions.values() if f.name == name]
        return max(found, key=lambda f: (f.all_calls, f.digest), default=None)

    def fit(self, digests: Mapping[str, str]) -> Fitted:
        """What of this profile belongs to a program, given its functions' digests by name."""
        kept = {key: f for key, f in self.functions.items() if digests.get(f.name) == f.digest}
        lost = {name for name, _ in self.functions} - {name for name, _ in kept}
        settled = _only(self.settled or self, kept.keys(), lost)
        runs = {identity: _only(part, kept.keys(), lost) for identity, part in self.runs.items()}
        gone = lost - digests.keys()
        return Fitted(with_runs(settled, runs), tuple(sorted(lost - gone)), tuple(sorted(gone)))


@dataclass(frozen=True)
class Fitted:
    """A profile that belongs to one program, and what had to go.

    Args:
        profile: of functions whose bodies are the program's.
        changed: functions whose bodies are others now.
        gone: functions that the program no longer has.
    """

    profile: Profile
    changed: tuple[str, ...]
    gone: tuple[str, ...]

    def explain(self) -> str:
        """One sentence for the user; empty when nothing had to go."""
        parts = [("changed", self.changed), ("gone", self.gone)]
        said = [f"{_list(names)} ({why})" for why, names in parts if names]
        return f"The profile of {' and '.join(said)} was dropped." if said else ""


def with_runs(settled: Profile, runs: Mapping[int, Profile]) -> Profile:
    """A profile of runs of which no more will be seen, and of some of which it may."""
    if not runs:
        return settled
    return replace(merge_all(settled, *runs.values()), runs=runs, settled=settled)


def merge_all(*profiles: Profile) -> Profile:
    """All of them together; nothing gives an empty profile."""
    return reduce(Profile.merge, profiles, Profile())


def join(one: Mapping[Key, Value], two: Mapping[Key, Value], both: Callable[[Value, Value], Value]) -> dict[Key, Value]:
    """The union of two mappings; `both` combines what they share."""
    joined = dict(one)
    for key, value in two.items():
        joined[key] = both(joined[key], value) if key in joined else value
    return joined


def _both(one: Profile, other: Profile, count: Count) -> Profile:
    events = one.events + other.events
    if count is not int.__add__:
        events = tuple((Counter(one.events) | Counter(other.events)).elements())
    return Profile(
        join(one.functions, other.functions, partial(FunctionProfile.merge, count=count)),
        join(one.stacks, other.stacks, count),
        tuple(sorted(events)),
        one.builds | other.builds,
        one.cpus | other.cpus,
        count(one.boots, other.boots),
        count(one.dropped, other.dropped),
        max(one.tsc_hz, other.tsc_hz),
        join(one.special, other.special, max),
    )


def _only(profile: Profile, kept: Collection[tuple[str, str]], lost: AbstractSet[str]) -> Profile:
    """What is said of some functions, and not of those whose names are lost."""
    functions = {key: one for key, one in profile.functions.items() if key in kept}
    stacks = {stack: count for stack, count in profile.stacks.items() if lost.isdisjoint(stack)}
    events = tuple(event for event in profile.events if event.function not in lost)
    special = {key: one for key, one in profile.special.items() if one.function not in lost}
    return replace(profile, functions=functions, stacks=stacks, events=events, special=special)


def _counts(one: tuple[int, ...], two: tuple[int, ...], count: Count) -> tuple[int, ...]:
    """Place by place; a place that only one has counts as zero in the other."""
    return tuple(count(a, b) for a, b in zip_longest(one, two, fillvalue=0))


def _list(names: tuple[str, ...], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
