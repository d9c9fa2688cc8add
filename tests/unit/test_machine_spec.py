"""Machine descriptions: what is refused, and the command line that they come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bareflow.errors import UsageError
from bareflow.machine.registers import parse_registers, parse_words, register_lines
from bareflow.machine.spec import DRIVES, Links, MachineSpec, qemu_command

IMAGE = Path("/images/a.img")


def command(spec: MachineSpec, links: Links | None = None) -> list[str]:
    return qemu_command(spec, links or Links(), accel="tcg", cpu="max")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"accel": "hvf"}, "--accel hvf"),
        ({"drive": "floppy"}, "--drive floppy"),
        ({"machine": "raspi"}, "--machine raspi"),
        ({"firmware": "coreboot"}, "--firmware coreboot"),
        ({"memory_mib": 0}, "--memory 0"),
        ({"timeout_s": 0}, "--timeout-s 0"),
        ({"args": ("a", "b\0c")}, "zero byte"),
    ],
)
def test_what_no_machine_has_is_refused(wrong: dict[str, Any], named: str):
    with pytest.raises(UsageError, match=named):
        MachineSpec(IMAGE, **wrong)


@pytest.mark.parametrize("drive", DRIVES)
def test_every_drive_is_the_one_that_is_booted(drive: str):
    line = " ".join(command(MachineSpec(IMAGE, drive=drive)))
    assert "drive=disk0" in line
    assert "bootindex=0" in line


def test_a_comma_in_a_path_is_written_twice():
    line = command(MachineSpec(Path("/a,b.img")), Links(args_file=Path("/c,d")))
    assert any("file=/a,,b.img" in word for word in line)
    assert any("file=/c,,d" in word for word in line)


def test_an_image_is_not_changed_unless_asked_for():
    assert "snapshot=on" in " ".join(command(MachineSpec(IMAGE)))
    assert "snapshot=on" not in " ".join(command(MachineSpec(IMAGE, writable=True)))


def test_a_monitored_machine_starts_stopped():
    assert "-S" in command(MachineSpec(IMAGE), Links(monitor="socket,fd=3"))
    assert "-S" not in command(MachineSpec(IMAGE))


def test_a_port_besides_the_uarts_is_there_only_if_asked_for():
    assert "virtserialport,chardev=port,nr=1" in command(MachineSpec(IMAGE, port=True))
    assert not any("virtio-serial" in word for word in command(MachineSpec(IMAGE)))


def test_further_arguments_come_last():
    assert command(MachineSpec(IMAGE, extra=("-d", "int")))[-2:] == ["-d", "int"]


LONG_MODE = """\r
CPU#0\r
RAX=0000000000000001 RBX=0000000000000000 RCX=00000000c0000101 RDX=0000000000000000\r
R8 =0000000000000008 R9 =0000000000000000\r
RIP=00000000004000f0 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r
CR0=80010033 CR2=0000000000000010 CR3=0000000000010000 CR4=00000620\r
"""


def test_registers_are_read_in_long_mode():
    registers = parse_registers(LONG_MODE)
    values = registers.values
    assert (values["rax"], values["r8"], values["rip"], values["cr2"]) == (1, 8, 0x4000F0, 0x10)
    assert registers.halted_for_good


def test_registers_are_read_in_real_mode():
    text = "EAX=0000aa55 ESP=00007c00\r\nEIP=00007c10 EFL=00000202 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1"
    registers = parse_registers(text)
    assert (registers.values["rax"], registers.values["rip"]) == (0xAA55, 0x7C10)
    assert not registers.halted_for_good  # an interrupt will come


def test_registers_stand_in_columns():
    assert register_lines({"rax": 1, "r8": 2}) == ["   rax 0000000000000001     r8 0000000000000002"]


def test_memory_is_read_as_far_as_it_goes():
    text = "0000000000001000: 0x0000000000000001 0xffffffffffffffff\r\n0000000000001010: Cannot access memory\r\n"
    assert parse_words(text) == (1, (1 << 64) - 1)
    assert parse_words("Cannot access memory") == ()
