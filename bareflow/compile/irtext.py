"""Reads the text that LLVM prints for a module: one entity a line, functions from `define` to `}`.

LLVM's own printer is the only writer we read, so its form is relied upon: a global is one line, a name that
needs quotes has them, a string is escaped in hexadecimal and never holds a quote. Nothing here interprets instructions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bareflow.errors import CompileError

# A symbol, or a string to be stepped over (a symbol's own quotes are part of the first alternative).
TOKEN = re.compile(r'@(?:"[^"]*"|[-\w$.]+)|"[^"]*"')
METADATA = re.compile(r"!(\d+)\b")
ATTRIBUTES = re.compile(r"#(\d+)\b")
TYPE_NAME = re.compile(r'%(?:"[^"]*"|[-\w$.]+)')
_PLAIN = re.compile(r"[-a-zA-Z._][-\w.]*", re.ASCII)  # what LLVM prints without quotes
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2})")
BLOCK_ADDRESS = re.compile(r'blockaddress\((@(?:"[^"]*"|[-\w$.]+)),')
_DEBUG = re.compile(r",? !dbg !\d+")
_PREDECESSORS = re.compile(r"\s+; preds = .*$")
_LINKAGES = frozenset(
    {"private", "internal", "available_externally", "linkonce", "linkonce_odr", "weak", "weak_odr", "common"}
    | {"appending", "extern_weak", "external"}
)
_STYLES = frozenset(("dso_local", "dso_preemptable", "default", "hidden", "protected", "dllimport", "dllexport"))


@dataclass
class Global:
    """A global variable: `name = linkage … kind type initialiser, trailer`, each part as text."""

    name: str
    linkage: str
    prefix: str  # thread_local, unnamed_addr, addrspace …
    kind: str  # "global" or "constant"
    type: str
    initializer: str  # empty for a declaration
    align: str  # ", align N" or empty
    section: str  # ', section "…"' or empty

    def text(self, linkage: str, *, define: bool) -> str:
        """The line that defines or declares it with another linkage."""
        value = f" {self.initializer}" if define else ""
        words = [linkage, self.prefix, self.kind, self.type]
        section = self.section if define else ""
        return f"{self.name} = {' '.join(word for word in words if word)}{value}{section}{self.align}"


@dataclass
class Function:
    """A function: its `define` line in parts, and its body's lines."""

    name: str
    linkage: str
    returns: str  # calling convention, return attributes and type
    arguments: str  # with the parentheses
    address: str  # unnamed_addr and address space, or empty
    attributes: str  # "#N" or empty
    trailer: str  # section, alignment, personality, prefix data, profile
    line: str = ""  # as printed
    body: list[str] = field(default_factory=list)  # empty for a declaration

    def define(self, name: str, linkage: str, body: list[str]) -> str:
        """The definition under another name."""
        words = ["define", linkage, self.returns]
        head = " ".join(word for word in words if word) + f" {name}{self.arguments}"
        tail = " ".join(word for word in (self.address, self.attributes, self.trailer) if word)
        return "\n".join([f"{head} {tail} {{" if tail else f"{head} {{", *body, "}"])

    def declare(self, name: str, style: str = "dso_local") -> str:
        """A declaration under another name."""
        words = ["declare", style, self.returns]
        head = " ".join(word for word in words if word) + f" {name}{self.arguments}"
        return " ".join(word for word in (head, self.address, self.attributes) if word)


@dataclass
class ModuleText:
    """A module in pieces, each keyed by its name as printed (with its sigil)."""

    header: list[str] = field(default_factory=list)  # target lines
    assembly: list[str] = field(default_factory=list)  # module asm lines
    types: dict[str, str] = field(default_factory=dict)
    globals: dict[str, Global] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    declarations: dict[str, Function] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)  # name -> whole line, aliases and ifuncs
    attributes: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    named_metadata: dict[str, str] = field(default_factory=dict)


def symbols_in(text: str) -> list[str]:
    """Every symbol that the text names, in order, with its sigil; strings are stepped over."""
    return [token for token in TOKEN.findall(text) if token[0] == "@"]


def replace_symbols(text: str, replace: Callable[[str], str]) -> str:
    """The text with `replace(symbol)` in each symbol's place; strings stay."""
    return TOKEN.sub(lambda match: replace(match[0]) if match[0][0] == "@" else match[0], text)


def bare(symbol: str) -> str:
    """A symbol as the object file spells it: without sigil and quotes."""
    name = symbol[1:].strip('"')
    if "\\" not in name:
        return name
    return _ESCAPE.sub(lambda one: bytes.fromhex(one[1].decode()), name.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def quoted(name: str) -> str:
    """The sigil and the name, quoted and escaped as LLVM prints it."""
    if _PLAIN.fullmatch(name):
        return f"@{name}"
    letters = (chr(byte) if _shown(byte) else f"\\{byte:02X}" for byte in name.encode("utf-8", "surrogateescape"))
    return f'@"{"".join(letters)}"'


def _shown(byte: int) -> bool:
    return 0x20 <= byte < 0x7F and byte not in b'\\"'


_BRACKETS = re.compile(r'"[^"]*"|[][(){}<>]')


def balanced(text: str, start: int) -> int:
    """The index behind the bracket that closes the one at `start`; strings are stepped over.

    Raises:
        CompileError: when nothing closes it.
    """
    depth = 0
    for part in _BRACKETS.finditer(text, start):
        if part[0] in "([{<":
            depth += 1
        elif part[0] in ")]}>":
            depth -= 1
            if not depth:
                return part.end()
    raise CompileError(f"LLVM printed a line with an open bracket: {text[:120]}")


def _leading_words(text: str) -> tuple[str, str]:
    """Take linkage and visibility off the front: the linkage (or empty) and the rest."""
    linkage = ""
    while True:
        word, _, rest = text.partition(" ")
        if word in _LINKAGES:
            linkage = word
        elif word not in _STYLES:
            return linkage, text
        text = rest


def _type_end(text: str) -> int:
    """The index behind the type that `text` begins with."""
    if text[0] in "[{<":
        return balanced(text, 0)
    match = re.match(r'target\(|ptr addrspace\(|%"[^"]*"|[^\s,]+', text)
    assert match
    return balanced(text, match.end() - 1) if match[0].endswith("(") else match.end()


def _split_trailer(text: str) -> tuple[str, str, str]:
    """An initialiser and what follows it: (initialiser, section, alignment)."""
    at = 0
    while at < len(text) and text[at] != ",":
        if text[at] in "([{<":
            at = balanced(text, at)
        elif text[at] == '"':
            at = text.index('"', at + 1) + 1
        else:
            at += 1
    trailer = text[at:]
    section = re.search(r', section "[^"]*"', trailer)
    align = re.search(r", align \d+", trailer)
    return text[:at].strip(), section[0] if section else "", align[0] if align else ""


def _parse_global(name: str, text: str) -> Global:
    linkage, rest = _leading_words(text)
    match = re.match(r"(.*?)\b(global|constant) ", rest)
    if not match:
        raise CompileError(f"LLVM printed a global that we cannot read: {name} = {text[:80]}")
    after = rest[match.end() :]
    end = _type_end(after)
    initializer, section, align = _split_trailer(after[end:].lstrip(" "))
    return Global(name, linkage, match[1].strip(), match[2], after[:end], initializer, align, section)


def _parse_function(line: str) -> Function:
    _, _, text = line.partition(" ")
    linkage, rest = _leading_words(text.removesuffix("{").rstrip())
    symbol = TOKEN.search(rest)
    while symbol and symbol[0][0] != "@":
        symbol = TOKEN.search(rest, symbol.end())
    assert symbol, line
    end = balanced(rest, symbol.end())
    tail = re.sub(r" comdat(\(\$(\"[^\"]*\"|[-\w$.]+)\))?", "", _DEBUG.sub("", rest[end:]))
    attributes = ATTRIBUTES.search(tail)
    address = re.match(r" ((?:(?:local_)?unnamed_addr|addrspace\(\d+\)) ?)*", tail)
    spent = attributes.end() if attributes else (address.end() if address else 0)
    return Function(
        symbol[0],
        linkage,
        rest[: symbol.start()].strip(),
        rest[symbol.end() : end],
        address[0].strip() if address else "",
        attributes[0] if attributes else "",
        tail[spent:].strip(),
        line,
    )


def parse_module(text: str) -> ModuleText:
    """Cut a printed module into its pieces; debug information is left out.

    Raises:
        CompileError: for a line that LLVM's printer is not known to write.
    """
    module = ModuleText()
    function: Function | None = None
    for line in text.splitlines():
        if function is not None:
            if line == "}":
                function = None
            elif line and not line.lstrip().startswith(("#dbg_", ";")):
                function.body.append(_PREDECESSORS.sub("", _DEBUG.sub("", line)))
        elif line.startswith("define "):
            function = _parse_function(line)
            module.functions[function.name] = function
        elif line and not line.startswith((";", "source_filename", "$", "^")):
            _take_line(module, line)
    return module


def _take_line(module: ModuleText, line: str) -> None:
    """File one line that stands outside functions."""
    name, _, rest = line.partition(" = ")
    if line.startswith("declare "):
        declared = _parse_function(line)
        module.declarations[declared.name] = declared
    elif line.startswith("module asm"):
        module.assembly.append(line)
    elif line.startswith("target "):
        module.header.append(line)
    elif line.startswith("@"):
        if re.search(r"(^| )(alias|ifunc) ", rest.split("@")[0]):
            module.aliases[name] = rest
        else:
            module.globals[name] = _parse_global(name, rest)
    elif line.startswith("%"):
        module.types[name] = line
    elif line.startswith("attributes #"):
        module.attributes[name.removeprefix("attributes #")] = rest
    elif re.match(r"!\d+ = ", line):
        module.metadata[name[1:]] = rest
    elif line.startswith("!"):
        module.named_metadata[name] = rest
    else:
        raise CompileError(f"LLVM printed a line that we cannot read: {line[:120]}")


def split_list(text: str) -> list[str]:
    """Split at the commas that stand outside of brackets and strings."""
    parts, depth, start, quote = [], 0, 0, False
    for at, letter in enumerate(text):
        if letter == '"':
            quote = not quote
        elif quote:
            continue
        elif letter in "(<[{":
            depth += 1
        elif letter in ")>]}":
            depth -= 1
        elif letter == "," and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts
