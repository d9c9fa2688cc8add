"""Which system calls a linked x86-64 program can make: the numbers that reach its `syscall` instructions.

Constants are followed through a function's own jumps, in the register that takes the number: eax, or the first
argument's where libc is called with a number (`CALLERS`). What cannot be followed is told as such. Linux's ABI:
System V psABI for x86-64, A.2.1.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import capstone
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

EXECUTABLE = 4  # SHF_EXECINSTR
SYSCALL = b"\x0f\x05"
CALLERS = ("syscall", "__syscall_cp", "__syscall_cp_c", "__syscall_cp_asm", "sccp")
"""Functions of musl whose caller passes the number as the first argument."""
LARGEST_NUMBER = 1023
PASSES = 50  # until nothing changes, which it soon does not
RAX = (capstone.x86.X86_REG_RAX, capstone.x86.X86_REG_EAX)
RDI = (capstone.x86.X86_REG_RDI, capstone.x86.X86_REG_EDI)

Numbers = frozenset[int] | None  # what a register may hold; none: anything. The empty set: not reached yet
State = tuple[Numbers, Numbers]  # of eax and edi
NOT_REACHED: State = (frozenset(), frozenset())
ANYTHING: State = (None, None)


@dataclass
class SystemCalls:
    """What was found.

    Attributes:
        numbers: the calls, and the functions that make each.
        unknown: functions that make a call whose number could not be followed.
    """

    numbers: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    unknown: set[str] = field(default_factory=set)

    def add(self, function: str, found: Numbers) -> None:
        """Note a call with any of these numbers; one that nothing reaches adds nothing."""
        if found is None or any(not 0 <= number <= LARGEST_NUMBER for number in found):
            self.unknown.add(function)
        for number in found or ():
            self.numbers[number].add(function)


def system_calls(elf: bytes) -> SystemCalls:
    """Look through every function of a program.

    Args:
        elf: linked, with its symbols.
    """
    file = ELFFile(BytesIO(elf))
    code = [(int(s["sh_addr"]), s.data()) for s in file.iter_sections() if s["sh_flags"] & EXECUTABLE]
    symbols = _functions(file)
    starts = sorted(symbols)
    takers = {address for address, name in symbols.items() if name in CALLERS}
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    disassembler.detail = True
    found = SystemCalls()
    for base, data in code:
        inside = [start for start in starts if base <= start < base + len(data)] or [base]
        for start, end in zip(inside, [*inside[1:], base + len(data)], strict=True):
            body = data[start - base : end - base]
            if SYSCALL in body or _calls_any(body, start, takers):
                name = symbols.get(start, "")
                _look_through(list(disassembler.disasm(body, start)), name, takers, found)
    return found


def _functions(file: ELFFile) -> dict[int, str]:
    """Names by address; where several names share one, one that takes a number is preferred."""
    table = file.get_section_by_name(".symtab")
    found: dict[int, str] = {}
    if isinstance(table, SymbolTableSection):
        for symbol in table.iter_symbols():
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF":
                address = int(symbol["st_value"])
                if address not in found or symbol.name in CALLERS:
                    found[address] = symbol.name
    return found


def _calls_any(body: bytes, start: int, targets: set[int]) -> bool:
    """Whether bytes look like a call or a jump to one of the targets."""
    for opcode, size in ((b"\xe8", 4), (b"\xe9", 4), (b"\xeb", 1)) if targets else ():
        at = body.find(opcode)
        while 0 <= at < len(body) - size:
            behind = at + 1 + size
            if start + behind + int.from_bytes(body[at + 1 : behind], "little", signed=True) in targets:
                return True
            at = body.find(opcode, at + 1)
    return False


def _look_through(instructions: list[Any], name: str, takers: set[int], found: SystemCalls) -> None:
    """Follow the two registers to the function's calls; in libc's own takers of numbers nothing can be followed."""
    incoming: dict[int, State] = {}
    if instructions:
        incoming[instructions[0].address] = ANYTHING
    for _ in range(PASSES):
        before = dict(incoming)
        seen = _pass(instructions, takers, incoming)
        if incoming == before:
            break
    else:
        found.unknown.add(name)
    for eax in seen:
        if name not in CALLERS or eax is not None:
            found.add(name, eax)


def _pass(instructions: list[Any], takers: set[int], incoming: dict[int, State]) -> list[Numbers]:
    """Walk once in order; what each call's number may be. `incoming` grows by the states at jumps."""
    seen: list[Numbers] = []
    state, pushed, goes_on = NOT_REACHED, None, True
    for at in instructions:
        known = incoming.get(at.address, NOT_REACHED if goes_on else ANYTHING)  # a table of jumps may lead anywhere
        state = _merge(state, known) if goes_on else known
        goes_on = not (at.mnemonic == "jmp" or at.group(capstone.CS_GRP_RET))
        if at.mnemonic == "syscall":
            seen.append(state[0])
            state = (None, state[1])
        elif at.group(capstone.CS_GRP_CALL) or at.group(capstone.CS_GRP_JUMP):
            target = _target(at)
            if target in takers:  # a tail call is a jump
                seen.append(state[1])
            elif target is not None and at.group(capstone.CS_GRP_JUMP):
                incoming[target] = _merge(incoming.get(target, NOT_REACHED), state)
            state = ANYTHING if at.group(capstone.CS_GRP_CALL) else state
        else:
            state = (_written(at, RAX, state[0], pushed), _written(at, RDI, state[1], pushed))
        pushed = at.operands[0].imm if at.mnemonic == "push" and at.operands[0].type == capstone.CS_OP_IMM else None
    return seen


def _target(instruction: Any) -> int | None:
    operand = instruction.operands[0] if instruction.operands else None
    return int(operand.imm) if operand is not None and operand.type == capstone.CS_OP_IMM else None


def _merge(one: State, other: State) -> State:
    def join(a: Numbers, b: Numbers) -> Numbers:
        return None if a is None or b is None else a | b

    return join(one[0], other[0]), join(one[1], other[1])


def _written(at: Any, register: tuple[int, int], value: Numbers, pushed: int | None) -> Numbers:
    """What a register may hold behind an instruction."""
    if not any(at.reg_name(number) in _PARTS[register] for number in at.regs_access()[1]):
        return value
    first = at.operands[0] if at.operands else None
    if first is None or first.type != capstone.CS_OP_REG or first.reg not in register:
        return None
    last = at.operands[-1]
    if at.mnemonic == "mov" and last.type == capstone.CS_OP_IMM:
        return frozenset({int(last.imm)})
    if at.mnemonic == "xor" and last.type == capstone.CS_OP_REG and last.reg == first.reg:
        return frozenset({0})
    if at.mnemonic == "pop" and pushed is not None:
        return frozenset({int(pushed)})
    return None


_PARTS = {RAX: frozenset({"rax", "eax", "ax", "al", "ah"}), RDI: frozenset({"rdi", "edi", "di", "dil"})}
