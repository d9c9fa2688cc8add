"""The probe itself: it passes under emulation, with and without the vector extensions that it looks for."""

from __future__ import annotations

import asyncio

import pytest

from bareflow.machine import accel
from bareflow.machine.accel import find_accel, probe_image, run_probe
from bareflow.machine.spec import MachineSpec


@pytest.mark.parametrize("cpu", ["max", "qemu64", "Haswell", "Nehalem"])
def test_the_probe_passes_under_emulation(tmp_path, cpu: str):
    spec = MachineSpec(probe_image(tmp_path), accel="tcg", cpu=cpu, timeout_s=60)
    run = asyncio.run(run_probe(spec))
    assert run.passed, run.problem


def test_a_probe_that_does_not_end_says_where_it_was(tmp_path):
    spec = MachineSpec(probe_image(tmp_path), accel="tcg", timeout_s=0.001)
    run = asyncio.run(run_probe(spec))
    assert not run.passed
    assert "before it reached long mode" in run.problem


@pytest.mark.skipif(not accel.KVM.exists(), reason="there is no /dev/kvm to be tried")
def test_this_hosts_kvm_is_used_only_if_it_passes():
    choice = asyncio.run(find_accel(afresh=True))
    assert choice.reason
    assert choice.accel == "tcg" or (choice.kvm_ms or 0) < (choice.tcg_ms or float("inf"))
