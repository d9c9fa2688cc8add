"""A program with its profile, and what a choice of variants makes of it: one object, the whole program in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from bareflow.compile.ahead import compile_ahead
from bareflow.compile.cpu import Target
from bareflow.compile.frontend import Bitcode
from bareflow.compile.indirect import Promotion, propose_direct, with_direct
from bareflow.compile.libc import libc_symbols
from bareflow.compile.libcode import with_library
from bareflow.compile.order import placement
from bareflow.compile.pool import CompilePool, WorkerFailure, default_pool, failure_sentence
from bareflow.compile.prof import Heat, attach, heat, profile_of
from bareflow.compile.recursion import self_recursive, unroll_recursion
from bareflow.compile.specialise import Clone, propose, specialise, without_noinline
from bareflow.compile.tiers import ObjectCode, compile_object
from bareflow.compile.variants import NUMBERED, PLACES, PLAIN, Choice, Tuning, has_features, tunings, with_tuning
from bareflow.compile.versions import Version, propose_versions, with_versions
from bareflow.errors import CompileError
from bareflow.profile.values import Profile

DEADLINE_S = 600.0
RECURSIVE_SHARE = 0.05  # of the program's work that is worth copies


@dataclass(frozen=True)
class Program:
    """What is frozen.

    Args:
        bitcode: as the frontend made it.
        text: the same, as LLVM prints it.
        target: the CPU.
        profile: what is known of it; empty: nothing.
        digests: of its functions' bodies, by name, as the profile's keys have them.
        parts: of a module, by its digest: the same, one module a source, as clang compiles it ahead of time.
    """

    bitcode: Bitcode
    text: str
    target: Target
    profile: Profile
    digests: Mapping[str, str]
    parts: Mapping[str, Sequence[Bitcode]] = field(default_factory=dict)

    @cached_property
    def heat(self) -> Heat:
        """Where it spends its time."""
        return heat(self.text, self.profile, self.digests)

    @cached_property
    def proposed(self) -> tuple[Clone, ...]:
        """Clones that the profile suggests."""
        return propose(self.text, self.profile, self.digests, self.heat)

    @cached_property
    def proposed_versions(self) -> tuple[Version, ...]:
        """Versions that the profile suggests, one for each place that held one value."""
        return propose_versions(self.text, self.profile, self.digests, self.heat)

    @cached_property
    def proposed_direct(self) -> tuple[Promotion, ...]:
        """Calls through pointers that mostly reach the same function."""
        return propose_direct(self.text, self.profile, self.digests, self.heat)

    @cached_property
    def recursive(self) -> tuple[str, ...]:
        """Hot functions that call themselves and may be copied."""
        return self_recursive(self.text, self.heat.hottest(RECURSIVE_SHARE))

    @cached_property
    def measured(self) -> Mapping[str, Tuning]:
        """Functions that were faster with a tuning where they grew; none of those that differed between machines."""
        known = {NUMBERED.index(name): one for name, one in tunings(self.text, self.target).items()}
        found = {}
        for name in self.digests:
            seen = profile_of(self.profile, name, self.digests)
            number = seen.tunings.bit_length() - 1 if seen and seen.tunings.bit_count() == 1 else None
            if number in known:
                found[name] = known[number]
        return found

    @cached_property
    def _weighted(self) -> str:
        return attach(self.text, self.profile, self.digests)

    @cached_property
    def _order(self) -> tuple[str, ...]:
        return placement(self.heat)

    @cached_property
    def with_library(self) -> Program:
        """The same with the bodies of the C library's functions that it calls; itself where it calls none of them."""
        return with_library(self)

    def order(self, choice: Choice = PLAIN) -> tuple[str, ...]:
        """Functions to place first; none without a profile."""
        if choice.ahead or choice.place in PLACES[2:]:
            return ()
        return ("_start", "_start_c", *self._order) if choice.place == PLACES[1] else self._order

    @property
    def cold(self) -> tuple[str, ...]:
        """Functions to place last: the profile is of this program, and they never ran in it."""
        return tuple(name for name in self.heat.never if name != "main") if self.heat.hottest() else ()

    def edited(self, choice: Choice) -> str:
        """The module's text with a choice's weights, attributes and clones in it."""
        text = self._weighted if choice.weights else self.text
        text = with_direct(text, self.proposed_direct) if choice.direct else text
        if choice.versions:
            text = with_versions(text, choice.versions, _demote)
        text = with_tuning(text, choice.tuning, choice.functions)
        text = unroll_recursion(text, self.recursive, choice.recursion) if choice.recursion else text
        text = specialise(text, choice.clones, apart=choice.inline_all) if choice.clones else text
        return without_noinline(text) if choice.inline_all else text

    def compile(
        self, choice: Choice = PLAIN, pool: CompilePool | None = None, *, deadline_s: float | None = None
    ) -> ObjectCode:
        """The whole program's object; a trial has a deadline of its own, and nobody asks why it failed.

        Raises:
            CompileError: see `compile_object`.
        """
        if choice.ahead:
            return compile_ahead(self.parts.get(self.bitcode.digest, (self.bitcode,)), self.target)
        if choice.library:
            return self.with_library.compile(replace(choice, library=False), pool, deadline_s=deadline_s)
        if self.edited(choice) is self.text:
            bitcode = self.bitcode
        else:
            data = self.edited(choice).encode(errors="surrogateescape")
            bitcode = replace(
                self.bitcode,
                data=data,
                digest=hashlib.sha256(data).hexdigest(),
                own_features=self.bitcode.own_features or has_features(choice),
            )
        return compile_object(
            bitcode,
            tier="frozen",
            target=self.target,
            options=choice.options,
            keep=libc_symbols(),
            sections=choice.place != PLACES[3],
            cold=self.cold,
            pool=pool,
            deadline_s=deadline_s or DEADLINE_S,
            blame=deadline_s is None,
        )


@lru_cache(maxsize=8)
def _demoted(text: str, functions: tuple[str, ...]) -> str:
    message: dict[str, object] = {"op": "demote", "functions": list(functions)}
    reply, blobs = default_pool().request(message, [text.encode(errors="surrogateescape")])
    if "error" in reply:
        raise CompileError("The versions of a function are not LLVM IR that can be compiled.", detail=reply["error"])
    return blobs[0].decode(errors="surrogateescape")


def _demote(text: str, functions: Sequence[str]) -> str:
    """What `with_versions` has LLVM do."""
    try:
        return _demoted(text, tuple(functions))
    except WorkerFailure as failure:
        raise failure_sentence(failure) from None
