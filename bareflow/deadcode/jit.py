"""How small a static LLVM for X86 alone can be: Debian's llvm-dev, a least program (runtime/cover/jit.cpp), measured.

The program reads IR, optimises it at O3, compiles it in memory and runs it. It is linked with the static libraries,
without what nothing reaches, and stripped; then it has to run.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bareflow.errors import ToolError
from bareflow.toolchain import cache_dir, data_root, run, write_atomic

COMPONENTS = ("orcjit", "x86", "passes", "irreader")
NEEDED = "libLLVMX86CodeGen.a"
ANSWER = "42"
LINK_S = 540.0
INSTALL = "apt-get install llvm-dev g++"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class StaticJit:
    """A static X86-only compiler in memory.

    Args:
        llvm: its version; empty where there is none.
        size_bytes: of the stripped program; 0 where it was not made.
        reason: why it was not made, and what to do.
    """

    llvm: str
    size_bytes: int
    reason: str = ""


def static_jit(progress: Progress = lambda _text: None) -> StaticJit:
    """Build it, or take what was measured with this LLVM before; the first time takes about a minute."""
    config = find_config()
    if config is None:
        return StaticJit("", 0, f"LLVM's static libraries are not installed: {INSTALL}")
    version = _ask(config, "--version")
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        return StaticJit(version, 0, f"a C++ compiler is not installed: {INSTALL}")
    stored = cache_dir() / "deadcode" / f"jit-{version}.json"
    if stored.exists():
        return StaticJit(version, json.loads(stored.read_bytes())["size_bytes"])
    progress(f"linking a static X86-only LLVM {version}, about a minute")
    try:
        size = _build(config, compiler)
    except ToolError as problem:
        return StaticJit(version, 0, problem.message)
    write_atomic(stored, json.dumps({"size_bytes": size}).encode())
    return StaticJit(version, size)


def find_config() -> str | None:
    """The newest llvm-config whose static libraries are there."""
    names = {path.name for folder in ("/usr/bin", "/usr/local/bin") for path in Path(folder).glob("llvm-config*")}
    numbered = sorted((int(n[1]) for name in names if (n := re.fullmatch(r"llvm-config-(\d+)", name))), reverse=True)
    for name in [*(f"llvm-config-{number}" for number in numbered), "llvm-config"]:
        path = shutil.which(name)
        if path and (Path(_ask(path, "--libdir")) / NEEDED).exists():
            return path
    return None


def _ask(config: str, *words: str) -> str:
    """What llvm-config answers; empty where it fails."""
    done = subprocess.run([config, *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _build(config: str, compiler: str) -> int:
    """Bytes of the program, which has been run.

    Raises:
        ToolError: it cannot be built, or does not run.
    """
    source = data_root() / "runtime" / "cover" / "jit.cpp"
    libraries = shlex.split(_ask(config, "--link-static", "--ldflags", "--libs", *COMPONENTS))
    libraries += shlex.split(_ask(config, "--link-static", "--system-libs"))
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        out = Path(folder) / "jit"
        flags = ("-O2", "-ffunction-sections", "-fdata-sections", *shlex.split(_ask(config, "--cxxflags")))
        command = [compiler, *flags, source, "-o", out, "-static-libstdc++", *libraries, "-Wl,--gc-sections", "-s"]
        run([str(word) for word in command], what="linking a static LLVM", timeout_s=LINK_S)
        said = run([str(out)], what="running a static LLVM").stdout.strip()
        if said != ANSWER:
            raise ToolError(f"The static LLVM computes {said!r}, not {ANSWER}.")
        return out.stat().st_size
