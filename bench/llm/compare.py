"""Tokens per second of the tinyllama workload on this machine, beside what memory allows, paired and interleaved.

    python -m bench.llm.compare --model FILE.gguf
    python -m bench.llm.compare --model FILE.gguf --llama-cpp

Each round measures the core's streaming read bandwidth, then every program once, all on the same core; reported are
medians, and the median of each round's own ratio: so drift of the machine falls out. The limit of generation is the
bandwidth over the bytes that one token reads, which is every weight but the embedding's (unless that is the output
too). All rates are per second of CPU time, which others on the machine disturb less. llama.cpp is the PyPI package
llama-cpp-python, built on demand in environments of its own (bench/llm/llama_cpp.py); never a dependency.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from bareflow.errors import CompileError, ToolError
from bareflow.image.gguf import check_llama, read_gguf
from bareflow.toolchain import cache_dir, data_root, run, zig
from bench.llm import llama_cpp

PROMPT = "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s t u v w x y z"
RATES = re.compile(r"prompt \d+ tokens, ([\d.]+) tokens/s; generation \d+ tokens, ([\d.]+) tokens/s \((\w+), (\w+)\)")
VARIANTS = ("avx2", "avx512")
ROUNDS = 5
TOKENS = 32
STREAM_MIB = 512


@dataclass(frozen=True)
class Rates:
    """Tokens per second of one run."""

    prompt: float
    generation: float


@dataclass(frozen=True)
class Row:
    """A program's medians over all rounds.

    Attributes:
        name: of the program or variant.
        prompt, generation: tokens per second.
        of_limit: generation's share of the round's own streaming limit.
    """

    name: str
    prompt: float
    generation: float
    of_limit: float


def build_workload() -> Path:
    """Compile the workload for Linux as freezing does, for x86-64-v2 with variants beyond; return the program."""
    out = cache_dir() / "bench" / "tinyllama"
    out.parent.mkdir(parents=True, exist_ok=True)
    sources = sorted((data_root() / "images/workloads/tinyllama").glob("*.c"))
    flags = ["-target", "x86_64-linux-musl", "-mcpu=x86_64_v2", "-O3", "-std=gnu11", "-static", "-s"]
    run([*zig("cc"), *flags, *map(str, sources), "-o", str(out)], what="compiling tinyllama", error=CompileError)
    return out


def build_stream() -> Path:
    """Compile the program that measures the memory's bandwidth."""
    out = cache_dir() / "bench" / "stream"
    out.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-target", "x86_64-linux-musl", "-O2", "-static", "-s"]
    source = data_root() / "bench/llm/stream.c"
    run([*zig("cc"), *flags, str(source), "-o", str(out)], what="compiling stream", error=CompileError)
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


def measure_ours(program: Path, model: Path, variant: str, core: int) -> Rates:
    """Return one run's rates."""
    words = ["--model", str(model), "--prompt", PROMPT, "--tokens", str(TOKENS), "--endless", "--cpu-time"]
    found = RATES.search(on_core(core, [str(program), *words, "--variant", variant]).stderr)
    if not found:
        raise ToolError(f"{program} did not say how fast it was.")
    return Rates(float(found[1]), float(found[2]))


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
    program, stream, needed = build_workload(), build_stream(), bytes_per_token(model)
    peers = llama_cpp.prepare() if with_llama_cpp else {}
    flags = Path("/proc/cpuinfo").read_text()
    variants = [name for name in VARIANTS if name == "avx2" or "avx512_vnni" in flags]
    samples: dict[str, list[tuple[Rates, float]]] = {}
    bandwidths = []
    for _ in range(rounds):
        bandwidths.append(measure_stream(stream, core))
        limit = bandwidths[-1] / needed
        for variant in variants:
            rates = measure_ours(program, model, variant, core)
            samples.setdefault(f"bareflow {variant}", []).append((rates, rates.generation / limit))
        for name, python in peers.items():
            peer = Rates(*llama_cpp.measure(python, model, PROMPT, TOKENS, core))
            samples.setdefault(f"llama.cpp {name}", []).append((peer, peer.generation / limit))
    rows = [
        Row(
            name,
            statistics.median(rates.prompt for rates, _ in runs),
            statistics.median(rates.generation for rates, _ in runs),
            statistics.median(share for _, share in runs),
        )
        for name, runs in samples.items()
    ]
    return statistics.median(bandwidths), rows


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
    print(f"{'':24}{'prompt t/s':>12}{'generate t/s':>14}{'of the limit':>14}")
    for row in rows:
        print(f"{row.name:24}{row.prompt:12.1f}{row.generation:14.1f}{row.of_limit:14.0%}")


if __name__ == "__main__":
    main()
