"""A function while it grows: what is known of it on the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from bareflow.compile.split import SplitFunction
from bareflow.layouts.snapshot import TIER

KEPT_SAMPLES = 4096  # timed calls kept for each function and tier


@dataclass
class Times:
    """Timed calls of a function at one tier, in TSC cycles."""

    samples: int = 0
    weight: int = 0
    cycles: int = 0  # sum of weight x cycles
    minimum: int = 0
    recent: list[tuple[int, int]] = field(default_factory=list)  # (cycles, weight) of single calls

    def take(self, record: Mapping[str, int]) -> None:
        """Take the agent's sums: totals since its start."""
        self.samples, self.weight, self.minimum = record["samples"], record["weight"], record["minimum"]
        self.cycles = record["cycles_high"] << 64 | record["cycles_low"]

    def add_call(self, cycles: int, weight: int) -> None:
        """Take a single call; of very many the older half is forgotten."""
        self.recent.append((cycles, weight))
        if len(self.recent) > KEPT_SAMPLES:
            del self.recent[: KEPT_SAMPLES // 2]

    @property
    def mean(self) -> float | None:
        """Cycles per call; None: none was timed."""
        return self.cycles / self.weight if self.weight else None

    @property
    def median(self) -> float | None:
        """Weighted median of the single calls that arrived: what an interrupted call cannot distort."""
        half, seen = sum(weight for _, weight in self.recent) / 2, 0
        for cycles, weight in sorted(self.recent):
            seen += weight
            if seen >= half:
                return float(cycles)
        return None


@dataclass(frozen=True)
class TierUp:
    """Better code that took over.

    Args:
        function: the source's name.
        before, after: tiers.
        compile_ms: CPU time in the compiler; 0: from the cache.
        hot_to_published_ms: from the call that made it hot to the first that could use the new code.
        code_bytes: of the function.
        calls: of both kinds, when it was published.
        at_ms: host's time since the session began.
    """

    function: str
    before: str
    after: str
    compile_ms: float
    hot_to_published_ms: float
    code_bytes: int
    calls: int
    at_ms: float


@dataclass
class Growing:
    """A function while it grows."""

    index: int
    split: SplitFunction
    tier: str
    code_bytes: int = 0
    calls: int = 0
    self_calls: int = 0
    times: dict[str, Times] = field(default_factory=dict)
    bytes_by_tier: dict[str, int] = field(default_factory=dict)
    places: Counter[str] = field(default_factory=Counter)
    busy: bool = False  # a tier-up is under way
    hot_at: float | None = None  # when it began to wait for one; None: it does not
    told: bool = False  # the agent found it hot, and knows when
    forced: bool = False  # ticks found it too often, or it loops in one call
    held: bool = False  # nobody has called its present code: it waits until it has earned the highest
    published_at: int = -1  # calls of both kinds when its present code was published; -1: it began with it
    barred: set[str] = field(default_factory=set)  # tiers that it cannot reach
    compile_ms: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)  # why a tier-up failed

    @property
    def all_calls(self) -> int:
        """Calls of both kinds."""
        return self.calls + self.self_calls

    @property
    def entered(self) -> bool:
        """Whether its present code has been called, as far as is known."""
        return self.all_calls > self.published_at

    def found_at(self, tier: str) -> None:
        """The agent says where it is: another host may have brought it there."""
        if not self.busy and TIER[tier] > TIER[self.tier]:
            self.tier = tier

    def timed(self, tier: str) -> Times:
        """The times at a tier."""
        return self.times.setdefault(tier, Times())
