"""Objects → Linux executables for training and trials, in the snapshot's own layout."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from elftools.elf.elffile import ELFFile

from bareflow.compile.frontend import clang
from bareflow.compile.libc import static_libc
from bareflow.errors import LinkError
from bareflow.snapshot.link import FLAGS, explain, link_script, with_own_sections
from bareflow.toolchain import ZIG_VERSION, cache_dir, data_root, made, run, zig

COMPILE_FLAGS = ("-std=gnu11", "-O2", "-fno-pie", "-fno-stack-protector", "-Wall", "-Wextra", "-Wshadow", "-Werror")


def runtime_object(name: str) -> Path:
    """The object of runtime/trials/NAME.c, compiled once for its text."""
    source = data_root() / "runtime" / "trials" / f"{name}.c"
    digest = hashlib.sha256(repr((ZIG_VERSION, COMPILE_FLAGS)).encode() + source.read_bytes()).hexdigest()
    return made(cache_dir() / "trials" / f"{name}-{digest[:32]}.o", partial(_compiled, source))


def _compiled(source: Path, scratch: Path) -> bytes:
    out = scratch / "out.o"
    run(clang(*COMPILE_FLAGS, "-c", source, "-o", out), what=f"compiling {source.name}")
    return out.read_bytes()


def link_executable(
    objects: Sequence[bytes], out: Path, *, name: str, runtime: str | None = None, order: Sequence[str] = ()
) -> Path:
    """Link a static executable with the layout that the snapshot of these objects has.

    Args:
        objects: the program's own.
        out: where it goes.
        name: of the workload, for messages.
        runtime: of runtime/trials, wrapped around main; None: the program alone.
        order: functions to place first.

    Raises:
        LinkError: see `bareflow.snapshot.link`.
    """
    libc = static_libc()
    with tempfile.TemporaryDirectory(prefix="bareflow-") as temporary:
        folder = Path(temporary)
        files = [folder / f"{name}-{number}.o" for number in range(len(objects))]
        for file, data in zip(files, objects, strict=True):
            file.write_bytes(data)
        script, listing = folder / "snapshot.ld", folder / "order"
        script.write_text(with_own_sections(link_script(True), objects))
        listing.write_text("".join(f"{function}\n" for function in order))
        extra = [runtime_object(runtime), "--wrap=main"] if runtime else []
        command = zig("ld.lld", *FLAGS, "-T", script, "--symbol-ordering-file", listing, "-o", out)
        command += map(str, (libc.start, *files, *extra, "--start-group", *libc.archives, "--end-group"))
        try:
            run(command, what=f"linking {name}", error=LinkError)
        except LinkError as failure:
            raise explain(name, failure.detail.replace(f"{temporary}/", "")) from None
    return out


def idle_executable() -> Path:
    """A program that does nothing: what starting and ending a process takes; built once."""
    source = "int main(void) { return 0; }\n"
    digest = hashlib.sha256(repr((ZIG_VERSION, COMPILE_FLAGS, source, link_script(True))).encode()).hexdigest()

    def make(scratch: Path) -> bytes:
        text = scratch / "idle.c"
        text.write_text(source)
        return link_executable([_compiled(text, scratch)], scratch / "idle", name="idle").read_bytes()

    return made(cache_dir() / "trials" / f"idle-{digest[:32]}", make, mode=0o755)


def image_digest(path: Path) -> str:
    """Digest of what an executable loads into memory, and where it starts: equal ones run alike."""
    elf = ELFFile(io.BytesIO(path.read_bytes()))
    digest = hashlib.sha256(str(elf["e_entry"]).encode())
    for segment in elf.iter_segments():
        if segment["p_type"] == "PT_LOAD" and segment["p_memsz"]:
            place = (segment["p_vaddr"], segment["p_memsz"], segment["p_flags"])
            digest.update(repr(place).encode() + _loaded(segment.data(), segment["p_offset"]))
    return digest.hexdigest()


def _loaded(data: bytes, offset: int) -> bytes:
    """A segment without the ELF file header's note of where the section table lies, which nobody loads."""
    return data if offset else data[:40] + bytes(24) + data[64:]
