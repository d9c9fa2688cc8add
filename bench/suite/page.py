"""A bench result (the JSON of `./inv bench --json`) as a Markdown table or a self-contained HTML page.

python -m bench.suite.page RESULT.json [--html] > PAGE
"""

from __future__ import annotations

import argparse
import html
import json
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Result = Mapping[str, Any]
TITLE = "Time relative to clang -O3 -march=native, ahead of time (below 1 is faster)"
COSTS = {
    "compile_ms": "Compile time in ms (frozen: training and trials included)",
    "bytes": "Bytes of the program's own code and constants",
}
PEERS = "The historical trio and the matrix multiply beside other compilers, relative to clang -O3 -march=native"
ROW, LEFT, WIDTH = 18, 150, 560  # of the plot, pixels
STYLE = """
body { font: 15px system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd }
td:first-child, th:first-child { text-align: left } .no { color: #b00 } svg text { font: 12px system-ui, sans-serif }
"""


def processor() -> str:
    """Name the processor of this machine, as the system does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def rows(result: Result) -> tuple[list[str], list[list[str]]]:
    """Headings and cells: a row for each program, then geometric mean and worst."""
    names = list(result["geomean"])
    cells = [
        [kernel["name"], *(_figure(kernel["ratio"], name, ".3f") for name in names), "yes" if kernel["agree"] else "NO"]
        for kernel in result["kernels"]
    ]
    for label, key in (("geometric mean", "geomean"), ("worst", "worst")):
        cells.append([label, *(f"{result[key][name]:.3f}" for name in names), ""])
    return ["program", *names, "agree"], cells


def costs(result: Result, key: str) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of `compile_ms` or `bytes`: a row for each program."""
    names = list(result["geomean"])
    cells = [
        [kernel["name"], *(_figure(kernel.get(key, {}), name, ",.0f") for name in names)]
        for kernel in result["kernels"]
    ]
    return ["program", *names], cells


def beside(result: Result) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of the other languages' compilers; no rows where they were not run."""
    peers = result.get("peers", {}).get("rows", [])
    works = list(peers[0]["ratio"]) if peers else []
    cells = [
        [one["name"], *(_figure(one["ratio"], work, ".2f") for work in works), "yes" if one["agree"] else "NO"]
        for one in peers
    ]
    return ["compiler", *works, "agree"], cells


def _figure(values: Mapping[str, float], name: str, style: str) -> str:
    return format(values[name], style) if name in values else "–"


def facts(result: Result) -> list[str]:
    """What the figures are of."""
    said = [
        f"{processor()}; {len(result['kernels'])} programs, medians over {result['rounds']} rounds of paired figures."
    ]
    said += [f"{one['name']} is excluded: {one['reason'].rstrip('.')}." for one in result["excluded"]]
    if "seconds" in result:
        said.append(f"Building and measuring took {result['seconds'] / 60:.0f} minutes.")
    absent = result.get("peers", {}).get("absent", {})
    return said + [f"{name} is not measured: {reason}." for name, reason in absent.items()]


def markdown(result: Result) -> str:
    """The tables, with what they are of."""
    lines = [f"**{TITLE}**", "", *_lines(*rows(result)), "", *facts(result)]
    for title, table in tables(result):
        lines += ["", f"**{title}**", "", *_lines(*table)]
    return "\n".join(lines) + "\n"


def tables(result: Result) -> list[tuple[str, tuple[list[str], list[list[str]]]]]:
    """What comes below the ratios: titles, headings and cells."""
    found = [(title, costs(result, key)) for key, title in COSTS.items() if any(key in k for k in result["kernels"])]
    return [*found, (PEERS, beside(result))] if result.get("peers", {}).get("rows") else found


def _lines(heads: list[str], cells: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|---|{'--:|' * (len(heads) - 1)}"]
    return lines + [f"| {' | '.join(row)} |" for row in cells]


def page(result: Result) -> str:
    """The HTML page: plot, tables, and what was chosen for each program."""
    notes = "".join(f"<p>{html.escape(fact)}</p>" for fact in facts(result))
    more = "".join(f"<h2>{html.escape(title)}</h2>{_table(*table)}" for title, table in tables(result))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>BareFlow bench</title><style>{STYLE}</style>'
        f"<h1>BareFlow bench</h1><p>{html.escape(TITLE)}</p>{notes}{plot(result)}"
        f"<h2>Figures</h2>{_table(*rows(result))}{more}{chosen(result)}</html>\n"
    )


def _table(heads: list[str], cells: list[list[str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in cells)
    return f"<table><tr>{head}</tr>{body}</table>"


def plot(result: Result, name: str = "frozen") -> str:
    """Bars of one configuration on a logarithmic axis, the reference as a line."""
    if name not in result["geomean"]:
        return ""
    ratios = [(kernel["name"], kernel["ratio"][name]) for kernel in result["kernels"] if name in kernel["ratio"]]
    least = math.floor(math.log2(min(ratio for _, ratio in ratios))) if ratios else -1
    most = max(math.log2(max(ratio for _, ratio in ratios)), 0.2)

    def x(ratio: float) -> float:
        return LEFT + (math.log2(ratio) - least) / (most - least) * WIDTH

    marks = []
    for at, (label, ratio) in enumerate(ratios):
        y, begin, end = at * ROW, *sorted((x(ratio), x(1.0)))
        fill = "#2a7" if ratio < 1 else "#c63"
        marks.append(f'<text x="{LEFT - 6}" y="{y + 13}" text-anchor="end">{html.escape(label)}</text>')
        marks.append(f'<rect x="{begin:.1f}" y="{y + 3}" width="{end - begin:.1f}" height="12" fill="{fill}"/>')
        marks.append(f'<text x="{x(1.0) + 70:.1f}" y="{y + 13}" text-anchor="end">{ratio:.3f}</text>')
    height = len(ratios) * ROW
    line = f'<line x1="{x(1.0):.1f}" x2="{x(1.0):.1f}" y1="0" y2="{height}" stroke="#222"/>'
    size = f'width="{LEFT + WIDTH + 110}" height="{height}"'
    return f'<h2>{html.escape(name)}</h2><svg {size} role="img" aria-label="bars">{"".join(marks)}{line}</svg>'


def chosen(result: Result) -> str:
    """What freezing chose for each program, and the gain that its training run showed."""
    lines = []
    for kernel in result["kernels"]:
        evidence = kernel.get("chosen", {}).get("frozen")
        described = evidence["choice"]["describe"] if evidence else []
        if described:
            gain = f" ({evidence['gain']['median']:.3f} in training)" if evidence.get("gain") else ""
            lines.append(f"<li>{html.escape(kernel['name'])}: {html.escape('; '.join(described))}{gain}</li>")
    return f"<h2>What was chosen</h2><ul>{''.join(lines)}</ul>" if lines else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page of a result file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("--html", action="store_true")
    given = parser.parse_args(arguments)
    result = json.loads(given.result.read_text())
    print((page if given.html else markdown)(result), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
