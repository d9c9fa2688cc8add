"""A growing machine's wire is a virtio-serial port where QEMU has one, else COM2, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from bareflow.growth import guest
from bareflow.growth.result import Watch
from bareflow.machine import offers
from bareflow.machine.spec import MachineSpec

SHORT_LIST = """Controller/Bridge/Hub devices:
name "i82801b11-bridge", bus PCI

Storage devices:
name "virtio-blk-pci", bus PCI, alias "virtio-blk"
"""


@pytest.fixture
def qemu(tmp_path, monkeypatch) -> Path:
    program = tmp_path / "qemu-system-x86_64"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{SHORT_LIST}END\n")
    program.chmod(0o755)
    monkeypatch.setattr(offers, "ensure_program", lambda *_: program)
    return program


def test_devices_are_what_qemu_lists(qemu):
    assert qemu.exists()
    assert offers.offers_device("virtio-blk-pci")
    assert not offers.offers_device("virtio-serial-pci")


def test_without_the_device_the_wire_is_com2_and_somebody_is_told(qemu):
    notes: list[str] = []
    spec = MachineSpec(qemu)
    assert not guest._with_port(spec, Watch(note=notes.append)).port
    assert "virtio-serial-pci" in notes[0]


def test_a_machine_without_pci_is_not_asked_for_it():
    notes: list[str] = []
    spec = MachineSpec(Path("x.img"), machine="microvm", firmware="pvh")
    assert guest._with_port(spec, Watch(note=notes.append)) is spec
    assert notes == []
