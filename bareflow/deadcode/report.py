"""What `deadcode` says: plain data for JSON, tables and lines for people. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from bareflow.deadcode.jit import StaticJit
from bareflow.deadcode.library import Library
from bareflow.deadcode.measure import Executed


def describe_llvm(library: Library, executed: Executed | None, jit: StaticJit, reason: str = "") -> dict[str, Any]:
    """LLVM's part of the document.

    Args:
        library: llvmlite's.
        executed: what a growth ran of it; None where that could not be measured.
        jit: the static compiler.
        reason: why nothing was measured.
    """
    return {
        "library": library.path.name,
        "size_bytes": library.size_bytes,
        "functions": len(library.sizes),
        "code_bytes": library.code_bytes,
        "functions_from": library.source,
        "exported": len(library.exported),
        "imported": len(library.imported),
        "initialisers": library.initialisers,
        "executed": None
        if executed is None
        else {
            "workload": executed.workload,
            "functions": executed.functions,
            "code_bytes": executed.code_bytes,
            "calls": list(executed.calls),
            "calls_used": len(executed.calls),
            "processes": executed.processes,
        },
        "executed_reason": reason,
        "static_jit": {"llvm": jit.llvm or None, "bytes": jit.size_bytes or None, "reason": jit.reason},
    }


def functions_table(facts: dict[str, Any]) -> Table:
    """A row a function: calls, what became of it, its bytes."""
    table = Table(title=f"functions of {facts['name']}, runs in the profile: {facts['boots']}", title_justify="left")
    table.add_column("function", overflow="fold")
    table.add_column("calls", justify="right")
    table.add_column("frozen")
    table.add_column("bytes", justify="right")
    for one in sorted(facts["functions"], key=lambda f: (-(f["calls"] or 0), f["use"], f["name"])):
        calls = "not in the profile" if one["calls"] is None else f"{one['calls']:,}" if one["calls"] else "never"
        size = f"{one['bytes']:,}" if one["bytes"] else ""
        table.add_row(Text(one["name"]), calls, one["place"], size)
    return table


def workload_lines(facts: dict[str, Any]) -> Iterator[str]:
    """The workload in numbers."""
    counts = {key: len(facts[key]) for key in ("called", "never_called", "removed", "cold", "left_out")}
    yield (
        f"{counts['called']} of {len(facts['functions'])} functions were called, {counts['never_called']} never; "
        f"freezing removed {counts['removed']} (inlined, or nothing reaches them) and moved {counts['cold']} to the "
        "cold end"
    )
    size = facts["bytes"]
    yield f"frozen code: {size['hot']:,} bytes hot, {size['cold']:,} cold; snapshot {size['snapshot']:,}"
    library = facts["c_library"]
    yield (
        f"of the C library, which offers {library['names']:,} names, {library['functions']} functions are in it: "
        f"{library['bytes']:,} bytes"
    )
    if counts["left_out"]:
        yield f"{counts['left_out']} were left out, which saves {size['saved_by_leaving_out']:,} bytes"


def llvm_table(facts: dict[str, Any]) -> Table:
    """LLVM: what there is, what a growth ran."""
    table = Table(title=f"LLVM: {facts['library']}, {facts['size_bytes']:,} bytes", title_justify="left")
    table.add_column("")
    for heading in ("functions", "bytes of code"):
        table.add_column(heading, justify="right")
    table.add_row("in the library", f"{facts['functions']:,}", f"{facts['code_bytes']:,}")
    ran = facts["executed"]
    if ran:
        share = f"{ran['code_bytes']:,} ({ran['code_bytes'] / facts['code_bytes']:.1%})"
        many = f"{ran['functions']:,} ({ran['functions'] / facts['functions']:.1%})"
        table.add_row(f"executed by growing {ran['workload']}", many, share)
        table.add_row("offered to programs", f"{facts['exported']:,}", "")
        table.add_row("of these called by us", f"{ran['calls_used']:,}", "")
    return table


def llvm_lines(facts: dict[str, Any]) -> Iterator[str]:
    """Where LLVM's figures come from, and what a smaller one would take."""
    yield f"functions and bytes as in its {facts['functions_from']}; it imports {facts['imported']} symbols"
    if facts["executed_reason"]:
        yield f"what a growth executes was not measured: {facts['executed_reason']}"
    jit = facts["static_jit"]
    if jit["bytes"]:
        yield f"a static X86-only JIT of LLVM {jit['llvm']}, O3 pipeline included, stripped: {jit['bytes']:,} bytes"
    else:
        yield f"a static X86-only JIT was not measured: {jit['reason']}"
