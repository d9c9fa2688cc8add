"""Writes an image to a device so that it boots only if all of it is there, and says so only if it was read back.

The order: everything but the first sector, which is blanked before the first change; sync; all of it read back past
the caches and compared; then the first sector, synced and read back too. What matches already is not written.
Whatever goes wrong names the offset, and leaves a device that boots nothing rather than half an image.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from bareflow.errors import ImageError, UsageError
from bareflow.machine.devices import LIST_HINT, BlockDevice, human_size
from bareflow.machine.target import CHUNK, Target

SECTOR = 512  # what the firmware loads, whatever the device's own blocks are
LARGEST = 256 << 30  # bytes; a larger disk is rarely the stick that was meant
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FlashReport:
    """What was done.

    Attributes:
        target: the device or file.
        image_bytes: the image's length; a device's last block may hold zeros behind it.
        sha256: of the image as it was written and read back.
        written_bytes: how many had to be written; 0 where everything matched.
        skipped_bytes: how many were there already.
        seconds: all of it, reading back included.
    """

    target: str
    image: Path
    image_bytes: int
    sha256: str
    written_bytes: int
    skipped_bytes: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "image": str(self.image), "verified": True}


def check_device(device: BlockDevice, *, allow_fixed: bool, allow_large: bool) -> None:
    """Refuse whatever is not plainly a stick that may be overwritten.

    Raises:
        UsageError: why not, in one sentence.
    """
    path = device.path
    if device.partition_of:
        raise UsageError(f"{path} is a partition.", f"Name the whole disk: {device.partition_of}.")
    if device.holds_system:
        raise UsageError(f"{path} holds the running system ({device.uses[0]}).", "Name another device.")
    if device.uses:
        raise UsageError(f"{path} is in use: {', '.join(device.uses)}.", "Unmount it, then try again.")
    if not device.size_bytes:
        raise UsageError(f"{path} has no medium in it.", "Put a card or a stick in.")
    if device.read_only:
        raise UsageError(f"{path} is write-protected.", "Move its write-protection switch.")
    if not device.removable and not allow_fixed:
        raise UsageError(
            f"{path} is not removable ({device.model or 'unknown model'}).", "If it is meant, add --allow-fixed."
        )
    if device.size_bytes > LARGEST and not allow_large:
        size = human_size(device.size_bytes)
        raise UsageError(f"{path} has {size}, more than 256 GiB.", "If it is meant, add --allow-large.")


def check_room(device: BlockDevice, image: Path, image_bytes: int) -> None:
    """Refuse a device that cannot hold the image.

    Raises:
        UsageError: it is too small.
    """
    if device.size_bytes < image_bytes:
        missing = image_bytes - device.size_bytes
        raise UsageError(
            f"{device.path} is {missing:,} bytes too small for {image} ({image_bytes:,} bytes).", LIST_HINT
        )


class Flash:
    """One image on its way to one target.

    Args:
        image: the image file, at least a sector; it is read twice and must not change meanwhile.
        target: where it goes.
        on_progress: called with what is being done, bytes done, bytes in all.
    """

    def __init__(self, image: Path, target: Target, on_progress: OnProgress | None = None) -> None:
        self._image = image
        self._target = target
        self._tell = on_progress or (lambda _what, _done, _total: None)
        self._size = image.stat().st_size
        self._first_block = max(SECTOR, target.block_bytes)
        self._blank = False  # the target's first sector is empty because we made it so
        self._touched = False  # a write was begun
        self._differing = 0

    def write(self) -> FlashReport:
        """Write what differs, read all of it back, and only then make it bootable.

        Raises:
            ImageError: the target failed or does not keep what it is given; the offset is named.
        """
        start = time.monotonic()
        digest, first_matches = self._write_body()
        if self._blank:
            self._sync()
            if self._compare(blank=True) != digest:
                self._fail("the image was changed while it was written")
        if not first_matches or self._blank:
            self._write_first()
        return self._report(digest, start)

    def verify(self) -> FlashReport:
        """Compare, and change nothing.

        Raises:
            ImageError: the target differs; the offset is named.
        """
        start = time.monotonic()
        return self._report(self._compare(blank=False), start)

    def _report(self, digest: str, start: float) -> FlashReport:
        return FlashReport(
            target=self._target.name,
            image=self._image,
            image_bytes=self._size,
            sha256=digest,
            written_bytes=self._differing,
            skipped_bytes=self._size - self._differing,
            seconds=round(time.monotonic() - start, 3),
        )

    def _chunks(self, what: str) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, bytes) of the image; the last is filled up with zeros to a whole block."""
        try:
            with self._image.open("rb") as stream:
                yield from self._read_chunks(stream, what)
        except OSError as error:
            raise ImageError(f"The image {self._image} cannot be read: {error.strerror}.") from None

    def _read_chunks(self, stream: BinaryIO, what: str) -> Iterator[tuple[int, bytes]]:
        block = self._target.block_bytes
        for offset in range(0, self._size, CHUNK):
            data = stream.read(min(CHUNK, self._size - offset))
            if len(data) < min(CHUNK, self._size - offset):
                self._fail(f"the image {self._image} became shorter while it was read")
            self._tell(what, offset, self._size)
            yield offset, data.ljust(-(-len(data) // block) * block, b"\0")
        self._tell(what, self._size, self._size)

    def _write_body(self) -> tuple[str, bool]:
        """Write every chunk that differs, its first sector left blank; say whether the first sector matches."""
        digest = hashlib.sha256()
        first_matches = False
        for offset, data in self._chunks("writing"):
            digest.update(data[: self._size - offset])
            have = self._have(offset, len(data))
            wanted = data
            if offset == 0:
                first_matches = have[:SECTOR] == data[:SECTOR]
                wanted, have = _without_first(data), _without_first(have)
                self._differing += 0 if first_matches else min(SECTOR, self._size)
            if have == wanted:
                continue
            self._blank_first()
            self._put(offset, wanted)
            self._differing += min(len(data), self._size - offset) - (SECTOR if offset == 0 else 0)
        return digest.hexdigest(), first_matches

    def _have(self, offset: int, length: int) -> bytes:
        """What the target holds; nothing where it cannot be read, since writing may mend that."""
        try:
            return self._target.read(offset, length)
        except OSError:
            return b""

    def _blank_first(self) -> None:
        """Before the first change: nothing may boot from here until all of it is there."""
        if self._blank:
            return
        rest = self._have(0, self._first_block)[SECTOR:]
        self._put(0, bytes(SECTOR) + rest.ljust(self._first_block - SECTOR, b"\0"))
        self._sync()
        self._blank = True

    def _write_first(self) -> None:
        """Write the first sector, with the rest of its block, and read it back."""
        _, data = next(self._chunks("finishing"))
        wanted = data[: self._first_block]
        self._put(0, wanted)
        self._sync()
        got = self._get(0, len(wanted))
        if got != wanted:
            self._fail(f"{self._target.name} does not keep its first sector: {_difference(got, wanted, 0)}")
        self._blank = False
        self._tell("finishing", self._size, self._size)

    def _compare(self, *, blank: bool) -> str:
        """Compare the target with the image, whose first sector may be blanked; return the image's digest."""
        digest = hashlib.sha256()
        for offset, data in self._chunks("verifying"):
            digest.update(data[: self._size - offset])
            wanted = _without_first(data) if blank and offset == 0 else data
            got = self._get(offset, len(data))
            if got != wanted:
                self._fail(f"{self._target.name} differs from the image: {_difference(got, wanted, offset)}")
        return digest.hexdigest()

    def _get(self, offset: int, length: int) -> bytes:
        try:
            return self._target.read(offset, length)
        except OSError as error:
            self._fail_at("reading", error, offset)

    def _put(self, offset: int, data: bytes) -> None:
        self._touched = True
        try:
            self._target.write(offset, data)
        except OSError as error:
            self._fail_at("writing", error, offset)

    def _sync(self) -> None:
        try:
            self._target.sync()
        except OSError as error:
            place = f"somewhere in its first {self._size:,} bytes"
            self._fail(f"{self._target.name} could not be synced, {place}: {error.strerror}")

    def _fail_at(self, doing: str, error: OSError, offset: int) -> NoReturn:
        place = error.filename if isinstance(error.filename, int) else offset
        self._fail(f"{self._target.name}: {doing} failed at offset {place:,} ({place:#x}): {error.strerror}")

    @property
    def state(self) -> str:
        """What the target is now, if this ends here: one sentence."""
        if self._blank:
            return "Nothing boots from it now, as its first sector was left empty; write it again, or use another."
        if self._touched:
            return "Its first sector may be damaged; write it again, or use another."
        return "Nothing was written to it."

    def _fail(self, sentence: str) -> NoReturn:
        raise ImageError(f"{sentence}.", self.state)


def _without_first(data: bytes) -> bytes:
    return bytes(min(SECTOR, len(data))) + data[SECTOR:]


def _difference(got: bytes, wanted: bytes, offset: int) -> str:
    """Name the first byte that is not as it should be."""
    if len(got) < len(wanted) and wanted.startswith(got):
        return f"it ends at offset {offset + len(got):,}"
    at = next(i for i, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b)
    return f"offset {offset + at:,} ({offset + at:#x}) holds {got[at]:#04x} instead of {wanted[at]:#04x}"
