"""Builds C parts of the project for this host, under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fno-omit-frame-pointer"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

NativeBuild = Callable[..., Path]


@pytest.fixture(scope="session")
def build_native(tmp_path_factory: pytest.TempPathFactory) -> NativeBuild:
    """Return `build(name, sources, flags=(), sanitize=True)`, which compiles with the host's cc."""
    folder = tmp_path_factory.mktemp("native")

    def build(name: str, sources: Sequence[str], flags: Sequence[str] = (), *, sanitize: bool = True) -> Path:
        out = folder / name
        command = ["cc", *FLAGS, *(SANITIZERS if sanitize else []), f"-I{ROOT}/runtime/include", *flags]
        command += [str(ROOT / source) for source in sources] + ["-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return out

    return build
