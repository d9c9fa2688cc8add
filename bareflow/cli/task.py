"""What every task shares: `--json`, `-v`, and errors as one sentence with exit status 2."""

from __future__ import annotations

import errno
import functools
import inspect
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from invoke import Argument, Exit, ParseError, Task
from rich.console import Console

from bareflow.errors import BareFlowError, ToolError, UsageError

HELP_JSON = "one JSON document on stdout and nothing else there"
SHORT = {"verbose": "v", "only": "k"}
HELP_VERBOSE = "show every compiler, linker and QEMU command"


class NumberArgument(Argument):  # type: ignore[misc]
    """An option that takes a number, and says which one was given something else."""

    def set_value(self, value: Any, cast: bool = True) -> None:
        """Take the text that was given.

        Raises:
            ParseError: it is no number.
        """
        try:
            super().set_value(value, cast)
        except (ValueError, OverflowError):
            kind = "a whole number" if self.kind is int else "a number"
            raise ParseError(f"--{self.name.replace('_', '-')} takes {kind}, not {value!r}.") from None


class BareflowTask(Task):  # type: ignore[misc]
    """An Invoke task whose options have `SHORT` names too, and whose numbers name themselves if they are none."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> Any:
        """List the arguments as Invoke's parser wants them."""
        arguments = super().get_arguments(ignore_unknown_help)
        for argument in arguments:
            short = SHORT.get(argument.name)
            if short and short not in argument.names:
                argument.names = (*argument.names, short)
            if argument.kind in (int, float):
                argument.__class__ = NumberArgument
        return arguments


def task(
    help: dict[str, str],  # noqa: A002
    iterable: Sequence[str] = (),
    optional: Sequence[str] = (),
) -> Callable[[Callable[..., None]], BareflowTask]:
    """Make a task of a function (context, json, verbose, …); errors of ours become one sentence.

    Args:
        help: option name → help text; `json` and `verbose` are filled in.
        iterable: options that may be repeated.
        optional: options whose value may be left out; then it is True.
    """

    def wrap(body: Callable[..., None]) -> BareflowTask:
        @functools.wraps(body)
        def run(context: Any, *args: Any, **options: Any) -> None:
            from bareflow import toolchain

            toolchain.set_echo(bool(options.get("verbose", False)))
            try:
                body(context, *args, **options)
            except BareFlowError as error:
                if os.environ.get("BAREFLOW_DEBUG"):
                    raise
                report(error, as_json=bool(options.get("json", False)))
                raise Exit(code=error.exit_status) from None
            except OSError as error:
                wrong = refused(error)
                if wrong is None or os.environ.get("BAREFLOW_DEBUG"):
                    raise
                report(wrong, as_json=bool(options.get("json", False)))
                raise Exit(code=wrong.exit_status) from None

        texts = {"json": HELP_JSON, "verbose": HELP_VERBOSE, **help}
        known = inspect.signature(body).parameters
        shown = {
            name: with_default(text, known[name.replace("-", "_")].default)
            for name, text in texts.items()
            if name.replace("-", "_") in known
        }
        made = BareflowTask(run, help=shown, iterable=list(iterable), optional=tuple(optional), auto_shortflags=False)
        made.__doc__ = body.__doc__
        return made

    return wrap


def refused(error: OSError) -> BareFlowError | None:
    """What the system refused, in a sentence; None: that is no affair of the user's."""
    if isinstance(error, BrokenPipeError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):  # while a file is written, whose name it does not say
        where = error.filename or tempfile.gettempdir()
        return ToolError(f"A file cannot be written: {error.strerror}.", f"Make room in {where}, or set TMPDIR.")
    if error.filename is None:
        return None
    return UsageError(f"{error.filename} cannot be used: {error.strerror}.", "Name another file or folder.")


def with_default(text: str, default: Any) -> str:
    """Return an option's help with its default in parentheses, unless the text says it or there is none to say."""
    if isinstance(default, bool) or not isinstance(default, str | int | float) or not default:
        return text
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    return text if f"({shown}" in text else f"{text} ({shown})"


def report(error: BareFlowError, *, as_json: bool) -> None:
    """Say what went wrong: the tool's words, the sentence, the next step."""
    if error.detail:
        sys.stderr.write(error.detail.rstrip() + "\n")
    sys.stderr.write(f"bareflow: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  {error.hint}\n")
    if as_json:
        emit_json({"error": error.message, "hint": error.hint, "exit_status": error.exit_status})


def emit_json(document: dict[str, Any]) -> None:
    """Print the one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.flush()


def people() -> Console:
    """Where words for people go: stderr, so that stdout stays the program's."""
    return Console(stderr=True, highlight=False)


def split_args(args: str | None) -> tuple[str, ...] | None:
    """Split `--args` as a POSIX shell splits.

    Raises:
        UsageError: for a quote that does not end.
    """
    if args is None:
        return None
    try:
        return tuple(shlex.split(args))
    except ValueError as error:
        raise UsageError(f"--args {args!r} cannot be split: {str(error).lower()}.", "Close the quote.") from None


def positive(option: str, value: float) -> float:
    """Check a number of seconds, mebibytes or runs.

    Raises:
        UsageError: unless it is above zero.
    """
    if not value > 0:
        raise UsageError(f"{option} must be above 0, not {value}.")
    return value
