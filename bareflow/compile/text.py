"""Bitcode → the text that LLVM prints for it, made in a child process and kept by digest.

`python -m bareflow.compile.text` is that child: bitcode on stdin, text on stdout.
"""

from __future__ import annotations

import sys

from bareflow.compile.cover import load_llvm
from bareflow.compile.frontend import Bitcode
from bareflow.errors import CompileError
from bareflow.toolchain import cache_dir, keep, kept, run


def module_text(bitcode: Bitcode) -> str:
    """The module as text.

    Raises:
        CompileError: LLVM cannot read it.
    """
    stored = cache_dir() / "text" / f"{bitcode.digest}.ll"
    text = kept(stored)
    if text is None:
        command = [sys.executable, "-m", "bareflow.compile.text"]
        done = run(command, what=f"reading {bitcode.name}", error=CompileError, input=bitcode.data)
        text = keep(stored, done.stdout.encode(errors="surrogateescape"))
    return text.decode(errors="surrogateescape")


def main() -> int:
    """Read bitcode from stdin and print it."""
    llvm = load_llvm()  # 180 MB that only this child needs
    sys.stdout.write(str(llvm.parse_bitcode(sys.stdin.buffer.read())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
