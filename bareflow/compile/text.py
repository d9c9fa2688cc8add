"""Bitcode → the text that LLVM prints for it, made in a child process and kept by digest.

`python -m bareflow.compile.text` is that child: bitcode on stdin, text on stdout.
"""

from __future__ import annotations

import sys

from bareflow.compile.cover import load_llvm
from bareflow.compile.frontend import Bitcode
from bareflow.errors import CompileError
from bareflow.toolchain import cache_dir, run, write_atomic


def module_text(bitcode: Bitcode) -> str:
    """The module as text.

    Raises:
        CompileError: LLVM cannot read it.
    """
    stored = cache_dir() / "text" / f"{bitcode.digest}.ll"
    if not stored.exists():
        command = [sys.executable, "-m", "bareflow.compile.text"]
        done = run(command, what=f"reading {bitcode.name}", error=CompileError, input=bitcode.data)
        write_atomic(stored, done.stdout.encode(errors="surrogateescape"))
    return stored.read_text(errors="surrogateescape")


def main() -> int:
    """Read bitcode from stdin and print it."""
    llvm = load_llvm()  # 180 MB that only this child needs
    sys.stdout.write(str(llvm.parse_bitcode(sys.stdin.buffer.read())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
