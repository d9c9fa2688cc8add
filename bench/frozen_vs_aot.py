"""Frozen code against clang -O3, ahead of time, on every function of `classic`, same CPU, same C library.

Both are linked by the same script to the same addresses and run by the same runner in a Linux process, pinned to
one core. A round runs both in random order; the figure is the median over rounds of their ratio.

    python -m bench.frozen_vs_aot [--rounds N] [--cpu NAME] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from bareflow.compile.cpu import required_features
from bareflow.compile.frontend import clang
from bareflow.compile.tiers import ObjectCode
from bareflow.freeze import Frozen, freeze
from bareflow.image.recipe import Recipe, load_recipe
from bareflow.native import native_command
from bareflow.snapshot.link import link_frozen, snapshot_contents
from bareflow.snapshot.writer import write_snapshot
from bareflow.toolchain import run

# Calls a process makes of each function: some tens of milliseconds on a current machine.
CALLS = {"fibonacci": 12, "sum_to_n": 20_000_000, "multiply": 1_000_000, "matrix_multiply": 150}
LIMIT = 1.05


def compile_ahead_of_time(recipe: Recipe, cpu: str, folder: Path) -> list[ObjectCode]:
    """Every C file of a recipe through plain `clang -O3 -march=CPU`."""
    objects = []
    for number, source in enumerate(sorted(file for path in recipe.sources for file in path.rglob("*.c"))):
        out = folder / f"{number}.o"
        flags = ("-O3", f"-march={cpu}", "-fno-pie", "-fno-stack-protector", "-ffunction-sections")
        run(clang(*flags, *recipe.flags, "-c", source, "-o", out), what=f"compiling {source}")
        objects.append(ObjectCode(out.read_bytes(), 0.0, tuple(CALLS)))
    return objects


def cycles_per_call(snapshot: Path, function: str) -> float:
    """Run one function in a process of its own on one core; ticks of the time stamp counter per call."""
    core = max(os.sched_getaffinity(0))
    done = subprocess.run(
        native_command(snapshot, ["classic", str(CALLS[function]), "cycles", function]),
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # one thread, no locks held
    )
    found = re.search(r" cycles (\d+)", done.stdout)
    assert found, done.stdout
    return int(found[1]) / CALLS[function]


def code_bytes(frozen: Frozen) -> dict[str, int]:
    """Bytes of code of each function."""
    return {function.name: function.size for function in frozen.program.functions}


def bench_frozen(*, rounds: int = 15, cpu: str | None = None) -> dict[str, Any]:
    """Measure; `functions` holds ratio and ticks per call of each, `worst` the largest ratio."""
    recipe = load_recipe("classic")
    recipe = replace(recipe, cpu=cpu) if cpu else recipe
    frozen = freeze(recipe)
    with tempfile.TemporaryDirectory(prefix="bareflow-") as temporary:
        folder = Path(temporary)
        march = "native" if recipe.cpu == "native" else frozen.target.cpu
        reference = link_frozen(compile_ahead_of_time(recipe, march, folder), name="classic", tier="O3")
        contents = snapshot_contents(reference, features=required_features(frozen.target), stack_size=1 << 20)
        paths = {"aot": folder / "aot.snapshot", "frozen": folder / "frozen.snapshot"}
        paths["aot"].write_bytes(write_snapshot(contents))
        paths["frozen"].write_bytes(frozen.snapshot)
        rows = [measure(function, paths, rounds) for function in CALLS]
    sizes = code_bytes(frozen)
    for row in rows:
        row["bytes"] = sizes.get(row["name"], 0)
    return {
        "cpu": recipe.cpu,
        "rounds": rounds,
        "limit": LIMIT,
        "functions": rows,
        "worst": max(row["ratio"] for row in rows),
    }


def measure(function: str, paths: dict[str, Path], rounds: int) -> dict[str, Any]:
    """The median over rounds of frozen / ahead of time, run in random order within a round."""
    order = random.Random(function)  # noqa: S311  an order, not a secret
    samples: list[dict[str, float]] = []
    for _ in range(rounds):
        names = list(paths)
        order.shuffle(names)
        samples.append({name: cycles_per_call(paths[name], function) for name in names})
    return {
        "name": function,
        "ratio": round(median(sample["frozen"] / sample["aot"] for sample in samples), 4),
        "frozen_cycles": median(sample["frozen"] for sample in samples),
        "aot_cycles": median(sample["aot"] for sample in samples),
    }


def main() -> int:
    """Print the table, or JSON; status 1 when a function is above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cpu", default=None)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = bench_frozen(rounds=given.rounds, cpu=given.cpu)
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"cycles per call, {result['cpu']}")
        print(f"{'function':<18}{'frozen':>14}{'clang -O3':>14}{'ratio':>8}{'bytes':>7}")
        for row in result["functions"]:
            print(f"{row['name']:<18}{row['frozen_cycles']:>14,.2f}{row['aot_cycles']:>14,.2f}", end="")
            print(f"{row['ratio']:>8.3f}{row['bytes']:>7}")
        print(f"worst {result['worst']:.3f}, limit {LIMIT}")
    return int(result["worst"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
