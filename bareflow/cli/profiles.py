"""The tasks about profiles: look at them, merge them, export them, read them from a line, make a page of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bareflow.cli.images import show_text
from bareflow.cli.ports import HELP_BAUD, HELP_PORT, HELP_WAIT, chosen_port, stop_by_signal, teller
from bareflow.cli.task import emit_json, people, task
from bareflow.errors import UsageError, WireError

if TYPE_CHECKING:
    from bareflow.collect import Collected, Collector
    from bareflow.profile.values import Profile

ACTIONS = ("show", "merge", "export")
FORMATS = ("json", "collapsed", "speedscope", "chrome")
WIDE = 240  # columns where no terminal says how many it has
USAGE = "Usage: ./inv profile show|merge|export FILE…"


@task(
    help={
        "action": "show, merge or export",
        "file": "a profile, binary or JSON (repeatable)",
        "out": "merge and export: the file to write; `.json` makes merge write JSON",
        "format": "export: json, collapsed (flamegraph.pl, speedscope), speedscope or chrome",
    },
    iterable=("file",),
)
def profile(
    _context: Any,
    action: str | None = None,
    file: list[str] | None = None,
    out: str | None = None,
    format: str = "json",  # noqa: A002 — the option's name
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Show, merge or export profiles."""
    del verbose
    if action not in ACTIONS:
        what = "no action was given" if action is None else f"{action!r} is no action"
        raise UsageError(f"{what}.", USAGE)
    if not file:
        raise UsageError("no profile was named.", USAGE)
    if format not in FORMATS:
        raise UsageError(f"{format!r} is no format.", f"Use {', '.join(FORMATS)}.")
    from bareflow.profile.store import load_profile

    profiles = [load_profile(Path(name)) for name in file]
    target = Path(out) if out else None
    if action == "show":
        show(file, profiles, as_json=json)
    elif action == "merge":
        merge(file, profiles, target, as_json=json)
    else:
        export(file, profiles, target, format, as_json=json)


def show(files: Sequence[str], profiles: Sequence[Profile], *, as_json: bool) -> None:
    """Print a table, or a document, for each profile."""
    from bareflow.profile.document import to_document

    if as_json:
        emit_json({"profiles": [{"file": f, **to_document(p)} for f, p in zip(files, profiles, strict=True)]})
        return
    from rich.console import Console
    from rich.markup import escape

    from bareflow.profile.report import specialised, table

    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=WIDE)
    for name, one in zip(files, profiles, strict=True):
        console.print(table(one, title=escape(name)))
        for line in specialised(one):
            console.print(line, markup=False, soft_wrap=True)


def merge(files: Sequence[str], profiles: Sequence[Profile], out: Path | None, *, as_json: bool) -> None:
    """Merge profiles into one file.

    Raises:
        UsageError: when no file was named to write.
    """
    from bareflow.profile.report import summary
    from bareflow.profile.store import save_profile
    from bareflow.profile.values import merge_all

    if out is None:
        raise UsageError("merge was not told where to write.", "Add --out FILE.")
    merged = merge_all(*profiles)
    save_profile(out, merged)
    facts = {"out": str(out), "files": list(files), "boots": merged.boots, "functions": len(merged.functions)}
    tell(facts, f"{out}: {summary(merged)}", as_json=as_json)


def export(files: Sequence[str], profiles: Sequence[Profile], out: Path | None, format_: str, *, as_json: bool) -> None:
    """Write the profiles, merged, in another program's format; to stdout where no file is named."""
    from bareflow.profile.values import merge_all
    from bareflow.toolchain import write_atomic

    text = exporter(format_)(merge_all(*profiles), Path(files[0]).stem)
    if out is not None:
        write_atomic(out, text.encode("utf-8", "replace"))
        facts = {"out": str(out), "format": format_, "files": list(files), "bytes": out.stat().st_size}
        tell(facts, f"{out}: {format_}, {facts['bytes']:,} bytes", as_json=as_json)
    elif as_json and format_ == "collapsed":
        emit_json({"format": format_, "files": list(files), "text": text})
    else:
        sys.stdout.write(text)


def exporter(format_: str) -> Callable[[Profile, str], str]:
    """The function from (profile, name) to the text of a format."""
    from bareflow.profile.document import to_json
    from bareflow.profile.export import to_chrome_trace, to_collapsed, to_speedscope, to_text

    exporters: dict[str, Callable[[Profile, str], str]] = {
        "json": lambda profile, _name: to_json(profile),
        "collapsed": lambda profile, _name: to_collapsed(profile),
        "speedscope": lambda profile, name: to_text(to_speedscope(profile, name)),
        "chrome": lambda profile, name: to_text(to_chrome_trace(profile, name)),
    }
    return exporters[format_]


def tell(facts: dict[str, Any], words: str, *, as_json: bool) -> None:
    """Say what was done, to a program or to a person."""
    if as_json:
        emit_json(facts)
    else:
        people().print(words, markup=False, soft_wrap=True)


@task(
    help={
        "port": HELP_PORT,
        "baud": HELP_BAUD,
        "wait": HELP_WAIT,
        "out": "the profile to write; one of the same program that is there is merged into",
        "timeout-s": "seconds after which collecting ends (until the guest's last word)",
        "names": "the names of the program's functions, where another machine has built it",
        "cpu": "noted in the profile",
    },
    optional=("port",),
)
def collect(
    _context: Any,
    port: str | None = None,
    baud: int = 115200,
    out: str = "profile.bin",
    timeout_s: float = 0.0,
    wait: bool = False,
    names: str | None = None,
    cpu: str = "",
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Read a growing guest's profile from a serial line; Ctrl-C ends it and keeps what came."""
    del verbose
    from bareflow.collect import store

    if port is None:
        raise UsageError("no port was named.", "Usage: ./inv collect --port socket://HOST:PORT | PATH")
    if timeout_s < 0:
        raise UsageError(f"--timeout-s must not be below 0, but is {timeout_s}.", "0 is no limit.")
    where = chosen_port(port, baud)
    reading = Reading(where, baud, timeout_s or None, wait=wait, on_text=None if json else show_while_read)
    collected = asyncio.run(reading.collect(collector_of(names, cpu)))
    if not collected.messages:
        raise nothing_came(where, collected)
    path, merged, words = store(Path(out), collected.profile)
    facts = {**collected.as_dict(), "out": str(path), "stored": words, "boots_in_file": merged.boots}
    tell(facts, "\n".join([*about(collected), words]), as_json=json)


def show_while_read(text: bytes) -> None:
    """Show what the program prints; whoever read that may leave, the profile is collected all the same."""
    try:
        show_text(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def collector_of(names: str | None, cpu: str) -> Collector:
    """A collector that knows the program's names.

    Raises:
        ProfileError: when the file of names is none.
    """
    from bareflow.collect import Collector
    from bareflow.names import load_names, names_of_build

    if names is None:
        return Collector(names_of_build, cpu)
    known = load_names(Path(names))
    return Collector(lambda build: known if known.build_id in ("", build) else names_of_build(build), cpu)


@dataclass(frozen=True)
class Reading:
    """What `collect` was told."""

    where: str
    baud: int
    timeout_s: float | None
    wait: bool = False
    on_text: Callable[[bytes], None] | None = None

    async def collect(self, collector: Collector) -> Collected:
        """Read the port until a guest's last word, or Ctrl-C."""
        from bareflow.collect import collect as read

        return await read(
            self.where,
            collector,
            baud=self.baud,
            timeout_s=self.timeout_s,
            wait=self.wait,
            stop=stop_by_signal(),
            say=teller("collect"),
            on_text=self.on_text,
        )


def nothing_came(where: str, collected: Collected) -> WireError:
    """Why a profile could not be read, as far as it can be told."""
    said = f"nothing about a profile came from {where} in {collected.seconds:.0f} s ({collected.why})"
    if not collected.heard:
        return WireError(
            f"{said}, not a byte.", "Is the machine on, does it run a growing image, is the cable a crossed one?"
        )
    if collected.final and not collected.sessions:
        return WireError(f"{said}: its program had ended before.", "Switch the machine off and on.")
    if not collected.sessions:
        return WireError(
            f"{said}, but {collected.heard:,} bytes that are no frames of ours.",
            "Another baud rate, the console's port, or an image that does not grow?",
        )
    return WireError(f"{said}.", "The guest answered and ended before it had counted anything.")


def about(collected: Collected) -> list[str]:
    """What a person should know of what came, one sentence each."""
    from bareflow.collect import verdict_name

    count = collected.sessions
    said = [f"{collected.seconds:.1f} s, {count} boot{'' if count == 1 else 's'}, ended by: {collected.why}."]
    if collected.final:
        verdict = verdict_name(collected.final["verdict"])
        said.append(f"The guest's verdict: {verdict}, status {collected.final['status']}.")
    if not collected.complete:
        said.append("The guest did not report to its end: counts are as of its last report.")
    if collected.unnamed:
        builds = ", ".join(build[:8] or "unknown" for build in collected.unnamed)
        said.append(f"Build {builds} is not known here, so functions are called by number; give --names FILE.")
    lost = {"dropped": collected.profile.dropped, "damaged": collected.damaged, "malformed": collected.malformed}
    if any(lost.values()):
        said.append(
            "Lost on the way: " + ", ".join(f"{number} {what}" for what, number in lost.items() if number) + "."
        )
    return said


@task(
    help={
        "profile": "the profile, binary or JSON (repeatable: they are merged)",
        "grow-json": "what `grow --json` printed: sizes, compile times, reasons",
        "out": "the page to write",
        "title": "of the page (the profile's name)",
    },
    iterable=("profile",),
)
def report(
    _context: Any,
    profile: list[str] | None = None,
    grow_json: str | None = None,
    out: str = "report.html",
    title: str = "",
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Write one self-contained HTML page about a growth: cycles over time, flame graph, sizes, functions."""
    del verbose
    if not profile and grow_json is None:
        raise UsageError(
            "no profile was named.", "Usage: ./inv report --profile FILE [--grow-json FILE] --out report.html"
        )
    from bareflow.profile.store import load_profile
    from bareflow.profile.values import merge_all
    from bareflow.report.facts import gather
    from bareflow.report.growth import Growth, load_growth
    from bareflow.report.page import render
    from bareflow.toolchain import write_atomic

    merged = merge_all(*(load_profile(Path(name)) for name in profile or ()))
    growth = load_growth(Path(grow_json)) if grow_json else Growth()
    name = title or Path((profile or [grow_json or ""])[0]).stem
    page = render(gather(merged, growth, name)).encode()
    write_atomic(Path(out), page)
    facts = {"out": out, "bytes": len(page), "functions": len(merged.functions), "tier_ups": len(merged.events)}
    tell(facts, f"{out}: {len(page):,} bytes, in one file", as_json=json)


TASKS = [profile, collect, report]
