"""Which functions are compiled together at the lowest tier.

Reading a module, setting up LLVM's passes and writing an object cost as much as a small function does, and who becomes
hot at all leaves the interpreter soon after its neighbours. So they share one compilation; each is installed when it is
hot itself. At the tiers above, where the function is what costs, everybody is compiled alone.

Who belongs together depends on the program only, so that the object is found in the cache again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bareflow.compile.split import SplitFunction

SHARED_TIER = "O0"
SHARED_LINES = 512  # of IR: two milliseconds


def groups(functions: Iterable[SplitFunction], most: int = SHARED_LINES) -> dict[str, tuple[str, ...]]:
    """Function symbol → the symbols compiled with it, its own among them; who is alone is not there.

    Args:
        functions: in the module's order: neighbours belong together.
        most: lines of IR in one group.
    """
    made: list[list[SplitFunction]] = []
    room = 0
    for one in functions:
        if one.lines > room:
            made.append([])
            room = most
        made[-1].append(one)
        room -= one.lines
    named = (tuple(one.symbol for one in group) for group in made if len(group) > 1)
    return {symbol: names for names in named for symbol in names}


def shared_out(ms: float, functions: Collection[SplitFunction]) -> dict[str, float]:
    """Function symbol → its share, by lines of IR, of the milliseconds that all took together."""
    lines = sum(one.lines for one in functions)
    return {one.symbol: ms * one.lines / lines for one in functions}
