"""The flame graph: nested boxes whose width is a share of all weights, coloured by the function's tier.

Boxes are placed in per cent, so it fits any window. After Brendan Gregg, "The Flame Graph", CACM 59(6), 2016.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bareflow.report.markup import Markup, count, join, tag

LEAST = 0.0005  # share of the whole from which a box is drawn
DEEPEST = 120  # frames; deeper ones are left out
THIN = 0.004  # share below which a box has no edge
HEIGHT = 22  # pixels of a box


@dataclass
class Node:
    """A frame reached by one path."""

    name: str
    weight: int = 0
    below: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True)
class Box:
    """A node with its place, as shares of the whole."""

    name: str
    depth: int
    left: float
    width: float
    weight: int


def grow_tree(stacks: Mapping[tuple[str, ...], int]) -> Node:
    """All stacks as one tree."""
    root = Node("all")
    for stack, weight in sorted(stacks.items()):
        root.weight += weight
        node = root
        for name in stack[:DEEPEST]:
            node = node.below.setdefault(name, Node(name))
            node.weight += weight
    return root


def boxes(root: Node) -> Iterator[Box]:
    """What is wide enough to be seen, parents first."""
    waiting = [(root, 0, 0.0)]
    while waiting:
        node, depth, left = waiting.pop()
        yield Box(node.name, depth, left, node.weight / root.weight, node.weight)
        for name in sorted(node.below):
            child = node.below[name]
            if child.weight >= LEAST * root.weight:
                waiting.append((child, depth + 1, left))
            left += child.weight / root.weight


def flame_graph(stacks: Mapping[tuple[str, ...], int], unit: str, tiers: Mapping[str, str]) -> Markup | None:
    """The graph; None where there is nothing.

    Args:
        stacks: weights by stack, outermost frame first.
        unit: of the weights.
        tiers: by function.
    """
    root = grow_tree(stacks)
    if not root.weight:
        return None
    placed = list(boxes(root))
    depth = max(box.depth for box in placed)
    drawn = [_draw(box, unit, tiers.get(box.name, "")) for box in placed]
    return tag("div", join(*drawn), class_="flame", style=f"height:{(depth + 1) * HEIGHT}px", role="img")


def _draw(box: Box, unit: str, tier: str) -> Markup:
    colour = "root" if not box.depth else f"t-{tier}" if tier else "other"
    colour += "" if box.width > THIN else " thin"
    title = f"{box.name}: {count(box.weight)} {unit}, {box.width:.1%}" + (f", {tier}" if tier else "")
    place = f"left:{box.left * 100:.4f}%;width:{box.width * 100:.4f}%;bottom:{box.depth * HEIGHT}px"
    label = tag("span", box.name if box.depth else f"all, {count(box.weight)} {unit}") if box.width > 0.01 else ""
    return tag("div", label, class_=f"box {colour}", style=place, title=title)
