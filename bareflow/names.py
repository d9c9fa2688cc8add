"""What a host must know to read a guest's records: its functions by index, and what lies at which address.

Guests name functions by their index. Whoever builds a growing program remembers its names under the build id, and
whoever reads a line finds them there, or in a file (JSON) where another machine has built the program.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from bareflow.errors import ProfileError
from bareflow.profile.decoder import KnownFunction
from bareflow.profile.values import UNKNOWN_DIGEST
from bareflow.toolchain import cache_dir, write_atomic

FORMAT = "bareflow-names"
VERSION = 1
MOST_UNNAMED = 1 << 16
_HINT = "Growing a program writes its names."


class _Unnamed(Sequence[KnownFunction]):
    """Stands for functions of which only the index is known."""

    def __len__(self) -> int:
        return MOST_UNNAMED

    @overload
    def __getitem__(self, index: int) -> KnownFunction: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[KnownFunction]: ...
    def __getitem__(self, index: int | slice) -> KnownFunction | Sequence[KnownFunction]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(MOST_UNNAMED))]
        if not 0 <= index < MOST_UNNAMED:
            raise IndexError(index)
        return KnownFunction(f"function {index}")


@dataclass(frozen=True)
class ProgramNames:
    """The names of one program.

    Args:
        build_id: hexadecimal; empty: any program's.
        functions: by the guest's index.
        places: (address, size, name) of code that does not move.
        start: function symbol → the tier that it starts at; with it the same program can be made again.
    """

    build_id: str = ""
    functions: Sequence[KnownFunction] = field(default_factory=_Unnamed)
    places: tuple[tuple[int, int, str], ...] = ()
    start: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether functions have names, not only numbers."""
        return not isinstance(self.functions, _Unnamed)

    @cached_property
    def _sorted(self) -> list[tuple[int, int, str]]:
        return sorted(self.places)

    def locate(self, address: int) -> str | None:
        """The name of what lies at an address; None: unknown."""
        at = bisect.bisect_right(self._sorted, address, key=lambda place: place[0]) - 1
        if at < 0:
            return None
        start, size, name = self._sorted[at]
        return name if address < start + size else None


def names_path(build_id: str) -> Path:
    """Where the names of a build are remembered on this machine."""
    return cache_dir() / "names" / f"{build_id}.json"


def remember_names(
    build_id: bytes,
    functions: Iterable[KnownFunction],
    places: Iterable[tuple[int, int, str]] = (),
    start: Mapping[str, str] | None = None,
) -> Path:
    """Write what later readers of this program's records need; return where.

    Raises:
        ImageError: when it cannot be written.
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "build_id": build_id.hex(),
        "functions": [
            {"name": one.name, "digest": one.digest, "branches": [list(group) for group in one.branches]}
            for one in functions
        ],
        "places": sorted(places),
        "start": dict(start or {}),
    }
    path = names_path(build_id.hex())
    write_atomic(path, (json.dumps(document) + "\n").encode())
    return path


def names_of_build(build_id: str) -> ProgramNames:
    """The remembered names of a build; without any, functions are called by their numbers."""
    path = names_path(build_id)
    if not build_id or not path.exists():
        return ProgramNames(build_id)
    return load_names(path)


def load_names(path: Path) -> ProgramNames:
    """Read names.

    Raises:
        ProfileError: when the file cannot be read or holds none.
    """
    try:
        return _read(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ProfileError(
            f"{path} cannot be read: {error.strerror}.", "Growing a program writes its names."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProfileError(f"{path} holds no program's names.", _HINT) from error


def _read(document: dict[str, Any]) -> ProgramNames:
    if document["format"] != FORMAT or document["version"] != VERSION:
        raise ValueError(document["format"])
    functions = tuple(_function(entry) for entry in document["functions"])
    places = tuple((int(start), int(size), str(name)) for start, size, name in document["places"])
    start = {str(symbol): str(tier) for symbol, tier in document.get("start", {}).items()}
    return ProgramNames(str(document["build_id"]), functions, places, start)


def _function(entry: dict[str, Any]) -> KnownFunction:
    digest = entry["digest"]
    if len(bytes.fromhex(digest)) != len(UNKNOWN_DIGEST) // 2 or "\0" in entry["name"]:
        raise ValueError(digest)
    branches = tuple(tuple(int(counter) for counter in group) for group in entry["branches"])
    if not all(branches):
        raise ValueError("a branch without counters")
    return KnownFunction(str(entry["name"]), digest, branches)
