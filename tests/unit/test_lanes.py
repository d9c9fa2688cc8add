"""Tests that run in several processes: each once, failures shown, and nothing left behind when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; from pathlib import Path; from bareflow.cli.lanes import run_lanes\n"
PROGRAM += "from bareflow.cli.program import take_endings_as_ctrl_c; take_endings_as_ctrl_c()\n"
PROGRAM += "sys.exit(run_lanes(['tests'], Path.cwd(), 2))"


def lanes(folder: Path, **modules: str) -> subprocess.Popen[str]:
    """Start two processes on these test modules."""
    (folder / "tests").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -ra\n")
    for name, text in modules.items():
        (folder / "tests" / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-c", PROGRAM]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_every_test_runs_once_and_what_fails_is_shown(tmp_path):
    once = "from pathlib import Path\ndef test_once():\n    Path('{}').touch(exist_ok=False)\n"
    modules = {name: once.format(name) for name in "abcd"}
    bad = "import pytest\ndef test_bad():\n    assert 6 * 7 == 41\ndef test_skipped():\n    pytest.skip('no tool')\n"
    running = lanes(tmp_path, **modules, bad=bad)
    said, _ = running.communicate()
    assert running.returncode == 1, said
    assert "FAILED tests/test_bad.py::test_bad\n" in said
    assert "assert (6 * 7) == 41" in said
    assert "no tool" in said
    assert "1 failed, 4 passed, 1 skipped in " in said
    assert {path.name for path in tmp_path.iterdir()} >= set(modules)


def test_a_process_that_dies_is_told_and_what_did_not_run_counted(tmp_path):
    dies = "import os, signal\ndef test_dies():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    running = lanes(tmp_path, dies=dies)
    said, _ = running.communicate()
    assert running.returncode == signal.SIGKILL
    assert "a process was ended by SIGKILL" in said
    assert "1 tests were selected but 0 ran" in said


def test_stopping_it_ends_its_tests_fixtures_and_their_programs(tmp_path):
    waits = (
        "import subprocess, pytest\n@pytest.fixture\ndef program():\n"
        "    with subprocess.Popen(['sleep', '600']) as child:\n        yield child.pid\n"
        "        open('torn-down', 'w').close()\n        child.kill()\n"
        "def test_waits(program):\n    with open('begun', 'w') as pipe:\n        pipe.write(str(program))\n"
        "    subprocess.run(['sleep', '600'])\n"
    )
    os.mkfifo(tmp_path / "begun")
    with lanes(tmp_path, waits=waits) as running:
        program = int((tmp_path / "begun").read_text())
        running.terminate()  # in the background nobody hears Ctrl-C, which goes the same way
        running.communicate()
    assert running.returncode not in {0, None}
    assert (tmp_path / "torn-down").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(program, 0)
