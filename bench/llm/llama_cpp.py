"""llama.cpp for comparison: llama-cpp-python from PyPI, built on demand in two environments in the cache.

Building takes long (each about as long as compiling llama.cpp); a finished environment is kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from bareflow.errors import ToolError
from bareflow.toolchain import cache_dir

PACKAGE = "llama-cpp-python==0.3.16"
BUILDS = {
    "avx2": "-DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_AVX512=OFF",
    "native": "-DGGML_NATIVE=ON",
}
COMMON = " -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF -DCMAKE_BUILD_TYPE=Release"
TIMED = """
import json, sys, time
from llama_cpp import Llama
model, prompt, tokens = sys.argv[1], sys.argv[2], int(sys.argv[3])
llm = Llama(model, n_ctx=256, n_threads=1, n_threads_batch=1, verbose=False, logits_all=False)
ids = llm.tokenize(prompt.encode())
llm.eval(ids[:8]); llm.reset()  # everything is in memory now
start = time.process_time(); llm.eval(ids); middle = time.process_time()
for _ in range(tokens):
    llm.eval([5 + _])
end = time.process_time()
print(json.dumps([len(ids) / (middle - start), tokens / (end - middle)]))
"""


def prepare() -> dict[str, Path]:
    """Build what is not there yet; return the Python interpreters by build.

    Raises:
        ToolError: a build failed.
    """
    return {name: _environment(name, flags + COMMON) for name, flags in BUILDS.items()}


def _environment(name: str, flags: str) -> Path:
    folder = cache_dir() / "bench" / f"llama-cpp-{name}"
    python, done = folder / "bin/python", folder / "built"
    if done.exists() and done.read_text() == PACKAGE + flags:
        return python
    print(f"building {PACKAGE} ({name}): this takes a while", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--no-cache-dir", "--no-binary", "llama-cpp-python", PACKAGE]
    finished = subprocess.run(
        command, env={**os.environ, "CMAKE_ARGS": flags}, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise ToolError(f"{PACKAGE} cannot be built ({name}).", "It needs a C++ compiler.", finished.stderr[-4000:])
    done.write_text(PACKAGE + flags)
    return python


def measure(python: Path, model: Path, prompt: str, tokens: int, core: int) -> tuple[float, float]:
    """Return tokens per second of prompt and generation on one core."""
    done = subprocess.run(
        [str(python), "-c", TIMED, str(model), prompt, str(tokens)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode:
        raise ToolError("llama.cpp failed.", detail=done.stderr[-4000:])
    prompt_rate, generation_rate = json.loads(done.stdout.splitlines()[-1])
    return prompt_rate, generation_rate
