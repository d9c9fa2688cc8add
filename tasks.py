"""The tasks for `invoke`; they live in bareflow.cli, so that the wheel serves the same ones."""

from bareflow.cli import namespace

ns = namespace()
