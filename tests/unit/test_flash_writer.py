"""The order of writing, what is skipped, and every way to fail, on a device made of memory."""

from __future__ import annotations

import errno
import hashlib
import os
import random

import pytest

from bareflow.errors import ImageError, UsageError
from bareflow.machine.devices import BlockDevice
from bareflow.machine.flash import SECTOR, Flash
from bareflow.machine.target import CHUNK, open_device, open_file

SIZE = 3 * CHUNK + 5 * SECTOR


class Medium:
    """A device in memory; it fails where it is told to, and remembers what was done to it."""

    name = "/dev/fake"

    def __init__(self, data, block=SECTOR):
        self.block_bytes = block
        self.data = bytearray(data)
        self.log = []
        self.fail_write_at = self.fail_read_at = None
        self.fail_sync = False
        self.wraps_at = None

    def read(self, offset, length):
        assert offset % self.block_bytes == length % self.block_bytes == 0
        self._fail(self.fail_read_at, offset, length)
        return bytes(self.data[offset : offset + length])

    def write(self, offset, data):
        assert offset % self.block_bytes == len(data) % self.block_bytes == 0
        self._fail(self.fail_write_at, offset, len(data))
        self.log.append((offset, len(data)))
        at = offset % self.wraps_at if self.wraps_at else offset
        self.data[at : at + len(data)] = data

    def sync(self):
        if self.fail_sync:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.log.append("sync")

    def _fail(self, at, offset, length):
        if at is not None and at < offset + length:
            raise OSError(errno.EIO, os.strerror(errno.EIO), max(at, offset))


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "x.img"
    path.write_bytes(random.Random(5).randbytes(SIZE))  # noqa: S311  not a secret
    return path


@pytest.fixture
def blank():
    return Medium(bytes(4 * CHUNK))


def test_everything_arrives_and_what_lies_behind_stays(image):
    medium = Medium(b"\xee" * (4 * CHUNK))
    report = Flash(image, medium).write()
    assert medium.data[:SIZE] == image.read_bytes()
    assert set(medium.data[SIZE:]) == {0xEE}
    assert report.sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
    assert (report.written_bytes, report.skipped_bytes) == (SIZE, 0)


def test_the_first_sector_is_blanked_first_and_written_last(image, blank):
    Flash(image, blank).write()
    writes = [entry for entry in blank.log if entry != "sync"]
    assert writes[0] == writes[-1] == (0, SECTOR)
    assert blank.log[1] == "sync", "the blank sector is on the medium before anything else"
    assert blank.log[-3:] == ["sync", (0, SECTOR), "sync"]


def test_an_old_boot_sector_is_gone_before_the_first_change(image):
    medium = Medium(b"\xee" * (4 * CHUNK))
    medium.fail_write_at = 2 * CHUNK
    with pytest.raises(ImageError):
        Flash(image, medium).write()
    assert not any(medium.data[:SECTOR])


def test_a_second_time_writes_nothing(image, blank):
    Flash(image, blank).write()
    blank.log.clear()
    report = Flash(image, blank).write()
    assert blank.log == []
    assert (report.written_bytes, report.skipped_bytes) == (0, SIZE)


def test_only_what_differs_is_written(image, blank):
    Flash(image, blank).write()
    blank.data[CHUNK + 7] ^= 1
    blank.log.clear()
    report = Flash(image, blank).write()
    assert [entry for entry in blank.log if entry != "sync"] == [(0, SECTOR), (CHUNK, CHUNK), (0, SECTOR)]
    assert report.written_bytes == CHUNK
    assert blank.data[:SIZE] == image.read_bytes()


def test_an_interrupted_run_is_taken_up_again(image, blank):
    blank.fail_write_at = 2 * CHUNK
    with pytest.raises(ImageError):
        Flash(image, blank).write()
    blank.fail_write_at = None
    report = Flash(image, blank).write()
    assert report.skipped_bytes == 2 * CHUNK - SECTOR
    assert blank.data[:SIZE] == image.read_bytes()


@pytest.mark.parametrize(("at", "said"), [(0, "Nothing was written"), (2 * CHUNK, "Nothing boots from it")])
def test_ctrl_c_says_what_the_target_is_then(image, blank, at, said):
    def stop(_what, done, _total):
        if done == at:
            raise KeyboardInterrupt

    work = Flash(image, blank, stop)
    with pytest.raises(KeyboardInterrupt):
        work.write()
    assert work.state.startswith(said)


def test_a_missing_first_sector_is_all_that_is_written(image, blank):
    Flash(image, blank).write()
    blank.data[:SECTOR] = bytes(SECTOR)
    blank.log.clear()
    assert Flash(image, blank).write().written_bytes == SECTOR
    assert blank.log == [(0, SECTOR), "sync"]


def test_blocks_of_4096_bytes_are_written_whole(image):
    medium = Medium(b"\xee" * (4 * CHUNK), block=4096)
    Flash(image, medium).write()
    assert medium.data[:SIZE] == image.read_bytes()
    assert not any(medium.data[SIZE : SIZE + 4096 - 5 * SECTOR])


@pytest.mark.parametrize("at", [0, 512, CHUNK, 2 * CHUNK + 4096, SIZE - 1])
def test_a_write_error_names_its_offset(image, at):
    medium = Medium(b"\xee" * (4 * CHUNK))
    medium.fail_write_at = at
    with pytest.raises(ImageError, match=rf"writing failed at offset {at:,} .*Input/output error") as caught:
        Flash(image, medium).write()
    assert medium.data[:SECTOR] != image.read_bytes()[:SECTOR]
    assert ("first sector was left empty" in caught.value.hint) == (at >= SECTOR)


def test_a_read_error_before_writing_is_no_reason_to_stop_but_one_after_it_is(image, blank):
    blank.fail_read_at = CHUNK
    with pytest.raises(ImageError, match=r"reading failed at offset 1,048,576 \(0x100000\)"):
        Flash(image, blank).write()
    assert not any(blank.data[:SECTOR])
    assert blank.data[CHUNK:SIZE] == image.read_bytes()[CHUNK:]


def test_a_failed_sync_is_never_done(image, blank):
    blank.fail_sync = True
    with pytest.raises(ImageError, match="could not be synced"):
        Flash(image, blank).write()
    assert not any(blank.data[:SECTOR])


def test_a_stick_with_less_memory_than_it_says_is_found_out(image, blank):
    blank.wraps_at = 2 * CHUNK
    with pytest.raises(ImageError, match="differs from the image: offset"):
        Flash(image, blank).write()


def test_a_write_that_does_not_stick_is_found_out_and_the_byte_named(image, blank):
    write = blank.write

    def forgetful(offset, data):
        write(offset, data)
        if offset <= CHUNK + 9 < offset + len(data):
            blank.data[CHUNK + 9] ^= 0x40

    blank.write = forgetful
    with pytest.raises(ImageError, match=r"offset 1,048,585 \(0x100009\) holds"):
        Flash(image, blank).write()
    assert not any(blank.data[:SECTOR])


def test_a_first_sector_that_does_not_stick_is_found_out(image, blank):
    write = blank.write

    def forgetful(offset, data):
        if offset or not any(data[:SECTOR]):
            write(offset, data)

    blank.write = forgetful
    with pytest.raises(ImageError, match="does not keep its first sector: offset 0 "):
        Flash(image, blank).write()


def test_an_image_that_changes_meanwhile_is_never_done(image, blank):
    sync = blank.sync

    def change():
        sync()
        image.write_bytes(bytes(SIZE))

    blank.sync = change
    with pytest.raises(ImageError):
        Flash(image, blank).write()
    assert not any(blank.data[:SECTOR])


def test_an_image_that_shrinks_meanwhile_is_named(image, blank):
    work = Flash(image, blank)
    os.truncate(image, CHUNK + 100)
    with pytest.raises(ImageError, match="became shorter"):
        work.write()


def test_verifying_changes_nothing_and_names_the_first_difference(image, blank):
    Flash(image, blank).write()
    blank.log.clear()
    assert Flash(image, blank).verify().written_bytes == 0
    blank.data[SIZE - 1] ^= 1
    with pytest.raises(ImageError, match=f"offset {SIZE - 1:,} ") as caught:
        Flash(image, blank).verify()
    assert caught.value.hint == "Nothing was written to it."
    assert blank.log == []


def test_a_target_that_ends_too_early_is_named(image):
    with pytest.raises(ImageError, match="it ends at offset 1,048,576"):
        Flash(image, Medium(image.read_bytes()[:CHUNK])).verify()


def test_progress_goes_from_nothing_to_all_in_each_pass(image, blank):
    seen = []
    Flash(image, blank, lambda *step: seen.append(step)).write()
    for what in ("writing", "verifying", "finishing"):
        done = [step[1] for step in seen if step[0] == what]
        assert (done[0], done[-1]) == (0, SIZE)
        assert done == sorted(done)


def test_a_regular_file_is_written_in_the_same_way(image, tmp_path):
    out = tmp_path / "out.img"
    with open_file(out, SIZE, writable=True) as target:
        Flash(image, target).write()
    assert out.read_bytes() == image.read_bytes()
    with open_file(out, SIZE, writable=True) as target:
        assert Flash(image, target).write().written_bytes == 0


def test_a_longer_file_keeps_its_end(image, tmp_path):
    out = tmp_path / "disk.img"
    out.write_bytes(b"\xee" * (SIZE + 100))
    with open_file(out, SIZE, writable=True) as target:
        Flash(image, target).write()
    assert out.read_bytes() == image.read_bytes() + b"\xee" * 100


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "may not be opened"),
        (errno.EBUSY, "is in use"),
        (errno.ENXIO, "cannot be opened: No such device"),
    ],
)
def test_a_device_that_does_not_open_is_one_sentence(monkeypatch, number, said):
    def refuse(_path, flags, *_mode):
        assert flags & os.O_EXCL
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    device = BlockDevice("/dev/sdx", "sdx", "8:0", 1, True, False, "", "", "", "usb", (), False, 0)
    with pytest.raises(UsageError, match=said), open_device(device, writable=True):
        pass
