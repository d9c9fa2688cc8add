"""Why a snapshot is as it is: what freezing kept beside the ELF file of the same build id, on this machine.

It is not in the snapshot: names and reasons would be paid for in payload by machines that never read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from bareflow.snapshot.contents import Snapshot
from bareflow.toolchain import cache_dir


def evidence_of(snapshot: Snapshot) -> dict[str, Any] | None:
    """The evidence: `special` (each clone and version), `choice` in words, `gain`; None where there is none.

    Returns:
        special: as bareflow.trials.evidence.special_cases says. choice: what differs from plain O3. gain: the
        program's time to that of clang's code, median and interval; None: not measured, or no faster.
    """
    path = cache_dir() / "elf" / f"{snapshot.contents.build_id.hex()}.json"
    try:
        known = json.loads(path.read_bytes())
        choice, special = known["choice"]["describe"], known["special"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {"special": special, "choice": choice, "gain": known.get("gain")}


def special_table(evidence: Mapping[str, Any]) -> Table | None:
    """The table of what was specialised; None: nothing."""
    if not evidence["special"]:
        return None
    table = Table(title="Specialised", title_justify="left")
    table.add_column("function", overflow="fold")
    table.add_column("as", no_wrap=True)
    table.add_column("while", overflow="fold")
    for heading in ("held in", "of", "time", "else"):
        table.add_column(heading, justify="right")
    for case in evidence["special"]:
        held = "" if case["share"] is None else f"{100 * case['share']:.4g} %"
        times = ("" if case[key] is None else f"{case[key]:.3f}" for key in ("gain", "miss"))
        values = Text(" and ".join(case["values"]))
        table.add_row(Text(case["function"]), case["kind"], values, held, f"{case['total']:,}", *times)
    return table
