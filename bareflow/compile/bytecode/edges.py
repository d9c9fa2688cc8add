"""Edge counters: which branch of the original IR each one belongs to.

Counters are numbered function by function, block by block in the order of the text, and depend on
nothing but the blocks and terminators of the unoptimised IR, which SROA does not change:

- a conditional branch has two, at an even number: successor 0 (true), then successor 1 (false);
- a switch has one a case and one for the default, which is successor 0, as in LLVM;
- an unconditional branch has one if it is a back edge.

A back edge goes to a block that is still open in a depth-first walk from the entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.parse import parse_module


@dataclass(frozen=True)
class Edge:
    """One way out of one block.

    Args:
        counter: its number within the function.
        block, target: ordinals of the blocks in the function's text.
        terminator: "br", "switch" or "jump" (an unconditional branch).
        successor: its place among the terminator's successors, as `!prof` weights are ordered.
        back: whether it closes a loop.
    """

    counter: int
    block: int
    target: int
    terminator: str
    successor: int
    back: bool


def back_edges(successors: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    """The (from, to) pairs that close loops, in a graph given by successor ordinals."""
    found: set[tuple[int, int]] = set()
    state = [0] * len(successors)  # 0 not seen, 1 open, 2 done
    stack: list[tuple[int, Iterator[int]]] = []
    if successors:
        state[0] = 1
        stack.append((0, iter(successors[0])))
    while stack:
        block, rest = stack[-1]
        for target in rest:
            if state[target] == 1:
                found.add((block, target))
            elif state[target] == 0:
                state[target] = 1
                stack.append((target, iter(successors[target])))
                break
        else:
            state[block] = 2
            stack.pop()
    return found


def successor_ordinals(function: ir.Function) -> list[list[int]]:
    """For each block, the ordinals of its successors."""
    ordinal = {block.name: at for at, block in enumerate(function.blocks)}
    return [[ordinal[name] for name in block.terminator.blocks] for block in function.blocks]


def function_edges(function: ir.Function) -> tuple[list[Edge], int]:
    """The edges of a function that have counters, and how many counters it takes (padding included)."""
    successors = successor_ordinals(function)
    closing = back_edges(successors)
    edges: list[Edge] = []
    counter = 0
    for at, block in enumerate(function.blocks):
        kind = block.terminator.op
        if kind == "br" and len(successors[at]) == 1:
            if (at, successors[at][0]) not in closing:
                continue
            kind = "jump"
        elif kind not in {"br", "switch"}:
            continue
        elif kind == "br":
            counter += counter & 1
        for number, target in enumerate(successors[at]):
            edges.append(Edge(counter, at, target, kind, number, (at, target) in closing))
            counter += 1
    return edges, counter + (counter & 1)


def describe_edges(ir_text: str) -> dict[str, list[Edge]]:
    """For each function defined in the original, unoptimised IR text, what its counters count."""
    module = parse_module(ir_text, whole=())
    return {name: function_edges(function)[0] for name, function in module.functions.items() if function.blocks}


def shape(function: ir.Function) -> list[tuple[str, tuple[int, ...]]]:
    """Terminators and successors block by block: equal for two versions that share their counters."""
    return [
        (block.terminator.op, tuple(successors))
        for block, successors in zip(function.blocks, successor_ordinals(function), strict=True)
    ]
