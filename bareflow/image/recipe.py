"""Recipes: the description of one image, read from TOML. `images/base.toml` shows every key.

A key that does not exist is an error that names the nearest one; so is a value of the wrong kind. Relative paths
belong to the folder of the recipe that holds them.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bareflow.compile.freestanding import KERNEL_FEATURES
from bareflow.errors import UsageError
from bareflow.toolchain import data_root

PAGE = 4096
BASE = "base"
WAYS_IN = ("bios", "pvh", "uefi")
AT_END = ("halt", "power-off", "reset")
KEEP, LEAVE_OUT = "keep", "leave-out"
LINKED, COMPILED_IN = "linked", "compiled-in"


@dataclass(frozen=True)
class PackedFile:
    """A file to put on the image: where it is here, and what the workload calls it (with `/` for folders)."""

    source: Path
    name: str


@dataclass(frozen=True)
class Grow:
    """How the growing image goes up the tiers.

    Attributes:
        thresholds: calls until a function leaves O0, O1 and O2; rising.
        interpreter_threshold: calls until it leaves the interpreter.
        policy: "counts" or "breakeven".
        boots: growing runs whose profiles are merged before freezing.
        measured: macros that the program may set by what it measures (bareflow/growth/choices.py).
    """

    thresholds: tuple[int, int, int]
    interpreter_threshold: int
    policy: str
    boots: int
    measured: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """One image, complete: nothing is left to a default.

    Attributes:
        sources: C, `.ll` or `.bc` files, or folders of them; they exist.
        flags: for clang.
        arguments: argv[1] and on; argv[0] is `name`.
        environment: (name, value) pairs in the recipe's order.
        image_size: bytes of the image file; None: as small as it can be.
        boot: the ways in, some of `WAYS_IN`.
        cpu: LLVM's name of a CPU or level, or "native".
        targets: CPUs that are frozen for side by side; none: for `cpu` alone.
        features: parts of the kernel, names of `KERNEL_FEATURES`; None: those that the program's symbols ask for.
        at_end: what a machine without QEMU's debug-exit device does when the workload has ended, one of `AT_END`.
        c_library: whether functions of the C library are optimised with the program: `LINKED` or `COMPILED_IN`.
        never_called: what becomes of functions that the profile never saw called: `KEEP` or `LEAVE_OUT`.
    """

    name: str
    sources: tuple[Path, ...]
    flags: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    files: tuple[PackedFile, ...]
    memory_mib: int
    stack_bytes: int
    image_size: int | None
    boot: frozenset[str]
    cpu: str
    features: frozenset[str] | None
    grow: Grow
    at_end: str = "halt"
    targets: tuple[str, ...] = ()
    never_called: str = KEEP
    c_library: str = LINKED


Check = Callable[[Any], bool]
Rule = tuple[Check, str]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


def _is_macros(value: Any) -> bool:
    return _is_texts(value) and all(item.isascii() and item.isidentifier() for item in value)


def _whole(low: int, high: int) -> Rule:
    def check(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return check, f"must be a whole number from {low} to {high}"


def _is_environment(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(v) and k and "=" not in k for k, v in value.items())


def _is_ways_in(value: Any) -> bool:
    return _is_texts(value) and bool(value) and set(value) <= set(WAYS_IN)


def _is_thresholds(value: Any) -> bool:
    numbers = isinstance(value, list) and all(type(item) is int and item > 0 for item in value)
    return numbers and len(value) == 3 and value == sorted(value)


TEXT: Rule = (_is_text, "must be a string")
TEXTS: Rule = (_is_texts, "must be a list of strings")

SCHEMA: dict[str, dict[str, Rule]] = {
    "workload": {
        "sources": TEXTS,
        "flags": TEXTS,
        "arguments": TEXTS,
        "environment": (_is_environment, 'must be a table of NAME = "value"'),
        "stack_bytes": _whole(4 * PAGE, 1 << 32),
    },
    "machine": {"memory_mib": _whole(16, 1 << 20), "cpu": TEXT, "targets": TEXTS},
    "image": {
        "size": (lambda v: v == "auto" or (type(v) is int and v > 0), 'must be "auto" or a number of bytes'),
        "boot": (_is_ways_in, f"must be a list of at least one of {', '.join(WAYS_IN)}"),
    },
    "kernel": {
        "features": (lambda v: v in ("auto", "all") or _is_texts(v), 'must be "auto", "all" or a list of strings'),
        "at_end": (lambda v: v in AT_END, f"must be one of {', '.join(AT_END)}"),
    },
    "freeze": {
        "never_called": (lambda v: v in {KEEP, LEAVE_OUT}, f'must be "{KEEP}" or "{LEAVE_OUT}"'),
        "c_library": (lambda v: v in {LINKED, COMPILED_IN}, f'must be "{LINKED}" or "{COMPILED_IN}"'),
    },
    "grow": {
        "thresholds": (_is_thresholds, "must be three rising whole numbers"),
        "interpreter_threshold": _whole(1, 1 << 31),
        "policy": (lambda v: v in {"counts", "breakeven"}, 'must be "counts" or "breakeven"'),
        "boots": _whole(1, 1000),
        "measured": (_is_macros, "must be a list of C names"),
    },
}
"""Section, key, and what its value must be."""

TOP_LEVEL = ("name", "extends", "files", *SCHEMA)
FILE_KEYS = ("source", "name")


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(sorted(known))}."


def _check_keys(path: Path, table: dict[str, Any], known: Iterable[str], where: str) -> None:
    known = list(known)
    for key in table:
        if key not in known:
            raise UsageError(f"{path} has an unknown key {where}{key!r}.", _nearest(key, known))


def _check_section(path: Path, section: str, table: Any) -> None:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {section} must be a table, written [{section}].")
    _check_keys(path, table, SCHEMA[section], f"{section}.")
    for key, value in table.items():
        check, rule = SCHEMA[section][key]
        if not check(value):
            raise UsageError(f"{path}: {section}.{key} {rule}, not {value!r}.")


def _check_files(path: Path, files: Any) -> None:
    if not isinstance(files, list) or not all(isinstance(item, dict) for item in files):
        raise UsageError(f"{path}: files must be tables, each written [[files]].")
    for item in files:
        _check_keys(path, item, FILE_KEYS, "files.")
        if not all(_is_text(value) for value in item.values()) or not item.get("source"):
            raise UsageError(f"{path}: each [[files]] needs a source, a string, and may have a name, a string.")


def _read(path: Path) -> dict[str, Any]:
    """Read one recipe file, checked but without what it extends; its relative paths made whole."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The recipe {path} is not TOML: {error}.") from error
    _check_keys(path, table, TOP_LEVEL, "")
    for key in ("name", "extends"):
        if key in table and not (_is_text(table[key]) and table[key]):
            raise UsageError(f"{path}: {key} must be a string, not {table[key]!r}.")
    for section in SCHEMA:
        _check_section(path, section, table.get(section, {}))
    _check_files(path, table.get("files", []))
    workload = table.get("workload", {})
    if "sources" in workload:
        workload["sources"] = [str(path.parent / source) for source in workload["sources"]]
    for item in table.get("files", []):
        item["source"] = str(path.parent / item["source"])
    return table


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _find(name: str, beside: Path) -> Path:
    """Return the file of the recipe called `name`: in the folder `beside`, else among our own."""
    folders = (beside, data_root() / "images")
    for folder in folders:
        path = folder / f"{name}.toml"
        if path.is_file():
            return path
    known = {path.stem for folder in folders for path in folder.glob("*.toml")} - {BASE}
    hint = _nearest(name, known) if known else ""
    raise UsageError(f"There is no recipe called {name!r}.", hint)


def _read_extended(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path in seen:
        raise UsageError(f"The recipe {path} extends itself.", "Remove one `extends`.")
    table = _read(path)
    base = table.pop("extends", None)
    if base is None:
        return table
    return _merge(_read_extended(_find(base, path.parent), (*seen, path)), table)


def _features(path: Path, value: str | list[str]) -> frozenset[str] | None:
    if value == "auto":
        return None
    if value == "all":
        return frozenset(KERNEL_FEATURES)
    for feature in value:
        if feature not in KERNEL_FEATURES:
            raise UsageError(
                f"{path} asks for an unknown kernel feature {feature!r}.", _nearest(feature, KERNEL_FEATURES)
            )
    return frozenset(value)


def _build(path: Path, table: dict[str, Any]) -> Recipe:
    workload, machine, grow = table["workload"], table["machine"], table["grow"]
    if workload["stack_bytes"] % PAGE:
        raise UsageError(f"{path}: workload.stack_bytes must be a multiple of {PAGE}, not {workload['stack_bytes']}.")
    files = tuple(packed_file(item["source"], item.get("name")) for item in table.get("files", []))
    size = table["image"]["size"]
    return Recipe(
        name=table.get("name", path.stem),
        sources=tuple(_existing(Path(source)) for source in workload["sources"]),
        flags=tuple(workload["flags"]),
        arguments=tuple(workload["arguments"]),
        environment=tuple(workload["environment"].items()),
        files=files,
        memory_mib=machine["memory_mib"],
        stack_bytes=workload["stack_bytes"],
        image_size=None if size == "auto" else size,
        boot=frozenset(table["image"]["boot"]),
        cpu=machine["cpu"],
        features=_features(path, table["kernel"]["features"]),
        at_end=table["kernel"]["at_end"],
        grow=Grow(
            tuple(grow["thresholds"]),
            grow["interpreter_threshold"],
            grow["policy"],
            grow["boots"],
            tuple(grow["measured"]),
        ),
        targets=tuple(machine["targets"]),
        never_called=table["freeze"]["never_called"],
        c_library=table["freeze"]["c_library"],
    )


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"The source {path} does not exist.", "Check the path; a recipe's are relative to its folder.")
    return path


def packed_file(source: str | Path, name: str | None = None) -> PackedFile:
    """Return a file to pack, called `name` on the image, or what it is called here.

    Raises:
        UsageError: it is missing or not a regular file.
    """
    path = Path(source)
    if not path.is_file():
        what = "is not a regular file" if path.exists() else "does not exist"
        raise UsageError(f"The file to pack {path} {what}.", "Name a file that can be read.")
    return PackedFile(path, name or path.name)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe by name (`classic`) or by path (anything ending in `.toml` or holding a `/`).

    Raises:
        UsageError: no such recipe, an unknown key, a wrong value, a missing source.
    """
    text = str(name_or_path)
    path = Path(text) if text.endswith(".toml") or "/" in text else _find(text, data_root() / "images")
    table = _read_extended(path)
    base = _read(data_root() / "images" / f"{BASE}.toml")
    recipe = _build(path, _merge(base, table))
    if not recipe.sources:
        raise UsageError(f"{path} names no workload.", 'Give it sources = ["program.c"] under [workload].')
    return recipe


def with_cpu(recipe: Recipe, names: str) -> Recipe:
    """The recipe for another CPU, or for several side by side: "x86-64-v2" or "x86-64-v2 x86-64-v4 native".

    Growing is for the first of several.

    Raises:
        UsageError: no CPU is named.
    """
    cpus = tuple(names.split())
    if not cpus:
        raise UsageError("No CPU is named.", 'Try "x86-64-v2", "native", or several of them.')
    return replace(recipe, cpu=cpus[0], targets=cpus if len(cpus) > 1 else ())


def recipe_for_workload(
    workload: str | Path | Sequence[str | Path],
    files: Iterable[str | Path | PackedFile] = (),
    *,
    name: str | None = None,
) -> Recipe:
    """Return the recipe of a workload that has none: the base recipe with these sources and files.

    Args:
        workload: a C, `.ll` or `.bc` file, a folder of them, or several of those.
        files: what to pack; each keeps its name unless it is a `PackedFile`.
        name: of the recipe, and argv[0]; the first source's stem if None.

    Raises:
        UsageError: a path does not exist.
    """
    sources = [workload] if isinstance(workload, str | Path) else list(workload)
    if not sources:
        raise UsageError("No workload is given.", "Name a C file, an .ll or .bc file, or a folder of them.")
    path = data_root() / "images" / f"{BASE}.toml"
    paths = tuple(_existing(Path(source)) for source in sources)
    packed = tuple(item if isinstance(item, PackedFile) else packed_file(item) for item in files)
    return replace(_build(path, _read(path)), name=name or paths[0].resolve().stem, sources=paths, files=packed)
