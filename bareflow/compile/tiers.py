"""Bitcode → object code at a tier, in a child process; a compiler that dies names the function it died on.

O0 O1 O2 O3   one module, every function emitted as it stands
frozen        O3 over the whole program: everything but the entry (and what libc must find) is internal
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bareflow.compile.cpu import FEATURES, TUNING, Target
from bareflow.compile.frontend import Bitcode
from bareflow.compile.pool import DEADLINE_S, CompilePool, WorkerFailure, default_pool
from bareflow.compile.worker import GLOBAL_OPTIONS, SPEED
from bareflow.errors import CompileError, UsageError
from bareflow.layouts.snapshot import TIER

TRIAL_S = 30.0  # for each step of finding the function to blame
COMPILED_TIERS = tuple(tier for tier in TIER.members if tier in SPEED)


@dataclass(frozen=True)
class Options:
    """What may differ between two compilations of the same bitcode at the same tier.

    Args:
        opt: 0 to 3 against the tier's own level; None: the tier's.
        size: 0 for speed, 1 as -Os, 2 as -Oz.
        slp: vectorise straight-line code.
        vectorize: vectorise and interleave loops.
        unroll: unroll loops.
        inline_threshold: cost up to which a call is inlined; None: LLVM's own.
        contract: let `a * b + c` become one fused operation where the source allows it.
        features: switches on top of the target's, for instance "+prefer-no-gather"; they must not
            need a CPU that the target does not have.
        llvm: LLVM's global options, "-unroll-threshold=1200"; "-slp-max-root-look-ahead-depth" is ours already.
    """

    opt: int | None = None
    size: int = 0
    slp: bool = True
    vectorize: bool = True
    unroll: bool = True
    inline_threshold: int | None = None
    contract: bool = True
    features: tuple[str, ...] = ()
    llvm: tuple[str, ...] = ()

    @property
    def global_options(self) -> tuple[str, ...]:
        """LLVM's global options; llvmlite keeps eight bits of an inline threshold, so larger ones go here."""
        large = self.inline_threshold is not None and self.inline_threshold > 255
        return (*self.llvm, *([f"-inline-threshold={self.inline_threshold}"] if large else []))


DEFAULT_OPTIONS = Options()


@dataclass(frozen=True)
class ObjectCode:
    """A relocatable ELF object.

    Args:
        data: its bytes.
        compile_ms: CPU time of the compilation in milliseconds, optimiser and code generator.
        functions: the functions that it defines.
    """

    data: bytes
    compile_ms: float
    functions: tuple[str, ...]


def compile_object(
    bitcode: Bitcode,
    *,
    tier: str,
    target: Target,
    options: Options = DEFAULT_OPTIONS,
    keep: Iterable[str] | None = None,
    only: Sequence[str] | None = None,
    sections: bool = False,
    cold: Iterable[str] = (),
    pool: CompilePool | None = None,
    deadline_s: float = DEADLINE_S,
    blame: bool = True,
) -> ObjectCode:
    """Compile a module at a tier.

    Args:
        bitcode: what the frontend made.
        tier: "O0" to "O3" or "frozen".
        target: the CPU.
        options: see `Options`.
        keep: symbols that stay visible; all others become internal. None: all stay as they are.
        only: emit only these functions; the other bodies may be inlined but are not emitted. None: all.
        sections: put each function into a section `.text.NAME`, so that the linker can order them.
        cold: with `sections`, functions that go to the cold end.
        pool: where to compile; default one process of the command's own.
        deadline_s: seconds after which the compiler counts as hung.
        blame: find the function that a compiler dies on, which takes several more attempts.

    Raises:
        UsageError: no such tier.
        CompileError: LLVM refuses the module or dies on it; the function is named when it can be found.
    """
    message = compile_message(bitcode, tier=tier, target=target, options=options)
    message |= {
        "keep": sorted(keep) if keep is not None else None,
        "only": list(only) if only is not None else None,
        "sections": sections,
        "cold": sorted(cold),
    }
    pool = pool or default_pool()
    try:
        reply, blobs = pool.request(message, [bitcode.data], deadline_s=deadline_s)
    except WorkerFailure as failure:
        function = _blame(bitcode, message, pool, deadline_s, failure) if blame else None
        raise _compiler_died(bitcode, function, failure) from None
    return object_of(bitcode, reply, blobs)


def compile_message(bitcode: Bitcode, *, tier: str, target: Target, options: Options) -> dict[str, object]:
    """What a compiler process is asked for a module as it stands.

    Raises:
        UsageError: no such tier.
    """
    if tier not in COMPILED_TIERS:
        raise UsageError(f"There is no compiled tier {tier!r}.", f"Tiers are {', '.join(COMPILED_TIERS)}.")
    _check_features(options, target)
    return {
        "op": "compile",
        "name": bitcode.name,
        "tier": tier,
        "cpu": target.cpu,
        "features": ",".join(filter(None, [target.features, *options.features])),
        "options": dataclasses.asdict(options),
        "own_features": bitcode.own_features,
        "llvm": list(options.global_options),
    }


def object_of(bitcode: Bitcode, reply: dict[str, Any], blobs: Sequence[bytes]) -> ObjectCode:
    """The object in a compiler process's reply.

    Raises:
        CompileError: LLVM refuses the module.
    """
    if "error" in reply:
        raise CompileError(f"{bitcode.name} is not LLVM IR that can be compiled.", detail=reply["error"])
    return ObjectCode(blobs[0], reply["compile_ms"], tuple(reply["functions"]))


def _check_features(options: Options, target: Target) -> None:
    """Refuse switches that LLVM does not know (it would only warn) or that need another CPU."""
    for switch in options.features:
        name = switch[1:]
        known = name in TUNING or name in FEATURES
        if switch[:1] not in ("+", "-") or not known:
            raise UsageError(
                f"CPU feature {switch!r} is not known.", "Options take features such as +prefer-no-gather."
            )
        if switch[0] == "+" and name in FEATURES and name not in target.enabled:
            raise UsageError(f"{target.name} has no {name}.", f"Make it part of the target: {target.name},+{name}.")


def object_key(bitcode: Bitcode, tier: str, target: Target, options: Options, extra: object = None) -> str:
    """Digest of everything that decides an object's bytes; the compile cache's key."""
    parts = [bitcode.digest, tier, target.cpu, target.features, dataclasses.asdict(options), GLOBAL_OPTIONS, extra]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _compiler_died(bitcode: Bitcode, function: str | None, failure: WorkerFailure) -> CompileError:
    where = f"the function {function} of {bitcode.name}" if function else bitcode.name
    return CompileError(
        f"LLVM {failure.reason} while compiling {where}.",
        "Inline assembly or an intrinsic that the target CPU lacks is the usual cause.",
        failure.output[-4000:],
    )


def _blame(
    bitcode: Bitcode,
    message: dict[str, object],
    pool: CompilePool,
    deadline_s: float,
    failure: WorkerFailure,
) -> str | None:
    """The function that LLVM dies on: from its last words, else by halving the set that is emitted."""
    said = re.search(r"[Ii]n function:? [\"'@]*([\w.$]+)", failure.output)
    if said and said[1] in bitcode.functions:
        return said[1]

    def dies(only: list[str]) -> bool:
        trial = {**message, "only": only, "keep": None, "sections": False}
        try:
            pool.request(trial, [bitcode.data], deadline_s=min(deadline_s, TRIAL_S))
        except WorkerFailure:
            return True
        return False

    only = message["only"]
    suspects: list[str] = list(only if isinstance(only, list) else bitcode.functions)
    if len(suspects) == 1:
        return suspects[0]
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        suspects = half if dies(half) else suspects[len(half) :]
    return suspects[0] if suspects and dies(suspects) else None
