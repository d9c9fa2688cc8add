"""The tasks for machines other than our own QEMU: write an image to a stick, export it, look at this host."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Exit

from bareflow.cli.images import built, choose_recipe, is_image_file, output_folder
from bareflow.cli.task import emit_json, people, task
from bareflow.errors import UsageError

if TYPE_CHECKING:
    from bareflow.doctor import Diagnosis
    from bareflow.image.recipe import Recipe
    from bareflow.machine.devices import BlockDevice, Devices
    from bareflow.machine.flash import FlashReport, OnProgress
    from bareflow.machine.target import OpenTarget

HELP_PORTABLE = "a recipe, built with every way in and for a screen, or an image file as it is (classic)"


@task(
    help={
        "image": HELP_PORTABLE,
        "device": "the whole disk to write to, /dev/sdX; without it the removable ones are listed",
        "file": "write to this regular file instead, in the same way",
        "yes": "do not ask",
        "allow-fixed": "write even to a disk that is not removable",
        "allow-large": "write even to a disk of more than 256 GiB",
        "verify-only": "compare, and write nothing",
    }
)
def flash(
    _context: Any,
    image: str | None = None,
    device: str | None = None,
    file: str | None = None,
    yes: bool = False,
    allow_fixed: bool = False,
    allow_large: bool = False,
    verify_only: bool = False,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Write an image to a stick or a card, and read it back; what is mounted or not removable is refused."""
    del verbose
    from bareflow.machine.devices import Devices
    from bareflow.machine.flash import check_device

    if device is not None and file is not None:
        raise UsageError("--device and --file were both given.", "Use one of them.")
    devices = Devices()
    if file is not None:
        give_flash_report(flash_file(image, Path(file), verify_only=verify_only), as_json=json)
    elif device is None:
        list_devices(devices.removable(), as_json=json)
    else:
        found = devices.find(Path(device))
        if not verify_only:
            check_device(found, allow_fixed=allow_fixed, allow_large=allow_large)
        report = flash_device(image, found, devices, ask=not yes, verify_only=verify_only)
        give_flash_report(report, as_json=json)


def list_devices(found: tuple[BlockDevice, ...], *, as_json: bool) -> None:
    """Show what could be written to; nothing is written."""
    from dataclasses import asdict

    if as_json:
        emit_json({"devices": [asdict(device) for device in found]})
        return
    console = people()
    if not found:
        console.print("There is no removable device here. Put a stick or a card in.")
    for device in found:
        use = f" (in use: {', '.join(device.uses)})" if device.uses else ""
        console.print(f"{device.title}{use}", markup=False, soft_wrap=True)
    console.print("Nothing was written: name one with --device.")


def portable_image(image: str | None) -> tuple[Path, Recipe | None]:
    """Return the image file for machines that are not known here: the one that is named, or build/NAME.stick.img.

    A stick meets machines that its recipe may not have thought of. So a recipe's image has every way in, and shows its
    console on the screen too; an image file is taken as it is.

    Raises:
        UsageError: the file is no image of ours, or there is no such recipe.
    """
    from bareflow.image.disk import is_image
    from bareflow.image.ways import for_any_machine

    if image is not None and is_image_file(image):
        if not is_image(Path(image)):
            raise UsageError(f"{image} is no image of ours.", "Name a recipe, or a file made by build-image.")
        return Path(image), None
    recipe = choose_recipe(image, None, ())
    out = output_folder() / f"{recipe.name}.stick.img"
    built(for_any_machine(recipe), out)
    return out, recipe


def flash_file(image: str | None, out: Path, *, verify_only: bool) -> FlashReport:
    """Write to a regular file, or compare one."""
    from bareflow.machine.target import open_file

    path, _ = portable_image(image)
    if out.exists() and out.samefile(path):
        raise UsageError(f"{out} is the image itself.", "Name another file.")
    if verify_only and not out.exists():
        raise UsageError(f"{out} does not exist.", "Leave --verify-only out to write it.")
    with open_file(out, path.stat().st_size, writable=not verify_only) as target:
        return transfer(path, target, verify_only=verify_only)


def flash_device(
    image: str | None, device: BlockDevice, devices: Devices, *, ask: bool, verify_only: bool
) -> FlashReport:
    """Write to a device that was found fit for it, or compare one.

    Raises:
        UsageError: it is too small, the person did not agree, or another medium was put in meanwhile.
    """
    from bareflow.machine.flash import check_room
    from bareflow.machine.target import open_device

    path, _ = portable_image(image)
    check_room(device, path, path.stat().st_size)
    if not verify_only:
        confirm(device, path, ask=ask)
        if devices.find(Path(device.path)) != device:
            raise UsageError(f"{device.path} has changed since it was looked at.", "Run this again.")
    with open_device(device, writable=not verify_only) as target:
        return transfer(path, target, verify_only=verify_only)


def confirm(device: BlockDevice, image: Path, *, ask: bool) -> None:
    """Show what will be lost, and ask.

    Raises:
        UsageError: the answer is not yes.
    """
    sys.stderr.write(f"{device.title}\n")
    if not ask:
        return
    sys.stderr.write(f"All of it will be lost. Write {image} to {device.path}? Type yes: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was written, as the answer was not yes.", "Scripts answer with --yes.")


def transfer(image: Path, target: OpenTarget, *, verify_only: bool) -> FlashReport:
    """Write or compare, with progress on a terminal."""
    from bareflow.machine.flash import Flash

    with rate_bar() as on_progress:
        work = Flash(image, target, on_progress)
        try:
            return work.verify() if verify_only else work.write()
        except KeyboardInterrupt:
            sys.stderr.write(f"bareflow: {target.name}: interrupted.\n  {work.state}\n")
            raise


@contextmanager
def rate_bar() -> Iterator[OnProgress]:
    """Yield a function that shows bytes and their rate on a terminal; elsewhere it is silent."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

    console = people()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    shown: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:

        def on_progress(what: str, done: int, total: int) -> None:
            if what not in shown:
                shown[what] = bar.add_task(what, total=total)
            bar.update(shown[what], completed=done)

        yield on_progress


def give_flash_report(report: FlashReport, *, as_json: bool) -> None:
    """Say what was done."""
    if as_json:
        emit_json(report.as_dict())
        return
    rate = report.image_bytes / report.seconds / 1e6 if report.seconds else 0.0
    people().print(
        f"{report.target} holds {report.image} ({report.image_bytes:,} bytes, read back and compared): "
        f"{report.written_bytes:,} written, {report.skipped_bytes:,} there already, "
        f"{report.seconds:.1f} s, {rate:.1f} MB/s in all.",
        markup=False,
        soft_wrap=True,
    )


@task(
    help={
        "image": HELP_PORTABLE,
        "format": "raw, qcow2, vmdk, vhdx or firecracker",
        "out": "the file to write; a folder for firecracker (build/NAME.FORMAT)",
    }
)
def export(
    _context: Any,
    image: str | None = None,
    format: str | None = None,  # noqa: A002  the option's name
    out: str | None = None,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Write an image for other machines: qemu-img's formats, or all that Firecracker needs."""
    del verbose
    from bareflow.image.export import FORMATS, export_image

    if format not in FORMATS:
        wrong = "no format was named" if format is None else f"--format {format} is not known"
        raise UsageError(f"{wrong}.", f"Use one of {', '.join(FORMATS)}.")
    path, recipe = portable_image(image)
    place = Path(out) if out else output_folder() / f"{recipe.name if recipe else path.stem}.{format}"
    report = export_image(path, format, place, memory_mib=recipe.memory_mib if recipe else 128)
    if json:
        emit_json(report.as_dict())
        return
    for written, size in report.files:
        people().print(f"{written}: {size:,} bytes", markup=False, soft_wrap=True)


@task(help={})
def doctor(_context: Any, json: bool = False, verbose: bool = False) -> None:
    """Look at this host: what the tasks need, what is here, and how to mend what is not."""
    del verbose
    from bareflow.doctor import examine

    diagnosis = examine()
    if json:
        emit_json(diagnosis.as_dict())
    else:
        show_checks(diagnosis)
    if not diagnosis.healthy:
        raise Exit(code=1)


def show_checks(diagnosis: Diagnosis) -> None:
    """One line a check, and its fix below it."""
    console = people()
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    width = max(len(check.name) for check in diagnosis.checks)
    for check in diagnosis.checks:
        console.print(f"{check.state:4}", style=colours[check.state], end="  ")
        console.print(f"{check.name:{width}}  {check.found}", markup=False, soft_wrap=True)
        if check.fix:
            console.print(f"{'':{width + 8}}{check.fix}", markup=False, soft_wrap=True)
    verdict = (
        "Both commands of the README can work." if diagnosis.healthy else "What failed above must be mended first."
    )
    console.print(verdict)


TASKS = [flash, export, doctor]
