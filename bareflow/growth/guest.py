"""Grows a program on a machine of its own: the same base, agent and host as for a process, over a serial port.

build_grow_image(program, recipe, out)  the base as the snapshot of an image whose kernel has signals and timers
grow_guest(program, recipe)             boots it and serves its agent until the machine ends
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bareflow.compile.cpu import required_features
from bareflow.compile.freestanding import build_kernel
from bareflow.growth.program import STACKS, Program
from bareflow.growth.result import GrowthResult, Watch
from bareflow.growth.run import GrowthRun
from bareflow.growth.session import GrowthSession
from bareflow.image.disk import ImageContents, ImageReport, encode_arguments, pack_image
from bareflow.image.recipe import WAYS_IN, Recipe
from bareflow.image.ways import SCREEN_FEATURES, with_ways_in
from bareflow.layouts.wire import FRAME_TYPE
from bareflow.machine.channel import ChannelPort
from bareflow.machine.codemap import Code, CodeMap, Symbol
from bareflow.machine.crash import with_backtrace
from bareflow.machine.offers import offers_device
from bareflow.machine.qemu import QemuMachine
from bareflow.machine.result import GuestResult
from bareflow.machine.run import OnText, boot
from bareflow.machine.spec import MachineSpec
from bareflow.machine.stdin import Stdin
from bareflow.machine.symbols import image_code
from bareflow.snapshot.contents import Function
from bareflow.snapshot.link import read_program, snapshot_contents
from bareflow.snapshot.slots import ARENA_SIZE
from bareflow.snapshot.writer import write_snapshot
from bareflow.toolchain import cache_dir, write_atomic
from bareflow.wire.frames import Frame
from bareflow.wire.stream import BytePort

WIRE_DEVICE = "/dev/ttyS1"
WIRE_VARIABLE = ("BAREFLOW_WIRE", WIRE_DEVICE)
PORT_VARIABLE = ("BAREFLOW_WIRE", "/dev/vport0p1")  # where the machine offers it: COM2 brings 16 bytes at a time
# What the agent and its libc ask for.
FEATURES = frozenset({"grow", "signals", "files", "input", "memory", "clock", "process"})
ONE_PORT = frozenset({"one_port"})
WITHOUT_PCI = "microvm"
PORT_DEVICE = "virtio-serial-pci"
MIB = 1 << 20
STACK_MOST = 1 << 32  # that a snapshot may have
WINDOW = 4096  # bytes under way to the guest
HOST_MIB = ARENA_SIZE // MIB + 8  # on top of the recipe's memory: code cache, the agent, a larger snapshot


@dataclass(frozen=True)
class GuestGrowth:
    """One run on a machine.

    Args:
        growth: what grew; its exit status is the guest's, its output the workload's standard output.
        guest: what became of the machine; a trap's backtrace knows the code that came while it ran.
        image: what was booted.
    """

    growth: GrowthResult
    guest: GuestResult
    image: ImageReport


def build_grow_image(
    program: Program, recipe: Recipe, out: Path, *, one_port: bool = False, anywhere: bool = False
) -> ImageReport:
    """Pack a bootable image with a growing program.

    Args:
        program: from `prepare`, for the recipe's CPU.
        recipe: of its workload: arguments, environment, files, stack.
        out: the image file; replaced whole or left as it was.
        one_port: the first serial port carries everything, although there may be a second. Without a second it does
            so in any case.
        anywhere: for a machine that nobody knows: with every way in, and its console on the screen too.

    Raises:
        CompileError, LinkError, ImageError: see the stages.
    """
    features = FEATURES | (recipe.features or frozenset()) | (ONE_PORT if one_port else frozenset())
    features |= SCREEN_FEATURES | {"ramdisk"} if anywhere else frozenset()
    environment = (*recipe.environment, WIRE_VARIABLE)
    contents = ImageContents(
        bios=None,
        kernel=build_kernel(features).binary,
        snapshot=_snapshot(program, recipe),
        arguments=encode_arguments((recipe.name, *recipe.arguments), environment),
        files=recipe.files,
        image_size=recipe.image_size,
    )
    return pack_image(with_ways_in(contents, set(WAYS_IN) if anywhere else {"bios"}), out)


def _snapshot(program: Program, recipe: Recipe) -> bytes:
    """The base as a snapshot; its build id is the agent's, and its function table has the first bodies."""
    base = program.base
    write_atomic(cache_dir() / "elf" / f"{base.build_id.hex()}.elf", base.elf)
    linked = replace(read_program(base.elf, set(), ""), functions=tuple(_first_bodies(program)))
    features = required_features(program.target, intrinsics=program.bitcode.intrinsics)
    contents = snapshot_contents(linked, features=features, stack_size=min(STACKS * recipe.stack_bytes, STACK_MOST))
    return write_snapshot(replace(contents, build_id=base.build_id))


def _first_bodies(program: Program) -> list[Function]:
    known = program.base.symbols.functions
    named = zip(program.functions, program.base.slots, strict=True)
    found = [Function(one.name, slot.tier, *known[slot.target]) for one, slot in named if slot.target in known]
    return sorted((one for one in found if one.size), key=lambda one: one.address)


async def grow_guest(
    program: Program,
    recipe: Recipe,
    *,
    arguments: Sequence[str] | None = None,
    image: Path | None = None,
    spec: MachineSpec | None = None,
    watch: Watch | None = None,
    stdin: Stdin = None,
    on_text: OnText | None = None,
    timeout_s: float | None = None,
) -> GuestGrowth:
    """Boot a growing program and grow it until the machine ends.

    Args:
        program: from `prepare`, for the recipe's CPU.
        recipe: of its workload.
        arguments: argv[1] and on instead of the recipe's.
        image: where to leave the image; None: nowhere.
        spec: the machine; its image, arguments and environment are replaced. Default: the recipe's memory and more.
        watch: told of tier-ups and of what does not work.
        stdin: the workload's standard input.
        on_text: called with the console's text as it arrives.
        timeout_s: seconds after which the run is over; None: the spec's.

    Raises:
        MachineError: QEMU cannot be started. And what `build_grow_image` raises.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        report = build_grow_image(program, recipe, image or Path(folder) / "grow.img")
        given = spec or MachineSpec(report.image, memory_mib=recipe.memory_mib + HOST_MIB)
        machine = replace(given, image=report.image, timeout_s=timeout_s or given.timeout_s)
        arguments = recipe.arguments if arguments is None else arguments
        machine = _with_port(machine, watch or Watch())
        environment = (*recipe.environment, PORT_VARIABLE if machine.port else WIRE_VARIABLE)
        machine = replace(machine, args=(recipe.name, *arguments), environment=environment)
        program.service.pool.wait_until_warm()  # the first functions are hot within milliseconds
        return await _boot(program, machine, report, watch, stdin, on_text)


def _with_port(machine: MachineSpec, watch: Watch) -> MachineSpec:
    """The machine with a virtio-serial port for the wire, where it can have one; COM2 brings less at a time."""
    if machine.machine == WITHOUT_PCI:
        return machine
    if offers_device(PORT_DEVICE):
        return replace(machine, port=True)
    watch.note(f"QEMU here has no device {PORT_DEVICE}; the wire is COM2, and code arrives later.")
    return machine


async def _boot(
    program: Program,
    spec: MachineSpec,
    report: ImageReport,
    watch: Watch | None,
    stdin: Stdin,
    on_text: OnText | None,
) -> GuestGrowth:
    run = GrowthRun(program, watch, window=WINDOW)

    started = asyncio.Event()

    def on_frame(frame: Frame) -> None:
        if frame.type == FRAME_TYPE["started"]:
            started.set()

    async def attend(machine: QemuMachine) -> None:
        port = ChannelPort(machine.port or machine.wire)

        async def opened() -> BytePort:
            await started.wait()  # a hello that came before would be answered by nobody, and the next one be late
            return port

        await run.serve(opened)

    try:
        guest = await boot(spec, stdin=stdin, on_text=on_text, on_frame=on_frame, attend=attend)
    except BaseException:
        await run.cut()
        raise
    run.stop_clock()
    if guest.verdict != "exited":
        await run.cut()
    guest = _with_blobs(guest, spec.image, run.session)
    return GuestGrowth(await run.result(guest.exit_status, guest.stdout), guest, report)


def _with_blobs(guest: GuestResult, image: Path, session: GrowthSession) -> GuestResult:
    """The result with a trap's backtrace naming code that was published while the program ran, too."""
    blobs = session.sent_blobs
    if guest.trap is None or not blobs:
        return guest
    known = image_code(image)
    names = {one.split.symbol: one.split.name for one in session.functions}
    symbols = [Symbol(names[blob.function], blob.entry, blob.code_size, "workload", blob.tier) for blob in blobs]
    code = CodeMap(
        [*known.symbols, *symbols], [*known.code, *(Code(blob.start, blob.data) for blob in blobs)], known.elves
    )
    trap = with_backtrace(guest.trap, code)
    return replace(guest, trap=trap, reason=trap.summary())
