"""Writes cpus.json, the CPU models that LLVM knows with their features, from `zig targets`.

LLVM ends the process on a model it does not know, so names are checked against this list first. Each is
tried in a child process; what LLVM does not take is left out. Run it after changing the pinned tools.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from bareflow.compile.cpu import FEATURES, closure
from bareflow.toolchain import run, write_atomic, zig

# Models whose LLVM name is not zig's with "-" for "_".
SPELLING = {"x86_64": "x86-64", "x86_64_v2": "x86-64-v2", "x86_64_v3": "x86-64-v3", "x86_64_v4": "x86-64-v4"}
TRIAL = (
    "import sys, llvmlite.binding as b; b.initialize_native_target();"
    "b.Target.from_triple('x86_64-unknown-linux-musl').create_target_machine(cpu=sys.argv[1])"
)


def models() -> dict[str, list[str]]:
    """Features with a CPUID bit, by model name."""
    listing = run(zig("targets"), what="listing zig's targets").stdout
    cpus = listing[listing.index(".cpus = ") :]
    block = re.search(r"^        \.x86_64 = \.\{\n(.*?)^        \},", cpus, re.MULTILINE | re.DOTALL)
    assert block
    found: dict[str, list[str]] = {}
    for model in re.finditer(r"^            \.(\S+) = \.\{\n(.*?)^            \},", block[1], re.MULTILINE | re.DOTALL):
        features = {feature.replace("_", ".") if feature.startswith("sse4_") else feature.replace("_", "-")
                    for feature in re.findall(r'"(\w+)"', model[2])}  # fmt: skip
        name = SPELLING.get(model[1], model[1].strip('@"').replace("_", "-"))
        avx10 = any(feature.startswith("avx10") for feature in features)  # in no CPUID word that the loader reads
        if "64bit" in features and not avx10 and _taken(name):
            found[name] = sorted(closure(features) & FEATURES.keys())
    return found


def _taken(name: str) -> bool:
    trial = subprocess.run([sys.executable, "-c", TRIAL, name], capture_output=True, text=True, check=False)
    return trial.returncode == 0 and "not a recognized" not in trial.stderr


def main() -> int:
    """Write the file beside this one."""
    lines = [f"{json.dumps(name)}: {json.dumps(features)}" for name, features in sorted(models().items())]
    out = Path(__file__).with_name("cpus.json")
    write_atomic(out, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    sys.stderr.write(f"{out}: {len(lines)} models\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
