"""Functions that a program calls by name and nobody defines, where optimising removes every such call.

`if (HAVE_ARC4 && …) read_arc4();` links at -O1, where the condition is known, and not at -O0. A growing program starts
below -O1, so that it gets stubs for these: whoever does reach one is stopped with its name.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from bareflow.compile.cpu import Target
from bareflow.compile.frontend import Bitcode
from bareflow.compile.libc import libc_symbols
from bareflow.compile.pool import CompilePool
from bareflow.compile.tiers import compile_object

_WORDS = "bareflow: {} was called, and no source defines it\n"
_WRITE, _STDERR = 1, 2


def absent_functions(bitcode: Bitcode, target: Target, pool: CompilePool) -> tuple[str, ...]:
    """Names that only code without optimisation refers to; what is missing at any tier stays the linker's to refuse.

    Raises:
        CompileError: the program does not compile.
    """
    unknown = sorted(set(bitcode.undefined) - libc_symbols())
    if not unknown:
        return ()
    optimised = _symbols(compile_object(bitcode, tier="O1", target=target, keep=("main",), pool=pool).data)
    return tuple(name for name in unknown if name not in optimised)


def _symbols(elf: bytes) -> set[str]:
    """What an object still needs, and what it defines: assembly outside of functions may be where a function is."""
    table = ELFFile(io.BytesIO(elf)).get_section_by_name(".symtab")
    return {symbol.name for symbol in table.iter_symbols()} if isinstance(table, SymbolTableSection) else set()


def stubs(names: Iterable[str]) -> str:
    """Assembly that defines these functions: each says its name on standard error and traps."""
    text = ['.section .note.GNU-stack,"",@progbits', ".text"]
    for number, name in enumerate(sorted(names)):
        words = _WORDS.format(name).encode()
        listed = ", ".join(str(byte) for (byte,) in struct.iter_unpack("B", words))
        text += [
            f'.globl "{name}"',
            f'.type "{name}", @function',
            f'"{name}":',
            f"    movl ${_WRITE}, %eax",
            f"    movl ${_STDERR}, %edi",
            f"    leaq .Labsent{number}(%rip), %rsi",
            f"    movl ${len(words)}, %edx",
            "    syscall",
            "    ud2",
            f".Labsent{number}: .byte {listed}",
        ]
    return "\n".join(text) + "\n"
