"""A pytest plugin for `./inv test`: this process runs just the modules that no other has taken.

Every process collects all tests and goes through their modules, one forwards and the others backwards, until they
meet. Who comes first makes a file for the module in a folder that they share. A module is taken whole, so fixtures of
modules are made once; they and session's live as long as in one process.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

NAME_WIDTH = 44


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lanes", "several processes share the tests")
    group.addoption("--lane", type=int, metavar="NUMBER", help="which one this is, from 0")
    group.addoption("--lane-folder", type=Path, metavar="FOLDER", help="what they share")
    group.addoption("--lane-progress", type=int, metavar="FD", help="a descriptor for a line about each module")


def pytest_configure(config: pytest.Config) -> None:
    """Take part, and let Ctrl-C be what it is at a terminal, although a background job's children ignore it."""
    if config.option.lane is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.set_inheritable(config.option.lane_progress, False)
        config.pluginmanager.register(Lane(config.option.lane, config.option.lane_folder, config.option.lane_progress))


class Lane:
    """One of the processes.

    Args:
        number: 0 goes through the modules in their order, others backwards.
        folder: has a file for each module that is taken, and of each process what came of it.
        progress: descriptor to which a line is written when a module has ended, or a test failed.
    """

    def __init__(self, number: int, folder: Path, progress: int) -> None:
        self.number = number
        self.folder = folder
        self.progress = progress
        self.ran = self.selected = 0
        self.counts: Counter[str] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the modules that this process takes; as pytest's own loop, which would run all."""
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            raise session.Interrupted("tests cannot be collected")
        self.selected = len(session.items)
        self.pytest_sessionfinish()  # should this process die, this much is known
        left = self._mine(session.items)
        module = next(left, [])
        while module:
            began, before, following = time.monotonic(), self.counts.copy(), []
            for item, after in zip(module, [*module[1:], None], strict=True):
                if after is None:  # pytest keeps the fixtures that the next test wants: it must be known now
                    following = next(left, [])
                    after = following[0] if following else None  # noqa: PLW2901
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
                self.ran += 1
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
            self._tell_module(module[0].location[0], self.counts - before, time.monotonic() - began)
            module = following
        return True

    def _mine(self, items: list[pytest.Item]) -> Iterator[list[pytest.Item]]:
        """Take modules, each as late as possible."""
        modules: dict[Path, list[pytest.Item]] = {}
        for item in items:
            modules.setdefault(item.path, []).append(item)
        for path in sorted(modules, key=list(modules).index, reverse=self.number > 0):
            with suppress(FileExistsError):
                (self.folder / f"taken-{str(path).replace(os.sep, '!')}").touch(exist_ok=False)
                yield modules[path]

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
        """No dots: nobody would see whose they are. Failures and skips keep their category, for the summary."""
        if not isinstance(report, pytest.TestReport) or hasattr(report, "wasxfail"):
            return None
        if report.when == "call" or not report.passed:
            category = "error" if report.failed and report.when != "call" else report.outcome
            return category, "", category.upper()
        return "", "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count, and say at once what failed."""
        if report.when == "call" or not report.passed:
            self.counts["xfailed" if hasattr(report, "wasxfail") else report.outcome] += 1
        if report.failed:
            self._tell(f"FAILED {report.nodeid}")

    def _tell_module(self, name: str, counts: Counter[str], seconds: float) -> None:
        told = ", ".join(f"{count} {what}" for what, count in counts.items())
        self._tell(f"{name:{NAME_WIDTH}} {seconds:6.1f} s  {told}")
        self.pytest_sessionfinish()

    def _tell(self, line: str) -> None:
        with suppress(OSError):  # nobody listens any more
            os.write(self.progress, f"{line}\n".encode())

    def pytest_sessionfinish(self) -> None:
        """Leave what came of it to the one who adds up."""
        outcome = {"selected": self.selected, "ran": self.ran, "counts": self.counts}
        (self.folder / f"outcome-{self.number}.json").write_text(json.dumps(outcome))
