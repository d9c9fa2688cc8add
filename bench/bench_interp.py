"""The interpreter against clang -O3: Fibonacci numbers by recursion, and a 32×32 matrix product of doubles.

One process runs both in turn, many rounds, so that load and clock speed hit both alike; the figure is the
median over rounds of their ratio. Exit status 1 if a limit is missed.

    python -m bench.bench_interp [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bareflow.compile.bytecode import compile_bytecode, emit_assembly, promote_locals
from bareflow.toolchain import data_root, run, zig

LIMITS = {"fibonacci": 100.0, "matmul": 200.0}

WORKLOAD = """
int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
void matmul(double (*restrict c)[32], double (*a)[32], double (*b)[32]) {
    for (int i = 0; i < 32; i++)
        for (int j = 0; j < 32; j++) {
            double sum = 0;
            for (int k = 0; k < 32; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
}
"""

DRIVER = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>
typedef double matrix[32][32];
int fibonacci(int n), slow_fibonacci(int n) __asm__("bf_interp.fibonacci");
void matmul(matrix c, matrix a, matrix b), slow_matmul(matrix c, matrix a, matrix b) __asm__("bf_interp.matmul");
static matrix a, b, fast, slow;
#define TICKS(times, what) ({ unsigned long t = __rdtsc(); for (int i = 0; i < (times); i++) { what; } \\
    (double)(__rdtsc() - t) / (times); })
int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    for (int i = 0; i < 1024; i++) a[0][i] = i % 17, b[0][i] = i % 13 - 6;
    for (int r = 0; r < rounds; r++) {
        double t[4] = {TICKS(20, fibonacci(18)), TICKS(1, slow_fibonacci(18)), TICKS(50, matmul(fast, a, b)),
                       TICKS(1, slow_matmul(slow, a, b))};
        printf("%.0f %.0f %.0f %.0f\\n", t[0], t[1], t[2], t[3]);
    }
    return fibonacci(18) != slow_fibonacci(18) || memcmp(fast, slow, sizeof fast) != 0;
}
"""


def build(folder: Path) -> Path:
    """Compile the workload both ways and link them into one program; return its path."""
    runtime = data_root() / "runtime"
    source, driver, program = folder / "workload.c", folder / "driver.c", folder / "bench"
    source.write_text(WORKLOAD, encoding="utf-8")
    driver.write_text(DRIVER, encoding="utf-8")
    target = ("cc", "-target", "x86_64-linux-musl", "-O3", "-fno-sanitize=all", "-fno-pie", "-fno-stack-protector")
    bitcode = folder / "workload.bc"
    flags = ("-Xclang", "-disable-llvm-passes", "-emit-llvm", "-g0", "-c")
    run(zig(*target, *flags, source, "-o", bitcode), what="compiling the workload to bitcode")
    tables = folder / "bytecode.S"
    tables.write_text(emit_assembly(compile_bytecode(promote_locals(bitcode.read_bytes()))), encoding="utf-8")
    run(zig(*target, "-c", source, "-o", folder / "native.o"), what="compiling the workload")
    parts = (driver, folder / "native.o", tables, *sorted((runtime / "interp").glob("*.[cS]")))
    run(zig(*target, "-static", "-I", runtime / "include", *parts, "-o", program), what="linking the bench")
    return program


def measure(program: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Ticks of both and the median of their ratio, by workload."""
    done = subprocess.run([program, str(rounds)], capture_output=True, text=True, check=True)
    rows = [[float(number) for number in line.split()] for line in done.stdout.splitlines()]
    found = {}
    for at, name in ((0, "fibonacci"), (2, "matmul")):
        found[name] = {
            "native_ticks": median(row[at] for row in rows),
            "interpreted_ticks": median(row[at + 1] for row in rows),
            "ratio": median(row[at + 1] / row[at] for row in rows),
            "limit": LIMITS[name],
        }
    return found


def main() -> int:
    """Build, measure, print; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        found = measure(build(Path(folder)), options.rounds)
    if options.json:
        print(json.dumps(found))
    else:
        for name, row in found.items():
            print(
                f"{name:10} native {row['native_ticks']:9.0f}  interpreted {row['interpreted_ticks']:9.0f} ticks",
                end="",
            )
            print(f"  {row['ratio']:6.1f} times slower (limit {row['limit']:.0f})")
    return int(any(row["ratio"] > row["limit"] for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())
