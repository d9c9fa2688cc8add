"""Which serial port a person means: found by its ids only where one fits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bareflow.errors import WireError
from bareflow.wire.ports import port_name


@dataclass
class Fake:
    device: str
    vid: int | None = None
    pid: int | None = None
    description: str = "n/a"


BUILT_IN = Fake("/dev/ttyS0")
FTDI = Fake("/dev/ttyUSB0", 0x0403, 0x6001, "FT232R USB UART")
CP210X = Fake("/dev/ttyUSB1", 0x10C4, 0xEA60, "CP2102 UART")
UNKNOWN = Fake("/dev/ttyACM0", 0x1234, 0xABCD, "Something")


def name(where, *ports):
    return port_name(where, found=lambda: ports)


@pytest.mark.parametrize("where", ["/dev/ttyS3", "socket://host:1", "unix:/x", "0403:60012"])
def test_a_name_is_taken_as_it_is(where):
    assert port_name(where, found=lambda: pytest.fail("nobody asked")) == where


@pytest.mark.parametrize(
    ("where", "ports", "device"),
    [
        ("auto", [BUILT_IN, FTDI], "/dev/ttyUSB0"),
        ("auto", [UNKNOWN, BUILT_IN], "/dev/ttyACM0"),
        ("auto", [UNKNOWN, CP210X], "/dev/ttyUSB1"),  # a serial adapter rather than whatever else is there
        ("10c4:EA60", [FTDI, CP210X], "/dev/ttyUSB1"),
        ("1234:abcd", [FTDI, UNKNOWN], "/dev/ttyACM0"),
    ],
)
def test_the_only_port_that_fits_is_found(where, ports, device):
    assert name(where, *ports) == device


def test_of_several_none_is_guessed():
    with pytest.raises(WireError, match="2 serial ports on USB") as caught:
        name("auto", CP210X, FTDI)
    assert "/dev/ttyUSB0 (0403:6001, FTDI FT232R USB UART); /dev/ttyUSB1 (10c4:ea60" in caught.value.message
    assert caught.value.hint == "Name one with --port."


@pytest.mark.parametrize("where", ["auto", "0403:6015"])
def test_without_one_that_fits_the_next_step_is_said(where):
    with pytest.raises(WireError, match=r"no serial port (on USB|with 0403:6015) is attached") as caught:
        name(where, BUILT_IN)
    assert "--port /dev/ttyS0" in caught.value.hint
    assert caught.value.exit_status == 2
