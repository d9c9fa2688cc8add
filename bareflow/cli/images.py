"""The tasks that make images and boot them."""

from __future__ import annotations

import asyncio
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Exit

from bareflow.cli.task import emit_json, people, positive, split_args, task
from bareflow.errors import UsageError

if TYPE_CHECKING:
    from bareflow.build import BuildReport
    from bareflow.image.recipe import PackedFile, Recipe
    from bareflow.machine.chart import BootChart
    from bareflow.machine.result import GuestResult
    from bareflow.machine.spec import MachineSpec

MODEL_NAME = "MODEL.GGUF"
SMALL_MIB = 16  # of an image, for which the least memory is enough
MODEL_COPIES = 3  # the file, its packed copy, and the image itself where a way in reads it into memory
HELP_IMAGE = "a recipe's name, a recipe file or an image file"


def output_folder() -> Path:
    """Where images go unless told: build/ of the checkout, or of the current folder."""
    from bareflow.toolchain import data_root

    root = data_root()
    return root / "build" if (root / "tasks.py").exists() else Path("build")


def is_image_file(name: str) -> bool:
    """Whether a name means an image that exists, not a recipe."""
    path = Path(name)
    return path.is_file() and path.suffix != ".toml"


def choose_recipe(image: str | None, workload: str | None, files: Sequence[str]) -> Recipe:
    """Find the recipe, or make one for a workload.

    Raises:
        UsageError: when both or neither make sense, or the recipe is unknown.
    """
    from bareflow.image.recipe import load_recipe, recipe_for_workload

    if workload is not None and image is not None:
        raise UsageError("--workload and --image were both given.", "A recipe names its own workload: use one of them.")
    if workload is not None:
        return recipe_for_workload(Path(workload), packed_files(files))
    recipe = load_recipe(image or "classic")
    return replace(recipe, files=(*recipe.files, *packed_files(files)))


def memory_for(image: Path, firmware: str) -> int:
    """Return the mebibytes that a machine needs for what is on an image: 128, or room for large files twice.

    A program that reads a file may keep a changed copy of it; a way in that has no disk holds the image besides.
    """
    size_mib = image.stat().st_size >> 20 if image.is_file() else 0
    copies = 2 if firmware == "bios" else 3
    return 128 + (copies * size_mib if size_mib > SMALL_MIB else 0)


def packed_files(files: Sequence[str]) -> tuple[PackedFile, ...]:
    """Read `--file PATH` and `--file PATH=NAME`; a file whose own name holds a `=` is taken as it is.

    Raises:
        UsageError: when a file is missing.
    """
    from bareflow.image.recipe import packed_file

    packed = []
    for text in files:
        source, equals, name = text.rpartition("=")
        renamed = bool(equals) and bool(source) and not Path(text).exists()
        packed.append(packed_file(source, name) if renamed else packed_file(text))
    return tuple(packed)


def built(recipe: Recipe, out: Path) -> BuildReport:
    """Build an image with progress for people."""
    from bareflow.build import build_image
    from bareflow.cli.progress import steps

    with steps() as on_step:
        return build_image(recipe, out, progress=on_step)


@task(
    help={
        "image": "a recipe's name or a recipe file (classic unless a workload is given)",
        "workload": "a C file, an LLVM .ll or .bc file, or a folder of them",
        "file": "pack a file: PATH or PATH=NAME on the image (repeatable)",
        "out": "where the image goes (build/NAME.img)",
        "args": "the arguments it is started with unless boot-qemu gives others, split as a shell splits",
        "cpu": "the CPU it is compiled for: x86-64-v2, native, …; several, as in 'x86-64-v2 native', side by side",
        "model": "tinyllama: the GGUF file that takes the place of the recipe's",
    },
    iterable=("file",),
)
def build_image(
    _context: Any,
    image: str | None = None,
    workload: str | None = None,
    file: list[str] | None = None,
    out: str | None = None,
    args: str | None = None,
    cpu: str | None = None,
    model: str | None = None,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Compile a workload, freeze it and pack a bootable image."""
    del verbose
    from bareflow.image.recipe import with_cpu

    recipe = choose_recipe(image, workload, file or ())
    recipe = recipe if model is None else with_model(recipe, Path(model))
    given = split_args(args)
    recipe = recipe if given is None else replace(recipe, arguments=given)
    recipe = recipe if cpu is None else with_cpu(recipe, cpu)
    report = built(recipe, Path(out) if out else output_folder() / f"{recipe.name}.img")
    document = {**report.as_dict(), "options": costs_of(report)}
    if json:
        emit_json(document)
        return
    people().print(parts_table(document))


def costs_of(report: BuildReport) -> dict[str, int]:
    """Bytes of the kernel by machine option; the first time a kernel is asked it takes a second an option."""
    from bareflow.build import option_costs
    from bareflow.cli.progress import steps

    with steps() as on_step:
        on_step("measuring what the kernel's options cost")
        return option_costs(report.features)


def with_model(recipe: Recipe, model: Path) -> Recipe:
    """Return the recipe with another model, and memory for it and for its packed copy.

    Raises:
        UsageError: when the recipe packs no model.
        ImageError: for a file that the workload cannot run, by the tensor or key that stands in the way.
    """
    from bareflow.image.gguf import check_llama
    from bareflow.image.recipe import packed_file

    if not any(item.name == MODEL_NAME for item in recipe.files):
        raise UsageError(f"{recipe.name} packs no {MODEL_NAME}.", "--model is for the image tinyllama.")
    packed = packed_file(model, MODEL_NAME)
    check_llama(model)
    files = tuple(packed if item.name == MODEL_NAME else item for item in recipe.files)
    needed_mib = MODEL_COPIES * model.stat().st_size // (1 << 20) + recipe.memory_mib
    return replace(recipe, files=files, memory_mib=max(recipe.memory_mib, needed_mib))


def parts_table(document: dict[str, Any]) -> Any:
    """Lay out the payload by part, for people."""
    from rich.table import Table

    table = Table(title=f"payload of {Path(document['image']).name}", title_justify="left")
    table.add_column("part")
    table.add_column("bytes", justify="right")
    options = document.get("options", {})
    for name, size in document["parts"].items():
        table.add_row(name, f"{size:,}")
        if name == "kernel":
            for option, cost in options.items():
                table.add_row(f"  of it {option}", f"{cost:,}")
    table.add_section()
    table.add_row("payload", f"{document['payload_bytes']:,}")
    return table


def shrunk_image(
    image: str | None, workload: str | None, files: Sequence[str], folder: Path | None = None
) -> tuple[Path, Recipe]:
    """Return the image that growing or freezing a recipe's workload has left in a folder.

    Raises:
        UsageError: there is none.
    """
    recipe = choose_recipe(image, workload, files)
    path = (folder or output_folder()) / f"{recipe.name}.shrunk.img"
    if not path.is_file():
        named = f"--workload {workload}" if workload else f"--image {image or recipe.name}"
        raise UsageError(
            f"{recipe.name} has not been frozen yet: there is no {path}.", f"Run ./inv grow {named} first."
        )
    return path, recipe


def image_to_boot(
    image: str | None, workload: str | None, files: Sequence[str], memory_mib: int = 0, way_in: str = ""
) -> tuple[Path, Recipe | None]:
    """Return an image file that is there, building it first where a recipe or a workload is named.

    What is built has the way in that is asked for, even if its recipe does not name it.
    """
    from bareflow.image.recipe import WAYS_IN

    if image is not None and workload is None and is_image_file(image):
        return Path(image), None
    recipe = choose_recipe(image, workload, files)
    recipe = replace(recipe, memory_mib=memory_mib) if memory_mib else recipe
    recipe = replace(recipe, boot=recipe.boot | {way_in}) if way_in in WAYS_IN else recipe
    out = output_folder() / f"{recipe.name}.img"
    built(recipe, out)
    return out, recipe


@task(
    help={
        "image": HELP_IMAGE + " (classic)",
        "workload": "build this C file or folder first, and boot it",
        "file": "with --workload: pack a file (repeatable)",
        "shrunk": "the image that grow or freeze has left of a recipe's workload",
        "out": "with --shrunk: the folder that grow or freeze was told (build)",
        "args": "the workload's arguments, split as a shell splits",
        "chat": "tinyllama: type prompts on the console; Ctrl-C ends it",
        "timeout-s": "seconds after which the run is ended (120; none with --chat)",
        "memory": "mebibytes of memory (the recipe's, or 128, or more where the image's files ask for it)",
        "accel": "auto, kvm or tcg",
        "cpu": "QEMU's CPU model (max with tcg, host with kvm)",
        "firmware": "the way in: bios, uefi or pvh",
        "machine": "pc, q35 or microvm",
        "drive": "how the disk is attached: ide, ahci, virtio or usb; with pvh also none (auto)",
        "gdb": "start stopped, with gdb's stub open",
        "chart": "show where the boot's time went, beside the same machine's floor",
        "dry-run": "show the QEMU command and stop",
    },
    iterable=("file",),
)
def boot_qemu(
    _context: Any,
    image: str | None = None,
    workload: str | None = None,
    file: list[str] | None = None,
    shrunk: bool = False,
    out: str | None = None,
    args: str | None = None,
    chat: bool = False,
    timeout_s: float = 120.0,
    memory: int = 0,
    accel: str = "auto",
    cpu: str = "",
    firmware: str = "bios",
    machine: str = "pc",
    drive: str = "auto",
    gdb: bool = False,
    chart: bool = False,
    dry_run: bool = False,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Build an image if need be, boot it in QEMU, and give back its output and exit status."""
    from bareflow.image.disk import check_way_in
    from bareflow.machine import boot, command_line
    from bareflow.machine.spec import MachineSpec

    positive("--timeout-s", timeout_s)
    arguments = split_args(args)
    arguments = (*(arguments or ()), "--chat") if chat else arguments
    if out is not None and not shrunk:
        raise UsageError("--out is where a shrunk image is.", "Use it with --shrunk.")
    asked = MachineSpec(
        image=Path(),  # what no machine has is refused before anything is built
        memory_mib=memory or MachineSpec.memory_mib,
        accel=accel,
        cpu=cpu or None,
        firmware=firmware,
        machine=machine,
        drive=drive,
        gdb=gdb,
        timeout_s=None if chat else timeout_s,
    )
    found: tuple[Path, Recipe | None]
    if shrunk:
        found = shrunk_image(image, workload, file or (), Path(out) if out else None)
    else:
        found = image_to_boot(image, workload, file or (), memory, firmware)
    path, recipe = found
    spec = replace(
        asked,
        image=path,
        memory_mib=memory or max(recipe.memory_mib if recipe else 0, memory_for(path, firmware)),
        args=None if arguments is None else (recipe.name if recipe else path.stem, *arguments),
    )
    check_way_in(path, firmware)
    if dry_run or verbose:
        command = shlex.join(command_line(spec))
        sys.stderr.write(f"+ {command}\n")
        if dry_run:
            if json:
                emit_json({"qemu_command": command, "image": str(path)})
            return
    try:
        result = asyncio.run(boot(spec, on_text=None if json else show_text, stdin=sys.stdin.buffer))
    except KeyboardInterrupt:  # the machine has been ended
        if not chat:
            raise
        sys.stdout.write("\n")
        return
    give_result(spec, result, as_json=json, chart=measured_chart(spec, result) if chart else None)


def show_text(data: bytes) -> None:
    """Pass console bytes on as they come."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def measured_chart(spec: MachineSpec, result: GuestResult) -> BootChart | None:
    """Chart a run, and measure its machine's floor; none where the counter's rate is not known."""
    from bareflow.machine.chart import boot_chart, host_tsc_hz
    from bareflow.machine.floor import floor_ms

    tsc_hz = result.tsc_hz or host_tsc_hz()
    return boot_chart(result, tsc_hz, floor_ms(replace(spec, accel=result.accel))) if tsc_hz else None


def give_result(spec: MachineSpec, result: GuestResult, *, as_json: bool, chart: BootChart | None = None) -> None:
    """Report a run, then exit as the guest did."""
    from bareflow.image.disk import read_parts

    parts = {part.name: part.size for part in read_parts(spec.image)}
    document = {
        **result.as_dict(),
        "image": str(spec.image),
        "payload_bytes": sum(parts.values()),
        "parts": parts,
    }
    if chart is not None:
        document["chart"] = chart.as_dict()
    if as_json:
        emit_json(document)
    else:
        console = people()
        for line in chart.lines() if chart is not None else ():
            console.print(line, markup=False, soft_wrap=True, highlight=False)
        for line in result.explain():
            console.print(line, markup=False, soft_wrap=True)
        table = parts_table(document)
        table.add_section()
        table.add_row("boot to the first instruction", f"{result.boot_ms:.0f} ms" if result.boot_ms else "not reached")
        table.add_row("accelerator", result.accel)
        console.print(table)
        if result.accel_reason:
            console.print(f"{result.accel}: {result.accel_reason}", markup=False, soft_wrap=True)
    if result.exit_status:
        raise Exit(code=result.exit_status)


@task(help={"file": "the snapshot, or an image that holds one", "disassemble": "show the machine code too"})
def snapshot_info(
    _context: Any, file: str | None = None, disassemble: bool = False, json: bool = False, verbose: bool = False
) -> None:
    """Print what a snapshot holds, of any version."""
    del verbose
    from rich.console import Console

    from bareflow.snapshot import info
    from bareflow.snapshot.evidence import evidence_of, special_table

    snapshot = info.load(snapshot_bytes(file), file or "")
    if json:
        document = {**info.describe(snapshot), "evidence": evidence_of(snapshot)}
        if disassemble:
            document["disassembly"] = list(info.disassemble(snapshot))
        emit_json(document)
        return
    info.render(snapshot, Console())
    if (evidence := evidence_of(snapshot)) and (table := special_table(evidence)):
        Console().print(table)
    if disassemble:
        for line in info.disassemble(snapshot):
            sys.stdout.write(line + "\n")


def snapshot_bytes(file: str | None) -> bytes:
    """Read a snapshot, bare or out of an image.

    Raises:
        UsageError: when no file was named or it cannot be read.
    """
    if file is None:
        raise UsageError("no snapshot was named.", "Usage: ./inv snapshot-info FILE")
    path = Path(file)
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
            if head == b"PANS":
                return head + stream.read()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", "Name a snapshot or an image file.") from None
    from bareflow.image.disk import read_file

    return read_file(path, "OPTIMIZED_SNAPSHOT.BIN")


@task(
    help={
        "snapshot": "the snapshot, or an image that holds one (the recipe classic unless given)",
        "args": "the workload's arguments, split as a shell splits",
        "timeout-s": "seconds after which the run is ended (no limit)",
    }
)
def run_native(
    _context: Any,
    snapshot: str | None = None,
    args: str | None = None,
    timeout_s: float = 0.0,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Run a snapshot's own code in a Linux process."""
    del verbose
    from bareflow import native

    name = snapshot or "classic"
    path = Path(name) if Path(name).is_file() else image_to_boot(name, None, ())[0]
    arguments = (path.stem, *(split_args(args) or ()))
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder, tempfile.TemporaryFile() as printed:
        bare = Path(folder) / path.name
        bare.write_bytes(snapshot_bytes(str(path)))
        status = native.run_native(bare, arguments, timeout_s=timeout_s or None, stdout=printed if json else None)
        if json:
            printed.seek(0)
            text = printed.read().decode(errors="replace")
            emit_json({"snapshot": str(path), "arguments": arguments, "stdout": text, "exit_code": status})
    if status:
        raise Exit(code=status)


TASKS = [build_image, boot_qemu, snapshot_info, run_native]
