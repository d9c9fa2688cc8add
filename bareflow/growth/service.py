"""The compile service: functions at tiers, in child processes, from a cache where it has been done before.

A function whose compiler crashed or hung twice is barred: it stays at its tier, and so does the workload.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import threading
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from bareflow.compile import ir
from bareflow.compile.cpu import DEFAULT_TARGET, Target, target_by_name
from bareflow.compile.frontend import Bitcode
from bareflow.compile.pool import DEADLINE_S, CompilePool, Reply, WorkerFailure
from bareflow.compile.split import Split
from bareflow.compile.tiers import (
    DEFAULT_OPTIONS,
    ObjectCode,
    Options,
    compile_message,
    compile_object,
    object_key,
    object_of,
)
from bareflow.errors import CompileError
from bareflow.growth.together import SHARED_TIER, groups, shared_out
from bareflow.growth.weights import WEIGHTED_TIERS, Seen, weighted
from bareflow.toolchain import ZIG_VERSION, cache_dir, kept

TRIES = 2
QUICK_TIERS = ("O0", "O1")  # no vectors are made there, and LLVM has less to choose from on a small CPU
LIVE_DEADLINE_S = 20.0  # a function alone takes milliseconds
_FORMAT = 1  # raise it when the same text is to give another object
_TOOLS = (ZIG_VERSION, version("llvmlite"))


@dataclass(frozen=True)
class Compiled:
    """An object for one function.

    Args:
        data: ELF relocatable.
        compile_ms: CPU time it took; 0 from the cache. What was compiled together is shared out by lines of IR.
        cached: it came from the cache.
    """

    data: bytes
    compile_ms: float
    cached: bool


class CompileService:
    """Compiles the functions of one program for one CPU.

    Args:
        name: of the workload, for messages.
        split: the program.
        target: the CPU that will run the code.
        pool: compiler processes.
        own_features: a function of the program asks for CPU features of its own.
        deadline_s: seconds until a compiler counts as hung.
        use_cache: take objects from the cache where they are; False compiles all anew, for measurements.
    """

    def __init__(
        self,
        name: str,
        split: Split,
        target: Target,
        pool: CompilePool,
        *,
        own_features: bool = False,
        deadline_s: float = LIVE_DEADLINE_S,
        use_cache: bool = True,
    ) -> None:
        self.name = name
        self.split = split
        self.target = target
        self.quick = _quick(target)
        self.pool = pool
        self.own_features = own_features
        self.deadline_s = deadline_s
        self.use_cache = use_cache
        self.compile_ms = 0.0  # CPU time spent so far
        self.requests = 0
        self.from_cache = 0
        self.failures: dict[tuple[str, str], int] = {}
        self._groups = groups(split.functions.values()) if split else {}
        self._together: dict[tuple[str, ...], Compiled | None] = {}  # None: they do not compile together
        self._under_way: dict[tuple[str, ...], asyncio.Task[None]] = {}

    def barred(self, symbol: str, tier: str) -> bool:
        """Whether a function's compiler has failed too often at a tier."""
        return self.failures.get((symbol, tier), 0) >= TRIES

    def text(self, symbol: str, tier: str, seen: Seen = lambda _symbol: None) -> str:
        """IR of one function's module for a tier, with weights at the tiers that heed them.

        Args:
            symbol: its stub's.
            tier: "O0" … "O3".
            seen: what is known of a function by its stub's symbol.
        """
        text = self.split.body_text(symbol, tier)
        return weighted(text, seen) if tier in WEIGHTED_TIERS else text

    async def compile(
        self, symbol: str, tier: str, seen: Seen = lambda _symbol: None, options: Options = DEFAULT_OPTIONS
    ) -> Compiled:
        """Compile one function; a compiler that dies is tried once more.

        Args:
            symbol: as for `text`.
            tier: likewise.
            seen: likewise.
            options: for the compiler.

        Raises:
            CompileError: it failed; the function is barred at that tier.
        """
        if tier == SHARED_TIER and options == DEFAULT_OPTIONS and (shared := await self._shared(symbol)) is not None:
            return shared
        text = self.text(symbol, tier, seen)
        known = self._known(text, tier, options)  # at once: all threads may be waiting for LLVM to load
        if known is None and (symbol, tier) not in self.failures:
            try:
                known = await self._make_here(text, tier, options)
            except (CompileError, WorkerFailure):
                self.failures[symbol, tier] = 1
        while known is None:
            try:
                known = await asyncio.wrap_future(self.pool.run(self._make, text, tier, options))
            except CompileError:
                self.failures[symbol, tier] = self.failures.get((symbol, tier), 0) + 1
                if self.barred(symbol, tier):
                    raise
        return known

    async def _shared(self, symbol: str) -> Compiled | None:
        """A function's share of what is compiled together with it, now or before; None: it is compiled alone."""
        group = self._groups.get(symbol)
        if group is None:
            return None
        if group not in self._together:
            if group not in self._under_way:
                task = self._under_way[group] = asyncio.create_task(self._make_together(group))
                task.add_done_callback(lambda _task: self._under_way.pop(group))
            await asyncio.shield(self._under_way[group])  # others may wait for it who go on
        made = self._together[group]
        if made is None:
            return None
        shares = shared_out(made.compile_ms, [self.split.functions[name] for name in group])
        return replace(made, compile_ms=shares[symbol])

    async def _make_together(self, group: tuple[str, ...]) -> None:
        """Compile some functions into sections of one object, if the compiler can do all of them."""
        what = ir.add_sections(self.split.bodies_text(group)), SHARED_TIER, DEFAULT_OPTIONS
        try:
            self._together[group] = (
                self._known(*what)
                or await self._make_here(*what)
                or await asyncio.wrap_future(self.pool.run(self._make, *what, blame=False))
            )
        except (CompileError, WorkerFailure):
            self._together[group] = None

    async def _make_here(self, text: str, tier: str, options: Options) -> Compiled | None:
        """Compile what is short without a thread of its own, which takes its time on a busy machine; None: not now."""
        bitcode, stored = self._asked(text, tier, options)
        message = compile_message(bitcode, tier=tier, target=self.target_for(text, tier), options=options)

        def made(reply: Reply) -> Compiled:
            return self._made(object_of(bitcode, *reply), stored)

        answer = await self.pool.ask(message, [bitcode.data], deadline_s=self.deadline_s, late=made)
        return made(answer) if answer else None

    def compile_text(self, text: str, tier: str, options: Options = DEFAULT_OPTIONS) -> Compiled:
        """Compile one module's text, or take it from the cache; no program waits for it, so it may take longer.

        Raises:
            CompileError: LLVM refuses it or dies on it.
        """
        return self._known(text, tier, options) or self._make(text, tier, options, DEADLINE_S)

    def _asked(self, text: str, tier: str, options: Options) -> tuple[Bitcode, Path]:
        """What is to be compiled, and where it is kept."""
        data = text.encode(errors="surrogateescape")
        bitcode = Bitcode(self.name, data, hashlib.sha256(data).hexdigest(), own_features=self.own_features)
        extra, target = [_FORMAT, *_TOOLS], self.target_for(text, tier)
        return bitcode, cache_dir() / "objects" / object_key(bitcode, tier, target, options, extra)

    def target_for(self, text: str, tier: str) -> Target:
        """The CPU that a module is compiled for: at low tiers a small one, where the program cannot tell.

        It can where vectors are passed, x86 intrinsics are called or a function asks for features of its own.
        """
        if tier not in QUICK_TIERS or self.own_features or ir.passes_vectors(text) or ir.uses_intrinsics(text):
            return self.target
        return self.quick

    def _known(self, text: str, tier: str, options: Options) -> Compiled | None:
        """It, from the cache."""
        self.requests += 1
        known = kept(self._asked(text, tier, options)[1]) if self.use_cache else None
        if known is None:
            return None
        self.from_cache += 1
        return Compiled(known, 0.0, cached=True)

    def _make(
        self, text: str, tier: str, options: Options, deadline_s: float | None = None, *, blame: bool = True
    ) -> Compiled:
        bitcode, stored = self._asked(text, tier, options)
        made = compile_object(
            bitcode,
            tier=tier,
            target=self.target_for(text, tier),
            options=options,
            pool=self.pool,
            deadline_s=deadline_s or self.deadline_s,
            blame=blame,
        )
        return self._made(made, stored)

    def _made(self, made: ObjectCode, stored: Path) -> Compiled:
        self.compile_ms += made.compile_ms
        _store(stored, made.data)
        return Compiled(made.data, made.compile_ms, cached=False)


def _quick(target: Target) -> Target:
    """x86-64-v2 on every CPU that has it: LLVM compiles a fifth faster for it than for one with AVX-512."""
    small = target_by_name(DEFAULT_TARGET)
    return small if small.enabled <= target.enabled else target


def _store(stored: Path, data: bytes) -> None:
    """Keep an object, as `keep` does, but without waiting for the disk: `kept` sees what a crash tears."""
    temporary = stored.with_name(f".{stored.name}.{os.getpid()}.{threading.get_ident()}")
    with contextlib.suppress(OSError):
        stored.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(data).digest() + data)
        temporary.replace(stored)
