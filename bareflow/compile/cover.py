"""Loads LLVM into a compiler process; where a measurement asks for it, a copy that notes which functions run.

The measurement (bareflow/deadcode/measure.py) names a folder in the environment. In it are `cover.so` (from
runtime/cover/cover.c), the library's copy, and `starts`, `bytes` and `range`: where its functions begin, what their
first bytes were, and where its code lies. A process notes in `hits-PID` (a byte for each function, shared with its
forks, so that it survives a kill) and in `calls-PID` (names of the library's functions that Python calls).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from pathlib import Path
from typing import Any

VARIABLE = "BAREFLOW_COVER"
LIBRARY = "libllvmlite.so"


def load_llvm() -> Any:
    """The module `llvmlite.binding`."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        import llvmlite.binding as llvm  # noqa: PLC0415  180 MB that the parent does not need

        return llvm
    return _covered(Path(folder))


def _covered(folder: Path) -> Any:
    starts = (folder / "starts").read_bytes()
    count = len(starts) // 8
    page, size = struct.unpack("<QQ", (folder / "range").read_bytes())
    with (folder / f"hits-{os.getpid()}").open("wb+") as stream:
        stream.truncate(count)
        hits = mmap.mmap(stream.fileno(), count)
    keep = (ctypes.create_string_buffer(starts), ctypes.create_string_buffer((folder / "bytes").read_bytes()))
    noted = ctypes.c_char.from_buffer(hits)
    begin = ctypes.CDLL(str(folder / "cover.so")).cover_begin
    numbers = (ctypes.c_uint64(number) for number in (count, page, size))
    if begin(keep[0], keep[1], ctypes.byref(noted), *numbers):
        raise OSError("SIGTRAP cannot be handled.")
    for used in (*keep, hits, noted):  # the library's own end comes after Python's: nothing of this may be freed
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(used))
    plain = ctypes.CDLL
    ctypes.CDLL = lambda name, *rest: plain(  # type: ignore[assignment,misc]
        str(folder / LIBRARY) if str(name).endswith(LIBRARY) else name, *rest
    )
    try:
        import llvmlite.binding as llvm  # noqa: PLC0415
        from llvmlite.binding import ffi  # noqa: PLC0415

        llvm.llvm_version_info  # noqa: B018  the library is loaded at its first use
        _note_calls(ffi, folder / f"calls-{os.getpid()}")
    finally:
        ctypes.CDLL = plain  # type: ignore[misc]
    return llvm


def _note_calls(ffi: Any, out: Path) -> None:
    """Have llvmlite's wrapper of the library's functions write the name of each that is called, once."""
    stream = out.open("a", buffering=1)
    seen: set[str] = set()
    plain = ffi._lib_fn_wrapper.__call__  # noqa: SLF001  there is no public place between Python and the library

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        name = self._cfn.__name__
        if name not in seen:
            seen.add(name)
            stream.write(f"{name}\n")
        return plain(self, *args, **kwargs)

    ffi._lib_fn_wrapper.__call__ = call  # noqa: SLF001
