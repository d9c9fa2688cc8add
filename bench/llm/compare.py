"""Tokens per second of the tinyllama workload on this machine, beside what memory allows, paired and interleaved.

    python -m bench.llm.compare --model FILE.gguf
    python -m bench.llm.compare --model FILE.gguf --llama-cpp

Ours is the program frozen for the model with one variant, its prefetch distance measured first, run in a Linux
process. Each round measures the core's streaming read bandwidth, then every program once, all on the same core;
reported are medians, and the median of each round's own ratio: so drift of the machine falls out. The limit of
generation is the bandwidth over the bytes that one token reads, which is every weight but the embedding's (unless
that is the output too). Loading is set beside a program that only reads the file into fresh memory. All rates are per
second of CPU time, which others on the machine disturb less. llama.cpp is the PyPI package llama-cpp-python, built on
demand in environments of its own (bench/llm/llama_cpp.py); never a dependency.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bareflow.errors import CompileError, ToolError
from bareflow.freeze import freeze
from bareflow.growth.choices import choices_in, with_choices
from bareflow.image.gguf import check_llama, read_gguf
from bareflow.image.recipe import load_recipe
from bareflow.native import native_command
from bareflow.toolchain import cache_dir, data_root, run, write_atomic, zig
from bench.llm import llama_cpp

PROMPT = "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s t u v w x y z"
RATES = re.compile(r"prompt \d+ tokens, ([\d.]+) tokens/s; generation \d+ tokens, ([\d.]+) tokens/s \((\w+), (\w+)\)")
LOADED = re.compile(r"loaded \d+ bytes in ([\d.]+) ms")
VARIANTS = ("avx2", "avx512")
ROUNDS = 5
TOKENS = 32
STREAM_MIB = 512


@dataclass(frozen=True)
class Rates:
    """Tokens per second of one run."""

    prompt: float
    generation: float
    load_ms: float = 0.0


@dataclass(frozen=True)
class Sample:
    """A run, and its generation's and loading's ratios to what the same round's memory and reading gave."""

    rates: Rates
    of_limit: float
    of_reading: float


@dataclass(frozen=True)
class Row:
    """A program's medians over all rounds.

    Attributes:
        name: of the program or variant.
        prompt, generation: tokens per second.
        of_limit: generation's share of the round's own streaming limit.
        of_reading: time of loading to that of reading the file into fresh memory; 0: not measured.
        prompt_ratio, generation_ratio: to llama.cpp's AVX2 build; 0: not measured.
    """

    name: str
    prompt: float
    generation: float
    of_limit: float
    of_reading: float
    prompt_ratio: float
    generation_ratio: float


def freeze_workload(variant: str, model: Path, core: int) -> Path:
    """Freeze the workload with one variant for a model, as growing does: with what it measures on its first run.

    Returns:
        The snapshot's path.
    """
    recipe = load_recipe("tinyllama")
    out = cache_dir() / "bench" / f"tinyllama-{variant}.snapshot"
    write_atomic(out, freeze(with_choices(recipe, [f"-DTINYLLAMA_VARIANT={variant}"])).snapshot)
    words = ("tinyllama", "--model", str(model), "--prompt", PROMPT, "--tokens", "1")
    said = on_core(core, native_command(out, words)).stderr
    write_atomic(out, freeze(with_choices(recipe, choices_in(said.encode(), recipe.grow.measured))).snapshot)
    return out


def build_helper(name: str) -> Path:
    """Compile one of this folder's C programs: what the memory and reading give."""
    out = cache_dir() / "bench" / name
    out.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-target", "x86_64-linux-musl", "-O2", "-static", "-s"]
    source = data_root() / f"bench/llm/{name}.c"
    run([*zig("cc"), *flags, str(source), "-o", str(out)], what=f"compiling {name}", error=CompileError)
    return out


def on_core(core: int, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command on one core.

    Raises:
        ToolError: it failed; what it said is the detail.
    """
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode:
        raise ToolError(f"{command[0]} ended with status {done.returncode}.", detail=done.stderr[-2000:])
    return done


def measure_stream(program: Path, core: int) -> float:
    """Return the best bandwidth in bytes per second over all prefetch distances."""
    lines = on_core(core, [str(program), str(STREAM_MIB)]).stdout.splitlines()
    return 1e9 * max(float(line.split()[1]) for line in lines)


def measure_ours(snapshot: Path, model: Path, core: int) -> Rates:
    """Return one run's rates."""
    words = ["--model", str(model), "--prompt", PROMPT, "--tokens", str(TOKENS), "--endless", "--cpu-time"]
    said = on_core(core, native_command(snapshot, ("tinyllama", *words))).stderr
    rates, loaded = RATES.search(said), LOADED.search(said)
    if not rates or not loaded:
        raise ToolError(f"{snapshot} did not say how fast it was.")
    return Rates(float(rates[1]), float(rates[2]), float(loaded[1]))


def bytes_per_token(model: Path) -> int:
    """Return the bytes of weights that one generated token reads."""
    check_llama(model)
    tensors = {tensor.name: tensor.size for tensor in read_gguf(model).tensors}
    tied = "output.weight" not in tensors
    return sum(tensors.values()) - (0 if tied else tensors["token_embd.weight"])


def compare(model: Path, *, core: int, rounds: int, with_llama_cpp: bool) -> tuple[float, list[Row]]:
    """Measure in rounds.

    Args:
        model: a GGUF file.
        core: the number of the core that everything runs on.
        rounds: how often each is measured.
        with_llama_cpp: build and measure llama.cpp too.

    Returns:
        The median bandwidth in bytes per second, and a row for each program.
    """
    flags = Path("/proc/cpuinfo").read_text()
    variants = [name for name in VARIANTS if name == "avx2" or "avx512_vnni" in flags]
    ours = {name: freeze_workload(name, model, core) for name in variants}
    stream, read, needed = build_helper("stream"), build_helper("read"), bytes_per_token(model)
    peers = llama_cpp.prepare() if with_llama_cpp else {}
    samples: dict[str, list[Sample]] = {}
    bandwidths = []
    for _ in range(rounds):
        bandwidths.append(measure_stream(stream, core))
        limit = bandwidths[-1] / needed
        for name, snapshot in ours.items():
            on_core(core, [str(read), str(model)])  # whoever is first pays for memory that the host has to find
            rates = measure_ours(snapshot, model, core)
            reading_ms = float(on_core(core, [str(read), str(model)]).stdout)
            sample = Sample(rates, rates.generation / limit, rates.load_ms / reading_ms)
            samples.setdefault(f"bareflow {name}", []).append(sample)
        for name, python in peers.items():
            peer = Rates(*llama_cpp.measure(python, model, PROMPT, TOKENS, core))
            samples.setdefault(f"llama.cpp {name}", []).append(Sample(peer, peer.generation / limit, 0.0))
    reference = [sample.rates for sample in samples.get("llama.cpp avx2", [])]
    rows = [_row(name, runs, reference) for name, runs in samples.items()]
    return statistics.median(bandwidths), rows


def _row(name: str, runs: Sequence[Sample], reference: Sequence[Rates]) -> Row:
    pairs = list(zip((run.rates for run in runs), reference, strict=False))
    return Row(
        name,
        statistics.median(run.rates.prompt for run in runs),
        statistics.median(run.rates.generation for run in runs),
        statistics.median(run.of_limit for run in runs),
        statistics.median(run.of_reading for run in runs),
        statistics.median([ours.prompt / theirs.prompt for ours, theirs in pairs] or [0.0]),
        statistics.median([ours.generation / theirs.generation for ours, theirs in pairs] or [0.0]),
    )


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(description="Compare tokens per second on one core.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--llama-cpp", action="store_true", help="build llama-cpp-python and measure it too")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    bandwidth, rows = compare(chosen.model, core=chosen.core, rounds=chosen.rounds, with_llama_cpp=chosen.llama_cpp)
    if chosen.json:
        print(json.dumps({"bytes_per_s": bandwidth, "rows": [asdict(row) for row in rows]}))
        return
    needed = bytes_per_token(chosen.model)
    print(f"streaming read {bandwidth / 1e9:.1f} GB/s; a token reads {needed / 1e6:.1f} MB: limit", end=" ")
    print(f"{bandwidth / needed:.1f} tokens/s")
    for line in table_lines(rows):
        print(line)


def table_lines(rows: Sequence[Row]) -> list[str]:
    """The table for people; what was not measured is left blank."""
    heads = ("prompt t/s", "generate t/s", "of limit", "load/read", "prompt/llama", "gen/llama")
    lines = [" " * 20 + "".join(f"{head:>14}" for head in heads)]
    for row in rows:
        ratios = (row.of_reading, row.prompt_ratio, row.generation_ratio)
        cells = [f"{row.prompt:.1f}", f"{row.generation:.1f}", f"{row.of_limit:.0%}"]
        cells += [f"{ratio:.2f}" if ratio else "" for ratio in ratios]
        lines.append(f"{row.name:20}" + "".join(f"{cell:>14}" for cell in cells))
    return lines


if __name__ == "__main__":
    main()
