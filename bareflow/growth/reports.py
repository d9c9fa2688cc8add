"""What an agent reports about its program, put where it belongs: counts, times, and where ticks found it."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence

from bareflow.growth.growing import Growing
from bareflow.layouts.growth import FUNCTION_COUNTS, TIER_TIMES, TIERS, TIME_SAMPLE
from bareflow.layouts.snapshot import TIER
from bareflow.snapshot.base import Base
from bareflow.snapshot.live import LiveImage

PLACES_HOT = 20  # ticks that find a function at one tier until it may rise although it was called seldom


class Reports:
    """Takes the reports of one run.

    Args:
        functions: in the order of the base's slots; what is reported goes into them.
        base: the program.
        live: its code that came later.
        rise: called with a function in which ticks find the program again and again.
    """

    def __init__(
        self, functions: Sequence[Growing], base: Base, live: LiveImage, rise: Callable[[Growing], None]
    ) -> None:
        self.functions = functions
        self.base = base
        self.live = live
        self.elsewhere: Counter[str] = Counter()  # ticks outside of what grows, by symbol
        self._rise = rise
        self._by_symbol = {one.split.symbol: one for one in functions}
        self._by_body = {slot.target: one for one, slot in zip(functions, base.slots, strict=True)}

    def counts(self, payload: bytes) -> None:
        """Calls and summed times of functions.

        Raises:
            struct.error: the message is cut short.
        """
        at = 0
        while at < len(payload):
            head = FUNCTION_COUNTS.decode(payload, at)
            at += FUNCTION_COUNTS.size
            one = self.functions[head["function"]] if head["function"] < len(self.functions) else None
            for tier in (number for number in range(TIERS) if head["timed"] >> number & 1):
                times = TIER_TIMES.decode(payload, at)
                at += TIER_TIMES.size
                if one is not None:
                    one.timed(TIER.name_of(tier)).take(times)
            if one is not None:
                one.calls, one.self_calls = head["calls"], head["self_calls"]
                one.found_at(TIER.name_of(head["tier"]))
                if one.entered:
                    self._entered(one)

    def times(self, payload: bytes) -> None:
        """Single timed calls."""
        for at in range(0, len(payload), TIME_SAMPLE.size):
            record = TIME_SAMPLE.decode(payload, at)
            if record["function"] < len(self.functions):
                one = self.functions[record["function"]]
                tier = TIER.name_of(record["tier"])
                one.timed(tier).add_call(record["cycles"], record["weight"])
                if tier == one.tier:
                    self._entered(one)

    def _entered(self, one: Growing) -> None:
        """A function's present code has been called: it need not wait for the highest tier any longer."""
        if one.held:
            one.held, one.forced = False, True
            self._rise(one)

    def places(self, payload: bytes) -> None:
        """Ticks found the program there: what holds it longest may rise however seldom it is called."""
        for (address,) in struct.iter_unpack("<Q", payload):
            symbol, tier = self.live.find(address)
            one = self._by_symbol.get(symbol) if tier else self._by_body.get(symbol)
            if one is None:
                self.elsewhere[symbol] += 1
                continue
            one.places[tier or self.base.slots[one.index].tier] += 1
            if one.places[one.tier] == PLACES_HOT:
                one.held, one.forced = False, True
                self._rise(one)

    def name_at(self, address: int) -> str | None:
        """The source's name of the function at an address, for the profile."""
        symbol, _ = self.live.find(address)
        one = self._by_symbol.get(symbol) or self._by_body.get(symbol)
        return one.split.name if one else symbol or None
