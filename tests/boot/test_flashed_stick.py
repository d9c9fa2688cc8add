"""A disk that was flashed boots; one whose flashing was interrupted boots nothing."""

from __future__ import annotations

import pytest

from bareflow.errors import ImageError
from bareflow.machine.flash import Flash
from bareflow.machine.target import CHUNK, open_file

FLOPPY = 1440 << 10
SAYS_SECOND = b"\xba\xf8\x03\xb0\x32\xee\xfa\xf4"  # mov dx, 0x3f8; mov al, '2'; out dx, al; cli; hlt
STICK = 64 << 20  # bytes; larger than the image, as sticks are


@pytest.fixture
def stick(tmp_path):
    path = tmp_path / "stick"
    path.touch()
    with path.open("r+b") as stream:
        stream.truncate(STICK)
    return path


@pytest.mark.parametrize("drive", ["usb", "ahci", "ide"])
def test_a_flashed_stick_boots(classic_image, stick, boot, drive):
    with open_file(stick, STICK, writable=True) as target:
        Flash(classic_image, target).write()
    result = boot(stick, drive=drive)
    assert result.exit_status == 0, result.explain()
    assert b"fibonacci = 832040" in result.stdout


def test_an_old_image_does_not_boot_once_another_has_begun_to_replace_it(classic_image, stick, boot, tmp_path):
    """The firmware passes over it, to a floppy disk."""
    with open_file(stick, STICK, writable=True) as target:
        Flash(classic_image, target).write()
        target.write(CHUNK, bytes(CHUNK))

        def stop(what, done, _total):
            if (what, done) == ("verifying", CHUNK):
                raise ImageError("unplugged")

        with pytest.raises(ImageError, match="unplugged"):
            Flash(classic_image, target, stop).write()
    second = tmp_path / "second"
    second.write_bytes(SAYS_SECOND.ljust(510, b"\0") + b"\x55\xaa" + bytes(FLOPPY - 512))
    drive = ("-drive", f"file={second},format=raw,if=floppy")
    result = boot(stick, drive="usb", extra=drive)
    assert result.transcript == b"2"
