"""Counters into a module: how often each branch went where, how often each function was called, with what.

Text in, text out. The counters are one array and the value tables another, in the module itself; the training
runtime (runtime/trials/train.c) writes both out when the program ends, and `decode` makes a profile of them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bareflow.compile.cfg import FunctionText, Terminator, find_functions
from bareflow.compile.indirect import Through, address_taken, find_through, named
from bareflow.compile.sites import Site, find_sites
from bareflow.profile.values import UNKNOWN_DIGEST, ArgumentValues, FunctionProfile, Profile

SLOTS = 8  # values that a table holds; runtime/trials/train.c has the same number
TABLE = struct.Struct(f"<{SLOTS}Q{SLOTS}QQQ")  # values, counts, calls with any other value, what the runtime keeps
PREFIX = "bareflow.train"
# What a table saw most is counted where it is seen; the runtime looks at the rest of the table.
_SEEN = f"""\
define internal void @{PREFIX}.value(ptr %table, i64 %value) alwaysinline nounwind {{
  %first = load i64, ptr %table, align 8
  %same = icmp eq i64 %first, %value
  %at = getelementptr i64, ptr %table, i64 {SLOTS}
  %count = load i64, ptr %at, align 8
  %any = icmp ne i64 %count, 0
  %known = and i1 %same, %any
  br i1 %known, label %add, label %look
add:
  %more = add i64 %count, 1
  store i64 %more, ptr %at, align 8
  ret void
look:
  call void @bareflow_train_value(ptr %table, i64 %value)
  ret void
}}""".splitlines()
_INTEGER = re.compile(r"i(\d+)$")


@dataclass(frozen=True)
class Plan:
    """Where a function's counters and tables are: indices of the first ones, and what has a table, in order."""

    function: FunctionText
    counter: int
    table: int
    arguments: tuple[int, ...]
    sites: tuple[Site, ...]
    through: tuple[Through, ...]


@dataclass(frozen=True)
class Instrumented:
    """An instrumented module.

    Args:
        text: IR that counts.
        plans: by function.
        counters: 64-bit counters in all.
        tables: value tables in all.
        pointed: functions whose addresses follow the counters.
    """

    text: str
    plans: Mapping[str, Plan]
    counters: int
    tables: int
    pointed: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that the runtime writes."""
        return 8 * (self.counters + len(self.pointed)) + TABLE.size * self.tables


def width(kind: str) -> int | None:
    """Bits of an integer type that is counted; None for any other."""
    match = _INTEGER.match(kind)
    return int(match[1]) if match and int(match[1]) <= 64 else None


def instrument(text: str) -> Instrumented:
    """Put counters into every function of a module."""
    lines = text.splitlines()
    counters = tables = 0
    plans: dict[str, Plan] = {}
    functions = find_functions(lines)
    pointed = address_taken(lines, functions)
    for name, function in functions.items():
        counted = tuple(at for at, p in enumerate(function.parameters) if width(p.type) and p.name)
        sites = find_sites(lines, function)
        through = find_through(lines, function) if pointed else ()
        plans[name] = Plan(function, counters, tables, counted, sites, through)
        counters += 1 + function.edge_count
        tables += len(counted) + len(sites) + len(through)
    added: dict[int, list[str]] = {}
    cases: list[str] = []
    for plan in plans.values():
        _count_entry(plan, added)
        _count_sites(plan, added)
        _count_through(plan, added)
        for counter in plan.function.counters:
            end = plan.function.blocks[counter.block].terminator
            code = _count_edge(end, plan.counter + 1 + counter.first, cases)
            added.setdefault(end.first, []).extend(code)
    out: list[str] = []
    for at, line in enumerate(lines):
        out += added.get(at, [])
        out.append(line)
    out += _globals(counters, tables, cases, [functions[name].symbol for name in pointed])
    return Instrumented("\n".join(out) + "\n", plans, counters, tables, pointed)


def _globals(counters: int, tables: int, cases: list[str], pointed: list[str]) -> list[str]:
    kind = f"{{ [{counters} x i64], [{len(pointed)} x ptr] }}"
    first = f"[{counters} x i64] zeroinitializer, "
    second = f"[{len(pointed)} x ptr] [{', '.join(f'ptr {symbol}' for symbol in pointed)}]"
    return [
        f"@{PREFIX}.counters = dso_local global {kind} {{ {first}{second} }}, align 64",
        f"@{PREFIX}.tables = dso_local global [{max(tables, 1) * (TABLE.size // 8)} x i64] zeroinitializer, align 64",
        f"@bareflow_train_counters = dso_local constant ptr @{PREFIX}.counters",
        f"@bareflow_train_counters_size = dso_local constant i64 {8 * (counters + len(pointed))}",
        f"@bareflow_train_tables = dso_local constant ptr @{PREFIX}.tables",
        f"@bareflow_train_tables_size = dso_local constant i64 {TABLE.size * tables}",
        "declare void @bareflow_train_value(ptr, i64)",
        *_SEEN,
        "declare void @bareflow_train_switch(ptr, i64, ptr, i64)",
        *cases,
    ]


def _address(index: int) -> str:
    return f"getelementptr (i64, ptr @{PREFIX}.counters, i64 {index})"


def _increment(name: str, pointer: str) -> list[str]:
    return [
        f"  %{name}.old = load i64, ptr {pointer}, align 8",
        f"  %{name}.new = add i64 %{name}.old, 1",
        f"  store i64 %{name}.new, ptr {pointer}, align 8",
    ]


def _count_entry(plan: Plan, added: dict[int, list[str]]) -> None:
    code = _increment(f"{PREFIX}.entry", _address(plan.counter))
    for number, argument in enumerate(plan.arguments):
        parameter = plan.function.parameters[argument]
        code += _count_value(f"arg{argument}", parameter.type, parameter.name, plan.table + number)
    added.setdefault(plan.function.blocks[0].first, []).extend(code)


def _count_value(name: str, kind: str, value: str, table: int) -> list[str]:
    code = []
    if width(kind) != 64:
        code.append(f"  %{PREFIX}.{name} = zext {kind} {value} to i64")
        value = f"%{PREFIX}.{name}"
    place = f"getelementptr (i8, ptr @{PREFIX}.tables, i64 {table * TABLE.size})"
    return [*code, f"  call void @{PREFIX}.value(ptr {place}, i64 {value})"]


def _count_sites(plan: Plan, added: dict[int, list[str]]) -> None:
    """Behind each site, which is before the line that follows it."""
    first = plan.table + len(plan.arguments)
    for at, site in enumerate(plan.sites):
        code = _count_value(f"site{site.number}", site.type, site.value, first + at)
        added.setdefault(site.line + 1, []).extend(code)


def _count_through(plan: Plan, added: dict[int, list[str]]) -> None:
    """Before each call through a pointer."""
    first = plan.table + len(plan.arguments) + len(plan.sites)
    for at, call in enumerate(plan.through):
        value = f"%{PREFIX}.through{call.number}"
        code = [f"  {value} = ptrtoint ptr {call.pointer} to i64"]
        added.setdefault(call.line, []).extend(code + _count_value("", "i64", value, first + at))


def _count_edge(end: Terminator, index: int, cases: list[str]) -> list[str]:
    name = f"{PREFIX}.{index}"
    if end.kind == "jump":
        return _increment(name, _address(index))
    if end.kind == "br":
        chosen = [
            f"  %{name}.index = select i1 {end.operand}, i64 {index}, i64 {index + 1}",
            f"  %{name}.at = getelementptr i64, ptr @{PREFIX}.counters, i64 %{name}.index",
        ]
        return chosen + _increment(name, f"%{name}.at")
    bits = width(end.type)
    if bits is None:
        return []
    values = ", ".join(f"i64 {case & (1 << bits) - 1}" for case in end.cases)
    body = f"[{values}]" if end.cases else "zeroinitializer"
    cases.append(f"@{name}.cases = internal constant [{len(end.cases)} x i64] {body}")
    code = [] if bits == 64 else [f"  %{name}.wide = zext {end.type} {end.operand} to i64"]
    value = end.operand if bits == 64 else f"%{name}.wide"
    call = f"ptr {_address(index)}, i64 {value}, ptr @{name}.cases, i64 {len(end.cases)}"
    return [*code, f"  call void @bareflow_train_switch({call})"]


def decode(data: bytes, program: Instrumented, digests: Mapping[str, str]) -> Profile:
    """The profile in what the training runtime wrote.

    Args:
        data: exactly `program.size` bytes.
        program: what ran.
        digests: of the functions' bodies, where known.
    """
    counters = struct.unpack_from(f"<{program.counters}Q", data)
    addresses = struct.unpack_from(f"<{len(program.pointed)}Q", data, 8 * program.counters)
    names = dict(zip(addresses, map(named, program.pointed), strict=True))
    tables = [
        ArgumentValues({v: n for v, n in zip(row[:SLOTS], row[SLOTS:], strict=False) if n}, row[2 * SLOTS])
        for row in TABLE.iter_unpack(data[8 * (program.counters + len(program.pointed)) : program.size])
    ]
    functions = [
        _function(plan, counters, tables, names, digests.get(name, UNKNOWN_DIGEST))
        for name, plan in program.plans.items()
    ]
    return Profile({function.key: function for function in functions}, boots=1)


def _function(
    plan: Plan, counters: Sequence[int], tables: Sequence[ArgumentValues], names: Mapping[int, int], digest: str
) -> FunctionProfile:
    branches: dict[int, tuple[int, ...]] = {}
    loops = 0
    for counter in plan.function.counters:
        first = plan.counter + 1 + counter.first
        taken = tuple(counters[first : first + counter.count])
        targets = plan.function.blocks[counter.block].terminator.targets
        loops += sum(n for n, to in zip(taken, targets, strict=True) if (counter.block, to) in plan.function.back_edges)
        if any(taken):
            branches[counter.first] = taken
    values = {argument: tables[plan.table + at] for at, argument in enumerate(plan.arguments)}
    first = plan.table + len(plan.arguments)
    sites = {site.number: tables[first + at] for at, site in enumerate(plan.sites)}
    first += len(plan.sites)
    for at, call in enumerate(plan.through):
        seen = tables[first + at].counts
        known = {names[address]: count for address, count in seen.items() if address in names}
        sites[call.number] = ArgumentValues(known, tables[first + at].total - sum(known.values()))
    return FunctionProfile(
        plan.function.name,
        digest,
        calls=counters[plan.counter],
        back_edges=loops,
        branches=branches,
        values={argument: seen for argument, seen in values.items() if seen.total},
        sites={number: seen for number, seen in sites.items() if seen.total},
    )
