"""Every binary format of the project, declared once; `ALL` lists them for the generators."""

from __future__ import annotations

from bareflow.layouts.boot import BOOT
from bareflow.layouts.bytecode import BYTECODE
from bareflow.layouts.growth import GROWTH
from bareflow.layouts.memmap import MEMMAP
from bareflow.layouts.opcodes import OPCODES
from bareflow.layouts.profile import PROFILE
from bareflow.layouts.snapshot import SNAPSHOT
from bareflow.layouts.verdict import VERDICT
from bareflow.layouts.wire import WIRE

ALL = (MEMMAP, VERDICT, BOOT, SNAPSHOT, WIRE, BYTECODE, OPCODES, GROWTH, PROFILE)
