"""Makes the assembly that stands before every growing function: stubs, slots, and the tables of the agent.

    f:       subq $1, counter     js → bf_slow      jmp *target
    f.self:  subq $1, self_counter …                jmp *target

The stub has the function's own name, so that whoever calls it or takes its address means it at every tier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bareflow.layouts.growth import FUNCTION_STATS, GROWTH_PROGRAM, MAGIC, SLOT, TIER_TIMES, TIERS, VERSION
from bareflow.layouts.snapshot import TIER

NEVER = 0xFFFFFFFFFFFFFFFF
DEFAULT_THRESHOLDS = {"interp": 100, "O0": 100, "O1": 1000, "O2": 10000}
ARENA_HINT = 0x20000000
ARENA_SIZE = 16 << 20
NOTHING = "bf_nothing"

_HEAD = """\
# Generated for one program: stubs, slots and the agent's tables.
#include "bareflow/gen/growth.h"
        .intel_syntax noprefix
        .text
"""

_STUB = """\
        .p2align 4
        .globl "{name}"
        .type "{name}", @function
"{name}":
        sub qword ptr bf_slots[rip + {slot} + {counter}], 1
        js 1f
        jmp qword ptr bf_slots[rip + {slot}]
1:      mov r11d, {index}
        jmp bf_slow
        .size "{name}", . - "{name}"
"""


@dataclass(frozen=True)
class Slot:
    """One growing function.

    Args:
        symbol: the name of its stub.
        self_entry: the name of its entry for calls to itself; empty: it has none.
        target: symbol of the code that runs it at first.
        tier: the tier of that code.
    """

    symbol: str
    self_entry: str
    target: str
    tier: str


@dataclass(frozen=True)
class GrowthOptions:
    """What the agent of a base is told.

    Args:
        thresholds: calls at which a function has earned to leave a tier; a tier without one is never left.
        tick_us: microseconds between ticks.
        arena_size: bytes of the code cache.
        sample_cycles: TSC ticks between two timed calls of a function.
    """

    thresholds: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_THRESHOLDS))
    tick_us: int = 1000
    arena_size: int = ARENA_SIZE
    sample_cycles: int = 1 << 22


def threshold_table(thresholds: Mapping[str, int]) -> tuple[int, ...]:
    """By tier number: calls at which a function has earned the next tier."""
    table = [NEVER] * TIERS
    for tier, calls in thresholds.items():
        table[TIER[tier]] = calls
    return tuple(table)


def slots_source(
    slots: Sequence[Slot],
    *,
    aliases: Iterable[tuple[str, str]] = (),
    options: GrowthOptions,
    build_id: bytes = bytes(16),
) -> str:
    """Preprocessed assembly for a program's base.

    Args:
        slots: in the order of their indices.
        aliases: second names of stubs: (name, symbol).
        options: what the agent is told.
        build_id: 16 bytes that name the base.
    """
    table = threshold_table(options.thresholds)
    parts = [_HEAD]
    for index, slot in enumerate(slots):
        parts.append(_stub(slot.symbol, index, "counter", f"{index}"))
        if slot.self_entry:
            parts.append(_stub(slot.self_entry, index, "self_counter", f"{index} + GROWTH_SELF"))
    parts.append(_stub("bf_calibrate", len(slots), "counter", f"{len(slots)}"))
    parts.append(f"{NOTHING}:\n        ret\n")
    parts += [f'        .globl "{name}"\n        .set "{name}", "{symbol}"\n' for name, symbol in aliases]
    parts.append(_table("bf_slots", "d", len(slots) + 1))
    parts += [_quads([f'"{slot.target}"', "0", "0", f"{TIER[slot.tier]}"]) for slot in slots]
    parts.append(_quads([NOTHING, "0", "0", "0"]))
    parts.append(_table("bf_stats", "d", len(slots) + 1))
    parts += [_stats(table[TIER[slot.tier]]) for slot in slots]
    parts.append(_stats(NEVER))
    parts.append(_table("bf_times", "b", len(slots) + 1))
    parts.append(f"        .skip {(len(slots) + 1) * TIERS * TIER_TIMES.size}\n")
    parts.append(_program(len(slots), table, build_id, options))
    parts.append('        .section .note.GNU-stack, "", @progbits\n')
    return "".join(parts)


def _stub(name: str, index: int, counter: str, number: str) -> str:
    return _STUB.format(name=name, slot=index * SLOT.size, counter=SLOT.offsets[counter], index=number)


def _table(name: str, kind: str, count: int) -> str:
    section = {"d": ".data", "b": ".bss"}[kind]
    return f"        {section}\n        .p2align 6\n        .globl {name}\n{name}:  # {count} entries\n"


def _quads(values: Sequence[str]) -> str:
    return f"        .quad {', '.join(values)}\n"


def _stats(threshold: int) -> str:
    """A function_stats that is all zeros but for its threshold."""
    at = FUNCTION_STATS.offsets["threshold"]
    return f"        .skip {at}\n        .quad {threshold:#x}\n        .skip {FUNCTION_STATS.size - at - 8}\n"


def _program(functions: int, table: Sequence[int], build_id: bytes, options: GrowthOptions) -> str:
    record = GROWTH_PROGRAM.encode(
        magic=MAGIC,
        version=VERSION,
        functions=functions,
        tick_us=options.tick_us,
        arena_hint=ARENA_HINT,
        arena_size=options.arena_size,
        sample_cycles=options.sample_cycles,
        thresholds=table,
        build_id=build_id,
    )
    octets = ", ".join(f"{byte:#04x}" for byte in record)
    return (
        "        .section .rodata\n        .p2align 4\n        .globl bf_program\n"
        f"bf_program:\n        .byte {octets}\n"
    )
