"""The kernel's system calls: the same static program prints the same on Linux, and what differs does so on purpose."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.image.recipe import PackedFile, recipe_for_workload
from bareflow.layouts.verdict import HOST_STATUS
from bareflow.toolchain import data_root, run, zig

GUESTS = data_root() / "tests" / "guests" / "kernel"
DATA = b"0123456789" * 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What the guests find on the image, and the same programs find on Linux."""
    made = tmp_path_factory.mktemp("files")
    (made / "data.txt").write_bytes(DATA)
    (made / "folder").mkdir()
    (made / "folder" / "inner.txt").write_bytes(b"inner\n")
    return made


@pytest.fixture(scope="module")
def images(folder, tmp_path_factory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("images")
    packed = [PackedFile(folder / path, path) for path in ("data.txt", "folder/inner.txt")]
    made = {name: out / f"{name}.img" for name in ("memory", "calls", "own")}
    for name, image in made.items():
        build_image(recipe_for_workload(GUESTS / f"{name}.c", packed), image)
    return made


@pytest.fixture
def own(images, boot):
    def start(*arguments: str, **settings: object):
        return boot(images["own"], args=("own", *arguments), **settings)

    return start


@pytest.mark.parametrize("name", ["memory", "calls"])
def test_a_program_prints_what_it_prints_on_linux(name, images, folder, boot, tmp_path):
    program = tmp_path / name
    flags = ("-target", "x86_64-linux-musl", "-static", "-O1", "-fno-sanitize=all")
    run(zig("cc", *flags, GUESTS / f"{name}.c", "-o", program), what=f"compiling {name}.c")
    native = subprocess.run([program, "last"], input=b"", capture_output=True, cwd=folder, check=False)
    guest = boot(images[name], args=(name, "last"), stdin=b"")
    assert guest.verdict == "exited", guest.explain()
    assert guest.stdout.decode().splitlines() == native.stdout.decode().splitlines()
    assert guest.exit_status == native.returncode
    assert guest.stderr == b""
    assert guest.kernel_text == b""


def test_memory_is_never_writable_and_executable(own):
    assert own("wx").stdout == b"mmap both: error 13\nmprotect both: error 13\nmprotect: 0\ncall: 42\n"


def test_files_on_the_image_are_read_only(own):
    lines = own("files").stdout.decode().splitlines()
    assert [line.partition(": ")[2] for line in lines] == ["error 30"] * 7


def test_a_call_that_is_not_served_is_named_once(own):
    result = own("unknown")
    assert result.stdout == b"once: error 38\ntwice: error 38\nanother: error 38\nfork: error 11\n"
    assert result.kernel_text.count(b"system call 400 is not served") == 1
    assert result.kernel_text.count(b"system call 100000 is not served") == 1


def test_memory_beyond_4_gib_is_used(own):
    # Large pages come from the high end of memory, so these lie beyond 4 GiB.
    result = own("large", "300", memory_mib=5120)
    assert result.stdout == b"wrong: 0\n", result.explain()
    assert result.final["memory_used"] > 300 << 20


def test_no_page_fault_outside_the_stack(own):
    assert own("large", "40").final["page_faults"] <= 4


def test_memory_that_ends_is_an_error_and_comes_back(own):
    result = own("exhaust", memory_mib=64)
    assert result.stdout == b"1\n1\n", result.explain()
    assert own("large", "500", memory_mib=64).stdout == b"malloc: error 12\n"


def test_the_stack_grows_by_pages(own):
    result = own("deep")
    assert result.stdout == b"deep: 1\n", result.explain()
    assert 95 <= result.final["page_faults"] <= 105


def test_a_wait_that_nothing_can_end_is_a_panic(own):
    result = own("wait")
    assert (result.verdict, result.exit_status) == ("panic", HOST_STATUS["panic"])
    assert "deadlock" in result.reason


def test_an_unmodified_program_of_unusual_calls_gets_them_all(boot, tmp_path):
    build_image(recipe_for_workload(data_root() / "tests/guests/unusual/unusual.c"), tmp_path / "unusual.img")
    result = boot(tmp_path / "unusual.img")
    lines = result.stdout.decode().splitlines()
    assert [line for line in lines if not line.endswith(" works")] == [
        "a file that is not there No such file or directory",
        "written in two pieces",
    ], result.explain()
    assert len(lines) == 14
    assert not result.kernel_text
