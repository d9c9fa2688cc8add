"""CPU targets by name, checked before LLVM sees them, and the CPUID bit of every feature code may need.

LLVM ends the process on an unknown CPU and only warns of an unknown feature. Names are LLVM's; the bits are
from Intel's SDM volume 2A (CPUID) and AMD's APM volume 3, appendix E.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bareflow.compile.pool import WorkerFailure, default_pool
from bareflow.errors import CompileError, UsageError

DEFAULT_TARGET = "x86-64-v2"

# LLVM's name: (CPUID word, bit, features that it implies). What has no bit here is never emitted unasked.
FEATURES: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "adx": ("7_ebx", 19, ()),
    "aes": ("1_ecx", 25, ()),
    "amx-bf16": ("7_edx", 22, ("amx-tile",)),
    "amx-fp16": ("7_1_eax", 21, ("amx-tile",)),
    "amx-int8": ("7_edx", 25, ("amx-tile",)),
    "amx-tile": ("7_edx", 24, ()),
    "avx": ("1_ecx", 28, ("sse4.2",)),
    "avx2": ("7_ebx", 5, ("avx",)),
    "avx512bf16": ("7_1_eax", 5, ("avx512bw",)),
    "avx512bitalg": ("7_ecx", 12, ("avx512bw",)),
    "avx512bw": ("7_ebx", 30, ("avx512f",)),
    "avx512cd": ("7_ebx", 28, ("avx512f",)),
    "avx512dq": ("7_ebx", 17, ("avx512f",)),
    "avx512f": ("7_ebx", 16, ("avx2", "f16c", "fma")),
    "avx512fp16": ("7_edx", 23, ("avx512bw",)),
    "avx512ifma": ("7_ebx", 21, ("avx512f",)),
    "avx512vbmi": ("7_ecx", 1, ("avx512bw",)),
    "avx512vbmi2": ("7_ecx", 6, ("avx512bw",)),
    "avx512vl": ("7_ebx", 31, ("avx512f",)),
    "avx512vnni": ("7_ecx", 11, ("avx512f",)),
    "avx512vp2intersect": ("7_edx", 8, ("avx512f",)),
    "avx512vpopcntdq": ("7_ecx", 14, ("avx512f",)),
    "avxifma": ("7_1_eax", 23, ("avx2",)),
    "avxvnni": ("7_1_eax", 4, ("avx2",)),
    "bmi": ("7_ebx", 3, ()),
    "bmi2": ("7_ebx", 8, ()),
    "cldemote": ("7_ecx", 25, ()),
    "clflushopt": ("7_ebx", 23, ()),
    "clwb": ("7_ebx", 24, ()),
    "cmpccxadd": ("7_1_eax", 7, ()),
    "crc32": ("1_ecx", 20, ()),
    "cx16": ("1_ecx", 13, ()),
    "enqcmd": ("7_ecx", 29, ()),
    "f16c": ("1_ecx", 29, ("avx",)),
    "fma": ("1_ecx", 12, ("avx",)),
    "fma4": ("80000001_ecx", 16, ("avx", "sse4a")),
    "fsgsbase": ("7_ebx", 0, ()),
    "gfni": ("7_ecx", 8, ()),
    "hreset": ("7_1_eax", 22, ()),
    "invpcid": ("7_ebx", 10, ()),
    "lwp": ("80000001_ecx", 15, ()),
    "lzcnt": ("80000001_ecx", 5, ()),
    "movbe": ("1_ecx", 22, ()),
    "movdir64b": ("7_ecx", 28, ()),
    "movdiri": ("7_ecx", 27, ()),
    "mwaitx": ("80000001_ecx", 29, ()),
    "pclmul": ("1_ecx", 1, ()),
    "pconfig": ("7_edx", 18, ()),
    "pku": ("7_ecx", 3, ()),
    "popcnt": ("1_ecx", 23, ()),
    "prfchw": ("80000001_ecx", 8, ()),
    "rdpid": ("7_ecx", 22, ()),
    "rdrnd": ("1_ecx", 30, ()),
    "rdseed": ("7_ebx", 18, ()),
    "rtm": ("7_ebx", 11, ()),
    "sahf": ("80000001_ecx", 0, ()),
    "serialize": ("7_edx", 14, ()),
    "sha": ("7_ebx", 29, ()),
    "sha512": ("7_1_eax", 0, ("avx2",)),
    "shstk": ("7_ecx", 7, ()),
    "sm3": ("7_1_eax", 1, ("avx",)),
    "sm4": ("7_1_eax", 2, ("avx2",)),
    "sse3": ("1_ecx", 0, ()),
    "sse4.1": ("1_ecx", 19, ("ssse3",)),
    "sse4.2": ("1_ecx", 20, ("sse4.1",)),
    "sse4a": ("80000001_ecx", 6, ("sse3",)),
    "ssse3": ("1_ecx", 9, ("sse3",)),
    "tbm": ("80000001_ecx", 21, ()),
    "tsxldtrk": ("7_edx", 16, ()),
    "uintr": ("7_edx", 5, ()),
    "vaes": ("7_ecx", 9, ("aes", "avx2")),
    "vpclmulqdq": ("7_ecx", 10, ("avx", "pclmul")),
    "waitpkg": ("7_ecx", 5, ()),
    "xop": ("80000001_ecx", 11, ("fma4",)),
    "xsave": ("1_ecx", 26, ()),
}

# What LLVM emits only where an intrinsic asks for it: required only of programs that use intrinsics.
ONLY_BY_INTRINSIC = frozenset(
    [
        *("adx", "aes", "amx-bf16", "amx-fp16", "amx-int8", "amx-tile", "cldemote", "clflushopt", "clwb", "cmpccxadd"),
        *("crc32", "enqcmd", "fsgsbase", "hreset", "invpcid", "lwp", "movdir64b", "movdiri", "mwaitx", "pconfig"),
        *("pku", "rdpid", "rdrnd", "rdseed", "rtm", "serialize", "sha", "sha512", "shstk", "sm3", "sm4"),
        *("tsxldtrk", "uintr", "vaes", "waitpkg", "xsave"),
    ]
)

# Features that steer LLVM without naming an instruction; variants of a function may ask for them.
TUNING = frozenset(
    [
        *("prefer-no-gather", "prefer-no-scatter", "prefer-256-bit", "prefer-128-bit", "prefer-mask-registers"),
        *("fast-gather", "slow-3ops-lea", "slow-incdec", "fsrm", "ermsb", "evex512", "vzeroupper", "sse-unaligned-mem"),
        *("fast-variable-perlane-shuffle", "fast-variable-crosslane-shuffle", "allow-light-256-bit", "macrofusion"),
    ]
)


@dataclass(frozen=True)
class Feature:
    """One CPUID bit that code needs: LLVM's name, CPUID_WORD member, bit number."""

    name: str
    word: str
    bit: int


@dataclass(frozen=True)
class Target:
    """A CPU to compile for; make it with `target_by_name`.

    Args:
        name: as the user wrote it.
        cpu: LLVM's name of the model.
        features: what is switched on and off against the model, "+avx2,-fma".
        enabled: every feature with a CPUID bit that code for it may use.
    """

    name: str
    cpu: str
    features: str
    enabled: frozenset[str]


def closure(features: Iterable[str]) -> set[str]:
    """Features with all that they imply."""
    found: set[str] = set()
    todo = list(features)
    while todo:
        feature = todo.pop()
        if feature not in found:
            found.add(feature)
            todo += FEATURES[feature][2] if feature in FEATURES else ()
    return found


@cache
def models() -> dict[str, list[str]]:
    """Features by CPU model, from the generated cpus.json."""
    known: dict[str, list[str]] = json.loads(Path(__file__).with_name("cpus.json").read_text())
    return known


def target_by_name(name: str) -> Target:
    """The target that "x86-64-v3", "native", "haswell" or "x86-64-v2,+avx2,-popcnt" stands for.

    Raises:
        UsageError: an unknown CPU or feature; the nearest known name is offered.
    """
    cpu, *changes = [part.strip() for part in name.split(",")]
    cpu, enabled, fixed = _model(cpu)
    switches = list(fixed)
    for change in changes:
        sign, feature = change[:1], change[1:]
        if sign not in ("+", "-") or feature not in FEATURES.keys() | TUNING:
            raise _unknown("CPU feature", change, [f"+{known}" for known in sorted(FEATURES.keys() | TUNING)])
        switches.append(change)
        if sign == "+":
            enabled = enabled | closure([feature])
        else:
            enabled = {other for other in enabled if feature not in closure([other])}
    return Target(name, cpu, ",".join(switches), frozenset(enabled & FEATURES.keys()))


def _model(cpu: str) -> tuple[str, set[str], list[str]]:
    """LLVM's model name, its features, and the switches that fix them where a host differs from its model."""
    if cpu == "native":
        return _native()
    cpu = cpu.replace("_", "-") if cpu.startswith(("x86_64", "x86-64_")) else cpu
    if cpu not in models():
        raise _unknown("CPU", cpu, [*models(), "native"])
    return cpu, set(models()[cpu]), []


@cache
def _host() -> tuple[str, frozenset[str]]:
    try:
        reply, _ = default_pool().request({"op": "host"}, [])
    except WorkerFailure as failure:
        raise CompileError(f"LLVM {failure.reason} when asked for this machine's CPU.", detail=failure.output) from None
    return reply["cpu"], frozenset(reply["features"])


def _native() -> tuple[str, set[str], list[str]]:
    cpu, offered = _host()
    if cpu not in models():
        cpu = "x86-64"
    enabled = {feature for feature in FEATURES if feature in offered}
    model = set(models()[cpu])
    switches = [f"+{feature}" for feature in sorted(enabled - model)]
    switches += [f"-{feature}" for feature in sorted(model - enabled)]
    return cpu, enabled, switches


def _unknown(kind: str, name: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else 'Try "x86-64-v2", "x86-64-v3" or "native".'
    return UsageError(f"{kind} {name!r} is not known.", hint)


def required_features(target: Target, *, intrinsics: bool = False) -> tuple[Feature, ...]:
    """The CPUID bits without which code for a target must not run, beyond plain x86-64.

    Args:
        target: what the code was compiled for.
        intrinsics: the program uses x86 intrinsics, so that any feature of the target may be in use.
    """
    names = sorted(target.enabled if intrinsics else target.enabled - ONLY_BY_INTRINSIC)
    return tuple(Feature(name, FEATURES[name][0], FEATURES[name][1]) for name in names)
