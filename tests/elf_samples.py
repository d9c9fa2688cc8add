"""The beginning of an image that is an ELF with a PVH entry, made from the fields a test wants wrong."""

from __future__ import annotations

import struct

from bareflow.image.export import ELF_HEADER, PROGRAM_HEADER

NOTE = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", 0x100200)
CODE_AT, CODE_SIZE = 1024, 3000
CODE = b"\xf4" * CODE_SIZE
CLASS, MACHINE, ENTRY, PHOFF, PHENTSIZE, PHNUM = 0, 2, 4, 5, 9, 10


def head(note=NOTE, code_at=CODE_AT, code_size=CODE_SIZE, **fields):
    """A first megabyte that begins with an ELF: a note, code, and rubbish behind it."""
    ident = [b"\x7fELF\x02\x01\x01".ljust(16, b"\0"), 2, 62, 1, 0x100200, 64, 0, 0, 64, 56, 2, 0, 0, 0]
    for name, value in fields.items():
        ident[globals()[name]] = value
    data = bytearray(b"\xcc" * 8192)
    ELF_HEADER.pack_into(data, 0, *ident)
    note_at = 64 + 2 * PROGRAM_HEADER.size
    PROGRAM_HEADER.pack_into(data, 64, 4, 4, note_at, 0, 0, len(note), len(note), 4)
    PROGRAM_HEADER.pack_into(data, 64 + 56, 1, 7, code_at, 0x100000, 0x100000, code_size, 65536, 512)
    data[note_at : note_at + len(note)] = note
    data[CODE_AT : CODE_AT + len(CODE)] = CODE
    return bytes(data)
