"""Data flows one way: a stage imports only what stands before it, and the C rooms meet only at headers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = (
    ("errors",),
    ("layouts",),
    ("toolchain",),
    ("profile", "names"),  # plain values, which freezing compiles with
    ("compile",),
    ("snapshot", "native"),
    ("image",),
    ("wire",),
    ("machine",),
    ("tiering", "growth", "collect", "trials"),
    ("freeze",),
    ("build",),
    ("grow",),
    ("doctor", "report", "deadcode"),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(STAGES) for name in names}
MODULES = [path for path in (ROOT / "bareflow").rglob("*.py") if path.parent != ROOT / "bareflow" or path.stem in RANK]


def stage_of(path: Path) -> str:
    return path.relative_to(ROOT / "bareflow").parts[0].removesuffix(".py")


def imported_stages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "bareflow":
            names += [f"bareflow.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("bareflow.")}
    return found & RANK.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_stage_imports_only_what_stands_before_it(path):
    stage = stage_of(path)
    later = {name for name in imported_stages(path) if RANK[name] > RANK[stage]}
    assert not later, f"{path} imports {sorted(later)}"


def test_every_module_has_a_stage():
    names = {path.stem if path.is_file() else path.name for path in (ROOT / "bareflow").iterdir()}
    assert {name for name in names if not name.startswith("_")} <= RANK.keys()


@pytest.mark.parametrize(("room", "other"), [("kernel", "bios"), ("loader", "kernel/"), ("runtime", "kernel/")])
def test_c_rooms_do_not_include_each_other(room, other):
    for path in (ROOT / room).rglob("*.[chS]"):
        for name in re.findall(r'#include "([^"]+)"', path.read_text()):
            assert other not in name, f"{path} includes {name}"


@pytest.mark.parametrize("folder", ["bareflow", "kernel", "runtime", "loader", "images", "tests", "bench"])
def test_no_file_is_over_500_lines(folder):
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in {".py", ".c", ".h", ".S"} and "gen" not in path.parts:
            assert len(path.read_text().splitlines()) <= 500, path
