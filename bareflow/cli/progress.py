"""Progress for people: a live line on a terminal, one line a step elsewhere; always on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bareflow.cli.task import people

Step = Callable[[str], None]


@contextmanager
def steps() -> Iterator[Step]:
    """Yield a function that names the step under way; on a terminal the line is replaced, in a pipe nothing is said."""
    console = people()
    if not console.is_terminal:
        yield lambda _text: None
        return
    with console.status("…") as status:
        yield status.update


@contextmanager
def said() -> Iterator[Step]:
    """As `steps`, for what takes long: in a pipe each step is a line."""
    console = people()
    if console.is_terminal:
        with steps() as step:
            yield step
    else:
        yield lambda text: console.print(text, markup=False, soft_wrap=True)
