"""The accelerator is chosen by what the probe found; the answer is remembered with its reason."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bareflow.machine import accel
from bareflow.machine.accel import AccelChoice, ProbeRun, choose_accel, find_accel
from bareflow.machine.spec import MachineSpec


class Probes:
    """Stands in for booted probes: answers by accelerator and CPU model."""

    def __init__(self, **answers: ProbeRun) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, spec: MachineSpec) -> ProbeRun:
        name = spec.accel + ("_limited" if spec.cpu and "," in spec.cpu else "")
        self.asked.append(name)
        return self.answers[name]


PASSED = ProbeRun(True, 100.0)
DIED = ProbeRun(False, 50.0, "the probe died, at its SSE instructions")


@pytest.fixture
def host(monkeypatch, tmp_path):
    """Return `host(**answers)`: a host with a /dev/kvm that answers so; nothing is built or booted."""
    device = tmp_path / "kvm"
    device.touch()
    qemu = tmp_path / "qemu"
    qemu.touch()
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(accel, "KVM", device)
    monkeypatch.setattr(accel, "ensure_program", lambda *_: qemu)
    monkeypatch.setattr(accel, "probe_image", lambda folder: Path(folder) / "none")

    def make(**answers: ProbeRun) -> Probes:
        probes = Probes(**answers)
        monkeypatch.setattr(accel, "run_probe", probes)
        return probes

    return make


def found() -> AccelChoice:
    return asyncio.run(find_accel())


def test_kvm_is_used_where_the_probe_passes_and_is_faster(host):
    host(kvm=PASSED, tcg=ProbeRun(True, 300.0))
    assert found() == AccelChoice("kvm", "host", "the probe passed", 100.0, 300.0)


def test_kvm_that_dies_is_not_used_and_the_reason_says_where(host):
    host(kvm=DIED, kvm_limited=DIED)
    choice = found()
    assert (choice.accel, choice.cpu) == ("tcg", "max")
    assert "at its SSE instructions" in choice.reason
    assert "\n" not in choice.reason


def test_kvm_that_needs_a_smaller_cpu_model_gets_it(host):
    host(kvm=DIED, kvm_limited=PASSED, tcg=ProbeRun(True, 300.0))
    assert found().cpu == "host,-arch-capabilities"


def test_kvm_that_is_slower_than_emulation_is_not_used(host):
    host(kvm=ProbeRun(True, 400.0), tcg=ProbeRun(True, 300.0))
    choice = found()
    assert choice.accel == "tcg"
    assert "400 against 300 ms" in choice.reason


def test_the_answer_is_remembered(host):
    probes = host(kvm=DIED, kvm_limited=DIED)
    first = found()
    asked = len(probes.asked)
    assert found() == first
    assert len(probes.asked) == asked


def test_another_qemu_is_tried_again(host, monkeypatch, tmp_path):
    host(kvm=DIED, kvm_limited=DIED)
    assert found().accel == "tcg"
    newer = tmp_path / "newer"
    newer.write_text("newer")
    monkeypatch.setattr(accel, "ensure_program", lambda *_: newer)
    host(kvm=PASSED, tcg=ProbeRun(True, 300.0))
    assert found().accel == "kvm"


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"key": 1}', '{"choice": {"accel": "kvm"}}'])
def test_a_damaged_memory_is_no_memory(host, tmp_path, damaged: str):
    host(kvm=PASSED, tcg=ProbeRun(True, 300.0))
    store = tmp_path / "cache" / "accel.json"
    store.parent.mkdir()
    store.write_text(damaged)
    assert found().accel == "kvm"
    assert json.loads(store.read_text())["choice"]["accel"] == "kvm"


def test_without_kvm_nothing_is_tried(host, monkeypatch, tmp_path):
    probes = host()
    monkeypatch.setattr(accel, "KVM", tmp_path / "missing")
    assert "no /dev/kvm" in found().reason
    assert probes.asked == []


def test_what_is_asked_for_is_not_questioned(host, tmp_path):
    probes = host()
    for name, cpu in (("tcg", "max"), ("kvm", "host")):
        choice = asyncio.run(choose_accel(MachineSpec(tmp_path / "x.img", accel=name)))
        assert (choice.accel, choice.cpu) == (name, cpu)
    assert asyncio.run(choose_accel(MachineSpec(tmp_path / "x.img", accel="tcg", cpu="qemu64"))).cpu == "qemu64"
    assert probes.asked == []
