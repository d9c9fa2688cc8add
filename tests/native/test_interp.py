"""The interpreter against the compiler: the same C functions, the same results, by every way of calling."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.native.interp.generator import generate
from tests.native.interp_build import ROOT, RUNTIME, Built, build, driver_table, harnessed

CORPUS = ROOT / "tests" / "native" / "interp"
SEED, GENERATED = 20240, 75


@pytest.fixture(scope="module")
def interpreter(build_native) -> list[str]:
    """The interpreter's objects, compiled once, under the sanitizers."""
    parts = [*RUNTIME, "tests/native/interp/driver.c"]
    return [
        str(build_native(f"{Path(part).name}.o", [part], ("-c", "-Wno-array-bounds", "-g0", "-O0"))) for part in parts
    ]


def link(build_native, interpreter: list[str], folder: Path, built: Built, name: str) -> Path:
    table = folder / f"{name}_table.S"
    table.write_text(driver_table(harnessed(built.program)))
    sources = [*interpreter, str(table), *map(str, built.files)]
    return build_native(name, sources, ("-no-pie", "-Wl,--no-as-needed", "-lm", "-latomic"))


def run_driver(program: Path) -> str:
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.mark.parametrize(
    "corpus", ["corpus_int", "corpus_abi", "corpus_extended", "corpus_wide", "corpus_setjmp", "generated"]
)
def test_interpreted_functions_equal_compiled_ones(corpus, interpreter, build_native, tmp_path):
    source = tmp_path / f"{corpus}.c"
    text = generate(SEED, GENERATED) if corpus == "generated" else (CORPUS / f"{corpus}.c").read_text()
    source.write_text(text)
    built = build(source, tmp_path, level=1 if corpus == "generated" else 2)
    assert built.program.refused == {}
    program = link(build_native, interpreter, tmp_path, built, corpus)
    assert f"{len(harnessed(built.program))} functions, 0 differ" in run_driver(program)
