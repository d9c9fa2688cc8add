"""Finds the serial port that a person means: by name, by VID:PID, or the only adapter that there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from serial.tools import list_ports

from bareflow.errors import WireError

AUTO = "auto"
ADAPTERS: dict[int, str] = {
    0x0403: "FTDI",
    0x10C4: "Silicon Labs CP210x",
    0x1A86: "WCH CH34x",
    0x067B: "Prolific PL2303",
    0x04D8: "Microchip MCP2200",
    0x2341: "Arduino",
    0x2E8A: "Raspberry Pi",
}
"""Vendors of USB serial adapters, by VID; any other USB serial port is taken where none of these is there."""
_ID = re.compile(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})")
_LIST = "`python -m serial.tools.list_ports -v` lists what is there."


def port_name(where: str, *, found: Callable[[], Iterable[Any]] = list_ports.comports) -> str:
    """The port that was meant.

    Args:
        where: a name as `open_port` takes it, which is returned as it is; "auto"; or VID:PID in hexadecimal.
        found: lists the machine's serial ports, as pyserial's `comports` does.

    Raises:
        WireError: none fits, or several do.
    """
    wanted = _ID.fullmatch(where)
    if where != AUTO and wanted is None:
        return where
    ports = [port for port in found() if port.vid is not None]
    if wanted is not None:
        ids = (int(wanted[1], 16), int(wanted[2], 16))
        fitting = [port for port in ports if (port.vid, port.pid) == ids]
        what = f"with {where}"
    else:
        fitting = [port for port in ports if port.vid in ADAPTERS] or ports
        what = "on USB"
    if not fitting:
        raise WireError(f"no serial port {what} is attached.", f"Name one: --port /dev/ttyS0, for instance. {_LIST}")
    if len(fitting) > 1:
        known = "; ".join(about(port) for port in sorted(fitting, key=lambda port: str(port.device)))
        raise WireError(f"{len(fitting)} serial ports {what} are attached: {known}.", "Name one with --port.")
    return str(fitting[0].device)


def about(port: Any) -> str:
    """A port in a few words: its device, its ids and what it says that it is."""
    vendor = ADAPTERS.get(port.vid, "")
    words = " ".join(word for word in (vendor, port.description or "") if word and word != "n/a")
    return f"{port.device} ({port.vid:04x}:{port.pid:04x}{', ' + words if words else ''})"
