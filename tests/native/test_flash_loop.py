"""Flashing real block devices: loop devices that are whole, mounted, full, shrinking, and of 4096-byte blocks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from bareflow.errors import ImageError, UsageError
from bareflow.image.bios import BiosParts
from bareflow.image.disk import ImageContents, pack_image
from bareflow.machine.devices import Devices
from bareflow.machine.flash import SECTOR, Flash
from bareflow.machine.target import CHUNK, open_device

ROOT = Path(__file__).resolve().parents[2]
ROOM = 16 * CHUNK


def why_not():
    if sys.platform != "linux" or os.geteuid() != 0:
        return "loop devices need Linux and root"
    if not shutil.which("losetup"):
        return "losetup is missing"
    done = subprocess.run(["losetup", "-f"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no free loop device: {done.stderr.strip()}"


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "loop devices are here")


def call(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def loop(backing, *options):
    node = Path(call("losetup", "-f", "--show", *options, backing))
    try:
        yield node
    finally:
        call("losetup", "-d", node)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """An image of a few megabytes whose bytes all differ."""
    folder = tmp_path_factory.mktemp("flash")
    parts = BiosParts(os.urandom(440), os.urandom(3000))
    contents = ImageContents(parts, os.urandom(9000), os.urandom(5 * CHUNK), image_size=8 * CHUNK + 5 * SECTOR)
    return pack_image(contents, folder / "x.img").image


@pytest.fixture
def disk(tmp_path):
    """The file behind a device that once held something else."""
    backing = tmp_path / "disk"
    backing.write_bytes(b"\xee" * ROOM)
    return backing


def flash(*words, stdin=""):
    command = [sys.executable, "-m", "bareflow", "flash", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)


def refused(done, *said):
    """One sentence, status 2, and never a word of success."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "read back and compared" not in done.stderr
    assert done.stdout == ""
    for text in said:
        assert text in done.stderr


def test_an_image_is_written_to_a_device_verified_and_skipped_the_second_time(image, disk):
    with loop(disk) as node:
        done = flash("--image", image, "--device", node, "--allow-fixed", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert (report["written_bytes"], report["verified"]) == (image.stat().st_size, True)
        again = json.loads(flash("--image", image, "--device", node, "--allow-fixed", "--yes", "--json").stdout)
        assert again["written_bytes"] == 0
        assert flash("--image", image, "--device", node, "--verify-only").returncode == 0
    data = disk.read_bytes()
    assert data[: image.stat().st_size] == image.read_bytes()
    assert set(data[image.stat().st_size :]) == {0xEE}


def test_the_person_is_asked_and_shown_what_is_lost(image, disk):
    with loop(disk) as node:
        done = flash("--image", image, "--device", node, "--allow-fixed", stdin="n\n")
        refused(done, f"{node}: unknown model, serial unknown, 16.8 MB", "the answer was not yes")
        refused(flash("--image", image, "--device", node, "--allow-fixed"), "the answer was not yes")
        assert set(disk.read_bytes()) == {0xEE}
        assert flash("--image", image, "--device", node, "--allow-fixed", stdin="yes\n").returncode == 0
    assert disk.read_bytes()[: image.stat().st_size] == image.read_bytes()


def test_a_fixed_device_is_refused(image, disk):
    with loop(disk) as node:
        refused(flash("--image", image, "--device", node, "--yes"), "is not removable", "--allow-fixed")
    assert set(disk.read_bytes()) == {0xEE}


def test_a_device_that_is_too_small_is_refused(image, tmp_path):
    small = tmp_path / "small"
    small.write_bytes(b"\xee" * (image.stat().st_size - 5 * SECTOR))
    with loop(small) as node:
        refused(flash("--image", image, "--device", node, "--allow-fixed", "--yes"), "2,560 bytes too small")
    assert set(small.read_bytes()) == {0xEE}


def test_a_device_of_more_than_256_gib_is_refused(image, tmp_path):
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, (256 << 30) + SECTOR)
    with loop(large) as node:
        refused(flash("--image", image, "--device", node, "--allow-fixed", "--yes"), "more than 256 GiB")
        done = flash("--image", image, "--device", node, "--allow-fixed", "--allow-large", "--yes")
        assert done.returncode == 0, done.stderr


def test_a_mounted_device_is_refused_even_where_the_mount_table_does_not_show_it(image, disk, tmp_path):
    if not shutil.which("mkfs.ext4"):
        pytest.skip("mkfs.ext4 is missing")
    folder = tmp_path / "mounted"
    folder.mkdir()
    with loop(disk) as node:
        call("mkfs.ext4", "-q", "-F", node)
        before = disk.read_bytes()
        device = Devices().find(node)
        call("mount", "-o", "ro,noload", node, folder)
        try:
            refused(flash("--image", image, "--device", node, "--allow-fixed", "--yes"), f"mounted on {folder}")
            with pytest.raises(UsageError, match="is in use"), open_device(device, writable=True):
                pass
        finally:
            call("umount", folder)
    assert disk.read_bytes() == before


def test_the_running_systems_own_device_is_refused(image):
    source = call("findmnt", "-n", "-o", "SOURCE", "/")
    if not Path(source).is_block_device():
        pytest.skip(f"the root file system is on {source}, no device")
    done = flash("--image", image, "--device", source, "--allow-fixed", "--allow-large", "--yes")
    assert done.returncode == 2
    assert "the running system" in done.stderr or "is a partition" in done.stderr


def test_a_write_protected_device_is_refused(image, disk):
    with loop(disk, "-r") as node:
        refused(flash("--image", image, "--device", node, "--allow-fixed", "--yes"), "write-protected")


def test_a_full_medium_behind_the_device_is_an_error_with_its_offset(image, tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    call("mount", "-t", "tmpfs", "-o", "size=3m", "none", folder)
    try:
        backing = folder / "disk"
        backing.touch()
        os.truncate(backing, ROOM)
        with loop(backing) as node:
            done = flash("--image", image, "--device", node, "--allow-fixed", "--yes")
            refused(done, "writing failed at offset 3,145,728 (0x300000)", "first sector was left empty")
        with backing.open("rb") as stream:
            assert not any(stream.read(SECTOR))
    finally:
        call("umount", folder)


def test_a_device_that_goes_away_in_the_middle_is_an_error_with_its_offset(image, disk):
    with loop(disk) as node:
        device = Devices().find(node)

        def unplug(what, done, _total):
            if (what, done) == ("writing", 4 * CHUNK):
                os.truncate(disk, 4 * CHUNK)
                call("losetup", "-c", node)

        with open_device(device, writable=True) as target:
            with pytest.raises(ImageError, match=r"writing failed at offset 4,194,304 \(0x400000\)") as caught:
                Flash(image, target, unplug).write()
            assert "first sector was left empty" in caught.value.hint
    assert not any(disk.read_bytes()[:SECTOR])


def test_a_device_that_goes_away_while_it_is_read_back_is_an_error(image, disk):
    with loop(disk) as node:
        device = Devices().find(node)

        def unplug(what, done, _total):
            if (what, done) == ("verifying", 2 * CHUNK):
                os.truncate(disk, 2 * CHUNK)
                call("losetup", "-c", node)

        stops = pytest.raises(ImageError, match="it ends at offset 2,097,152")
        with open_device(device, writable=True) as target, stops:
            Flash(image, target, unplug).write()
    assert not any(disk.read_bytes()[:SECTOR])


def test_a_medium_that_lost_what_was_written_is_found_out_past_the_cache(image, disk):
    with loop(disk) as node:
        device = Devices().find(node)

        def lose(what, done, _total):
            if (what, done) == ("verifying", 0):
                with disk.open("r+b") as stream:  # behind the device's back: a cached copy would still be right
                    stream.seek(5 * CHUNK + 3)
                    stream.write(b"\0\0\0\0\0\0\0\0")
                    os.fsync(stream.fileno())

        stops = pytest.raises(ImageError, match=r"differs from the image: offset 5,242,8\d\d")
        with open_device(device, writable=True) as target, stops:
            Flash(image, target, lose).write()
    assert not any(disk.read_bytes()[:SECTOR])


def test_blocks_of_4096_bytes_are_written_whole(image, disk):
    node = subprocess.run(
        ["losetup", "-f", "--show", "-b", "4096", disk], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not node:
        pytest.skip("this kernel makes no loop device with 4096-byte blocks")
    try:
        done = flash("--image", image, "--device", node, "--allow-fixed", "--yes")
    finally:
        call("losetup", "-d", node)
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes()[: image.stat().st_size] == image.read_bytes()


def test_a_writer_that_is_killed_leaves_a_device_that_boots_nothing(image, disk):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from bareflow.machine.devices import Devices\n"
        "from bareflow.machine.flash import Flash\n"
        "from bareflow.machine.target import open_device\n"
        "def die(what, done, total):\n"
        "    if what == sys.argv[3] and done >= total // 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with open_device(Devices().find(Path(sys.argv[1])), writable=True) as target:\n"
        "    Flash(Path(sys.argv[2]), target, die).write()\n"
    )
    with loop(disk) as node:
        for when in ("writing", "verifying"):
            command = [sys.executable, "-c", code, str(node), str(image), when]
            killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
            assert killed.returncode == -signal.SIGKILL
            with node.open("rb") as stream:
                assert not any(stream.read(SECTOR))
        assert flash("--image", image, "--device", node, "--allow-fixed", "--yes").returncode == 0
    assert disk.read_bytes()[: image.stat().st_size] == image.read_bytes()
