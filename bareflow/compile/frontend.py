"""C, .ll and .bc sources → one bitcode module: unoptimised but optimisable, for no CPU in particular.

clang runs with `-O3 -Xclang -disable-llvm-passes`: what it emits carries everything the optimiser wants and
has seen none of its passes. Results are cached by the digest of a source, its headers and the flags.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bareflow.compile.pool import WorkerFailure, default_pool
from bareflow.errors import CompileError, UsageError
from bareflow.toolchain import ZIG_VERSION, cache_dir, run, show, side_by_side, write_atomic, zig

CACHE_FORMAT = 6  # raise it when this module or the worker's "link" makes other bytes from the same inputs
SOURCES = (".c", ".ll", ".bc")
HEADERS = (".h", ".inc", ".def")
CXX = (".cc", ".cpp", ".cxx", ".c++", ".C")
TARGET_FLAGS = ("--target=x86_64-linux-musl", "-nostdlibinc", "-nobuiltininc")
# Each flag with its reason: optimisable but not optimised; no debug information; absolute addresses; no
# canary calls (musl's own objects have none either); diagnostics that reach a pipe as plain text.
FLAGS = (
    *("-O3", "-Xclang", "-disable-llvm-passes", "-emit-llvm"),
    *("-g0", "-fno-pie", "-fno-stack-protector", "-fno-sanitize=all", "-fno-color-diagnostics"),
)


@dataclass(frozen=True)
class Bitcode:
    """One linked module.

    Args:
        name: of the workload, for messages.
        data: LLVM bitcode.
        digest: SHA-256 of `data` in hexadecimal; equal sources give equal digests.
        functions: names of all functions defined in it.
        undefined: functions that it calls and does not define.
        lines: lines of IR, a measure of compile cost.
        own_features: whether a function asks for CPU features of its own.
        intrinsics: whether x86 intrinsics are used.
    """

    name: str
    data: bytes
    digest: str
    functions: tuple[str, ...] = ()
    undefined: tuple[str, ...] = ()
    lines: int = 0
    own_features: bool = False
    intrinsics: bool = False


@dataclass(frozen=True)
class _Source:
    """A file to compile, and the folder that its messages and `__FILE__` count from."""

    path: Path
    root: Path
    include: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).as_posix()


@dataclass(frozen=True)
class _Module:
    """Bitcode of one source, and which C files it is made of."""

    data: bytes
    parts: frozenset[Path] = frozenset()


@cache
def header_folders() -> tuple[Path, ...]:
    """Headers of musl the kernel in the ziglang wheel, in the order that zig itself searches them."""
    spec = find_spec("ziglang")
    if not spec or not spec.submodule_search_locations:
        raise CompileError("The ziglang package is not installed.", "Run ./inv setup, or pip install ziglang.")
    library = Path(spec.submodule_search_locations[0]) / "lib"
    libc = library / "libc" / "include"
    names = ("x86_64-linux-musl", "generic-musl", "x86-linux-any", "any-linux-any")
    return (library / "include", *(libc / name for name in names))


def clang(*args: str | Path) -> list[str]:
    """The command line of clang for a static musl program on x86-64, headers included."""
    system = [part for folder in header_folders() for part in ("-isystem", str(folder))]
    return zig("clang", *TARGET_FLAGS, *system, *args)


def compile_sources(
    paths: Iterable[Path], *, flags: Sequence[str] = (), name: str = "", entry: str | None = "main"
) -> Bitcode:
    """Compile and link sources into one module.

    Args:
        paths: C, .ll or .bc files, or folders of them (searched recursively, headers found inside).
        flags: further clang flags, `-DX=1` or `-Iinclude`; relative folders count from the source's root.
        name: what to call the workload; default the first path's stem.
        entry: a function that must be defined; None if it need not.

    Raises:
        UsageError: a path that does not exist or holds nothing to compile.
        CompileError: clang's or LLVM's message as detail; C++; a symbol defined twice; no `entry`.
    """
    given = [Path(path).resolve() for path in paths]
    label = name or (given[0].stem if given else "")
    modules = _modules(given, flags)
    bitcode = merge_modules(label, modules)
    if entry and entry not in bitcode.functions:
        raise CompileError(
            f"{given[0]} defines no {entry}().",
            f"A workload starts at {entry}: is a file left out?",
        )
    return bitcode


def compile_parts(paths: Iterable[Path], *, flags: Sequence[str] = (), name: str) -> tuple[Bitcode, ...]:
    """Compile sources into one module each, as a compiler sees them that knows only one at a time.

    Raises:
        UsageError, CompileError: as `compile_sources`.
    """
    return tuple(merge_modules(name, [module]) for module in _modules([Path(path).resolve() for path in paths], flags))


def _modules(paths: Sequence[Path], flags: Sequence[str]) -> list[tuple[str, bytes]]:
    """Names and bitcode of all sources."""
    sources = [source for path in paths for source in _collect(path)]
    if not sources:
        raise UsageError("There is no source to compile.", "Name a C, .ll or .bc file, or a folder of them.")
    return _whole(sources, side_by_side(partial(_attempt, flags=tuple(flags)), sources))


def _attempt(source: _Source, flags: tuple[str, ...]) -> _Module | CompileError:
    try:
        return _compile_one(source, flags)
    except CompileError as error:
        return error


def _whole(sources: Sequence[_Source], made: Sequence[_Module | CompileError]) -> list[tuple[str, bytes]]:
    """Names and bitcode of what compiles by itself.

    A file of a folder that does not, and that others include, is a part of those: a template, or a table.

    Raises:
        CompileError: of the first other file that does not compile.
    """
    parts = {part for each in made if isinstance(each, _Module) for part in each.parts}
    modules = []
    for source, each in zip(sources, made, strict=True):
        if isinstance(each, _Module):
            modules.append((source.name, each.data))
        elif not source.include or source.path not in parts:
            raise each
        else:
            show([source.name], "compiled as a part of those that include it")
    return modules


def _collect(path: Path) -> list[_Source]:
    if path.is_dir():
        return _collect_folder(path)
    if not path.exists():
        raise UsageError(f"The workload {path} does not exist.", "Name a C, .ll or .bc file, or a folder of them.")
    if path.suffix in CXX:
        raise CompileError(f"{path} is C++.", "BareFlow compiles C; give it the .ll or .bc that clang++ makes.")
    if path.suffix not in SOURCES:
        raise UsageError(f"{path} is no source that BareFlow knows.", "It takes .c, .ll and .bc files and folders.")
    return [_Source(path, path.parent)]


def _collect_folder(folder: Path) -> list[_Source]:
    """All sources below a folder in sorted order; hidden folders and build outputs' dot files are left out."""
    try:
        files = sorted(
            file
            for file in folder.rglob("*")
            if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        )
    except OSError as error:
        why = f"{error.strerror} ({error.filename})"
        raise UsageError(f"The folder {folder} cannot be searched: {why}.", "Name the program's own folder.") from None
    foreign = [file for file in files if file.suffix in CXX]
    if foreign:
        raise CompileError(
            f"{foreign[0]} is C++.", "BareFlow compiles C: take the file out, or give the folder without it."
        )
    chosen = [file for file in files if file.suffix in SOURCES]
    if not chosen:
        raise UsageError(f"The folder {folder} holds no C, .ll or .bc file.", "Name the folder that has the sources.")
    holders = sorted({file.parent.relative_to(folder).as_posix() for file in files if file.suffix in HEADERS})
    include = ["-I", "."] + [part for name in _include_folders(holders) for part in ("-I", name)]
    include += [part for name in holders for part in ("-iquote", name)]
    return [_Source(file, folder, tuple(include)) for file in chosen]


def _include_folders(holders: Iterable[str]) -> list[str]:
    """Folders that are there to be searched: called so, with headers in them or, as `<name/x.h>`, further down."""
    above = {folder for name in holders for folder in (Path(name), *Path(name).parents)}
    return sorted(folder.as_posix() for folder in above if folder.name in ("include", "inc"))


def _guessed(include: Sequence[str], flags: Sequence[str]) -> tuple[str, ...]:
    """Where else headers are looked for.

    Who names folders himself may have headers of one name: then those that were only found come last of all. None is
    named twice: clang would forget the first.
    """
    pairs = list(zip(flags, [*flags, ""][1:], strict=True))
    named = {flag[2:] or word for flag, word in pairs if flag.startswith("-I")}
    named |= {flag[7:] or word for flag, word in pairs if flag.startswith("-iquote")}
    if not named:
        return tuple(include)
    searched = {Path(name) for name in named}
    guessed: list[str] = []
    for option, name in zip(include[::2], include[1::2], strict=True):
        if Path(name) not in searched:
            searched.add(Path(name))
            guessed += ["-idirafter" if option == "-iquote" else option, name]
    return tuple(guessed)


def _compile_one(source: _Source, flags: tuple[str, ...]) -> _Module:
    if source.path.suffix != ".c":
        return _Module(source.path.read_bytes())
    line = (*FLAGS, *flags, *_guessed(source.include, flags))
    manifest = cache_dir() / "bitcode" / (_digest([ZIG_VERSION, CACHE_FORMAT, str(source.path), line]) + ".json")
    cached = _from_manifest(manifest, source.root)
    if cached is not None:
        show([*clang(*line, "-c", source.path, "-o", f"{source.path.stem}.bc")], "unchanged since the last time")
        return cached
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        out, deps = Path(folder) / "out.bc", Path(folder) / "deps"
        run(
            clang(*line, "-c", source.name, "-o", out, "-MD", "-MF", deps, f"-ffile-prefix-map={source.root}=."),
            what=f"compiling {source.path}",
            error=CompileError,
            cwd=source.root,
        )
        data = out.read_bytes()
        names = _dependencies(deps.read_text(errors="surrogateescape"))
    content = hashlib.sha256(data).hexdigest()
    write_atomic(manifest.parent / f"{content}.bc", data)
    listed = {name: _file_digest(source.root / name) for name in names}
    write_atomic(manifest, json.dumps({"files": listed, "bitcode": content}).encode())
    return _Module(data, _parts(source.root, names))


def _parts(root: Path, names: Iterable[str]) -> frozenset[Path]:
    return frozenset((root / name).resolve() for name in names if name.endswith(".c"))


def _from_manifest(manifest: Path, root: Path) -> _Module | None:
    """The cached bitcode, if the source and every header are still what they were."""
    try:
        known = json.loads(manifest.read_bytes())
        if any(_file_digest(root / name) != digest for name, digest in known["files"].items()):
            return None
        data = (manifest.parent / f"{known['bitcode']}.bc").read_bytes()
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return _Module(data, _parts(root, known["files"])) if hashlib.sha256(data).hexdigest() == known["bitcode"] else None


def _dependencies(rule: str) -> list[str]:
    """The file names of a make rule as clang writes it; spaces in names come as backslash-space."""
    body = rule.partition(": ")[2].replace("\\\n", " ")
    marked = body.replace("\\ ", "\0").replace("$$", "$").replace("\\#", "#")
    return [word.replace("\0", " ") for word in marked.split()]


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "missing"


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode(errors="surrogateescape")).hexdigest()


def merge_modules(name: str, modules: list[tuple[str, bytes]]) -> Bitcode:
    """Merge modules, bitcode or text with the names to call them by, in a compiler process or from the cache.

    Raises:
        CompileError: a module that LLVM cannot read; a symbol defined twice.
    """
    names = [source for source, _ in modules]
    blobs = [data for _, data in modules]
    key = _digest([CACHE_FORMAT, name, names, [hashlib.sha256(data).hexdigest() for data in blobs]])
    stored = cache_dir() / "modules" / key
    facts, data = _read_module(stored)
    if data is None:
        facts, data = _link_in_child(name, names, blobs)
        write_atomic(stored.with_suffix(".bc"), data)
        write_atomic(stored.with_suffix(".json"), json.dumps(facts).encode())
    return Bitcode(
        name=name,
        data=data,
        digest=facts["digest"],
        functions=tuple(facts["functions"]),
        undefined=tuple(facts["undefined"]),
        lines=facts["lines"],
        own_features=facts["own_features"],
        intrinsics=facts["intrinsics"],
    )


def _read_module(stored: Path) -> tuple[dict[str, Any], bytes | None]:
    try:
        facts = json.loads(stored.with_suffix(".json").read_bytes())
        data = stored.with_suffix(".bc").read_bytes()
    except (OSError, ValueError):
        return {}, None
    return (facts, data) if facts.get("digest") == hashlib.sha256(data).hexdigest() else ({}, None)


def _link_in_child(name: str, names: list[str], blobs: list[bytes]) -> tuple[dict[str, Any], bytes]:
    try:
        reply, results = default_pool().request({"op": "link", "name": name, "names": names}, blobs)
    except WorkerFailure as failure:
        raise CompileError(
            f"{name} cannot be read: LLVM {failure.reason}.",
            "Is it bitcode or IR of the same LLVM, and for x86-64?",
            failure.output[-4000:],
        ) from None
    if reply.get("error") == "duplicate":
        first, second = reply["files"]
        raise CompileError(
            f"{reply['symbol']} is defined in {first} and in {second}.",
            "A workload is one program: take one of them out, or name only the files that belong to it.",
        )
    if "error" in reply:
        raise CompileError(f"{name} is not LLVM IR that can be used.", detail=reply["error"])
    facts = {**reply, "digest": hashlib.sha256(results[0]).hexdigest()}
    return facts, results[0]


def source_digest(paths: Iterable[Path]) -> str:
    """Digest of the bytes below some paths, with their relative names: what a build was made from."""
    parts: list[tuple[str, str]] = []
    for path in paths:
        files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
        parts += [(os.path.relpath(file, path), _file_digest(file)) for file in files]
    return _digest(parts)
