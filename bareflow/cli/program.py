"""The program around the tasks: `./inv`, `bareflow` and `python -m bareflow` are all this one."""

from __future__ import annotations

import inspect
import os
import signal
import sys
from copy import copy
from importlib import metadata
from typing import Any

from invoke import Collection, Exit, ParseError, Program

from bareflow.cli import benches, checks, deadcode, growing, hardware, images, profiles
from bareflow.cli.task import emit_json

# Bare words behind these tasks are values of the option named here: `snapshot-info FILE`.
# (Invoke's own positionals would take `--help` for the file's name.)
POSITIONALS = {
    "snapshot-info": ("file",),
    "run-native": ("snapshot",),
    "profile": ("action", "file"),
    "fuzz": ("name",),
    "test": ("folder",),
}
# Options that take a value, which may begin with a dash: `--args "--prompt x"`.
VERBATIM = ("--args",)
MODULES = (images, growing, profiles, deadcode, hardware, benches, checks)


def namespace() -> Collection:
    """Collect every task under its dashed name."""
    collection = Collection()
    for module in MODULES:
        for task in module.TASKS:
            collection.add_task(task)
    collection.configure({"tasks": {"auto_dash_names": True}})
    return collection


def join_verbatim(argv: list[str]) -> list[str]:
    """Turn `--args VALUE` into `--args=VALUE`, so that a value may begin with a dash."""
    joined: list[str] = []
    words = iter(argv)
    for word in words:
        value = next(words, None) if word in VERBATIM else None
        joined.append(word if value is None else f"{word}={value}")
    return joined


def name_positionals(argv: list[str], takes_value: set[str]) -> list[str]:
    """Turn the bare words behind a task of POSITIONALS into its options; the last option takes all the rest."""
    start = next((i for i, word in enumerate(argv) if word in POSITIONALS), None)
    if start is None:
        return argv
    options = list(POSITIONALS[argv[start]])
    named = argv[: start + 1]
    value_follows = False
    for word in argv[start + 1 :]:
        if value_follows or word.startswith("-"):
            named.append(word)
            value_follows = not value_follows and word in takes_value
        else:
            named.append(f"--{options[0]}={word}")
            del options[: len(options) > 1]
    return named


def valued_options(collection: Collection, argv: list[str]) -> set[str]:
    """The options of the task named in argv that take a value."""
    names = [word for word in argv if word in POSITIONALS]
    if not names:
        return set()
    task = copy(collection[names[0]])
    task.help = dict(task.help)  # get_arguments uses it up, and --help wants it still
    found: set[str] = set()
    for argument in task.get_arguments():
        if argument.takes_value:
            found |= {f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}" for name in argument.names}
    return found


class BareflowProgram(Program):  # type: ignore[misc]
    """Invoke's program with our exit statuses: what the user got wrong is one sentence and status 2."""

    def normalize_argv(self, argv: Any) -> None:
        """Split the command line, then name bare words and join verbatim values."""
        super().normalize_argv(argv)
        program, *words = self.argv
        words = join_verbatim(words)
        self.argv: list[str] = [program, *name_positionals(words, valued_options(self.namespace, words))]

    def parse_core(self, argv: Any) -> None:
        """Parse Invoke's own flags."""
        self._checked(super().parse_core, argv)

    def parse_tasks(self) -> None:
        """Parse the tasks and their flags."""
        self._checked(super().parse_tasks)

    def execute(self) -> None:
        """Run the tasks; Ctrl-C is status 130, as in a shell."""
        try:
            super().execute()
        except KeyboardInterrupt:
            if "--json" in self.argv:
                emit_json({"error": "stopped.", "hint": "", "exit_status": 130})
            raise Exit("bareflow: stopped.", code=130) from None

    def _checked(self, parse: Any, *arguments: Any) -> None:
        try:
            parse(*arguments)
        except ParseError as error:
            hint = f"{self.binary} --list shows the tasks, {self.binary} TASK --help their options."
            if "--json" in self.argv:
                emit_json({"error": str(error), "hint": hint, "exit_status": 2})
            raise Exit(f"bareflow: {error}\n  {hint}", code=2) from None

    def print_task_help(self, name: str) -> None:
        """Print a task's help, with the kind of value that each option takes."""
        context = self.parser.contexts[name]
        kinds = {float: "NUMBER", list: "STRING"}
        rows = []
        for flags, text in context.help_tuples():
            kind = kinds.get(context.flags[flags.split("=")[0].split("[")[0].split(",")[-1].strip()].kind)
            rows.append((f"{flags}={kind}" if kind else flags, text))
        sys.stdout.write(f"Usage: {self.binary} {name} [--options]\n\n  {inspect.getdoc(self.collection[name])}\n\n")
        sys.stdout.write("Options:\n" if rows else "It takes no options.\n")
        if rows:
            self.print_columns(rows)


def end_as_by_ctrl_c(_number: int, _frame: object) -> None:
    """Handle a signal that asks the program to end: what runs is ended, and what was counted is kept."""
    if callable(signal.getsignal(signal.SIGINT)):
        signal.raise_signal(signal.SIGINT)
    else:  # a shell's background jobs ignore it
        raise KeyboardInterrupt


def take_endings_as_ctrl_c() -> None:
    """Have every request to end this process do what Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, end_as_by_ctrl_c)


def main() -> None:
    """Run the tasks named on the command line."""
    take_endings_as_ctrl_c()
    try:
        version = metadata.version("bareflow")
    except metadata.PackageNotFoundError:
        version = "checkout"
    program = BareflowProgram(name="bareflow", binary="inv", namespace=namespace(), version=version)
    try:
        program.run(sys.argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `| head`: what is left has no reader, at exit neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
