"""Signals and timers of the kernel that a program asks for: the same static program prints the same on Linux."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.image.recipe import PackedFile, recipe_for_workload
from bareflow.toolchain import data_root, run, zig

SOURCE = data_root() / "tests" / "guests" / "signals" / "signals.c"
DATA = b"0123456789" * 1000
SIGABRT, SIGALRM = 6, 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("signals")
    (made / "data.txt").write_bytes(DATA)
    return made


@pytest.fixture(scope="module")
def image(folder) -> Path:
    out = folder / "signals.img"
    recipe = recipe_for_workload(SOURCE, [PackedFile(folder / "data.txt", "data.txt")])
    assert "signals" in build_image(recipe, out).features
    return out


def test_signals_are_as_on_linux(folder, image, boot):
    program = folder / "signals"
    flags = ("-target", "x86_64-linux-musl", "-static", "-O1", "-fno-sanitize=all", "-w")
    run(zig("cc", *flags, SOURCE, "-o", program), what="compiling signals.c")
    native = subprocess.run([program], capture_output=True, cwd=folder, check=False, timeout=60)
    guest = boot(image)
    assert guest.stdout.decode().splitlines() == native.stdout.decode().splitlines(), guest.explain()
    assert (guest.exit_status, native.returncode) == (3, 3)
    assert guest.kernel_text == b""


@pytest.mark.parametrize(("mode", "number"), [("abort", SIGABRT), ("alarm", SIGALRM)])
def test_a_signal_that_nobody_handles_ends_the_program(mode, number, image, boot):
    guest = boot(image, args=("signals", mode))
    assert (guest.verdict, guest.status) == ("killed", number), guest.explain()
