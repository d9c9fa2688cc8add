"""From C to a machine by the commands of the README: same output and status as on Linux, within the size promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bareflow.toolchain import zig

ROOT = Path(__file__).resolve().parents[2]
HELLO = ROOT / "tests/guests/hello/hello.c"
DATA = b"one\ntwo words\nthe last line has no end"
PRINTF = '#include <stdio.h>\nint main(void) { printf("hello, %s %d\\n", "world", 42); return 0; }\n'
CLASSIC_LIMIT, HELLO_LIMIT = 20_480, 40_960


def run(*words: object, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "bareflow", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, input=stdin, capture_output=True, check=False)


def document(done: subprocess.CompletedProcess[bytes]) -> dict[str, object]:
    assert done.stdout, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def hello_folder(tmp_path_factory) -> Path:
    """A folder outside the project with the program's image, its file, and the same program for Linux."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "hello.c").write_text(HELLO.read_text())
    (folder / "data.txt").write_bytes(DATA)
    done = run("build-image", "--workload", "hello.c", "--file", "data.txt", "--out", "hello.img", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    command = [
        *zig("cc"),
        "-target",
        "x86_64-linux-musl",
        "-mcpu=x86_64_v2",
        "-O2",
        "-static",
        "hello.c",
        "-o",
        "hello",
    ]
    subprocess.run([*command, "-lm"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(("args", "words"), [("a 'b c' ''", ["a", "b c", ""]), ("", [])])
def test_an_unmodified_program_does_what_it_does_on_linux(hello_folder, args, words):
    typed = b"typed\nand more"
    native = subprocess.run(["./hello", *words], cwd=hello_folder, input=typed, capture_output=True, check=False)
    guest = run("boot-qemu", "--image", "hello.img", "--args", args, "--json", cwd=hello_folder, stdin=typed)
    result = document(guest)
    assert result["stdout"].encode() == native.stdout
    assert result["stderr"].encode() == native.stderr
    assert result["exit_code"] == native.returncode == guest.returncode == 41 + len(words)


def test_a_snapshot_does_the_same_in_a_linux_process(hello_folder):
    native = subprocess.run(["./hello", "x"], cwd=hello_folder, input=b"", capture_output=True, check=False)
    ours = run("run-native", "hello.img", "--args", "x", cwd=hello_folder)
    assert (ours.stdout, ours.returncode) == (native.stdout, native.returncode)
    told = document(run("run-native", "hello.img", "--args", "x", "--json", cwd=hello_folder))
    assert (told["stdout"].encode(), told["exit_code"]) == (native.stdout, native.returncode)


def test_classic_is_right_and_keeps_its_size(tmp_path):
    image = tmp_path / "classic.img"
    built = document(run("build-image", "--image", "classic", "--out", image, "--json", cwd=tmp_path))
    assert built["payload_bytes"] == sum(built["parts"].values()) <= CLASSIC_LIMIT
    done = run("boot-qemu", "--image", image, "--json", cwd=tmp_path)
    result = document(done)
    assert done.returncode == result["exit_code"] == 0
    assert "fibonacci = 832040" in result["stdout"]
    assert {"image", "payload_bytes", "parts", "boot_ms", "qemu_command"} <= result.keys()


def test_a_way_in_that_the_recipe_lacks_is_built_in_when_it_is_asked_for(tmp_path):
    result = document(run("boot-qemu", "--image", "classic", "--firmware", "pvh", "--json", cwd=tmp_path))
    assert "PVH loader" in result["parts"]
    assert "fibonacci = 832040" in result["stdout"]


def test_a_hello_with_printf_keeps_its_size(tmp_path):
    (tmp_path / "hello.c").write_text(PRINTF)
    done = run("build-image", "--workload", "hello.c", "--out", "hello.img", "--json", cwd=tmp_path)
    assert document(done)["payload_bytes"] <= HELLO_LIMIT


def test_a_program_that_leaves_input_unread_draws_no_word_from_the_kernel(tmp_path):
    source = "#include <stdio.h>\nint main(void) { char b[9]; return !fgets(b, 9, stdin) || fputs(b, stdout) < 0; }\n"
    (tmp_path / "first.c").write_text(source)
    done = run("boot-qemu", "--workload", "first.c", "--json", cwd=tmp_path, stdin=b"one\ntwo\nthree\n")
    result = document(done)
    assert (result["stdout"], result["kernel_text"], result["exit_code"]) == ("one\n", "", 0)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("int main(void) { return nonsense; }", "nonsense"),
        ("int helper(void) { return 0; }", "main"),
        ("int missing(void);\nint main(void) { return missing(); }", "missing"),
        ("static char large[1 << 30];\nint main(int c, char **v) { large[c] = **v; return large[c * 2]; }", "memory"),
    ],
)
def test_a_workload_that_cannot_be_built_is_one_sentence_and_no_file(tmp_path, source, said):
    (tmp_path / "bad.c").write_text(source)
    done = run("build-image", "--workload", "bad.c", "--out", "bad.img", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.c"]


def test_an_unwritable_output_is_refused(tmp_path):
    (tmp_path / "hello.c").write_text(PRINTF)
    done = run("build-image", "--workload", "hello.c", "--out", "hello.c/hello.img", cwd=tmp_path)
    assert done.returncode == 2
    assert b"hello.c/hello.img" in done.stderr
