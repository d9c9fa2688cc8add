"""Machines: QEMU over QMP, and what came of a guest."""
