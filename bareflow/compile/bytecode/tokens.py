"""The words of LLVM's textual IR, and the parser of types, constants and arguments."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from bareflow.compile.bytecode import ir

_TOKEN = re.compile(
    r"""[%@](?:"[^"]*"|[-\w.$]+)      # names
      | \#\d+                          # attribute groups
      | ![\w.$-]*                      # metadata
      | c?"[^"]*"                      # strings
      | 0x[KLMHR]?[0-9A-Fa-f]+         # floats as bits
      | -?\d+\.\d+(?:e[+-]?\d+)?       # floats
      | \.\.\.
      | -?[\w.$]+                      # words and integers
      | [=,()\[\]{}<>*|:]
    """,
    re.VERBOSE,
)
_WORD_TYPES = {
    name: ir.Type(name)
    for name in (
        *("void", "ptr", "float", "double", "label", "metadata", "token", "opaque"),
        *("half", "bfloat", "fp128", "x86_fp80", "ppc_fp128", "x86_amx"),
    )
}
_NO_VALUE = {"null", "undef", "poison", "zeroinitializer", "none"}
_BITS = {"x86_fp80": "0xK", "fp128": "0xL", "half": "0xH", "bfloat": "0xR"}  # how literals of those types begin
_LOW = (1 << 64) - 1
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2})")


def tokenize(text: str) -> list[str]:
    """Split IR text into words; comments must already be gone."""
    return _TOKEN.findall(text)


def unquote(name: str) -> str:
    """The bare name of a %name or @name, quotes and escapes undone."""
    bare = name[1:]
    if bare.startswith('"'):
        data = _ESCAPE.sub(lambda m: bytes.fromhex(m[1].decode()), bare[1:-1].encode("utf-8", "surrogateescape"))
        bare = data.decode("utf-8", "surrogateescape")
    return bare


class Cursor:
    """Walks over tokens.

    Args:
        tokens: from `tokenize`.
        named: the module's named types.

    Raises:
        RefusedError: from any method, on syntax it does not know.
    """

    def __init__(self, tokens: list[str], named: Mapping[str, ir.Type]) -> None:
        self.tokens = [*tokens, ""]
        self.at = 0
        self.named = named

    @property
    def next(self) -> str:
        """The next word, "" at the end."""
        return self.tokens[self.at]

    def take(self) -> str:
        """Consume and return the next word."""
        word = self.tokens[self.at]
        if word:
            self.at += 1
        return word

    def accept(self, *wanted: str) -> str:
        """Consume the next word if it is one of those, and return it; else return ""."""
        word = self.tokens[self.at]
        if word in wanted:
            self.at += 1
            return word
        return ""

    def expect(self, wanted: str) -> None:
        """Consume that word."""
        if self.tokens[self.at] == wanted:
            self.at += 1
        else:
            near = " ".join(self.tokens[max(0, self.at - 4) : self.at + 4])
            raise ir.RefusedError(f"syntax: expected {wanted} near {near}")

    def skip_group(self) -> None:
        """Skip a parenthesised group, if one is next."""
        if self.next != "(":
            return
        depth = 0
        while True:
            word = self.take()
            depth += (word == "(") - (word == ")")
            if depth == 0 or not word:
                return

    def type(self) -> ir.Type:
        """Parse a type."""
        word = self.take()
        if word[0] == "i" and word[1:].isdigit():
            return ir.int_type(int(word[1:]))
        if word == "ptr" and self.next == "addrspace":
            raise ir.RefusedError("pointer to another address space")
        if word in _WORD_TYPES:
            return _WORD_TYPES[word]
        if word[0] == "%":
            return self.named.get(unquote(word), ir.Type("opaque"))
        if word == "{":
            return self._struct(packed=False)
        if word == "[":
            return self._sequence("array", "]")
        if word == "<":
            return self._struct(packed=True) if self.accept("{") else self._sequence("vector", ">")
        raise ir.RefusedError(f"type {word}")

    def _struct(self, *, packed: bool) -> ir.Type:
        members: list[ir.Type] = []
        while not self.accept("}"):
            members.append(self.type())
            self.accept(",")
        if packed:
            self.expect(">")
        return ir.Type("struct", members=tuple(members), packed=packed)

    def _sequence(self, kind: str, end: str) -> ir.Type:
        count = int(self.take())
        self.expect("x")
        element = self.type()
        self.expect(end)
        return ir.Type(kind, count=count, members=(element,))

    def typed(self) -> ir.Operand:
        """Parse a type and a value of it."""
        return self.value(self.type())

    def value(self, kind: ir.Type) -> ir.Operand:
        """Parse a value of that type."""
        word = self.next
        if word[:1] == "%":
            return ir.Local(kind, unquote(self.take()))
        if word[:1] == "@":
            return ir.Global(kind, unquote(self.take()))
        if word in _NO_VALUE:
            self.take()
            return zero(kind)
        if word in {"{", "[", "<"} or word[:2] == 'c"':
            return self._aggregate(kind)
        bits = _scalar_bits(kind, word)
        if bits is None:
            return self._expression(kind)
        self.take()
        return ir.Constant(kind, bits)

    def _aggregate(self, kind: ir.Type) -> ir.Operand:
        opening = self.take()
        if opening[0] == "c":
            return ir.Unsupported(kind, "constant string as an operand")
        if opening == "<" and kind.kind == "struct":
            self.expect("{")
        closing = {"{": "}", "[": "]", "<": "}" if kind.kind == "struct" else ">"}[opening]
        elements: list[ir.Operand] = []
        while not self.accept(closing):
            elements.append(self.typed())
            self.accept(",")
        if opening == "<" and kind.kind == "struct":
            self.expect(">")
        return ir.Aggregate(kind, tuple(elements))

    def _expression(self, kind: ir.Type) -> ir.Operand:
        op = self.take()
        while (flag := self.accept("inbounds", "nuw", "nsw", "nusw", "exact", "inrange")) != "":
            if flag == "inrange":
                self.skip_group()
        if op == "getelementptr":
            self.expect("(")
            source = self.type()
            self.expect(",")
            return ir.Expression(kind, op, self._operands(), source)
        if op in {"ptrtoint", "inttoptr", "bitcast", "trunc", "ptrtoaddr"}:
            self.expect("(")
            operand = self.typed()
            self.expect("to")
            self.type()
            self.expect(")")
            return ir.Expression(kind, op, (operand,))
        if op in {"add", "sub", "xor", "mul"}:
            self.expect("(")
            return ir.Expression(kind, op, self._operands())
        self.skip_group()
        return ir.Unsupported(kind, op or "missing operand")

    def _operands(self) -> tuple[ir.Operand, ...]:
        found = [self.typed()]
        while self.accept(","):
            found.append(self.typed())
        self.expect(")")
        return tuple(found)

    def attributes(self) -> tuple[set[str], ir.Type | None, int]:
        """Skip parameter or return attributes; return their words, byval's type and its alignment."""
        words: set[str] = set()
        byval: ir.Type | None = None
        align = 0
        while (word := self.next) and word[0] not in "%@,){[<" and word not in _WORD_TYPES:
            if word == "align":
                self.take()
                if self.accept("("):
                    align = int(self.take())
                    self.expect(")")
                else:
                    align = int(self.take())
            elif word == "byval":
                self.take()
                self.expect("(")
                byval = self.type()
                self.expect(")")
            elif word in _ATTRIBUTES or word[0] == '"':
                words.add(self.take())
                if self.accept("="):
                    self.take()
                self.skip_group()
            else:
                break
        return words, byval, align

    def argument(self, *, named: bool) -> ir.Argument:
        """Parse a parameter (its name may be missing) or an argument at a call."""
        kind = self.type()
        words, byval, align = self.attributes()
        if words & {"inreg", "nest", "swiftself", "inalloca", "preallocated"}:
            raise ir.RefusedError(f"parameter attribute {min(words)}")
        operand: ir.Operand | None = None
        word = ""
        if kind.kind == "metadata":
            word = self._metadata()
        elif self.next not in {",", ")"}:
            operand = self.value(kind)
        elif named:
            raise ir.RefusedError("syntax: argument without a value")
        return ir.Argument(kind, operand, "signext" in words, byval, align, "sret" in words, word)

    def _metadata(self) -> str:
        """Skip metadata; return it where it is a string."""
        found = ""
        while self.next not in {",", ")", ""}:
            word = self.take()
            found = word.strip('"') if word[0] == '"' else found
            self.skip_group()
        return found


_ATTRIBUTES = frozenset(
    [
        "allocalign",
        "allocptr",
        "captures",
        "dead_on_return",
        "dead_on_unwind",
        "dereferenceable",
        "dereferenceable_or_null",
        "elementtype",
        "immarg",
        "inalloca",
        "initializes",
        "inreg",
        "nest",
        "noalias",
        "nocapture",
        "noext",
        "nofpclass",
        "nofree",
        "nonnull",
        "noundef",
        "preallocated",
        "range",
        "readnone",
        "readonly",
        "returned",
        "signext",
        "sret",
        "swiftasync",
        "swifterror",
        "swiftself",
        "writable",
        "writeonly",
        "zeroext",
        "nsz",
        "ninf",
        "nnan",
        "arcp",
        "contract",
        "reassoc",
        "afn",
        "fast",
        "dso_local",
        "dso_local_equivalent",
        "inbounds",
        "nusw",
        "nuw",
    ]
)


def zero(kind: ir.Type) -> ir.Operand:
    """The zero of a type, element by element for aggregates; undefined values are read as it, too."""
    if kind.kind == "struct":
        return ir.Aggregate(kind, tuple(zero(member) for member in kind.members))
    if kind.kind in {"array", "vector"}:
        if kind.count > 64:
            return ir.Unsupported(kind, "large constant aggregate")
        return ir.Aggregate(kind, (zero(kind.members[0]),) * kind.count)
    return ir.Constant(kind, 0)


def _scalar_bits(kind: ir.Type, word: str) -> int | None:
    """The bits of a literal, None if it is not one."""
    if word in {"true", "false"}:
        return int(word == "true")
    if kind.kind == "int" and word.lstrip("-").isdigit():
        return int(word) & ((1 << kind.bits) - 1)
    if _BITS.get(kind.kind) == word[:3]:
        bits = int(word[3:], 16)  # of a long double: sign and exponent, then the significand
        return bits >> 64 | (bits & _LOW) << 64 if kind.kind == "fp128" else bits  # of fp128 the low half comes first
    if kind.kind in {"float", "double"} and word[0] in "-0123456789f":
        return float_bits(kind.kind, word)
    return None


def float_bits(kind: str, word: str) -> int:
    """The bits of a float constant. LLVM writes a float's hexadecimal as the double of the same value."""
    if word.startswith("0x"):
        value = struct.unpack("<d", struct.pack("<Q", int(word, 0)))[0]
    elif word.startswith("f0x"):
        return int(word[3:], 16)
    else:
        value = float(word)
    if kind == "double":
        return int(struct.unpack("<Q", struct.pack("<d", value))[0])
    if value != value:  # noqa: PLR0124 - the packing of a NaN would lose its payload
        return _narrow_nan(int(word, 0))
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def _narrow_nan(bits: int) -> int:
    return (bits >> 63) << 31 | 0xFF << 23 | (bits >> 29) & 0x7FFFFF
