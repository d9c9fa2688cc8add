"""Every error a user can meet.

    BareFlowError                one sentence, and what to try next; exit status 2, never a traceback
    ├── UsageError               a flag, a recipe or a name that cannot be right
    ├── ToolError                clang, lld, QEMU or the OS package manager is missing or failed
    ├── CompileError             the workload does not compile, or the compiler died on it
    ├── LinkError                an undefined symbol, an unknown relocation, no room
    ├── SnapshotError            a snapshot that is not exactly right
    ├── ImageError               a full FAT, a name FAT cannot hold, an unwritable output
    ├── MachineError             a machine that cannot be started, reached or understood
    ├── WireError                a link that cannot be opened or kept
    ├── ProfileError             a profile that cannot be read or merged
    └── StoppedError             Ctrl-C; exit status 130, as a shell has it

A guest that crashes is not an error of these: it is a result, with an exit status of its own.
"""

from __future__ import annotations


class BareFlowError(Exception):
    """A failure that is not a bug of ours: one sentence, and the next step.

    Args:
        message: what is wrong, in one sentence, naming the path or symbol.
        hint: what to try next; empty where the message says it already.
        detail: a tool's own output, shown below the sentence.
    """

    exit_status = 2

    def __init__(self, message: str, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        parts = [self.message]
        if self.hint:
            parts.append(self.hint)
        return " ".join(parts)


class UsageError(BareFlowError):
    """A flag, a recipe or a name that cannot be right."""


class ToolError(BareFlowError):
    """A tool we call is missing or failed."""


class CompileError(BareFlowError):
    """The workload does not compile, or the compiler died on it."""


class LinkError(BareFlowError):
    """An undefined symbol, an unknown relocation, no room."""


class SnapshotError(BareFlowError):
    """A snapshot that is not exactly right."""


class ImageError(BareFlowError):
    """A full FAT, a name FAT cannot hold, an unwritable output."""


class MachineError(BareFlowError):
    """A machine that cannot be started, reached or understood."""


class WireError(BareFlowError):
    """A link that cannot be opened or kept."""


class ProfileError(BareFlowError):
    """A profile that cannot be read or merged."""


class StoppedError(BareFlowError):
    """The person in front of it has stopped it."""

    exit_status = 130
