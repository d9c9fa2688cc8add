"""The command line: bad input is one sentence and status 2, JSON stays alone on stdout."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import tomllib
from copy import copy
from pathlib import Path

import pytest

from bareflow.cli.program import BareflowProgram, join_verbatim, name_positionals, namespace
from bareflow.cli.task import refused, split_args, with_default
from bareflow.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bareflow", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bot-qemu",), "No idea what 'bot-qemu' is"),
        (("boot-qemu", "--timeout-s", "5x"), "--timeout-s takes a number, not '5x'"),
        (("boot-qemu", "--firmware", "uefi", "--machine", "microvm"), "no firmware for --firmware uefi"),
        (("boot-qemu", "--timeout-s", "0"), "must be above 0"),
        (("bench-boot", "--machine", "q35"), "--machine goes with --firmware"),
        (("boot-qemu", "--args", "'open"), "cannot be split"),
        (("boot-qemu", "--nonsense"), "nonsense"),
        (("build-image", "--image", "classic", "--workload", "a.c"), "both given"),
        (("snapshot-info",), "no snapshot was named"),
        (("boot-qemu", "--image", "n" * 300), "cannot be used: File name too long"),
        (("snapshot-info", "no-such-file"), "cannot be read"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(words: tuple[str, ...], said: str):
    done = run(*words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words", [("snapshot-info", "no-such-file"), ("boot-qemu", "--memory", "1.5")])
def test_json_errors_are_a_document_on_stdout(words: tuple[str, ...]):
    done = run(*words, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["exit_status"] == 2


@pytest.mark.parametrize("name", sorted(namespace().task_names))
def test_every_task_has_help_that_says_what_its_options_take(name: str, capsys: pytest.CaptureFixture[str]):
    program = BareflowProgram(name="bareflow", binary="inv", namespace=namespace(), version="0")
    with pytest.raises(SystemExit) as ended:
        program.run(["inv", name, "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"Usage: inv {name}" in shown
    for argument in copy(namespace()[name]).get_arguments():
        option = f"--{argument.name.replace('_', '-')}"
        takes = re.search(rf"{option}(=|\[=)[A-Z]+", shown)
        assert (takes is not None) == argument.takes_value, option


def test_a_reader_that_leaves_early_is_no_error_of_ours():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "bareflow", "--list"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with os.fdopen(writing, "wb") as out:
        done = subprocess.run(command, env=environment, stdout=out, stderr=subprocess.PIPE, check=False)
    assert done.stderr == b""


def test_help_names_the_default_unless_its_text_does():
    assert with_default("seconds", 120.0) == "seconds (120)"
    assert with_default("seconds (120; none with --chat)", 120.0) == "seconds (120; none with --chat)"
    assert with_default("do not ask", False) == "do not ask"


def test_a_positional_does_not_swallow_help():
    assert name_positionals(["snapshot-info", "--help"], set()) == ["snapshot-info", "--help"]


def test_a_disk_that_is_full_is_one_sentence():
    problem = refused(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert problem
    assert problem.message == "A file cannot be written: No space left on device."
    assert refused(OSError(errno.EIO, "I/O error")) is None
    assert refused(BrokenPipeError(errno.EPIPE, "Broken pipe", "pipe")) is None


def test_bare_words_become_options():
    assert name_positionals(["snapshot-info", "a.bin"], set()) == ["snapshot-info", "--file=a.bin"]
    assert name_positionals(["run-native", "--args=x y", "s.bin"], {"--args"}) == [
        "run-native",
        "--args=x y",
        "--snapshot=s.bin",
    ]


def test_args_may_begin_with_a_dash():
    assert join_verbatim(["boot-qemu", "--args", "--prompt x"]) == ["boot-qemu", "--args=--prompt x"]


def test_args_are_split_as_a_shell_splits():
    assert split_args("a 'b c' \"\"") == ("a", "b c", "")
    assert split_args(None) is None
    with pytest.raises(UsageError, match="cannot be split"):
        split_args("'")


def test_every_pin_of_the_project_is_installed_by_inv():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {*project["dependencies"], *project["optional-dependencies"]["dev"]}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert wanted <= set(lines)
    assert all("==" in line for line in lines if not line.startswith("#"))


def test_tasks_py_only_delegates():
    assert len((ROOT / "tasks.py").read_text().splitlines()) < 10
