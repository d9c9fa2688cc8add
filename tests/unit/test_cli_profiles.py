"""The tasks profile and report through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bareflow.profile.file import decode_profile
from bareflow.profile.store import load_profile, save_profile
from bareflow.profile.values import FunctionProfile, Profile, TierTimes, TierUp

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"


def run(*words: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bareflow", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two profiles that share a function."""

    def profile(boot: int, calls: int, *others: str) -> Profile:
        functions = [FunctionProfile("shared", "5a" * 16, calls, times={"O1": TierTimes(calls, calls * 40, calls, 31)})]
        functions += [FunctionProfile(name, "11" * 16, 3, tier="O2") for name in others]
        event = TierUp(boot, 100 * boot, "shared", "O0", "O1", "published", 900, 2000, 120, 64)
        stacks = {("main", "shared"): calls}
        return Profile({f.key: f for f in functions}, stacks, (event,), frozenset({f"{boot:032x}"}), boots=1)

    one, two = tmp_path / "one.bin", tmp_path / "two.json"
    save_profile(one, profile(1, 50))
    save_profile(two, profile(2, 7, "only here; <b>\n"))
    return one, two


def test_show_prints_names_whole_where_there_is_no_terminal(files):
    done = run("profile", "show", *files)
    assert done.returncode == 0, done.stderr
    for words in ("shared", "only here; <b>", "one.bin", "two.json", "1 tier-up"):
        assert words in done.stdout


def test_show_gives_documents(files):
    done = run("profile", "show", *files, "--json")
    shown = json.loads(done.stdout)["profiles"]
    assert [one["file"] for one in shown] == [str(file) for file in files]
    assert shown[0]["functions"][0]["calls"] == 50


def test_merging_is_commutative_through_files(files, tmp_path):
    one, two = files
    for out, order in (("ab.bin", (one, two)), ("ba.bin", (two, one))):
        done = run("profile", "merge", *order, "--out", tmp_path / out)
        assert done.returncode == 0, done.stderr
    merged = (tmp_path / "ab.bin").read_bytes()
    assert merged == (tmp_path / "ba.bin").read_bytes()
    assert decode_profile(merged).named("shared").calls == 57
    assert decode_profile(merged).boots == 2


def test_merging_tells_programs_what_it_wrote(files, tmp_path):
    done = run("profile", "merge", *files, "--out", tmp_path / "c.json", "--json")
    said = json.loads(done.stdout)
    assert (said["boots"], said["functions"]) == (2, 2)
    assert load_profile(tmp_path / "c.json").boots == 2
    assert json.loads((tmp_path / "c.json").read_text())["format"] == "bareflow-profile"


@pytest.mark.parametrize(
    ("format_", "keys"), [("json", "functions"), ("speedscope", "shared"), ("chrome", "traceEvents")]
)
def test_exports_are_documents(files, tmp_path, format_, keys):
    out = tmp_path / "out"
    done = run("profile", "export", *files, "--format", format_, "--out", out)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert keys in json.loads(out.read_text())
    to_stdout = run("profile", "export", *files, "--format", format_)
    assert to_stdout.stdout == out.read_text()


def test_collapsed_stacks_are_lines_for_flamegraph(files):
    done = run("profile", "export", *files, "--format=collapsed")
    assert done.stdout == "main;shared 57\n"
    as_json = run("profile", "export", *files, "--format", "collapsed", "--json")
    assert json.loads(as_json.stdout)["text"] == done.stdout


def test_a_report_is_one_file(files, tmp_path):
    grown = tmp_path / "grow.json"
    grown.write_text(json.dumps({"payload_bytes": 18204, "development_bytes": 181_000_000, "outputs_agree": True}))
    out = tmp_path / "report.html"
    words = ("--profile", files[0], "--profile", files[1], "--grow-json", grown, "--out", out)
    done = run("report", *words, "--title", "a <demo>", "--json")
    assert done.returncode == 0, done.stderr
    page = out.read_text()
    assert json.loads(done.stdout) == {
        "out": str(out),
        "bytes": len(page.encode()),
        "functions": 2,
        "tier_ups": 2,
    }
    for said in ("shared", "only here; &lt;b&gt;", "a &lt;demo&gt;", "17.8 KiB"):
        assert said in page
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_same_profile_gives_the_same_report(files, tmp_path):
    for name in ("a.html", "b.html"):
        assert run("report", "--profile", files[0], "--out", tmp_path / name).returncode == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("profile",), "no action was given"),
        (("profile", "paint", "x"), "'paint' is no action"),
        (("profile", "show"), "no profile was named"),
        (("profile", "show", "no-such-file"), "no-such-file cannot be read"),
        (("profile", "show", "pyproject.toml"), "pyproject.toml"),
        (("profile", "merge", GOLDEN / "profile-v1.bin"), "not told where to write"),
        (("profile", "merge", GOLDEN / "profile-v1.bin", "--out", "/proc/x/y"), "cannot be written"),
        (("profile", "export", GOLDEN / "profile-v1.bin", "--format", "pdf"), "'pdf' is no format"),
        (("report",), "no profile was named"),
        (("report", "--profile", "no-such-file"), "cannot be read"),
        (("report", "--grow-json", "pyproject.toml"), "it is no JSON"),
        (("report", "--profile", GOLDEN / "profile-v1.bin", "--out", "/proc/x/y"), "cannot be written"),
        (("collect",), "no port was named"),
        (("collect", "--port", "/dev/no-such-port"), "cannot be opened as a serial port"),
        (("collect", "--port", "socket://nonsense"), "names no host and port"),
        (("collect", "--port", "x", "--baud", "0"), "--baud must be above 0"),
        (("collect", "--port", "x", "--timeout-s=-1"), "must not be below 0"),
        (("collect", "--port", "x", "--names", "pyproject.toml"), "holds no program's names"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(words, said):
    done = run(*words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("damage", [b"", b"\0", b"BFPF", b"{}", b'{"format": "bareflow-profile"}', b"\xff{"])
def test_damaged_profiles_are_refused(tmp_path, damage):
    path = tmp_path / "damaged.bin"
    path.write_bytes(damage)
    done = run("profile", "show", path)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "damaged.bin" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["profile", "collect", "report"])
def test_help_explains_every_option(name):
    done = run(name, "--help")
    assert done.returncode == 0
    options = [line for line in done.stdout.splitlines() if line.startswith("  -")]
    assert options
    assert all(len(line.split("  ")) > 2 for line in options), done.stdout
