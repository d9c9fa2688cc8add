"""Axes: from values to places, and the ticks between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LOG_FROM = 12.0  # a time axis is logarithmic where the last event is so many times later than the middle one
LEAST_TIME = 1e-3  # milliseconds: what is earlier is at zero


@dataclass(frozen=True)
class Scale:
    """From [low, high] to [start, end].

    Args:
        low, high: values; low below high, and above zero where it is logarithmic.
        start, end: places.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; what lies outside goes to the nearer end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Round values, at most about so many."""
        return _log_ticks(self.low, self.high, most) if self.log else _ticks(self.low, self.high, most)


def log_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """A logarithmic scale from a little below the least value, or 1, to a little above the greatest."""
    low, high = max(min(values), 1.0), max(*values, 1.0)
    margin = max((high / low) ** 0.06, 1.15)
    return Scale(low / margin, high * margin, start, end, log=True)


def time_scale(times: Sequence[float], start: float, end: float) -> Scale:
    """A scale for times from zero on; logarithmic where most of them are early."""
    ordered = sorted(time for time in times if time >= LEAST_TIME) or [1.0]
    last, middle = ordered[-1], ordered[len(ordered) // 2]
    if last / middle > LOG_FROM:
        return Scale(ordered[0] * 0.7, last * 1.3, start, end, log=True)
    return Scale(0.0, last * 1.06, start, end)


def _ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step)
    return [step * number for number in range(first, math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / max(most, 1)))
    powers = [10.0**power for power in range(first, last + 1, every)]
    fine = [power * factor for power in powers for factor in (1, 2, 5)]
    ticks = [value for value in fine if low <= value <= high]
    coarse = [value for value in powers if low <= value <= high]
    return ticks if len(ticks) <= most or len(coarse) < 2 else coarse
