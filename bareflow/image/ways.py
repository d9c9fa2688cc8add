"""The ways into an image: the boot code of each, and what its kernel shows where nobody knows the machine."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from bareflow.image.bios import build_bios
from bareflow.image.disk import ImageContents
from bareflow.image.pvh import build_pvh
from bareflow.image.recipe import WAYS_IN, Recipe
from bareflow.image.uefi import build_uefi

SCREEN_FEATURES = frozenset({"acpi", "framebuffer", "vga"})  # show the output of whatever machine it is
FROM_MEMORY = frozenset({"pvh", "uefi"})  # their kernel gets the disk in memory: its feature "ramdisk"


def for_any_machine(recipe: Recipe) -> Recipe:
    """A recipe whose image boots every way and shows its console on the screen too, whatever the recipe asks for."""
    features = None if recipe.features is None else recipe.features | SCREEN_FEATURES
    return replace(recipe, boot=frozenset(WAYS_IN), features=features)


def with_ways_in(contents: ImageContents, boot: AbstractSet[str]) -> ImageContents:
    """Contents with the boot code for some ways in, and for no others.

    Raises:
        CompileError, LinkError: it cannot be built.
    """
    return replace(
        contents,
        bios=build_bios() if "bios" in boot else None,
        pvh=build_pvh() if "pvh" in boot else None,
        uefi=build_uefi() if "uefi" in boot else None,
    )
