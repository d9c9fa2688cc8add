"""The command line: one Invoke task a command, each thin; the stages do the work."""

from __future__ import annotations

from bareflow.cli.program import main, namespace

__all__ = ["main", "namespace"]
