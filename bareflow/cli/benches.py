"""The tasks that measure."""

from __future__ import annotations

TASKS: list[object] = []
