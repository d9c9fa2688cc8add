"""Runs a C harness of this folder under libFuzzer with ASan and UBSan: `./inv fuzz NAME` (docs/fuzzing.md).

A harness is one row of `TARGETS`. Its committed corpus, minimised, lies in tests/native/corpus/NAME; what a run adds
is kept in the cache. The ordinary tests replay the corpus with fuzz_driver.c and need no clang.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "tests" / "native"
LLVM, RUNTIME = Path("/usr/lib"), "llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a"
VERSION = 14  # of the packages, where none is there
FLAGS = ("-std=gnu11", "-g", "-O2", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
SANITIZERS = "-fsanitize=fuzzer,address,undefined"


@dataclass(frozen=True)
class Target:
    """One harness.

    Args:
        sources: from the project's root; one of them defines LLVMFuzzerTestOneInput.
        flags: more for the compiler, {root} is the project's root.
        longest: bytes of an input.
    """

    sources: tuple[str, ...]
    flags: tuple[str, ...] = ()
    longest: int = 4096


READER = ("gguf", "text", "tokenizer", "encode", "shape", "tensors")  # of the tinyllama workload

TARGETS = {
    "fat16": Target(
        ("tests/native/fuzz_fat16.c", "tests/native/fuzz_fat16_root.c", "runtime/fat16.c"),
        longest=2 + 64 + 512 + 12 * 512,
    ),
    "gguf": Target(
        (
            "tests/native/fuzz_gguf.c",
            *(f"images/workloads/tinyllama/{name}.c" for name in READER),
        ),
        ("-I{root}/images/workloads/tinyllama", '-DGGUF_BASE="{root}/images/models/tiny-q8_0.gguf"'),
    ),
}


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def corpus(name: str) -> Path:
    """The committed corpus of a harness."""
    return NATIVE / "corpus" / name


def compiler() -> Path:
    """Find the newest clang that has libFuzzer's runtime; where none is, have apt add one."""
    from bareflow.toolchain import ensure_file, ensure_program

    clang = [runtime.parents[5] / "bin" / "clang" for runtime in sorted(LLVM.glob(RUNTIME))]
    clang = [program for program in clang if program.exists()]
    if not clang:
        clang = [ensure_program(f"clang-{VERSION}", f"clang-{VERSION}")]
        wanted = str(LLVM / RUNTIME.replace("llvm-*", f"llvm-{VERSION}").replace("*", f"{VERSION}.0.6"))
        ensure_file([wanted], "libFuzzer's runtime", f"libclang-rt-{VERSION}-dev")
    return clang[-1]


def build(name: str, folder: Path) -> Path:
    """Compile a harness with libFuzzer's own main and return the program."""
    target = TARGETS[name]
    out = folder / f"fuzz_{name}"
    flags = [flag.format(root=ROOT) for flag in target.flags]
    command = [str(compiler()), *FLAGS, SANITIZERS, f"-I{ROOT}/runtime/include", *flags]
    command += [str(ROOT / source) for source in target.sources] + ["-o", str(out)]
    subprocess.run(command, check=True)
    return out


def main(arguments: list[str] | None = None) -> int:
    """Build, run, and minimise when asked."""
    from bareflow.toolchain import cache_dir

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(TARGETS), metavar="NAME", help=", ".join(sorted(TARGETS)))
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minimise", action="store_true", help="afterwards replace the committed corpus")
    chosen = parser.parse_args(arguments)
    folder = cache_dir() / "fuzz" / chosen.name
    found, committed = folder / "corpus", corpus(chosen.name)
    found.mkdir(parents=True, exist_ok=True)
    committed.mkdir(parents=True, exist_ok=True)
    program = build(chosen.name, folder)
    started = time.monotonic()
    status = subprocess.run(
        [program, f"-runs={chosen.runs}", f"-seed={chosen.seed}", f"-max_len={TARGETS[chosen.name].longest}",
         "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1", found, committed],
        cwd=folder, check=False,
    ).returncode  # fmt: skip
    seconds = time.monotonic() - started
    if status:
        say(f"{chosen.name}: a finding; the input is in {folder}")
        return 1
    say(f"{chosen.name}: {chosen.runs} runs, no finding, {chosen.runs / seconds:.0f} runs/s")
    if chosen.minimise:
        minimise(program, committed, found, folder)
    return 0


def minimise(program: Path, committed: Path, found: Path, folder: Path) -> None:
    """Replace the committed corpus by the smallest set of inputs that reaches what both reach."""
    smallest = folder / "smallest"
    shutil.rmtree(smallest, ignore_errors=True)
    smallest.mkdir()
    subprocess.run([program, "-merge=1", "-set_cover_merge=1", smallest, committed, found], cwd=folder, check=True)
    for old in committed.iterdir():
        old.unlink()
    for kept in smallest.iterdir():
        shutil.copy(kept, committed / kept.name)
    say(f"{len(list(committed.iterdir()))} inputs are in {committed.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
