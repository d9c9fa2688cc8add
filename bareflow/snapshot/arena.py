"""Where in the code cache a blob goes. The host is the allocator: the machine only says where the cache is.

A blob is first reserved, and then committed when the machine has published it, or aborted. Committed blobs stay:
somebody may still be inside them.
"""

from __future__ import annotations

from bareflow.errors import LinkError


class Arena:
    """First fit over one range of addresses.

    Args:
        base: first address.
        size: bytes.
        align: every block begins at a multiple of it; a power of two.
    """

    def __init__(self, base: int, size: int, align: int = 64) -> None:
        self.base, self.size, self.align = base, size, align
        self._free: list[tuple[int, int]] = [(base, size)]  # address and size, in order, never touching
        self._reserved: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    @property
    def used(self) -> int:
        """Bytes in committed blocks."""
        return sum(self._committed.values())

    def reserve(self, size: int) -> int:
        """Take a block and return its address.

        Raises:
            LinkError: when no gap is large enough.
        """
        wanted = -(-max(size, 1) // self.align) * self.align
        for index, (address, room) in enumerate(self._free):
            if room >= wanted:
                rest = [(address + wanted, room - wanted)] if room > wanted else []
                self._free[index : index + 1] = rest
                self._reserved[address] = wanted
                return address
        raise LinkError(
            f"The code cache of {self.size} bytes has no room for {size} more.", "Give the recipe a larger one."
        )

    def commit(self, address: int) -> None:
        """A reserved block is in use from now on, for good.

        Raises:
            KeyError: for an address that is not reserved.
        """
        self._committed[address] = self._reserved.pop(address)

    def abort(self, address: int) -> None:
        """Give a reserved block back.

        Raises:
            KeyError: for an address that is not reserved.
        """
        size = self._reserved.pop(address)
        joined: list[tuple[int, int]] = []
        for start, room in sorted([*self._free, (address, size)]):
            if joined and sum(joined[-1]) == start:
                joined[-1] = (joined[-1][0], joined[-1][1] + room)
            else:
                joined.append((start, room))
        self._free = joined
