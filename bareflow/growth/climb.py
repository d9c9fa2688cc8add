"""Which function rises next, and where to.

Two tier-ups are under way at once, and each has its own idea of who is next. One takes the lowest tier first, where
the least work gives the most speed: a function that has become hot does not wait behind another's O3. The other
takes what is called most, whatever its tier: so what matters most reaches O3 however many others wait for O1.

Where thresholds decide, a function climbs one tier at a time, and is seen and timed at each. In a crowd the second lane
makes an exception: while more than CROWD functions wait, what is called most goes straight where its counts say.
A loop in one long call makes its function hot again and again, though nobody has entered the code that was made for
it: then it waits for the highest tier, and those between, which nobody would see, are not compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bareflow.growth.growing import Growing
from bareflow.tiering import RISING, Costs, Counters, Policy, Step, plan

LOWEST_FIRST, MOST_CALLED_FIRST = "lowest tier first", "most called first"
LANES = (LOWEST_FIRST, MOST_CALLED_FIRST)
CROWD = 16


class Climb:
    """The functions of one run that wait for better code.

    Args:
        functions: all of them.
        policy: when they rise, and how far.
        back_edges: loop iterations of the function with an index, as far as they are known.
    """

    def __init__(self, functions: Sequence[Growing], policy: Policy, back_edges: Callable[[int], int]) -> None:
        self.functions = functions
        self.policy = policy
        self._back_edges = back_edges

    def next(self, lane: str, tsc_hz: float) -> tuple[Growing, str] | None:
        """Who rises next, and where to; whoever waits in vain stops waiting.

        Args:
            lane: one of LANES.
            tsc_hz: TSC ticks in a second; 0: not known yet.
        """
        waiting = {one.split.symbol: one for one in self.functions if one.hot_at is not None and not one.busy}
        climbing = [one for one in waiting.values() if not one.held]
        steps = self._plan(climbing, tsc_hz, at_once=lane == MOST_CALLED_FIRST and len(waiting) > CROWD)
        if steps:
            step = min(steps, key=lambda one: RISING.index(one.after)) if lane == LOWEST_FIRST else steps[0]
            return waiting[step.function], step.after
        for one in waiting.values():
            above = [tier for tier in self._above(one) if tier not in one.barred]
            if one.forced and above:
                return one, above[-1 if one.held else 0]
            one.hot_at = None
        return None

    def _above(self, one: Growing) -> tuple[str, ...]:
        """The tiers that a function may rise to."""
        return RISING[RISING.index(one.tier) + 1 : RISING.index(self.policy.highest) + 1]

    def hold(self, one: Growing) -> int | None:
        """Have a function that loops in one call wait for the highest tier, if nobody has entered its code.

        Returns:
            The threshold at which it is hot again; None: it need not wait.
        """
        if one.entered:
            one.held = False
        above = self._above(one)
        if one.entered or one.held or len(above) < 2 or self.policy.kind != "counts":
            return None
        one.held = True
        return self.policy.threshold(above[-2])

    def earned(self, tsc_hz: float) -> dict[str, str]:
        """Function symbol → the tier that its counts have earned above its own: the program ended too early."""
        return {step.function: step.after for step in self._plan(self.functions, tsc_hz, at_once=True)}

    def _plan(self, functions: Sequence[Growing], tsc_hz: float, *, at_once: bool) -> tuple[Step, ...]:
        made = [(tier, one.split.lines, ms) for one in self.functions for tier, ms in one.compile_ms.items()]
        return plan(map(self._counters, functions), self.policy, Costs.measured(made, tsc_hz), at_once=at_once)

    def _counters(self, one: Growing) -> Counters:
        return Counters(
            one.split.symbol,
            one.tier,
            one.all_calls,
            self._back_edges(one.index),
            one.split.lines,
            {tier: times.mean for tier, times in one.times.items() if times.mean is not None},
            dict(one.compile_ms),
            frozenset(one.barred),
            one.self_calls,
        )
