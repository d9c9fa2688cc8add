"""What an image is written to: a block device, past every cache, or a regular file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from bareflow.errors import ImageError, UsageError
from bareflow.machine.devices import BlockDevice

CHUNK = 1 << 20  # bytes in one transfer: large enough for a stick's full rate, small enough to name a place
BLKSSZGET = 0x1268  # <linux/fs.h>: the logical block size
BLKRRPART = 0x125F  # … read the partition table again
BLKFLSBUF = 0x1261  # … forget what is cached


class Target(Protocol):
    """Something of a fixed size that can be read and written in whole blocks.

    `read` and `write` raise OSError, with the offset of the first byte that was not transferred as `filename`
    (see `stopped`). `read` returns less than was asked for only at the end.
    """

    name: str
    block_bytes: int

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes as the medium has them, not a cache."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data`."""
        ...

    def sync(self) -> None:
        """Return once everything written is on the medium."""
        ...


def stopped(error: OSError, offset: int) -> OSError:
    """Name the place at which a transfer stopped."""
    return OSError(error.errno, error.strerror or "unknown error", offset)


class OpenTarget:
    """An open device or file, by its descriptor.

    Args:
        handle: the descriptor; not closed here.
        name: for messages.
        block_bytes: transfers are multiples of it; 1 for a file.
        direct: the descriptor is O_DIRECT, so nothing is cached and an error belongs to the transfer that met it.
    """

    def __init__(self, handle: int, name: str, block_bytes: int, *, direct: bool) -> None:
        self.handle = handle
        self.name = name
        self.block_bytes = block_bytes
        self._direct = direct
        self._buffer = mmap.mmap(-1, CHUNK)  # O_DIRECT wants an aligned address

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes, at most CHUNK of them."""
        if not self._direct:
            self._forget(offset, length)
        done = 0
        with memoryview(self._buffer) as room:
            while done < length:
                try:
                    count = os.preadv(self.handle, [room[done:length]], offset + done)
                except OSError as error:
                    raise stopped(error, offset + done) from None
                if count == 0:
                    break
                done += count
            return bytes(room[:done])

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data`, at most CHUNK bytes."""
        done = 0
        with memoryview(self._buffer) as room:
            room[: len(data)] = data
            while done < len(data):
                try:
                    count = os.pwrite(self.handle, room[done : len(data)], offset + done)
                except OSError as error:
                    raise stopped(error, offset + done) from None
                if count == 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), offset + done)
                done += count
        if not self._direct:  # so that an error is met here, where its offset is known
            try:
                os.fdatasync(self.handle)
            except OSError as error:
                raise stopped(error, offset) from None

    def sync(self) -> None:
        """Flush the kernel's and the device's own caches."""
        os.fsync(self.handle)

    def _forget(self, offset: int, length: int) -> None:
        """Drop what the kernel has cached, so that the next read asks the medium; a file on tmpfs has only memory."""
        with contextlib.suppress(OSError):
            fcntl.ioctl(self.handle, BLKFLSBUF)
        os.posix_fadvise(self.handle, offset, length, os.POSIX_FADV_DONTNEED)


@contextmanager
def open_device(device: BlockDevice, *, writable: bool) -> Iterator[OpenTarget]:
    """Open a whole disk for itself alone, past the page cache.

    Raises:
        UsageError: it is in use, may not be opened, or is not the device that was looked at any more.
    """
    flags = (os.O_RDWR | os.O_EXCL) if writable else os.O_RDONLY
    handle, direct = _open(device, flags)
    try:
        status = os.fstat(handle)
        number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        if number != device.number or os.lseek(handle, 0, os.SEEK_END) != device.size_bytes:
            raise UsageError(f"{device.path} is not the device any more that it was a moment ago.", "Look again.")
        block = bytearray(4)
        fcntl.ioctl(handle, BLKSSZGET, block)
        yield OpenTarget(handle, device.path, struct.unpack("=I", block)[0], direct=direct)
        if writable:
            with contextlib.suppress(OSError):  # only a convenience: the node of the new partition
                fcntl.ioctl(handle, BLKRRPART)
    finally:
        with contextlib.suppress(OSError):  # every write was synced, or its error reported
            os.close(handle)


def _open(device: BlockDevice, flags: int) -> tuple[int, bool]:
    try:
        try:
            return os.open(device.path, flags | os.O_DIRECT | os.O_CLOEXEC), True
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return os.open(device.path, flags | os.O_CLOEXEC), False
    except PermissionError:
        hint = "Run this as root, or join the group that owns it (disk on Debian)."
        raise UsageError(f"{device.path} may not be opened.", hint) from None
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise UsageError(f"{device.path} is in use.", "Unmount everything on it, then try again.") from None
        raise UsageError(f"{device.path} cannot be opened: {error.strerror}.", "Plug it in again.") from None


@contextmanager
def open_file(path: Path, size_bytes: int, *, writable: bool) -> Iterator[OpenTarget]:
    """Open a regular file as if it were a device: made if missing, grown to `size_bytes`, never made shorter.

    Raises:
        UsageError: it is no regular file, or somebody else writes to it.
        ImageError: it cannot be opened or made.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no regular file.", "Use --device for a device.")
    try:
        handle = os.open(path, (os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY) | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ImageError(f"{path} cannot be opened: {error.strerror}.", "Choose another path.") from None
    try:
        if writable:
            _take(handle, path)
            if os.fstat(handle).st_size < size_bytes:
                os.ftruncate(handle, size_bytes)
        yield OpenTarget(handle, str(path), 1, direct=False)
    finally:
        os.close(handle)


def _take(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UsageError(f"{path} is being written by somebody else.", "Wait for it to end.") from None
