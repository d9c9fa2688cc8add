"""Grow to shrink: runs a program that counts itself, and gives it better code while it runs.

prepare(sources)      sources → bitcode → base and bodies → a growing program
grow_native(program)  runs it as a Linux process and serves its agent until it ends
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bareflow.compile.cpu import Target, target_by_name
from bareflow.compile.frontend import Bitcode, compile_sources
from bareflow.compile.pool import CompilePool
from bareflow.compile.split import Split, SplitFunction, split_module
from bareflow.compile.text import module_text
from bareflow.growth.bytecode import THUNK, Interpreted, interpret
from bareflow.growth.service import CompileService
from bareflow.growth.session import Growing, GrowthSession, TierUp
from bareflow.profile.values import Profile
from bareflow.snapshot.base import Base, build_base
from bareflow.snapshot.slots import GrowthOptions, Slot
from bareflow.tiering import RISING, Policy
from bareflow.wire.link import HostLink
from bareflow.wire.stream import Port, Pump

COLLECT_S = 0.25
COMPILERS = 2
GRACE_S = 5.0  # between the program's end and the end of its wire


@dataclass(frozen=True)
class Program:
    """A program ready to grow.

    Args:
        bitcode: the whole of it.
        split: cut into base and bodies.
        base: linked.
        interpreted: what can begin in the interpreter, and why the rest cannot.
        target: the CPU that its code is for.
        service: compiles its functions.
        policy: when they rise; its thresholds are in the base.
        prepare_ms: time it took to get here.
    """

    bitcode: Bitcode
    split: Split
    base: Base
    interpreted: Interpreted
    target: Target
    service: CompileService
    policy: Policy
    prepare_ms: float


@dataclass(frozen=True)
class TierFacts:
    """What was measured of a function at a tier; cycles are the TSC's, calls below included."""

    samples: int
    cycles_per_call: float
    median: float | None
    minimum: int
    code_bytes: int


@dataclass(frozen=True)
class GrownFunction:
    """A function at the end of a run.

    Args:
        name: the source's.
        symbol: its stub's.
        digest: of its body.
        tier: that it reached.
        calls: from outside.
        self_calls: of itself, while they were counted: below O3.
        cycles_per_call: at its last tier that was timed; None: it never was.
        code_bytes: at its tier.
        tiers: by tier.
    """

    name: str
    symbol: str
    digest: str
    tier: str
    calls: int
    self_calls: int
    cycles_per_call: float | None
    code_bytes: int
    tiers: Mapping[str, TierFacts]


@dataclass(frozen=True)
class GrowthResult:
    """One run.

    Args:
        exit_status: of the program; -N: it was killed by signal N.
        output: its standard output.
        functions: all that can grow, in the module's order.
        kept: name → why it cannot.
        tier_ups: in order.
        compile_ms: CPU time in the compiler during the run.
        total_ms: the run's own time.
        prepare_ms: before it.
        notes: what did not work, one sentence each.
        agent: the agent's own figures.
        tsc_hz: TSC ticks in a second; 0: not known.
        complete: the agent has reported to its end.
        profile: everything that was seen, to be merged with other runs'.
    """

    exit_status: int
    output: bytes
    functions: tuple[GrownFunction, ...]
    kept: Mapping[str, str]
    tier_ups: tuple[TierUp, ...]
    compile_ms: float
    total_ms: float
    prepare_ms: float
    notes: tuple[str, ...]
    agent: Mapping[str, int]
    tsc_hz: float
    complete: bool
    profile: Profile


@dataclass
class Watch:
    """Who is told while a run goes on."""

    tier_up: Callable[[TierUp], None] = field(default=lambda _: None)
    note: Callable[[str], None] = field(default=lambda _: None)


def prepare(
    sources: Sequence[Path],
    pool: CompilePool,
    *,
    flags: Sequence[str] = (),
    name: str = "",
    cpu: str = "native",
    policy: Policy | None = None,
    options: GrowthOptions | None = None,
    tiers: Mapping[str, str] | None = None,
    first: str = "interp",
) -> Program:
    """Build a growing program.

    Args:
        sources: as for `compile_sources`.
        pool: compiler processes; the caller's to close.
        flags: for clang.
        name: of the workload.
        cpu: what the code is for.
        policy: when functions rise, and how far.
        options: tick and code cache; its thresholds are taken from the policy.
        tiers: function symbol → the tier to start at (where an earlier run ended).
        first: where the others start: "interp", or "O0" as what cannot be interpreted does.

    Raises:
        CompileError, LinkError: as their stages do.
    """
    began = time.monotonic()
    for _ in range(COMPILERS):  # LLVM takes a third of a second to load: meanwhile clang works
        pool.submit({"op": "host"}, [])
    bitcode = compile_sources(sources, flags=flags, name=name)
    split = split_module(module_text(bitcode))
    target = target_by_name(cpu)
    service = CompileService(bitcode.name, split, target, pool, own_features=bitcode.own_features)
    policy = policy or Policy()
    thresholds = {tier: calls for tier in RISING if (calls := policy.threshold(tier)) is not None}
    options = replace(options or GrowthOptions(), thresholds=thresholds)
    interpreted = interpret(bitcode.name, split) if first == "interp" else Interpreted("", {}, {})
    start = {
        symbol: (tiers or {}).get(symbol, "interp" if symbol in interpreted.branches else "O0")
        for symbol in split.functions
    }
    base = _base(bitcode, split, service, options, start, interpreted)
    return Program(bitcode, split, base, interpreted, target, service, policy, (time.monotonic() - began) * 1000)


def _base(
    bitcode: Bitcode,
    split: Split,
    service: CompileService,
    options: GrowthOptions,
    start: Mapping[str, str],
    interpreted: Interpreted,
) -> Base:
    """Compile what the base needs at the tiers that functions start at, and link it."""
    objects = [service.compile_text(split.base_text(), "O2").data]
    plain = [symbol for symbol, tier in start.items() if tier == "O0"]
    if plain:
        objects.append(service.compile_text(split.bodies_text(plain), "O0").data)
    for symbol, tier in start.items():
        if tier not in ("interp", "O0"):
            objects.append(service.compile_text(split.body_text(symbol, tier), tier).data)
    slots = [_slot(one, start[one.symbol]) for one in split.functions.values()]
    bytecode = interpreted.assembly if "interp" in start.values() else ""
    return build_base(
        bitcode.name,
        slots,
        objects,
        aliases=split.aliases,
        needed=bitcode.undefined,
        options=options,
        bytecode=bytecode,
    )


def _slot(one: SplitFunction, tier: str) -> Slot:
    target = THUNK + one.symbol if tier == "interp" else one.body
    return Slot(one.symbol, one.self_entry if one.recursive else "", target, tier)


class GrowthRun:
    """The host's side of one run, whatever carries the bytes.

    Args:
        program: from `prepare`.
        watch: told of tier-ups and of what does not work.
    """

    def __init__(self, program: Program, watch: Watch | None = None) -> None:
        self.program = program
        self.watch = watch or Watch()
        self.notes: list[str] = []
        link = HostLink(random.getrandbits(31) | 1, program.base.build_id, window=1 << 16)
        self.pump = Pump(link, lambda message: self.session.receive(message.type, message.payload))
        self.session = GrowthSession(
            program.base,
            tuple(program.split.functions.values()),
            program.service,
            self.pump.send,
            branches=program.interpreted.branches,
            policy=program.policy,
            on_tier_up=self.watch.tier_up,
            on_note=self.note,
        )
        self._spent, self._began = program.service.compile_ms, time.monotonic()
        self._total_ms = 0.0

    def note(self, text: str) -> None:
        """Take one sentence about what does not work."""
        self.notes.append(text)
        self.watch.note(text)

    async def serve(self, port: Port) -> None:
        """Serve the agent until the other side closes, or until cancelled.

        Raises:
            WireError: from the port, or when the agent speaks another version.
        """
        asking = asyncio.create_task(self._ask())
        try:
            await self.pump.run(port)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self) -> None:
        """Ask for counts again and again, each time when the last round has arrived: a slow line sets its own pace."""
        while True:
            await asyncio.sleep(COLLECT_S)
            self.session.round_done.clear()
            if self.session.collect():
                await self.session.round_done.wait()

    def stop_clock(self) -> None:
        """The program has ended."""
        self._total_ms = (time.monotonic() - self._began) * 1000

    async def result(self, exit_status: int, output: bytes) -> GrowthResult:
        """Everything that was seen, once the program has ended."""
        session, program = self.session, self.program
        await session.finish()
        return GrowthResult(
            exit_status=exit_status,
            output=output,
            functions=tuple(_grown(one) for one in session.functions),
            kept=program.split.kept,
            tier_ups=tuple(session.tier_ups),
            compile_ms=program.service.compile_ms - self._spent,
            total_ms=self._total_ms,
            prepare_ms=program.prepare_ms,
            notes=tuple(self.notes),
            agent=session.collected,
            tsc_hz=session.tsc_hz,
            complete=session.ended,
            profile=session.profile(),
        )


async def grow_native(
    program: Program,
    arguments: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    watch: Watch | None = None,
    timeout_s: float | None = None,
) -> GrowthResult:
    """Run a program as a Linux process and grow it until it ends.

    Args:
        program: from `prepare`.
        arguments: argv[1] and on; argv[0] is the workload's name.
        environment: variables on top of ours.
        watch: told of tier-ups and of what does not work.
        timeout_s: seconds after which it is killed; None: never.
    """
    growth = GrowthRun(program, watch)
    with tempfile.TemporaryFile() as output:
        status = await _run(growth, arguments, environment, output.fileno(), timeout_s)
        output.seek(0)
        printed = output.read()
    return await growth.result(status, printed)


async def _run(
    growth: GrowthRun,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None,
    output: int,
    timeout_s: float | None,
) -> int:
    """Start the process, serve it, and return its exit status."""
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder, ours:
        path = Path(folder) / "base.elf"
        path.write_bytes(growth.program.base.elf)
        path.chmod(0o755)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                growth.program.bitcode.name,
                *arguments,
                executable=path,
                stdout=output,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **(environment or {}), "BAREFLOW_WIRE_FD": str(theirs.fileno())},
            )
        port = Port(ours, "the agent")
        serving = asyncio.create_task(growth.serve(port))
        try:
            async with asyncio.timeout(timeout_s):
                status = await process.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(serving, GRACE_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            growth.stop_clock()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            port.close()
    return status


def _grown(one: Growing) -> GrownFunction:
    tiers = {
        tier: TierFacts(times.samples, times.mean, times.median, times.minimum, one.bytes_by_tier.get(tier, 0))
        for tier, times in one.times.items()
        if times.mean is not None
    }
    last = tiers.get(one.tier) or (list(tiers.values())[-1] if tiers else None)
    return GrownFunction(
        one.split.name,
        one.split.symbol,
        one.split.digest,
        one.tier,
        one.calls,
        one.self_calls,
        last.cycles_per_call if last else None,
        one.code_bytes,
        tiers,
    )
