"""Lowers one function of LLVM IR to virtual code: blocks, phis, terminators; the rest is by opcode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from bareflow.compile.bytecode import calls, floats, integers, ir, memory
from bareflow.compile.bytecode.abi import Signature, is_wide, leaf_types, named_counts, slot_words
from bareflow.compile.bytecode.builder import MASK64, Builder, Symbols
from bareflow.compile.bytecode.edges import Edge, back_edges, function_edges, successor_ordinals
from bareflow.compile.bytecode.intrinsics import lower_intrinsic
from bareflow.compile.bytecode.vcode import Ins, Ref, VBlock, VFunction

_ONE: dict[str, Callable[[Builder, ir.Instruction], Ref]] = {
    **dict.fromkeys(
        ["add", "sub", "mul", "udiv", "sdiv", "urem", "srem", "shl", "lshr", "ashr", "and", "or", "xor"],
        integers.lower_binary,
    ),
    **dict.fromkeys(["fadd", "fsub", "fmul", "fdiv", "frem"], floats.lower_float_binary),
    **dict.fromkeys(["sitofp", "uitofp"], floats.lower_to_float),
    **dict.fromkeys(["fptosi", "fptoui"], floats.lower_to_int),
    **dict.fromkeys(["fpext", "fptrunc"], floats.lower_resize),
    **dict.fromkeys(["bitcast", "ptrtoint", "inttoptr", "ptrtoaddr"], integers.lower_bitcast),
    "fneg": floats.lower_fneg,
    "fcmp": floats.lower_fcmp,
    "icmp": integers.lower_icmp,
    "zext": integers.lower_zext,
    "sext": integers.lower_sext,
    "trunc": integers.lower_trunc,
    "extractelement": floats.lower_extract_element,
    "insertelement": floats.lower_insert_element,
    "atomicrmw": memory.lower_rmw,
}
_MANY: dict[str, Callable[[Builder, ir.Instruction], list[Ref]]] = {
    "select": integers.lower_select,
    "load": memory.lower_load,
    "cmpxchg": memory.lower_cmpxchg,
    "freeze": lambda b, ins: b.leaves(ins.operands[0]),
}


def lower_function(
    function: ir.Function, module: ir.Module, symbols: Symbols, signature: Callable[[Signature], int]
) -> VFunction:
    """Lower a function.

    Raises:
        RefusedError: with the reason, when it holds something that bytecode cannot express.
    """
    if function.refused:
        raise ir.RefusedError(function.refused)
    return _Lowering(function, Builder(module, symbols, signature)).run()


def _operands(ins: ir.Instruction) -> Iterator[ir.Operand]:
    yield from ins.operands
    for argument in ins.arguments:
        if argument.operand is not None:
            yield argument.operand


class _Uses:
    """How often each value is used, and by what."""

    def __init__(self, function: ir.Function) -> None:
        self.all: Counter[str] = Counter()
        self.address: Counter[str] = Counter()
        self.index: Counter[str] = Counter()
        for block in function.blocks:
            for ins in block.instructions:
                self._count(ins)

    def _count(self, ins: ir.Instruction) -> None:
        self.all.update(operand.name for operand in _operands(ins) if isinstance(operand, ir.Local))
        place = {"load": 0, "store": 1, "getelementptr": 0}.get(ins.op)
        if place is not None and isinstance(pointer := ins.operands[place], ir.Local):
            self.address[pointer.name] += 1
        if ins.op == "getelementptr":
            self.index.update(operand.name for operand in ins.operands[1:] if isinstance(operand, ir.Local))


class _Lowering:
    """The state of lowering one function."""

    def __init__(self, function: ir.Function, builder: Builder) -> None:
        self.function = function
        self.b = builder
        self.uses = _Uses(function)
        self.successors = successor_ordinals(function)
        self.closing = back_edges(self.successors)
        self.edges: dict[tuple[int, int], Edge] = {(e.block, e.successor): e for e in function_edges(function)[0]}
        self.order = _reverse_postorder(self.successors)
        self.main = {at: VBlock(f"b{at}") for at in self.order}
        self.extra: dict[int, list[VBlock]] = {at: [] for at in self.order}
        self.pending: list[tuple[VBlock, int, int]] = []

    def run(self) -> VFunction:
        """Lower everything; return the virtual function."""
        parameters = self._parameters()
        for at in self.order:
            for ins in self.function.blocks[at].instructions:
                if ins.op == "phi":
                    self.b.values[ins.name] = self.b.new(ins.type)
        loops = _loop_blocks(self.successors, self.closing)
        for at in self.order:
            self.b.start(self.main[at], in_loop=at in loops)
            self._block(at)
        for block, source, target in self.pending:
            self._copies(block, source, target)
        self.main[0].body[:0] = self.b.prologue
        blocks = [block for at in sorted(self.order) for block in (self.main[at], *self.extra[at])]
        registers = [ref.reg for ref in parameters]
        b = self.b
        if b.frame_bytes >= 1 << 32:
            raise ir.RefusedError(f"variables of {b.frame_bytes} bytes")
        return VFunction(self.function.name, blocks, b.registers, registers, b.frame_bytes, b.frame_align, b.twice)

    def _parameters(self) -> list[Ref]:
        """Registers of the parameters; a wide one comes in two slots."""
        found: list[Ref] = []
        for parameter in self.function.parameters:
            leaves = leaf_types(parameter.type)
            if len(leaves) != 1 or not isinstance(parameter.operand, ir.Local):
                raise ir.RefusedError("aggregate parameter")
            ref = self.b.reg(2 if is_wide(leaves[0][0]) else 1)
            self.b.values[parameter.operand.name] = [ref]
            found.append(ref)
        if self.function.variadic:
            self.b.named = named_counts(self.function.parameters)
        return found

    def _block(self, at: int) -> None:
        block = self.function.blocks[at]
        fused = self._fusible(block)
        for ins in block.instructions[:-1]:
            if ins.op != "phi" and ins is not fused:
                self._instruction(ins, entry=at == 0)
        self.main[at].ending = self._terminator(at, block.terminator, fused)

    def _fusible(self, block: ir.Block) -> ir.Instruction | None:
        """The comparison that only this block's branch uses."""
        last = block.terminator
        if last.op != "br" or len(last.blocks) != 2 or not isinstance(last.operands[0], ir.Local):
            return None
        name = last.operands[0].name
        for ins in block.instructions:
            if ins.name == name and ins.op in {"icmp", "fcmp"} and self.uses.all[name] == 1:
                simple = ins.word not in {"true", "false"} and not is_wide(ins.operands[0].type)
                return ins if simple else None
        return None

    def _instruction(self, ins: ir.Instruction, *, entry: bool) -> None:
        b = self.b
        if ins.op in _ONE:
            if ins.op == "sext" and self._only_index(ins):
                b.narrow[ins.name] = b.ref(ins.operands[0])
                return
            b.values[ins.name] = [_ONE[ins.op](b, ins)]
        elif ins.op in _MANY:
            b.values[ins.name] = _MANY[ins.op](b, ins)
        elif ins.op == "store":
            memory.lower_store(b, ins)
        elif ins.op == "getelementptr":
            self._gep(ins)
        elif ins.op == "alloca":
            b.values[ins.name] = [memory.lower_alloca(b, ins, entry=entry)]
        elif ins.op == "call":
            self._call(ins)
        elif ins.op in {"extractvalue", "insertvalue"}:
            self._aggregate(ins)
        elif ins.op == "fence":
            b.emit("fence")
        else:
            raise ir.RefusedError(f"instruction {ins.op}")

    def _only_index(self, ins: ir.Instruction) -> bool:
        narrow = ins.source.bits == 32 and ins.type.bits == 64
        return narrow and self.uses.index[ins.name] == self.uses.all[ins.name]

    def _gep(self, ins: ir.Instruction) -> None:
        b = self.b
        address = memory.gep_address(b, ins)
        folds = self.uses.address[ins.name] == self.uses.all[ins.name]
        if folds and (address.index is None or self.uses.all[ins.name] == 1):
            b.addresses[ins.name] = address
        else:
            b.values[ins.name] = [b.materialise(address)]

    def _call(self, ins: ir.Instruction) -> None:
        callee = ins.operands[0]
        if isinstance(callee, ir.Global) and callee.name.startswith("llvm."):
            self.b.values[ins.name] = lower_intrinsic(self.b, ins, callee.name[5:])
        else:
            self.b.values[ins.name] = calls.lower_call(self.b, ins)

    def _aggregate(self, ins: ir.Instruction) -> None:
        b = self.b
        first, last = _leaf_span(ins.operands[0].type, ins.numbers)
        leaves = b.leaves(ins.operands[0])
        if ins.op == "extractvalue":
            b.values[ins.name] = leaves[first:last]
        else:
            b.values[ins.name] = leaves[:first] + b.leaves(ins.operands[1]) + leaves[last:]

    def _terminator(self, at: int, ins: ir.Instruction, fused: ir.Instruction | None) -> list[Ins]:
        b = self.b
        if ins.op == "ret":
            return [self._return(ins)]
        if ins.op == "unreachable":
            return [Ins("trap")]
        if ins.op == "br" and len(ins.blocks) == 1:
            return [self._jump(self.main[at], at, self.successors[at][0], counted=True)]
        if ins.op == "br":
            yes, no = self._target(at, 0), self._target(at, 1)
            branch = self._compare(ins, fused)
            branch.d, branch.e = yes, self.edges[at, 0].counter
            return [branch, Ins("jmp", d=no)]
        if ins.op == "switch":
            wide = is_wide(ins.operands[0].type)
            values = range(len(ins.numbers) + 1) if wide else (0, *ins.numbers)
            cases = [(v, self._target(at, n), self.edges[at, n].counter) for n, v in enumerate(values)]
            value = integers.case_number(b, ins) if wide else b.ref(ins.operands[0])
            return [Ins("switch", value, d=len(cases) - 1, cases=(cases[0], *sorted(cases[1:])))]
        raise ir.RefusedError(f"instruction {ins.op}")

    def _return(self, ins: ir.Instruction) -> Ins:
        b = self.b
        for parameter in self.function.parameters:
            if parameter.sret and isinstance(parameter.operand, ir.Local):
                return Ins("ret1", b.ref(parameter.operand))
        words = slot_words(ins.type, b.leaves(ins.operands[0])) if ins.operands else []
        if len(words) == 1:
            return Ins("ret1", words[0])
        return Ins("ret-n", b=len(words), words=tuple(words)) if words else Ins("ret")

    def _compare(self, ins: ir.Instruction, fused: ir.Instruction | None) -> Ins:
        b = self.b
        if fused is None:
            return Ins("br-nz", b.ref(ins.operands[0]))
        if fused.op == "fcmp":
            parts = floats.float_compare(b, fused)
            assert parts is not None
            return Ins(f"br-{parts[0]}", parts[1], parts[2])
        predicate, left, right = integers.compare_parts(b, fused)
        if isinstance(right, Ref):
            return Ins(f"br-{predicate}", left, right)
        low = -(1 << 15) if predicate[0] == "s" else 0
        if low <= right < 1 << 15:
            return Ins(f"br-{predicate}-i", left, c=right & 0xFFFF)
        return Ins(f"br-{predicate}", left, b.const(right & _width_mask(fused)))

    def _jump(self, block: VBlock, source: int, target: int, *, counted: bool) -> Ins:
        """The jump that ends a block or edge block; phi copies are filled in before it later."""
        self.pending.append((block, source, target))
        label = self.main[target].label
        if (source, target) not in self.closing:
            return Ins("jmp", d=label)
        return Ins("back-e", d=label, e=self.edges[source, 0].counter) if counted else Ins("back", d=label)

    def _target(self, at: int, successor: int) -> str:
        """Where an edge leads: to the block itself, or to an edge block with phi copies and loop counter."""
        target = self.successors[at][successor]
        phis = self.function.blocks[target].instructions[0].op == "phi"
        if not phis and (at, target) not in self.closing:
            return self.main[target].label
        label = f"b{at}>{target}"
        if all(block.label != label for block in self.extra[at]):
            block = VBlock(label)
            block.ending = [self._jump(block, at, target, counted=False)]
            self.extra[at].append(block)
        return label

    def _copies(self, block: VBlock, source: int, target: int) -> None:
        """Fill in the copies for the phis of a target."""
        b = self.b
        b.start(block, in_loop=False)
        b.out = block.copies
        name = self.function.blocks[source].name
        targets: list[Ref] = []
        sources: list[Ref] = []
        constants: list[Ins] = []
        for ins in self.function.blocks[target].instructions:
            if ins.op != "phi":
                break
            operand = ins.operands[ins.blocks.index(name)]
            phi = b.values[ins.name]
            if isinstance(operand, ir.Constant) and phi[0].reg.size == 1:
                constants.append(Ins("const", phi[0], imm=operand.value & MASK64))
                continue
            targets += phi
            sources += b.leaves(operand)
        if targets:
            b.out.append(integers.copy_values(targets, sources))
        block.copies += constants


def _width_mask(fused: ir.Instruction) -> int:
    return (1 << (fused.operands[0].type.bits or 64)) - 1 if fused.word[0] != "s" else MASK64


def _leaf_span(kind: ir.Type, numbers: tuple[int, ...]) -> tuple[int, int]:
    """Which leaves of an aggregate the indices name: first, and behind the last."""
    first = 0
    for number in numbers:
        members = kind.members if kind.kind == "struct" else kind.members * kind.count
        first += sum(len(leaf_types(member)) for member in members[:number])
        kind = members[number]
    return first, first + len(leaf_types(kind))


def _reverse_postorder(successors: list[list[int]]) -> list[int]:
    order: list[int] = []
    seen = {0}
    stack = [(0, iter(successors[0]))]
    while stack:
        block, rest = stack[-1]
        for target in rest:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(successors[target])))
                break
        else:
            order.append(block)
            stack.pop()
    return order[::-1]


def _loop_blocks(successors: list[list[int]], closing: set[tuple[int, int]]) -> set[int]:
    """The blocks that are part of any loop."""
    before: list[list[int]] = [[] for _ in successors]
    for block, targets in enumerate(successors):
        for target in targets:
            before[target].append(block)
    found: set[int] = set()
    for latch, header in closing:
        body = {header}
        work = [latch]
        while work:
            block = work.pop()
            if block not in body:
                body.add(block)
                work += before[block]
        found |= body
    return found
