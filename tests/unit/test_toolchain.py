"""Running tools, and writing result files whole or not at all."""

import os
import select
import signal
import subprocess
import sys

import pytest

from bareflow import toolchain
from bareflow.errors import CompileError, ImageError, ToolError


def python(code):
    return [sys.executable, "-c", code]


def test_run_returns_what_the_tool_printed():
    assert toolchain.run(python("print(1 + 1)"), what="adding").stdout == "2\n"


def test_run_passes_input():
    done = toolchain.run(python("import sys; print(len(sys.stdin.read()))"), what="counting", input=b"abc")
    assert done.stdout == "3\n"


def test_a_failing_tool_raises_the_stage_error_with_its_stderr():
    with pytest.raises(CompileError, match=r"Compiling x\.c failed") as caught:
        toolchain.run(
            python("import sys; sys.stderr.write('boom'); sys.exit(3)"), what="compiling x.c", error=CompileError
        )
    assert caught.value.detail == "boom"


def test_a_missing_tool_is_named():
    with pytest.raises(ToolError, match="no-such-tool"):
        toolchain.run(["no-such-tool"], what="trying")


def test_a_tool_that_does_not_end_is_killed_with_its_children(tmp_path):
    mark = tmp_path / "pid"
    code = f"""import pathlib, subprocess
child = subprocess.Popen(["sleep", "60"])
pathlib.Path({str(mark)!r}).write_text(str(child.pid))
child.wait()"""
    with pytest.raises(ToolError, match="did not end within"):
        toolchain.run(python(code), what="waiting", timeout_s=1.0)
    try:
        handle = os.pidfd_open(int(mark.read_text()))
    except ProcessLookupError:
        return
    assert select.select([handle], [], [], 10.0)[0], "the child lives on"
    os.close(handle)


def test_echo_shows_the_exact_command(capfd, monkeypatch):
    monkeypatch.setitem(toolchain._settings, "echo", False)
    toolchain.set_echo(True)
    toolchain.run(python("pass"), what="nothing")
    toolchain.set_echo(False)
    assert capfd.readouterr().err.startswith(f"+ {sys.executable} -c pass")


def test_write_atomic_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    out = tmp_path / "deep" / "result.bin"
    toolchain.write_atomic(out, b"old")
    toolchain.write_atomic(out, b"new", mode=0o755)
    assert out.read_bytes() == b"new"
    assert out.stat().st_mode & 0o777 == 0o755
    assert list(out.parent.iterdir()) == [out]


def test_write_atomic_names_an_unwritable_path_and_leaves_no_half_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ImageError, match="file/out"):
        toolchain.write_atomic(tmp_path / "file" / "out", b"data")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ImageError, match="folder"):
        toolchain.write_atomic(tmp_path / "folder", b"data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_results_never_take_the_place_of_a_device_or_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("pipe", "link"):
        with pytest.raises(ImageError, match=f"{name} is no regular file"):
            toolchain.write_atomic(tmp_path / name, b"data")
    assert (tmp_path / "link").is_symlink()


def test_results_go_to_where_a_link_leads(tmp_path):
    (tmp_path / "link").symlink_to("folder/real")
    toolchain.write_atomic(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder/real").read_bytes() == b"data"


def test_cache_dir_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path / "own"))
    assert toolchain.cache_dir() == tmp_path / "own"
    monkeypatch.delenv("BAREFLOW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    assert toolchain.cache_dir() == tmp_path / "shared" / "bareflow"
    assert toolchain.environment()["ZIG_GLOBAL_CACHE_DIR"].startswith(str(tmp_path))


def test_cache_dir_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ToolError, match="file/cache"):
        toolchain.cache_dir()


def test_a_cache_that_cannot_be_written_is_named_as_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path))
    (tmp_path / "objects").touch()
    with pytest.raises(ToolError, match=r"The cache folder .* cannot be written") as caught:
        toolchain.write_atomic(tmp_path / "objects" / "one", b"x")
    assert "BAREFLOW_CACHE" in caught.value.hint


@pytest.mark.parametrize("damage", [lambda d: d[:-1] + b"X", lambda d: d[:40], lambda _: b""])
def test_what_was_kept_in_the_cache_is_whole_or_not_there(tmp_path, damage):
    stored = tmp_path / "kept"
    assert toolchain.kept(stored) is None
    assert toolchain.keep(stored, b"made once") == toolchain.kept(stored) == b"made once"
    stored.write_bytes(damage(stored.read_bytes()))
    assert toolchain.kept(stored) is None


@pytest.mark.parametrize("name", ["made", "made.sha256"])
@pytest.mark.parametrize("damage", [lambda d: d[:-1] + b"X", lambda d: d[:4], lambda _: b""])
def test_a_file_that_tools_read_is_made_once_and_again_when_it_is_not_whole(tmp_path, name, damage):
    path, times = tmp_path / "folder" / "made", []

    def make(scratch):
        times.append(scratch.is_dir())
        return b"its bytes"

    for _ in range(2):
        assert toolchain.made(path, make, mode=0o755).read_bytes() == b"its bytes"
    damaged = path.with_name(name)
    damaged.write_bytes(damage(damaged.read_bytes()))
    assert toolchain.made(path, make).read_bytes() == b"its bytes"
    assert toolchain.is_whole(path)
    assert times == [True, True]


def test_a_tool_that_fails_where_no_room_is_left_says_so(monkeypatch):
    monkeypatch.setattr(toolchain, "TEMPORARY_BYTES", 1 << 80)
    with pytest.raises(ToolError) as caught:
        toolchain.run(["false"], what="linking")
    assert "is full: make room, or set TMPDIR" in caught.value.hint


def test_data_root_holds_the_sources():
    assert (toolchain.data_root() / "runtime" / "snapshot.ld").is_file()


def test_a_program_on_the_path_is_found_without_apt(monkeypatch):
    monkeypatch.setattr(toolchain, "_run_in_sight", lambda _command: pytest.fail("apt was called"))
    assert os.access(toolchain.ensure_program("sh", "dash"), os.X_OK)


def test_a_missing_program_without_apt_names_its_package(monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda _name: None)
    with pytest.raises(ToolError, match="qemu-system-x86_64 is not installed") as caught:
        toolchain.ensure_program("qemu-system-x86_64", "qemu-system-x86")
    assert "qemu-system-x86 " in caught.value.hint


def test_apt_that_fails_is_reported(monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None if name == "qemu" else f"/usr/bin/{name}")
    calls = []
    monkeypatch.setattr(toolchain, "_run_in_sight", lambda command: calls.append(command) or 100)
    with pytest.raises(ToolError, match="could not install qemu-pkg"):
        toolchain.ensure_program("qemu", "qemu-pkg")
    assert any("update" in call for call in calls)


def test_what_is_done_side_by_side_comes_back_in_order():
    assert toolchain.side_by_side(lambda a, b: a * b, range(50), range(50)) == [n * n for n in range(50)]


def test_the_first_that_fails_side_by_side_is_the_one_that_is_told():
    def work(number):
        if number % 7 == 5:
            raise ToolError(f"{number} failed.")

    with pytest.raises(ToolError, match=r"^5 failed\."):
        toolchain.side_by_side(work, range(50))


INTERRUPTED = """
import sys
from bareflow import toolchain

def wait(number):
    toolchain.run(["sh", "-c", f"echo up > {sys.argv[1]}; read line < {sys.argv[2]}"], what="waiting")

toolchain.side_by_side(wait, range(9))
"""


def test_ctrl_c_ends_tools_that_run_side_by_side(tmp_path):
    said, never = tmp_path / "said", tmp_path / "never"
    os.mkfifo(said)
    os.mkfifo(never)
    program = subprocess.Popen([sys.executable, "-c", INTERRUPTED, said, never], stderr=subprocess.PIPE)
    said.read_text()  # the first waits
    program.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in program.communicate(timeout=60)[1]
    with pytest.raises(OSError, match="No such device"):  # nobody reads it any more
        os.open(never, os.O_WRONLY | os.O_NONBLOCK)
