"""The interpreter against the compiler: the same C functions, the same results, by every way of calling."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.native.interp.generator import generate
from tests.native.interp_build import ROOT, RUNTIME, Built, build, driver_table, harnessed

CORPUS = ROOT / "tests" / "native" / "interp"
SEED, GENERATED = 20240, 150


def link(build_native, folder: Path, built: Built, name: str, *, sanitize: bool) -> Path:
    table = folder / f"{name}_table.S"
    table.write_text(driver_table(harnessed(built.program)))
    sources = [*RUNTIME, "tests/native/interp/driver.c", str(table), *map(str, built.files)]
    flags = ("-no-pie", "-Wl,--no-as-needed", "-lm", "-Wno-array-bounds")
    return build_native(name, sources, flags, sanitize=sanitize)


def run_driver(program: Path) -> str:
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.mark.parametrize("corpus", ["corpus_int", "corpus_abi", "corpus_extended", "generated"])
def test_interpreted_functions_equal_compiled_ones(corpus, build_native, tmp_path):
    source = tmp_path / f"{corpus}.c"
    text = generate(SEED, GENERATED) if corpus == "generated" else (CORPUS / f"{corpus}.c").read_text()
    source.write_text(text)
    built = build(source, tmp_path)
    assert built.program.refused == {}
    program = link(build_native, tmp_path, built, corpus, sanitize=True)
    assert f"{len(harnessed(built.program))} functions, 0 differ" in run_driver(program)
