"""A guest's CPU exception, made readable: which one, why, where, and who called.

Exceptions and error codes: Intel SDM volume 3, 6.13 and 6.15.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bareflow.layouts.memmap import MEMMAP
from bareflow.layouts.wire import TRAP_RECORD
from bareflow.machine.codemap import CodeMap
from bareflow.machine.registers import GENERAL, register_lines
from bareflow.machine.unwind import RawFrame, StackWords, unwind, words_from

_MEMORY = {constant.name: constant.value for constant in MEMMAP.constants}
PAGE = 4096
STACK_REACH = 1 << 30  # bytes below the top of the workload's stack in which a fault is the stack's
NEAR = 1 << 16  # bytes: a fault this close to the stack pointer was a push or a local variable

EXCEPTIONS: Mapping[int, tuple[str, str]] = {
    0: ("#DE", "divide error"),
    1: ("#DB", "debug"),
    2: ("NMI", "non-maskable interrupt"),
    3: ("#BP", "breakpoint"),
    4: ("#OF", "overflow"),
    5: ("#BR", "bound range exceeded"),
    6: ("#UD", "invalid opcode"),
    7: ("#NM", "no FPU"),
    8: ("#DF", "double fault"),
    10: ("#TS", "invalid TSS"),
    11: ("#NP", "segment not present"),
    12: ("#SS", "stack segment fault"),
    13: ("#GP", "general protection"),
    14: ("#PF", "page fault"),
    16: ("#MF", "x87 floating point"),
    17: ("#AC", "alignment check"),
    18: ("#MC", "machine check"),
    19: ("#XM", "SIMD floating point"),
    20: ("#VE", "virtualization"),
    21: ("#CP", "control protection"),
}
BREAKPOINT, DOUBLE_FAULT, STACK_FAULT, GENERAL_PROTECTION, PAGE_FAULT = 3, 8, 12, 13, 14
_PRESENT, _WRITE, _RESERVED, _FETCH = 1, 2, 8, 16


@dataclass(frozen=True)
class StackFrame:
    """One line of a backtrace.

    Args:
        address: in the function: of the instruction, or of the one after the call.
        function: its name; empty if unknown.
        offset: bytes from the function's start.
        module: "workload", "kernel" or empty.
        tier: how it was compiled, where known.
        certain: whether the unwind tables say so; otherwise it only looks like a return address.
    """

    address: int
    function: str
    offset: int
    module: str
    tier: str
    certain: bool

    def line(self) -> str:
        """For people."""
        name = f"{self.function}+{self.offset:#x}" if self.function else "(unknown)"
        origin = ", ".join(part for part in (self.module, self.tier) if part)
        return f"{' ' if self.certain else '?'} {self.address:#018x}  {name}{f'  [{origin}]' if origin else ''}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the address is hexadecimal text, as it may exceed what JSON readers keep exactly."""
        return {**asdict(self), "address": f"{self.address:#x}"}


def backtrace_lines(frames: Sequence[StackFrame]) -> list[str]:
    """For people: one line a frame, innermost first."""
    lines = ["backtrace:", *(f"  {frame.line()}" for frame in frames)]
    if any(not frame.certain for frame in frames):
        lines.append("  (? = a return address found on the stack; it may be left over from an earlier call)")
    return lines


@dataclass(frozen=True)
class TrapReport:
    """A CPU exception that nobody handled.

    Args:
        vector: its number.
        error_code: as pushed by the CPU.
        registers: rax … r15, rip, rflags, cr2, cr3.
        stack: words from rsp upwards.
        frames: the backtrace, innermost first; empty until `with_backtrace`.
    """

    vector: int
    error_code: int
    registers: Mapping[str, int]
    stack: StackWords
    frames: tuple[StackFrame, ...] = ()

    @property
    def name(self) -> str:
        """For instance "page fault (#PF)"."""
        mnemonic, words = EXCEPTIONS.get(self.vector, (f"#{self.vector}", "exception"))
        return f"{words} ({mnemonic})"

    @property
    def cause(self) -> str:
        """What it means in a program, as far as the CPU tells; one of a few known words, or empty."""
        return _cause(self)

    def summary(self) -> str:
        """One sentence."""
        cause = f": {self.cause}" if self.cause else ""
        return f"{self.name} at {self.registers['rip']:#x}{self._where()}{cause}"

    def _where(self) -> str:
        first = self.frames[0] if self.frames else None
        return f" in {first.function}+{first.offset:#x}" if first and first.function else ""

    def lines(self) -> list[str]:
        """For people, below the sentence: the registers and the backtrace."""
        return [*register_lines(self.registers), *backtrace_lines(self.frames)]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; addresses are hexadecimal text, as they exceed what JSON readers keep exactly."""
        return {
            "vector": self.vector,
            "name": self.name,
            "cause": self.cause,
            "error_code": self.error_code,
            "registers": {name: f"{value:#x}" for name, value in self.registers.items()},
            "backtrace": [frame.as_dict() for frame in self.frames],
        }


def decode_trap(payload: bytes, before: TrapReport | None = None) -> TrapReport | None:
    """Decode a trap frame's payload; `before` is what the frames before it have told.

    Returns:
        the report with this frame's words of the stack; `before` where they do not follow those that it has.
    """
    if len(payload) < TRAP_RECORD.size:
        return before
    record = TRAP_RECORD.decode(payload)
    words = words_from(payload[TRAP_RECORD.size :])[: record["stack_words"]]
    if before is not None:
        if record["stack_first"] != len(before.stack.words):
            return before
        return replace(before, stack=StackWords(before.stack.base, (*before.stack.words, *words)))
    registers = dict(zip(GENERAL, record["registers"], strict=True))
    registers |= {name: record[name] for name in ("rip", "rflags", "cr2", "cr3")}
    words = words if record["stack_first"] == 0 else ()  # the first frame was lost
    return TrapReport(record["vector"], record["error_code"], registers, StackWords(registers["rsp"] & -8, words))


def with_backtrace(trap: TrapReport, code: CodeMap) -> TrapReport:
    """The same report with its frames found and named."""
    return replace(trap, frames=backtrace(trap.registers, trap.stack, code))


def backtrace(registers: Mapping[str, int], stack: StackWords, code: CodeMap) -> tuple[StackFrame, ...]:
    """Where a CPU was and who called, innermost first, named as far as the code is known."""
    return tuple(_frame(raw, code, innermost=index == 0) for index, raw in enumerate(unwind(registers, stack, code)))


def _frame(raw: RawFrame, code: CodeMap, *, innermost: bool) -> StackFrame:
    # A call may be its function's last instruction: look up the call, not what follows it.
    symbol = code.find(raw.address - (0 if innermost else 1))
    if symbol is None:
        return StackFrame(raw.address, "", 0, "", "", raw.certain)
    offset = raw.address - symbol.address
    return StackFrame(raw.address, symbol.name, offset, symbol.module, symbol.tier, raw.certain)


def _cause(trap: TrapReport) -> str:
    if trap.vector == PAGE_FAULT:
        return _page_fault_cause(trap)
    if trap.vector == BREAKPOINT and trap.frames and not trap.frames[0].tier:  # not the workload's own function
        return "the C library stops where it cannot go on: a local array was overrun, or a text does not fit"
    if trap.vector == DOUBLE_FAULT:
        return "stack overflow" if _on_stack(trap) else "a fault while another was being delivered"
    if trap.vector in (GENERAL_PROTECTION, STACK_FAULT) and trap.error_code == 0:
        return "a non-canonical address, a misaligned vector access or a privileged instruction"
    return ""


def _page_fault_cause(trap: TrapReport) -> str:
    address, code = trap.registers["cr2"], trap.error_code
    if code & _RESERVED:
        return f"the page tables are damaged at {address:#x}"
    if code & _FETCH:
        known = "memory that is not executable" if code & _PRESENT else "an address where nothing is"
        return f"null pointer called ({address:#x})" if address < PAGE else f"executed {known}, at {address:#x}"
    verb = "wrote to" if code & _WRITE else "read from"
    if address < PAGE:
        return f"null pointer: {verb} {address:#x}"
    if code & _PRESENT and code & _WRITE:
        return f"wrote to read-only memory at {address:#x}"
    if _on_stack(trap):
        return f"stack overflow: {verb} {address:#x}, below the stack"
    return f"{verb} {address:#x}, where nothing is"


def _on_stack(trap: TrapReport) -> bool:
    """Whether the faulting address is where a workload's stack would grow to."""
    address, top = trap.registers["cr2"], _MEMORY["MEM_STACK_TOP"]
    return top - STACK_REACH <= address < top or abs(address - trap.registers["rsp"]) < NEAR
