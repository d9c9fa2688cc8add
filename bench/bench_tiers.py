"""What growing costs and gives, on `classic` as a Linux process and on small kernels in QEMU.

    python -m bench.bench_tiers [--calls N] [--growths N] [--rounds N] [--kernels N] [--json]

growth       growing runs of classic with N calls of each function, nothing from the cache: compile CPU time
             against all time, and how long hot functions waited; the run with the median share counts
functions    each function of classic three ways, pinned to one core, in random order within a round: at O3 in the
             growing image, frozen, and by clang -O3 ahead of time; medians over rounds of their ratios
counting     the same with a host that listens and asks: what being watched costs
interpreter  against O3, by bench_interp
latency      small kernels grown in QEMU up to O1: from the call that made a function hot to its published code
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bareflow.compile.cpu import required_features
from bareflow.compile.pool import CompilePool
from bareflow.freeze import freeze
from bareflow.grow import Program, grow_native, policy_of, prepare
from bareflow.growth.growing import TierUp
from bareflow.growth.guest import HOST_MIB, grow_guest
from bareflow.image.recipe import Recipe, load_recipe, recipe_for_workload
from bareflow.machine import MachineSpec
from bareflow.native import native_command
from bareflow.snapshot.link import link_frozen, snapshot_contents
from bareflow.snapshot.writer import write_snapshot
from bareflow.tiering import Policy
from bench.bench_interp import build as build_interpreter_bench
from bench.bench_interp import measure as measure_interpreter
from bench.frozen_vs_aot import CALLS, compile_ahead_of_time

LIMITS = {
    "compile_share": 0.001,
    "image_to_frozen": 1.05,  # functions over a microsecond
    "frozen_to_aot": 1.02,
    "counting": 1.05,
    "latency_p95_ms": 100.0,  # in QEMU, at O1, functions under SMALL lines
}
SMALL = 200  # lines of IR
MICROSECOND = 1e-6
REPEATS = 9  # processes of each way within a round, some hundredths of a second each; the least counts
COUNTED_CALLS = 200  # of each function, half a second
COUNTED_REPEATS = 3  # as REPEATS, of what being watched costs
RUN_TIMEOUT_S = 3600.0
GUEST_TIMEOUT_S = 60.0
KERNELS = Path(__file__).resolve().parent / "kernels"
Say = Callable[[str], None]


def bench_tiers(
    *, calls: int = 50_000, growths: int = 3, rounds: int = 9, kernels: int = 8, say: Say = lambda _text: None
) -> dict[str, Any]:
    """Measure everything.

    Args:
        calls: of each function of classic, in a growing run.
        growths: growing runs, of which the median counts.
        rounds: of the paired figures.
        kernels: small programs to be grown in QEMU; 0: none.
        say: told what is being measured.

    Returns:
        Figures, limits, and by name whether each limit holds.
    """
    recipe = replace(load_recipe("classic"), cpu="native")
    with CompilePool(2) as pool, tempfile.TemporaryDirectory(prefix="bareflow-") as place:
        folder = Path(place)
        runs = []
        for number in range(growths):
            say(f"growing classic natively, {calls:,} calls of each function, {number + 1} of {growths}")
            runs.append(measure_growth(recipe, pool, calls))
        growth = median_run(runs)
        say("measuring functions at O3 in the growing image, frozen and ahead of time")
        functions = measure_functions(recipe, pool, folder, rounds, growth["tsc_hz"])
        say("measuring what being watched costs")
        counting = measure_counting(recipe, pool, rounds)
        say("measuring the interpreter")
        interpreter = measure_interpreter(build_interpreter_bench(folder), 31)
        say("measuring latency in QEMU")
        latency = measure_latency(pool, kernels)
    found = {
        "calls": calls,
        "rounds": rounds,
        "growth": growth,
        "functions": functions,
        "counting": counting,
        "interpreter": interpreter,
        "latency": latency,
        "limits": LIMITS,
    }
    return {**found, "holds": judge(found)}


def judge(found: Mapping[str, Any]) -> dict[str, bool]:
    """Which limits hold."""
    slow = [row for row in found["functions"] if row["seconds"] > MICROSECOND]
    holds = {
        "compile_share": found["growth"]["compile_share"] <= LIMITS["compile_share"],
        "image_to_frozen": all(row["image_to_frozen"] <= LIMITS["image_to_frozen"] for row in slow),
        "frozen_to_aot": all(row["frozen_to_aot"] <= LIMITS["frozen_to_aot"] for row in found["functions"]),
        "counting": found["counting"]["ratio"] <= LIMITS["counting"],
        "interpreter": all(row["ratio"] <= row["limit"] for row in found["interpreter"].values()),
    }
    if found["latency"]["o1_small"]["count"]:
        holds["latency"] = found["latency"]["o1_small"]["p95_ms"] <= LIMITS["latency_p95_ms"]
    return holds


# ---- growth ----


def measure_growth(recipe: Recipe, pool: CompilePool, calls: int) -> dict[str, Any]:
    """One growing run of classic; compile time is CPU time in LLVM, total time the wall clock's."""
    program = prepare(recipe.sources, pool, name=recipe.name, cpu=recipe.cpu, policy=policy_of(recipe), use_cache=False)
    result = asyncio.run(grow_native(program, [str(calls)], stdin=b"", timeout_s=RUN_TIMEOUT_S))
    if result.exit_status:
        raise SystemExit(f"classic failed with status {result.exit_status}: {result.output.decode()}")
    spent = program.service.compile_ms
    total = result.total_ms + result.prepare_ms
    return {
        "compile_ms": spent,
        "tier_up_compile_ms": result.compile_ms,
        "total_ms": total,
        "compile_share": spent / total,
        "tier_ups": len(result.tier_ups),
        "hot_to_published": distribution([up.hot_to_published_ms for up in result.tier_ups]),
        "tsc_hz": result.tsc_hz,
        "tiers": {one.name: one.tier for one in result.functions},
    }


def median_run(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run whose compile share is the median (of an even number the higher), and the shares of all."""
    ordered = sorted(runs, key=lambda run: run["compile_share"])
    return {**ordered[len(ordered) // 2], "compile_shares": [run["compile_share"] for run in runs]}


def distribution(values: Sequence[float]) -> dict[str, Any]:
    """Count, median, 95th percentile and maximum, in milliseconds."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0, "median_ms": None, "p95_ms": None, "max_ms": None}
    at = max(0, -(-95 * len(ordered) // 100) - 1)
    return {"count": len(ordered), "median_ms": median(ordered), "p95_ms": ordered[at], "max_ms": ordered[-1]}


# ---- functions ----


def at_o3(recipe: Recipe, pool: CompilePool) -> Program:
    """Classic with every function at O3 from the start."""
    program = prepare(recipe.sources, pool, name=recipe.name, cpu=recipe.cpu, policy=policy_of(recipe), first="O0")
    tiers = dict.fromkeys(program.split.functions, "O3")
    return prepare(recipe.sources, pool, name=recipe.name, cpu=recipe.cpu, policy=policy_of(recipe), tiers=tiers)


def measure_functions(
    recipe: Recipe, pool: CompilePool, folder: Path, rounds: int, tsc_hz: float
) -> list[dict[str, Any]]:
    """Each function of classic at O3 in the growing image, frozen, and ahead of time."""
    image = folder / "classic.grow"
    image.write_bytes(at_o3(recipe, pool).base.elf)
    image.chmod(0o755)
    frozen = freeze(recipe)
    objects = compile_ahead_of_time(recipe, "native", folder)
    reference = link_frozen(objects, name=recipe.name, tier="O3")
    contents = snapshot_contents(reference, features=required_features(frozen.target), stack_size=1 << 20)
    paths = {"frozen": folder / "frozen.snapshot", "aot": folder / "aot.snapshot"}
    paths["frozen"].write_bytes(frozen.snapshot)
    paths["aot"].write_bytes(write_snapshot(contents))
    commands = {name: native_command(path, ["classic"])[:-1] for name, path in paths.items()}
    commands["image"] = [str(image)]
    return [measure_function(function, commands, rounds, tsc_hz) for function in CALLS]


def measure_function(
    function: str, commands: Mapping[str, Sequence[str]], rounds: int, tsc_hz: float
) -> dict[str, Any]:
    """Medians over rounds of paired ratios."""
    order = random.Random(function)  # noqa: S311  an order, not a secret
    ways = {name: partial(cycles_per_call, name, command, function) for name, command in commands.items()}
    samples = [least_of(ways, order, REPEATS) for _ in range(rounds)]
    frozen = median(sample["frozen"] for sample in samples)
    return {
        "name": function,
        "seconds": frozen / tsc_hz if tsc_hz else 0.0,
        "image_cycles": median(sample["image"] for sample in samples),
        "frozen_cycles": frozen,
        "aot_cycles": median(sample["aot"] for sample in samples),
        "image_to_frozen": round(median(sample["image"] / sample["frozen"] for sample in samples), 4),
        "frozen_to_aot": round(median(sample["frozen"] / sample["aot"] for sample in samples), 4),
    }


def least_of(ways: Mapping[str, Callable[[], float]], order: random.Random, repeats: int) -> dict[str, float]:
    """The least that each way took in some processes of its own: other programs on this machine only ever add.

    The ways take turns in random order, so that whatever slows the machine meets all of them.
    """
    found = dict.fromkeys(ways, math.inf)
    for _ in range(repeats):
        for name in order.sample(list(ways), len(ways)):
            found[name] = min(found[name], ways[name]())
    return found


def cycles_per_call(way: str, command: Sequence[str], function: str) -> float:
    """TSC ticks per call of one function in a process of its own, pinned to one core."""
    core = max(os.sched_getaffinity(0))
    name = [] if way == "image" else ["classic"]
    done = subprocess.run(
        [*command, *name, str(CALLS[function]), "cycles", function],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # one thread, no locks held
    )
    return printed_cycles(done.stdout) / CALLS[function]


def printed_cycles(text: str) -> int:
    """What classic says of the ticks it took."""
    found = re.search(r" cycles (\d+)", text)
    assert found, text
    return int(found[1])


def measure_counting(recipe: Recipe, pool: CompilePool, rounds: int) -> dict[str, Any]:
    """CPU time of classic with everything at O3 in the growing image, a host listening, against frozen."""
    program = at_o3(recipe, pool)
    with tempfile.TemporaryDirectory(prefix="bareflow-") as place:
        snapshot = Path(place) / "frozen.snapshot"
        snapshot.write_bytes(freeze(recipe).snapshot)
        words = [str(COUNTED_CALLS)]
        command = native_command(snapshot, ["classic", *words])
        ways = {
            "watched": lambda: cpu_seconds(
                lambda: asyncio.run(grow_native(program, words, stdin=b"", timeout_s=GUEST_TIMEOUT_S))
            ),
            "frozen": lambda: cpu_seconds(lambda: subprocess.check_output(command, timeout=GUEST_TIMEOUT_S)),
        }
        order = random.Random("counting")  # noqa: S311  an order, not a secret
        found = [least_of(ways, order, COUNTED_REPEATS) for _ in range(rounds)]
    ratios = [one["watched"] / one["frozen"] for one in found]
    return {"ratio": round(median(ratios), 4), "lowest": min(ratios), "highest": max(ratios), "rounds": rounds}


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of the processes that ended meanwhile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# ---- latency ----


def measure_latency(pool: CompilePool, kernels: int) -> dict[str, Any]:
    """From hot to published in QEMU: small programs, nothing from the cache, no higher than O1."""
    lines: dict[tuple[str, str], int] = {}
    ups: list[tuple[str, TierUp]] = []
    for source in sorted(KERNELS.glob("*.c"))[:kernels]:
        recipe = recipe_for_workload(source)
        policy = Policy(thresholds=(20, 1000, 10000), interpreter_threshold=5, highest="O1")
        program = prepare(
            recipe.sources,
            pool,
            flags=recipe.flags,
            name=recipe.name,
            cpu=recipe.cpu,
            policy=policy,
            use_cache=False,
        )
        spec = MachineSpec(Path(), memory_mib=recipe.memory_mib + HOST_MIB, accel="tcg", timeout_s=GUEST_TIMEOUT_S)
        grown = asyncio.run(grow_guest(program, recipe, arguments=kernel_arguments(source), spec=spec))
        lines |= {(recipe.name, one.name): one.lines for one in program.functions}
        ups += [(recipe.name, up) for up in grown.growth.tier_ups]
    small = [up for name, up in ups if up.after == "O1" and lines[name, up.function] < SMALL]
    return {
        "programs": kernels,
        "all": distribution([up.hot_to_published_ms for _, up in ups]),
        "o1_small": distribution([up.hot_to_published_ms for up in small]),
        "o1_small_ms": sorted(round(up.hot_to_published_ms, 2) for up in small),
    }


def kernel_arguments(source: Path) -> list[str]:
    """What a kernel of the suite is trained with."""
    listed = source.with_suffix(".args")
    lines = listed.read_text().splitlines() if listed.exists() else []
    return next((line.removeprefix("train:").split() for line in lines if line.startswith("train:")), [])


# ---- printing ----


def lines_of(found: Mapping[str, Any]) -> list[str]:
    """The figures for people."""
    growth, latency = found["growth"], found["latency"]
    shares = ", ".join(f"{share:.4%}" for share in growth["compile_shares"])
    said = [
        f"classic, {found['calls']:,} calls of each function, as a Linux process:",
        f"  compile {growth['compile_ms']:.0f} ms of {growth['total_ms']:,.0f} ms: {growth['compile_share']:.4%}",
        f"  (the median of {shares})",
        f"  hot to published: {_spread(growth['hot_to_published'])}",
        f"{'function':<18}{'image O3':>14}{'frozen':>14}{'clang -O3':>14}{'image/frozen':>14}{'frozen/aot':>12}",
    ]
    for row in found["functions"]:
        cells = "".join(f"{row[name]:>14,.1f}" for name in ("image_cycles", "frozen_cycles", "aot_cycles"))
        said.append(f"{row['name']:<18}{cells}{row['image_to_frozen']:>14.3f}{row['frozen_to_aot']:>12.3f}")
    said.append(f"watched by a host at O3 against frozen: {found['counting']['ratio']:.3f}")
    for name, row in found["interpreter"].items():
        said.append(f"interpreter, {name}: {row['ratio']:.0f} times slower than O3 (limit {row['limit']:.0f})")
    said.append(f"QEMU, hot to published, all: {_spread(latency['all'])}")
    said.append(f"QEMU, at O1 and under {SMALL} lines: {_spread(latency['o1_small'])}")
    missed = [name for name, holds in found["holds"].items() if not holds]
    said.append(f"missed: {', '.join(missed)}" if missed else "all limits hold")
    return said


def _spread(one: Mapping[str, Any]) -> str:
    if not one["count"]:
        return "none"
    return f"{one['count']}, median {one['median_ms']:.1f} ms, p95 {one['p95_ms']:.1f} ms, most {one['max_ms']:.1f} ms"


def main() -> int:
    """Print figures; status 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--growths", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--kernels", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = bench_tiers(
        calls=given.calls,
        growths=given.growths,
        rounds=given.rounds,
        kernels=given.kernels,
        say=lambda text: print(text, file=sys.stderr),
    )
    print(json.dumps(found, indent=2) if given.json else "\n".join(lines_of(found)))
    return int(not all(found["holds"].values()))


if __name__ == "__main__":
    sys.exit(main())
