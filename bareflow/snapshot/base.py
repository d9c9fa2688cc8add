"""Links the base of a growing program: its globals, stubs and slots, first bodies, libc and the agent.

The base is an ordinary static Linux program, and the same file runs on our kernel. It keeps its symbols: the
host links live code against them, and shows them to people.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bareflow.compile.frontend import clang
from bareflow.compile.libc import static_libc
from bareflow.errors import CompileError, LinkError
from bareflow.layouts.memmap import MEMMAP
from bareflow.snapshot.library_calls import LIBRARY_CALLS
from bareflow.snapshot.link import explain
from bareflow.snapshot.live import ImageSymbols
from bareflow.snapshot.slots import GrowthOptions, Slot, slots_source
from bareflow.toolchain import ZIG_VERSION, cache_dir, data_root, keep, kept, made, run, side_by_side, zig

AGENT = (
    "agent/agent.c",
    "agent/code.c",
    "agent/slow.c",
    "agent/rotate.c",
    "agent/trial.c",
    "agent/port.c",
    "agent/seen.c",
    "agent/wait.c",
    "agent/entry.S",
    "wire.c",
    "wire_flow.c",
    "cobs.c",
    "crc32.c",
)
# The agent runs between a call and its callee: it may use general registers only, and no libc.
AGENT_FLAGS = (
    *("-std=gnu11", "-O2", "-g0", "-ffreestanding", "-fno-sanitize=all", "-fno-stack-protector"),
    *("-mgeneral-regs-only", "-fno-pie", "-fomit-frame-pointer", "-Wall", "-Wextra", "-Wshadow", "-Werror"),
)
INTERPRETER = ("interp/interp.c", "interp/interp_call.S")
# The interpreter is ordinary code, and tells the agent of long loops.
INTERPRETER_FLAGS = (
    *(
        "-std=gnu11",
        "-O3",
        "-g0",
        "-fno-sanitize=all",
        "-fno-stack-protector",
        "-fno-pie",
        "-Wno-unknown-warning-option",
    ),
    *("-Wall", "-Wextra", "-include", "agent/interp_hooks.h"),
)
# At the lowest address that our kernel gives a workload; Linux does not mind.
BASE_ADDRESS = next(one.value for one in MEMMAP.constants if one.name == "MEM_WORKLOAD_BASE")
LINK_FLAGS = (
    *("-m", "elf_x86_64", "-static", "--gc-sections", "-z", "nostart-stop-gc"),
    *("--build-id=none", "-z", "noexecstack", "--strip-debug", "--wrap=__syscall_cp"),
    f"--image-base={BASE_ADDRESS:#x}",
)
_LINK_FORMAT = 4  # raise it when the same inputs are to give another base


@dataclass(frozen=True)
class Base:
    """A linked base.

    Args:
        elf: the program.
        slots: its growing functions by index.
        build_id: 16 bytes, a digest of everything that went in.
        symbols: of the program.
    """

    elf: bytes
    slots: tuple[Slot, ...]
    build_id: bytes
    symbols: ImageSymbols


def build_base(
    name: str,
    slots: Sequence[Slot],
    objects: Sequence[bytes],
    *,
    aliases: Mapping[str, str],
    needed: Iterable[str] = (),
    options: GrowthOptions,
    bytecode: str = "",
    stubs: str = "",
) -> Base:
    """Link a growing program.

    Args:
        name: of the workload, for messages.
        slots: growing functions in order.
        objects: base object and bodies.
        aliases: second names of stubs.
        needed: symbols that live code may need from libc although the first bodies do not.
        options: what the agent is told.
        bytecode: assembly of interpreted functions; the interpreter is linked beside it.
        stubs: assembly of functions that only code without optimisation calls.

    Raises:
        LinkError: an undefined or doubly defined symbol.
    """
    libc = static_libc().version
    parts = [repr((_LINK_FORMAT, libc, tuple(slots), dict(aliases), options, sorted(needed), bytecode, stubs))]
    parts += [hashlib.sha256(data).hexdigest() for data in objects]
    runtime = agent_objects() + (interpreter_objects() if bytecode else [])
    parts += [hashlib.sha256(path.read_bytes()).hexdigest() for path in runtime]
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    stored = cache_dir() / "bases" / f"{digest.hex()}.elf"
    elf = kept(stored)
    if elf is None:
        source = slots_source(slots, aliases=aliases.items(), options=options, build_id=digest[:16])
        wanted = sorted({*needed, *LIBRARY_CALLS})
        elf = keep(stored, _link(name, [source, bytecode, stubs], objects, runtime, wanted))
    return Base(elf, tuple(slots), digest[:16], ImageSymbols.read(elf))


def _link(
    name: str, sources: Sequence[str], objects: Sequence[bytes], runtime: Sequence[Path], wanted: Sequence[str]
) -> bytes:
    with tempfile.TemporaryDirectory(prefix="bareflow-") as scratch:
        folder = Path(scratch)
        out = folder / "base.elf"
        assembled = [_assemble(name, folder / f"{n}.S", text) for n, text in enumerate(sources) if text]
        files = [folder / f"{index}.o" for index in range(len(objects))]
        for path, data in zip(files, objects, strict=True):
            path.write_bytes(data)
        keep = [f"--undefined={symbol}" for symbol in wanted]
        libc = static_libc()
        inputs: list[str | Path] = [
            libc.start,
            *assembled,
            *files,
            *runtime,
            "--start-group",
            *libc.archives,
            "--end-group",
        ]
        try:
            run(zig("ld.lld", *LINK_FLAGS, *keep, "-o", out, *inputs), what=f"linking {name}", error=LinkError)
        except LinkError as failure:
            raise explain(name, failure.detail.replace(f"{scratch}/", "")) from None
        return out.read_bytes()


def _assemble(name: str, path: Path, text: str) -> Path:
    path.write_text(text)
    out = path.with_suffix(".s.o")
    run(clang(f"-I{_include()}", "-c", path, "-o", out), what=f"assembling tables of {name}", error=LinkError)
    return out


def _include() -> Path:
    return data_root() / "runtime" / "include"


def agent_objects() -> list[Path]:
    """The agent's objects, compiled once for a version of its sources.

    Raises:
        CompileError: clang refuses one.
    """
    return _runtime_objects(AGENT, AGENT_FLAGS)


def interpreter_objects() -> list[Path]:
    """The interpreter's objects, likewise."""
    return _runtime_objects(INTERPRETER, INTERPRETER_FLAGS)


def _runtime_objects(names: Sequence[str], flags: Sequence[str]) -> list[Path]:
    runtime = data_root() / "runtime"
    sources = [runtime / name for name in names]
    headers = sorted(path for path in runtime.rglob("*.h"))
    content = [ZIG_VERSION, *flags, *(path.read_text() for path in (*sources, *headers))]
    digest = hashlib.sha256("\0".join(content).encode()).hexdigest()[:32]
    objects = [cache_dir() / "agent" / digest / f"{source.stem}.o" for source in sources]

    def compile_one(source: Path, scratch: Path) -> bytes:
        out = scratch / "out.o"
        command = clang(*flags, f"-I{_include()}", f"-I{runtime}", "-c", source, "-o", out)
        run(command, what=f"compiling {source}", error=CompileError)
        return out.read_bytes()

    side_by_side(lambda source, out: made(out, partial(compile_one, source)), sources, objects)
    return objects
