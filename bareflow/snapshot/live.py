"""A running image as the linker sees it: its symbols, its code cache, and which blob an address is in."""

from __future__ import annotations

import bisect
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from bareflow.errors import LinkError
from bareflow.snapshot.arena import Arena
from bareflow.snapshot.relocate import Plan, place_object, plan_object


@dataclass(frozen=True)
class LiveBlob:
    """Code placed for a running image.

    Args:
        number: unique in its image.
        function: the stub's symbol.
        tier: what it was compiled at.
        start: address of the first byte.
        entry: address to call.
        data: its bytes.
        code_size: bytes of the function itself.
    """

    number: int
    function: str
    tier: str
    start: int
    entry: int
    data: bytes
    code_size: int

    @property
    def crc(self) -> int:
        """CRC-32 of the bytes."""
        return zlib.crc32(self.data)


@dataclass(frozen=True)
class ImageSymbols:
    """What a linked ELF file defines.

    Args:
        addresses: symbol → address; thread-local ones as distance to the thread pointer.
        functions: symbol → (address, size).
    """

    addresses: Mapping[str, int]
    functions: Mapping[str, tuple[int, int]]

    @staticmethod
    def read(elf: bytes) -> ImageSymbols:
        """Read the symbol table of an ELF program.

        Raises:
            LinkError: it has none.
        """
        file = ELFFile(io.BytesIO(elf))
        table = file.get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            raise LinkError("The base has no symbol table.", "It must not be stripped.")
        thread = next((one for one in file.iter_segments() if one["p_type"] == "PT_TLS"), None)
        thread_size = -(-thread["p_memsz"] // thread["p_align"]) * thread["p_align"] if thread else 0
        addresses: dict[str, int] = {}
        hidden: dict[str, set[int]] = {}  # ld.lld makes libc's hidden symbols local
        functions: dict[str, tuple[int, int]] = {}
        for symbol in table.iter_symbols():
            info = symbol["st_info"]
            if symbol["st_shndx"] == "SHN_UNDEF" or not symbol.name or info["type"] in ("STT_SECTION", "STT_FILE"):
                continue
            value = symbol["st_value"] - (thread_size if info["type"] == "STT_TLS" else 0)
            if info["bind"] == "STB_LOCAL":
                hidden.setdefault(symbol.name, set()).add(value)
            else:
                addresses[symbol.name] = value
            if info["type"] == "STT_FUNC" and not (info["bind"] == "STB_LOCAL" and symbol.name in functions):
                functions[symbol.name] = (symbol["st_value"], symbol["st_size"])
        unique = {name: min(values) for name, values in hidden.items() if len(values) == 1}
        addresses = {**unique, **addresses}
        return ImageSymbols(addresses, functions)


class LiveImage:
    """One running program that takes blobs.

    Args:
        symbols: of its base.
        arena: its code cache; None: it has none, and takes no blob.
    """

    def __init__(self, symbols: ImageSymbols, arena: Arena | None) -> None:
        self.symbols = symbols
        self.arena = arena
        self.blobs: list[LiveBlob] = []  # published, by number
        self._number = 0

    def place(self, function: str, body: str, tier: str, data: bytes) -> LiveBlob:
        """Lay out and relocate an object for this image; its room is reserved until `commit` or `abort`.

        Args:
            function: the stub's symbol.
            body: the symbol of the body in the object.
            tier: what it was compiled at.
            data: the object.

        Raises:
            LinkError: it does not link, or the code cache is full.
        """
        plan: Plan = plan_object(data, body)
        if self.arena is None:
            raise LinkError("The running program has no code cache.")
        start = self.arena.reserve(plan.size)
        try:
            placed = place_object(plan, start, self.symbols.addresses)
        except LinkError:
            self.arena.abort(start)
            raise
        self._number += 1
        return LiveBlob(self._number, function, tier, start, start + plan.entry, placed, plan.code_size)

    def commit(self, blob: LiveBlob) -> None:
        """The program calls it from now on; it stays for good."""
        assert self.arena is not None
        self.arena.commit(blob.start)
        bisect.insort(self.blobs, blob, key=lambda one: one.start)

    def abort(self, blob: LiveBlob) -> None:
        """The program did not take it."""
        assert self.arena is not None
        self.arena.abort(blob.start)

    @cached_property
    def _base_functions(self) -> list[tuple[int, int, str]]:
        return sorted((address, size, name) for name, (address, size) in self.symbols.functions.items())

    def find(self, address: int) -> tuple[str, str]:
        """Whose code an address is in: (symbol, tier), the tier empty in the base; ("", "") for nobody's."""
        at = bisect.bisect_right(self.blobs, address, key=lambda one: one.start) - 1
        if at >= 0 and address < self.blobs[at].start + len(self.blobs[at].data):
            return self.blobs[at].function, self.blobs[at].tier
        at = bisect.bisect_right(self._base_functions, address, key=lambda one: one[0]) - 1
        if at >= 0 and address < self._base_functions[at][0] + max(self._base_functions[at][1], 1):
            return self._base_functions[at][2], ""
        return "", ""

    def pieces(self, blob: LiveBlob, most: int) -> Iterator[tuple[int, bytes]]:
        """A blob's bytes as (address, bytes) of at most `most`."""
        for at in range(0, len(blob.data), most):
            yield blob.start + at, blob.data[at : at + most]
