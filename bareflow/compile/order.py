"""The order of functions in memory: who calls each other often lies side by side, who never ran comes last.

Ottoni and Maher, "Optimizing function placement for large-scale data-center applications" (CGO 2017): each
function joins the cluster of its most frequent caller, the hottest first; clusters are then placed by heat.
"""

from __future__ import annotations

from bareflow.compile.prof import Heat

CLUSTER = 64  # functions: a cluster does not grow beyond


def placement(heat: Heat) -> tuple[str, ...]:
    """Functions that ran, in the order to place them."""
    clusters: dict[str, list[str]] = {name: [name] for name in heat.hottest()}
    for name in heat.hottest():
        callers = {caller: count for (caller, callee), count in heat.calls.items() if callee == name != caller}
        ran = [caller for caller in callers if caller in clusters]
        if not ran:
            continue
        caller = max(ran, key=lambda one: (callers[one], one))
        mine, theirs = clusters[name], clusters[caller]
        if mine is not theirs and len(mine) + len(theirs) <= CLUSTER:
            theirs += mine
            for member in mine:
                clusters[member] = theirs
    placed: list[str] = []
    for cluster in sorted(
        {id(one): one for one in clusters.values()}.values(),
        key=lambda one: (-max(heat.weights[name] for name in one), one),
    ):
        placed += cluster
    return tuple(placed)
