"""A tiny relocatable object for tests of live linking, made by hand so that its every byte is known."""

from __future__ import annotations

import struct


def elf_object(kind=2, flags=6, name=b".text", function=b"f"):
    """One section of 16 bytes that is `function`, with one relocation against `evil_symbol`."""
    strings = b"\0" + function + b"\0evil_symbol\0"
    names = b"\0" + name + b"\0.rela\0.symtab\0.strtab\0"
    at = {word: names.index(word) for word in (name, b".rela", b".symtab", b".strtab")}
    symbol = struct.Struct("<IBBHQQ")
    symbols = (
        symbol.pack(0, 0, 0, 0, 0, 0)
        + symbol.pack(1, 0x12, 0, 1, 0, 16)
        + symbol.pack(2 + len(function), 0x10, 0, 0, 0, 0)
    )
    contents = [b"", bytes(16), struct.pack("<QQq", 4, 2 << 32 | kind, -4), symbols, strings, names]
    offsets, body = [], b""
    for content in contents:
        offsets.append(64 + len(body))
        body += content + bytes(-len(content) % 8)
    section = struct.Struct("<IIQQQQIIQQ")

    def head(number, label, kind_, flags_=0, link=0, info=0, entry=0):
        return section.pack(label, kind_, flags_, 0, offsets[number], len(contents[number]), link, info, 1, entry)

    heads = section.pack(*[0] * 10) + head(1, at[name], 1, flags) + head(2, at[b".rela"], 4, 0, 3, 1, 24)
    heads += head(3, at[b".symtab"], 2, 0, 4, 1, 24) + head(4, at[b".strtab"], 3) + head(5, at[b".strtab"], 3)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, 6, 5)
    return header + body + heads
