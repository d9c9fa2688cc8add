"""Gives every virtual register its slots: liveness by data flow, copies coalesced, first fit (of very many, next free).

Live ranges are integers used as sets of positions. Instruction p reads at position 2p and writes at
2p + 1, so a result may take the slot of an operand that dies there: the interpreter reads before it writes.
"""

from __future__ import annotations

import heapq
from collections import defaultdict

from bareflow.compile.bytecode.ir import RefusedError
from bareflow.compile.bytecode.vcode import PCOPY, Ref, Reg, VFunction
from bareflow.layouts.bytecode import BYTECODE

_MAX_SLOTS = next(c.value for c in BYTECODE.constants if c.name == "BYTECODE_MAX_SLOTS")
_MAX_LIVE = 10**10  # values alive behind blocks, times instructions: a second or two of looking for slots
_MANY = 4096  # registers from which slots are given out faster and less well


def allocate_slots(function: VFunction) -> int:
    """Set `slot` of every register; return the number of slots, one scratch slot included as the last.

    Raises:
        RefusedError: for a frame that 16-bit slot numbers cannot address.
    """
    ranges = _live_ranges(function)
    if function.twice:
        _keep_for_setjmp(function, ranges)
    at = 0
    for reg in function.parameters:
        reg.slot = at
        at += reg.size
        ranges[reg.number] |= 1
    groups = _Groups(function, ranges)
    for block in function.blocks:
        for ins in block:
            if ins.op == PCOPY:
                for target, source in zip(ins.targets, ins.sources, strict=True):
                    groups.try_merge(target, source)
            elif ins.op == "mov" and isinstance(ins.a, Ref) and isinstance(ins.b, Ref):
                groups.try_merge(ins.a, ins.b)
    slots = _place(function, groups, at)
    if slots + 1 > _MAX_SLOTS:
        raise RefusedError(f"frame of {slots} slots")
    return slots + 1


def _bits(value: int) -> list[int]:
    """The numbers of the bits that are set."""
    found: list[int] = []
    while value:
        low = value & -value
        found.append(low.bit_length() - 1)
        value ^= low
    return found


def _live_out(function: VFunction) -> dict[str, int]:
    """Registers live behind each block, as sets in integers."""
    reads: dict[str, int] = {}
    writes: dict[str, int] = {}
    for block in function.blocks:
        read = written = 0
        for ins in block:
            for ref in ins.uses():
                read |= (1 << ref.reg.number) & ~written
            for ref in ins.defs():
                written |= 1 << ref.reg.number
        reads[block.label], writes[block.label] = read, written
    labels = [block.label for block in function.blocks]
    successors = {block.label: {to for ins in block.ending for to in ins.labels()} for block in function.blocks}
    live_in = dict(reads)
    live_out = dict.fromkeys(labels, 0)
    changed = True
    while changed:
        changed = False
        for label in reversed(labels):
            out = 0
            for successor in successors[label]:
                out |= live_in[successor]
            if out != live_out[label]:
                live_out[label] = out
                live_in[label] = reads[label] | (out & ~writes[label])
                changed = True
    return live_out


def _live_ranges(function: VFunction) -> list[int]:
    """The positions at which each register holds a value that is still needed.

    Raises:
        RefusedError: for a function that would take minutes.
    """
    ranges = [0] * len(function.registers)
    live_out = _live_out(function)
    instructions = sum(1 for block in function.blocks for _ in block)
    if sum(alive.bit_count() for alive in live_out.values()) * instructions > _MAX_LIVE:
        raise RefusedError(f"{instructions} instructions with very many values alive")
    position = 1
    for block in function.blocks:
        code = list(block)
        first, last = 2 * position, 2 * (position + len(code))
        position += len(code)
        alive = dict.fromkeys(_bits(live_out[block.label]), last)
        for at in range(len(code) - 1, -1, -1):
            here = first + 2 * at
            for ref in code[at].defs():
                end = alive.pop(ref.reg.number, here + 1)
                ranges[ref.reg.number] |= ((1 << (end - here)) - 1) << (here + 1)
            for ref in code[at].uses():
                alive.setdefault(ref.reg.number, here)
        for number, end in alive.items():
            ranges[number] |= ((1 << (end - first + 1)) - 1) << first
    for reg in function.parameters:  # one that is read at all is alive from the call on
        ranges[reg.number] |= 0b11 if ranges[reg.number] else 0
    return ranges


def _keep_for_setjmp(function: VFunction, ranges: list[int]) -> None:
    """Give what is alive behind a setjmp a slot of its own: setjmp may return again from anywhere."""
    codes = [ins for block in function.blocks for ins in block]
    forever = (1 << (2 * len(codes) + 4)) - 1
    behind = 0
    for position, ins in enumerate(codes, 1):
        if ins.op == "setjmp":
            behind |= 0b110 << (2 * position)
    for number, found in enumerate(ranges):
        if found & behind:
            ranges[number] = forever


class _Groups:
    """Registers merged because one is a copy of the other and they never live together."""

    def __init__(self, function: VFunction, ranges: list[int]) -> None:
        self.parent = list(range(len(function.registers)))
        self.registers = function.registers
        self.ranges = ranges

    def find(self, number: int) -> int:
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def try_merge(self, target: Ref, source: Ref) -> None:
        if target.reg.size != 1 or source.reg.size != 1:
            return
        first, second = self.find(target.reg.number), self.find(source.reg.number)
        if first == second or self.ranges[first] & self.ranges[second]:
            return
        if self.registers[first].slot >= 0:
            if self.registers[second].slot >= 0:
                return
            first, second = second, first
        self.parent[first] = second
        self.ranges[second] |= self.ranges[first]


def _place(function: VFunction, groups: _Groups, reserved: int) -> int:
    """Give every group its slots; return the number of slots."""
    fit = _first_fit if len(function.registers) <= _MANY else _next_free
    slots = fit(function, groups, reserved)
    for reg in function.registers:
        reg.slot = groups.registers[groups.find(reg.number)].slot
    return slots


def _next_free(function: VFunction, groups: _Groups, reserved: int) -> int:
    """Place groups in the order in which they begin, each for good until it ends; parameters' slots stay theirs.

    Needs more slots than `_first_fit`, which fills gaps, but time in proportion to the number of registers.
    """
    slots = reserved
    free: defaultdict[int, list[int]] = defaultdict(list)  # size → heap of slots
    ends: list[tuple[int, int, int]] = []  # heap of end, slot, size
    for reg, begin in _roots(function, groups):
        while ends and ends[0][0] <= begin:
            _, slot, size = heapq.heappop(ends)
            heapq.heappush(free[size], slot)
        if not free[reg.size]:
            free[reg.size], slots = [slots], slots + reg.size
        reg.slot = heapq.heappop(free[reg.size])
        heapq.heappush(ends, (groups.ranges[reg.number].bit_length(), reg.slot, reg.size))
    return slots


def _roots(function: VFunction, groups: _Groups) -> list[tuple[Reg, int]]:
    """A register of each group that has no slots yet, and the position where the group begins, in that order."""
    ranges = groups.ranges
    found = [
        (reg, (ranges[reg.number] & -ranges[reg.number]).bit_length() - 1)
        for reg in function.registers
        if groups.find(reg.number) == reg.number and reg.slot < 0 and ranges[reg.number]
    ]
    return sorted(found, key=lambda one: one[1])


def _first_fit(function: VFunction, groups: _Groups, reserved: int) -> int:
    """Place groups in the order in which they begin, in the first slots that are free all their time."""
    taken = [0] * reserved
    for reg in function.registers:
        if groups.find(reg.number) == reg.number and reg.slot >= 0:
            for at in range(reg.slot, reg.slot + reg.size):
                taken[at] |= groups.ranges[reg.number]
    for reg, _ in _roots(function, groups):
        mask = groups.ranges[reg.number]
        at = 0
        while any(taken[slot] & mask for slot in range(at, min(at + reg.size, len(taken)))):
            at += 1
        taken += [0] * (at + reg.size - len(taken))
        for slot in range(at, at + reg.size):
            taken[slot] |= mask
        reg.slot = at
    return len(taken)
