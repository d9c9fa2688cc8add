"""The task that says what of a program, and of LLVM, is used."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bareflow.cli.growing import recipe_of
from bareflow.cli.images import output_folder
from bareflow.cli.progress import steps
from bareflow.cli.task import emit_json, task

if TYPE_CHECKING:
    from bareflow.image.recipe import Recipe
    from bareflow.profile.values import Profile

WIDE = 160  # columns where no terminal says how many it has
Say = Callable[[str], None]


@task(
    help={
        "image": "a recipe's name or a recipe file (classic unless a workload is given)",
        "workload": "a C file, an LLVM .ll or .bc file, or a folder of them",
        "file": "a file that the workload reads: PATH or PATH=NAME on the image (repeatable)",
        "args": "the workload's arguments where it has to be grown, split as a shell splits",
        "profile": "a profile of it (repeatable: they are merged; left out: build/NAME.profile, or one native run)",
        "measure-llvm": "measure anew what of LLVM a growth of this workload executes (else the last figure)",
    },
    iterable=("file", "profile"),
)
def deadcode(
    _context: Any,
    image: str | None = None,
    workload: str | None = None,
    file: list[str] | None = None,
    args: str | None = None,
    profile: list[str] | None = None,
    measure_llvm: bool = False,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Say which functions of a workload were called, which never, and how much of LLVM a growth executes."""
    del verbose
    from bareflow.deadcode.workload import coverage, describe
    from bareflow.errors import ProfileError

    recipe = recipe_of(image, workload, file or (), args, None)
    with steps() as say:
        known, sources = profile_for(recipe, profile or (), say)
        say(f"freezing {recipe.name}")
        try:
            found = coverage(recipe, known)
        except ProfileError:
            if profile or not sources:
                raise
            known, sources = grown_profile(recipe, say), []  # what growing left is of an older program
            found = coverage(recipe, known)
        facts = {"name": recipe.name, "profiles": sources, **describe(found)}
        facts["llvm"] = llvm_facts(grow_options(image, workload, file or (), args), recipe.name, measure_llvm, say)
    if json:
        emit_json(facts)
        return
    show(facts)


def profile_for(recipe: Recipe, files: Sequence[str], say: Say) -> tuple[Profile, list[str]]:
    """The profiles named, merged; else the one that growing left; else that of a run made for it.

    Raises:
        ProfileError: a file that is no profile.
        MachineError: the workload does not run as a Linux process.
    """
    from bareflow.profile.store import load_profile
    from bareflow.profile.values import merge_all

    known = output_folder() / f"{recipe.name}.profile"
    paths = [Path(name) for name in files] or ([known] if known.is_file() else [])
    if paths:
        return merge_all(*(load_profile(path) for path in paths)), [str(path) for path in paths]
    return grown_profile(recipe, say), []


def grown_profile(recipe: Recipe, say: Say) -> Profile:
    """The profile of one run made for it, which is not kept.

    Raises:
        MachineError: the workload does not run as a Linux process.
    """
    from bareflow.grow import Places, Settings, grow
    from bareflow.profile.store import load_profile

    say(f"there is no profile of {recipe.name}: growing it once as a Linux process")
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        places = Places(Path(folder), recipe.name)
        asyncio.run(grow(recipe, places, Settings(boots=1, native=True, measure=False)))
        return load_profile(places.profile)


def grow_options(image: str | None, workload: str | None, files: Sequence[str], args: str | None) -> list[str]:
    """The options by which `grow` finds the same workload."""
    options = ["--workload", workload] if workload else ["--image", image or "classic"]
    options += [word for name in files for word in ("--file", name)]
    return options if args is None else [*options, f"--args={args}"]


def llvm_facts(options: Sequence[str], name: str, anew: bool, say: Say) -> dict[str, Any]:
    """LLVM's part; what cannot be measured is said in it."""
    from bareflow.deadcode.jit import static_jit
    from bareflow.deadcode.measure import llvm_library, measure, stored_measurement
    from bareflow.deadcode.report import describe_llvm
    from bareflow.errors import ToolError

    library = llvm_library()
    executed, reason = None if anew else stored_measurement(library), ""
    if executed is None:
        try:
            executed = measure(library, options, name, say)
        except ToolError as problem:
            reason = problem.message
    return describe_llvm(library, executed, static_jit(say), reason)


def show(facts: dict[str, Any]) -> None:
    """Print tables and lines."""
    from rich.console import Console

    from bareflow.deadcode.report import functions_table, llvm_lines, llvm_table, workload_lines

    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=WIDE)
    console.print(functions_table(facts))
    for line in workload_lines(facts):
        console.print(line, markup=False, soft_wrap=True)
    console.print(llvm_table(facts["llvm"]))
    for line in llvm_lines(facts["llvm"]):
        console.print(line, markup=False, soft_wrap=True)


TASKS = [deadcode]
