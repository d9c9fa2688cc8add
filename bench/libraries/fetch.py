"""Fetches Debian source packages by name and lays out, for each library, a folder that is a workload.

apt is asked with lists and caches of its own, so that nothing of the system's changes. Files are upstream's, untouched;
only main.c (ours, from bench/libraries/) is put beside them.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bareflow.errors import ToolError

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 180


@dataclass(frozen=True)
class Library:
    """One library.

    Args:
        name: of the workload; main.c is bench/libraries/NAME.c.
        package: Debian's source package.
        folder: of the sources within the archive's own.
        sources: C files, or all but `without`.
        without: C files that are programs of their own.
        arguments: of a growing run; the first scales the work.
        guest: likewise, where a machine is emulated.
    """

    name: str
    package: str
    folder: str = "."
    sources: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    guest: tuple[str, ...] = ()


LIBRARIES = (
    Library(
        "zlib",
        "zlib",
        sources=(
            "adler32",
            "compress",
            "crc32",
            "deflate",
            "inffast",
            "inflate",
            "inftrees",
            "trees",
            "uncompr",
            "zutil",
        ),
        arguments=("60",),
        guest=("6",),
    ),
    Library(
        "bzip2",
        "bzip2",
        sources=("blocksort", "bzlib", "compress", "crctable", "decompress", "huffman", "randtable"),
        arguments=("20",),
        guest=("3",),
    ),
    Library("lua", "lua5.4", folder="src", without=("lua", "luac"), arguments=("40",), guest=("4",)),
)


def fetch(libraries: Sequence[Library], folder: Path) -> dict[str, Path]:
    """Fetch libraries and lay out a workload's folder for each; return them by name.

    Raises:
        ToolError: there is no apt, or the packages cannot be reached; apt's words are the detail.
    """
    if shutil.which("apt-get") is None:
        raise ToolError("There is no apt-get, which fetches the sources by name.")
    archives = folder / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    wanted = [one for one in libraries if not _archive(archives, one)]
    if wanted:
        options = _private_apt(folder / "apt")
        _apt([*options, "update"], archives)
        _apt([*options, "source", "--download-only", "--tar-only", *(one.package for one in wanted)], archives)
    return {one.name: lay_out(one, archives, folder / one.name) for one in libraries}


def _private_apt(folder: Path) -> list[str]:
    """Options by which apt knows the system's package sources as source packages, and writes only below `folder`."""
    parts, lists, cache = folder / "parts", folder / "lists", folder / "cache"
    for path in (parts, lists / "partial", cache / "archives" / "partial"):
        path.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        lines = ["Types: deb-src" if line.startswith("Types:") else line for line in path.read_text().splitlines()]
        (parts / path.name).write_text("\n".join(lines) + "\n")
    for path in sorted({*Path("/etc/apt").glob("sources.list.d/*.list"), *Path("/etc/apt").glob("sources.list")}):
        lines = [line.replace("deb ", "deb-src ", 1) for line in path.read_text().splitlines() if line[:4] == "deb "]
        (parts / path.with_suffix(".list").name).write_text("\n".join(lines) + "\n")
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": parts,
        "Dir::State::lists": lists,
        "Dir::Cache": cache,
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "20",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _apt(arguments: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            ["apt-get", "-q", *arguments], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"apt-get did not end within {TIMEOUT_S} s.", "Is the package archive reachable?") from None
    if done.returncode:
        raise ToolError("apt-get could not fetch the sources.", "Is the package archive reachable?", done.stderr)


def _archive(folder: Path, library: Library) -> Path | None:
    return next(iter(sorted(folder.glob(f"{library.package}_*.orig.tar.*"))), None)


def lay_out(library: Library, archives: Path, folder: Path) -> Path:
    """Unpack what a workload needs of a library: its C files, its headers, and our main.c.

    Raises:
        ToolError: the archive is not there.
    """
    archive = _archive(archives, library)
    if archive is None:
        raise ToolError(f"apt-get fetched no sources of {library.package}.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(*Path(member.name).parts[1:])
            if member.isfile() and path.parent == Path(library.folder) and _wanted(library, path):
                content = tar.extractfile(member)
                assert content is not None
                (folder / path.name).write_bytes(content.read())
    shutil.copyfile(HERE / f"{library.name}.c", folder / "main.c")
    return folder


def _wanted(library: Library, path: Path) -> bool:
    if path.suffix == ".h":
        return True
    chosen = path.stem in library.sources if library.sources else path.stem not in library.without
    return path.suffix == ".c" and chosen


def build_reference(workload: Path, out: Path) -> Path:
    """The same program as the host's own compiler makes it."""
    subprocess.run(["cc", "-O2", "-w", *sorted(workload.glob("*.c")), "-o", out, "-lm"], check=True)
    return out
