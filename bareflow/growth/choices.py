"""What a program measures of itself and is then frozen with: flags such as -DVARIANT=avx2.

A program that holds several ways of doing a thing times them where it runs and says on standard error, on a line of
its own, with what it would do the same without measuring:

    bareflow: freeze with -DVARIANT=avx2 -DAHEAD=2048

Growing takes such flags from a run of the frozen program, not from growing code, where tiers differ by function; and
only those whose names the recipe lists (`[grow] measured`). They are kept beside the profile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bareflow.errors import ProfileError
from bareflow.image.recipe import Recipe
from bareflow.toolchain import write_atomic

SUFFIX = ".choices"
LINE = re.compile(r"^bareflow: freeze with (-D.*)$", re.MULTILINE)
FLAG = re.compile(r"-D([A-Za-z_]\w*)=([\w.+-]+)")


def choices_in(errors: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """The flags that a program has asked for, in the order of `names`; of several lines the last counts.

    Args:
        errors: its standard error.
        names: of the macros that it may choose.
    """
    said = LINE.findall(errors.decode(errors="replace").replace("\r", ""))
    words = said[-1].split() if said else []
    found = {match[1]: match[2] for match in map(FLAG.fullmatch, words) if match}
    return tuple(f"-D{name}={found[name]}" for name in names if name in found)


def with_choices(recipe: Recipe, flags: Sequence[str]) -> Recipe:
    """The recipe of the program that has chosen; flags of names that it does not list are left out."""
    names = recipe.grow.measured
    taken = [flag for flag in flags if (match := FLAG.fullmatch(flag)) and match[1] in names]
    return replace(recipe, flags=(*recipe.flags, *taken))


def choices_beside(profile: Path) -> Path:
    """Where the choices that belong to a profile are kept."""
    return profile.with_suffix(SUFFIX)


def save_choices(profile: Path, flags: Sequence[str]) -> None:
    """Keep choices beside a profile."""
    write_atomic(choices_beside(profile), json.dumps(list(flags)).encode() + b"\n")


def load_choices(profile: Path) -> tuple[str, ...]:
    """The choices beside a profile; none where there is no such file.

    Raises:
        ProfileError: the file is damaged.
    """
    path = choices_beside(profile)
    try:
        flags = json.loads(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError):
        flags = None
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise ProfileError(f"{path} does not hold a list of flags.", "Remove it, or grow again.")
    return tuple(flags)
