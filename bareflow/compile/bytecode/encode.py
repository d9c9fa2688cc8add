"""Turns virtual code with allocated slots into bytes: copies in order, labels resolved, 16 bytes each."""

from __future__ import annotations

from collections.abc import Iterable

from bareflow.compile.bytecode.vcode import PCOPY, Field, Ins, Ref, VBlock, VFunction
from bareflow.layouts.bytecode import BYTECODE_CASE, BYTECODE_INSTRUCTION
from bareflow.layouts.opcodes import OPCODE

_PAIRS = (("eq", "ne"), ("ult", "uge"), ("ugt", "ule"))
_SIGNED_PAIRS = tuple((f"{a}{w}", f"{b}{w}") for a, b in (("slt", "sge"), ("sgt", "sle")) for w in (32, 64))
_INVERSE = {"br-nz": "br-z", "br-z": "br-nz"}
for _first, _second in (*_PAIRS, *_SIGNED_PAIRS):
    for _end in ("", "-i"):
        _INVERSE[f"br-{_first}{_end}"] = f"br-{_second}{_end}"
        _INVERSE[f"br-{_second}{_end}"] = f"br-{_first}{_end}"


def sequential_moves(moves: Iterable[tuple[int, int]], scratch: int) -> list[tuple[int, int]]:
    """Order a parallel copy of (target, source) slots; a cycle goes through the scratch slot."""
    waiting = {target: source for target, source in moves if target != source}
    found: list[tuple[int, int]] = []
    while waiting:
        sources = set(waiting.values())
        free = [target for target in waiting if target not in sources]
        found += [(target, waiting.pop(target)) for target in free]
        if not free:
            target = next(iter(waiting))
            found.append((scratch, target))
            waiting = {to: scratch if source == target else source for to, source in waiting.items()}
    return found


def _plain(op: str, a: int = 0, b: int = 0, c: int = 0, imm: int = 0) -> bytes:
    return BYTECODE_INSTRUCTION.encode(op=OPCODE[op], a=a, b=b, c=c, imm=imm)


def _moves(ins: Ins, scratch: int) -> list[bytes]:
    slots = zip((ref.slot for ref in ins.targets), (ref.slot for ref in ins.sources), strict=True)
    moves = sequential_moves(slots, scratch)
    found: list[bytes] = []
    for at in range(0, len(moves) - 1, 2):
        (first, second), (third, fourth) = moves[at], moves[at + 1]
        found.append(_plain("mov2", first, second, third, fourth))
    if len(moves) % 2:
        found.append(_plain("mov", *moves[-1]))
    return found


def _words(refs: tuple[Ref, ...]) -> list[bytes]:
    """The slot numbers of arguments, eight in 16 bytes."""
    slots = b"".join(ref.slot.to_bytes(2, "little") for ref in refs)
    slots += bytes(-len(slots) % 16)
    return [slots[at : at + 16] for at in range(0, len(slots), 16)]


def _straighten(block: VBlock, following: str | None) -> list[Ins]:
    """The ending of a block with jumps to the next block left out, turning the branch round if need be."""
    ending = block.ending
    if len(ending) == 2:
        branch, jump = ending
        if branch.d == following and branch.op in _INVERSE:
            turned = Ins(_INVERSE[branch.op], branch.a, branch.b, branch.c, d=jump.d, e=branch.e ^ 1)
            return [turned]
    last = ending[-1]
    return ending[:-1] if last.op == "jmp" and last.d == following else ending


class _Encoder:
    """Collects the words of one function; labels are filled in at the end."""

    def __init__(self, scratch: int, first_edge: int) -> None:
        self.scratch = scratch
        self.first_edge = first_edge
        self.words: list[bytes] = []
        self.labels: dict[str, int] = {}
        self.fixes: list[tuple[int, Ins, int]] = []

    def _field(self, value: Field) -> int:
        if isinstance(value, Ref):
            return value.slot
        return value if isinstance(value, int) else 0

    def add(self, ins: Ins) -> None:
        if ins.op == PCOPY:
            self.words += _moves(ins, self.scratch)
            return
        if ins.op == "mov" and self._field(ins.a) == self._field(ins.b):
            return
        self.fixes.append((len(self.words), ins, -1))
        self.words.append(b"")
        for number in range(len(ins.cases)):
            self.fixes.append((len(self.words), ins, number))
            self.words.append(b"")
        self.words += _words(ins.words)

    def finish(self) -> bytes:
        for at, ins, case in self.fixes:
            self.words[at] = self._encode(ins) if case < 0 else self._case(ins, case)
        return b"".join(self.words)

    def _case(self, ins: Ins, number: int) -> bytes:
        value, label, edge = ins.cases[number]
        return BYTECODE_CASE.encode(value=value, target=self.labels[label], edge=self.first_edge + edge)

    def _encode(self, ins: Ins) -> bytes:
        imm = ins.imm
        if imm is None:
            low = self.labels[ins.d] if isinstance(ins.d, str) else self._field(ins.d)
            counts = ins.op.startswith("br-") or ins.op == "back-e"
            high = ins.e + self.first_edge if counts else ins.e
            imm = low | (high & 0xFFFFFFFF) << 32
        count = len(ins.words) if ins.words else self._field(ins.b)
        return BYTECODE_INSTRUCTION.encode(
            op=OPCODE[ins.op], a=self._field(ins.a), b=count, c=self._field(ins.c), imm=imm
        )


def encode_function(function: VFunction, slots: int, first_edge: int) -> bytes:
    """The bytecode of a function.

    Args:
        function: with slots allocated.
        slots: in its frame; the last is scratch.
        first_edge: added to its edge counters, which number those of the whole program.
    """
    encoder = _Encoder(slots - 1, first_edge)
    following = [block.label for block in function.blocks[1:]] + [None]
    for block, after in zip(function.blocks, following, strict=True):
        encoder.labels[block.label] = len(encoder.words)
        for ins in (*block.body, *block.copies, *_straighten(block, after)):
            encoder.add(ins)
    return encoder.finish()
