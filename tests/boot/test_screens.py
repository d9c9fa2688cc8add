"""What a machine without a serial port shows: UEFI's framebuffer, VGA text; and ACPI's own idea of the serial port."""

from __future__ import annotations

import asyncio
import os
import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.image.recipe import recipe_for_workload
from bareflow.machine import MachineSpec
from bareflow.machine import boot as boot_machine
from bareflow.machine.firmware import OVMF
from bareflow.toolchain import data_root

LINES = ["On the screen:", *("".join(map(chr, range(32 * i, 32 * i + 32))) for i in range(1, 4)), "the end"]
LINES[3] = LINES[3][:-1]  # 0x7f is no character
VGA_CELLS, VGA_COLUMNS, VGA_ROWS = 0xFFFF8000000B8000, 80, 25  # in the kernel's map of all memory
COM3 = 0x3E8


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    recipe = recipe_for_workload(data_root() / "tests/guests/screen/screen.c")
    out = tmp_path_factory.mktemp("screen") / "screen.img"
    build_image(replace(recipe, boot=frozenset({"bios", "uefi", "pvh"})), out)
    return out


def look(spec, look_at):
    """Boot, call `look_at(monitor)` when everything is printed, then let the workload end; the run's result."""
    stdin, writer = map(os.fdopen, os.pipe(), ("rb", "wb"))
    seen = bytearray()

    async def run():
        printed = asyncio.Event()

        def on_text(data):
            seen.extend(data)
            if b"the end\n" in seen:
                printed.set()

        async def attend(machine):
            await printed.wait()
            await look_at(machine.monitor)
            writer.write(b"\n")
            writer.close()

        return await boot_machine(spec, on_text=on_text, attend=attend, stdin=stdin)

    with stdin, writer:
        return asyncio.run(run())


def glyphs():
    """Each character's eight bytes a row, as kernel/font.h has them, by character."""
    rows = re.findall(r"^    \{(.*?)\}", (data_root() / "kernel/font.h").read_text(), re.MULTILINE)
    columns = [[int(number, 16) for number in row.split(",")] for row in rows]
    return {
        tuple(sum((column >> y & 1) << x for x, column in enumerate(glyph)) for y in range(8)): chr(32 + i)
        for i, glyph in enumerate(columns)
    }


def read_picture(path):
    """The text in a picture of the screen (PPM), its rows' ends cut; an unknown character is a `�`."""
    _, size, _, pixels = path.read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    known = glyphs()

    def character(column, row):
        lit = (
            (pixels[3 * ((row * 16 + 2 * y) * width + column * 8 + 1 + x)] > 0) << x for y in range(8) for x in range(5)
        )
        bits = list(lit)
        return known.get(tuple(sum(bits[5 * y : 5 * y + 5]) for y in range(8)), "�")

    return ["".join(character(x, y) for x in range(width // 8)).rstrip() for y in range(height // 16)]


@pytest.mark.skipif(not any(Path(path).is_file() for path in OVMF), reason="no OVMF is installed")
def test_the_console_is_on_the_framebuffer(image, tmp_path):
    picture = tmp_path / "screen.ppm"
    spec = MachineSpec(image, accel="tcg", firmware="uefi", machine="q35", extra=("-device", "VGA"), timeout_s=60)
    result = look(spec, lambda monitor: monitor.execute("screendump", filename=str(picture)))
    assert result.verdict == "exited", result.explain()
    assert read_picture(picture)[: len(LINES)] == LINES


def test_the_console_is_on_the_vga_screen(image):
    cells = []

    async def read(monitor):
        cells.extend(await monitor.words(VGA_CELLS, VGA_COLUMNS * VGA_ROWS * 2 // 8))

    spec = MachineSpec(image, accel="tcg", extra=("-device", "VGA"), timeout_s=60)
    result = look(spec, read)
    assert result.verdict == "exited", result.explain()
    text = struct.pack(f"<{len(cells)}Q", *cells)[::2].decode("cp437")
    rows = [text[at : at + VGA_COLUMNS].rstrip() for at in range(0, len(text), VGA_COLUMNS)]
    assert "\n".join(LINES) in "\n".join(rows)


def spcr(port):
    """ACPI's serial port console redirection table, without its header's checksum: QEMU makes that."""
    return bytes(4) + struct.pack("<BBBBQ", 1, 8, 0, 1, port) + bytes(28)


def dbg2(port, subtype):
    """ACPI's debug port table with two devices, likewise: a USB one, and a UART."""
    registers = struct.pack("<BBBBQ", 1, 8, 0, 1, port)
    sizes = struct.pack("<I", 8)

    def device(kind, subtype):
        head = struct.pack("<BHBHHHHHHHHH", 1, 40, 1, 2, 38, 0, 0, kind, subtype, 0, 22, 34)
        return head + registers + sizes + b".\0"

    return struct.pack("<II", 44, 2) + device(0x8002, 0) + device(0x8000, subtype)


@pytest.mark.parametrize(("table", "data"), [("SPCR", spcr(COM3)), ("DBG2", dbg2(COM3, 0)), ("DBG2", dbg2(COM3, 0x12))])
def test_the_console_is_where_acpi_has_it(image, boot, tmp_path, table, data):
    (tmp_path / "table").write_bytes(data)
    third = f"isa-serial,chardev=com3,index=2,iobase={COM3:#x}"
    table = ("-acpitable", f"sig={table},data={tmp_path / 'table'}")
    port = ("-chardev", f"file,id=com3,path={tmp_path / 'text'}", "-device", third)
    result = boot(image, firmware="pvh", extra=(*table, *port), args=("screen", "at once"))
    assert (tmp_path / "text").read_bytes().endswith("\n".join([*LINES, ""]).encode()), result.explain()
    assert b"the end" not in result.transcript


@pytest.mark.parametrize(
    ("table", "data"),
    [
        ("SPCR", spcr(COM3)[:12]),  # cut short
        ("SPCR", spcr(1 << 32)),  # no I/O port
        ("DBG2", dbg2(COM3, 3)),  # no 16550
        ("DBG2", dbg2(COM3, 0)[:60]),
        ("DBG2", struct.pack("<II", 0xFFFFFFF0, 7)),
    ],
)
def test_a_table_that_names_no_uart_changes_nothing(image, boot, tmp_path, table, data):
    (tmp_path / "table").write_bytes(data)
    extra = ("-acpitable", f"sig={table},data={tmp_path / 'table'}")
    result = boot(image, firmware="pvh", extra=extra, args=("screen", "at once"))
    assert b"the end" in result.transcript, result.explain()
