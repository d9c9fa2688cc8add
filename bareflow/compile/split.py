"""Cuts a linked program into a base, which stays, and function bodies, which are compiled again and again.

    base    every global variable, once; function bodies only where they cannot leave (see `Split.kept`)
    body    one function as `NAME.body`; the others as declarations, or at O2 and O3 the ones it can reach by
            direct calls as `available_externally` bodies, so that LLVM may inline them; constants likewise

Every reference to a function means its stub, which carries the function's name: so pointers to it compare equal
at every tier. Direct calls to itself go to `NAME.self`, a second entry that counts but is never timed, and at O3
straight to its own body. Internal names get a suffix, because a static `read` must not replace libc's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bareflow.compile.irtext import (
    ATTRIBUTES,
    METADATA,
    TYPE_NAME,
    Function,
    Global,
    ModuleText,
    bare,
    parse_module,
    quoted,
    replace_symbols,
    symbols_in,
)
from bareflow.compile.labels import block_addresses

LOCAL_SUFFIX = ".local"
BODY_SUFFIX = ".body"
SELF_SUFFIX = ".self"
INLINE_TIERS = frozenset({"O2", "O3"})
INLINE_LINES = 2000  # most IR lines of other functions that one body's module carries
INLINE_DEPTH = 4  # direct calls away
FOLD_TEXT = 16384  # characters of an initialiser that a body's module still carries
# LLVM makes calls of these, but not in a function that has the very name; our interpreter's code calls some, too.
_IDIOMS = frozenset({"memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen", "wcslen", "calloc"})
_INTERNAL = frozenset({"private", "internal"})
_MODULE_METADATA = frozenset({"!llvm.module.flags", "!llvm.errno.tbaa"})
_CALLED = re.compile(r'(@(?:"[^"]*"|[-\w$.]+))\(')


@dataclass(frozen=True)
class SplitFunction:
    """A function that can be compiled alone.

    Args:
        name: as the source has it.
        symbol: its stub's symbol in the base.
        digest: 32 hexadecimal digits of its body, with constants, types and attributes by content.
        lines: of IR.
        calls: symbols of the program's functions that it calls directly.
        recursive: it calls itself directly.
    """

    name: str
    symbol: str
    digest: str
    lines: int
    calls: tuple[str, ...]
    recursive: bool

    @property
    def body(self) -> str:
        """The symbol of a compiled body in its object."""
        return self.symbol + BODY_SUFFIX

    @property
    def self_entry(self) -> str:
        """The symbol of the entry for its direct calls to itself."""
        return self.symbol + SELF_SUFFIX


@dataclass
class Split:
    """A program in pieces; `functions` by their stub's symbol, in the module's order.

    Args:
        module: the text in pieces, symbols renamed.
        functions: what can be compiled alone.
        kept: function's name → why its body must stay in the base.
        aliases: second symbol → symbol, for functions: the stubs' second names.
        owned: function (as printed) → constants that hold its block addresses and go where its body goes.
    """

    module: ModuleText
    functions: dict[str, SplitFunction]
    kept: dict[str, str]
    aliases: dict[str, str]
    owned: dict[str, list[str]]

    def base_text(self) -> str:
        """IR of the base module: every global and the kept bodies."""
        owned = {name for names in self.owned.values() for name in names}
        rest = [one for one in self.module.globals.values() if one.name not in owned]
        lines = [one.text(_base_linkage(one), define=bool(one.initializer)) for one in rest]
        lines += [f"{name} = {text}" for name, text in self.module.aliases.items() if bare(name) not in self.aliases]
        bodies = [one.define(one.name, "dso_local", one.body) for one in self._staying]
        return self._assemble(lines, bodies, assembly=True)

    @property
    def base_has_code(self) -> bool:
        """Whether the base module holds bodies and not only data."""
        return bool(self._staying)

    @property
    def _staying(self) -> list[Function]:
        return [one for one in self.module.functions.values() if bare(one.name) not in self.functions]

    def body_text(self, symbol: str, tier: str) -> str:
        """IR of one function's module for a tier.

        Args:
            symbol: its stub's symbol.
            tier: "O0" … "O3".

        Raises:
            KeyError: for a symbol that is not in `functions`.
        """
        function = self.module.functions[quoted(symbol)]
        inlined = self._reachable(self.functions[symbol]) if tier in INLINE_TIERS else []
        own = quoted(symbol + (BODY_SUFFIX if tier == "O3" else SELF_SUFFIX))
        bodies = [self._body(symbol, own)]
        for one in inlined:
            other = self.module.functions[quoted(one)]
            bodies.append(other.define(other.name, "available_externally dso_local", other.body))
        lines = self._globals_for(function.name, bodies, fold=tier in INLINE_TIERS)
        return self._assemble(lines, bodies)

    def bodies_text(self, symbols: Iterable[str]) -> str:
        """IR of one module with the bodies of several functions, as for a tier that inlines nothing."""
        bodies: list[str] = []
        lines: dict[str, None] = {}
        for symbol in symbols:
            bodies.append(self._body(symbol, quoted(symbol + SELF_SUFFIX)))
            lines |= dict.fromkeys(self._globals_for(quoted(symbol), bodies[-1:], fold=False))
        return self._assemble(list(lines), bodies)

    def _body(self, symbol: str, own: str) -> str:
        """A function's definition as its body; its direct calls of itself go to `own`."""
        function = self.module.functions[quoted(symbol)]
        body, name = redirect_calls(function.body, function.name, own), quoted(symbol + BODY_SUFFIX)
        if function.name in self.owned:
            body = [_with_blocks_of(name, function.name, line) for line in body]
        return function.define(name, "dso_local", body)

    def whole_text(self, most_lines: int | None = None) -> str:
        """IR of one module with every function that can leave, under its stub's name: for the interpreter.

        Args:
            most_lines: of a body; longer ones are only declared. None: there is no limit.
        """
        texts = []
        for symbol, facts in self.functions.items():
            if most_lines is not None and facts.lines > most_lines:
                continue
            one = self.module.functions[quoted(symbol)]
            body = redirect_calls(one.body, one.name, quoted(symbol + SELF_SUFFIX))
            texts.append(one.define(one.name, "dso_local", body))
        own = {name for names in self.owned.values() for name in names}
        lines = [_body_global(one, owned=one.name in own, fold=False) for one in self.module.globals.values()]
        return self._assemble([line for line in lines if not line.startswith("@llvm.")], texts)

    def _reachable(self, function: SplitFunction) -> list[str]:
        """Functions to offer to the inliner: breadth first along direct calls, within a budget of lines."""
        seen, room, ring = {function.symbol}, INLINE_LINES, [function]
        chosen: list[str] = []
        for _ in range(INLINE_DEPTH):
            fresh: list[SplitFunction] = []
            for callee in (self.functions.get(name) for one in ring for name in one.calls):
                if callee is None or callee.symbol in seen or not self._can_inline(callee):
                    continue
                seen.add(callee.symbol)
                if callee.lines <= room:
                    room -= callee.lines
                    chosen.append(callee.symbol)
                    fresh.append(callee)
            ring = fresh
        return chosen

    def _can_inline(self, function: SplitFunction) -> bool:
        return function.symbol not in self._address_taken_blocks and "noinline" not in self._attributes_of(function)

    @cached_property
    def _address_taken_blocks(self) -> set[str]:
        return {bare(name) for name in self.owned}

    def _attributes_of(self, function: SplitFunction) -> str:
        return self.module.attributes.get(self.module.functions[quoted(function.symbol)].attributes[1:], "")

    def _globals_for(self, owner: str, bodies: list[str], *, fold: bool) -> list[str]:
        """The globals that the bodies need: declared, folded where constant, or owned by the function."""
        own = self.owned.get(owner, [])
        lines: list[str] = []
        seen: set[str] = set()
        waiting = [name for body in bodies for name in symbols_in(body)]
        while waiting:
            name = waiting.pop()
            one = self.module.globals.get(name)
            if one is None or name in seen:
                continue
            seen.add(name)
            text = _body_global(one, owned=name in own, fold=fold)
            if name in own:
                text = _with_blocks_of(quoted(bare(owner) + BODY_SUFFIX), owner, text)
            lines.append(text)
            waiting += symbols_in(text)
        return sorted(lines)

    def _assemble(self, lines: list[str], bodies: list[str], *, assembly: bool = False) -> str:
        """A whole module around the given globals and bodies, with just what they refer to."""
        code = "\n".join([*lines, *bodies])
        declared = self._declarations(code, {line.partition(" = ")[0] for line in lines}, bodies)
        code = "\n".join([*lines, *declared, *bodies])
        groups = closure(ATTRIBUTES.findall(code), self.module.attributes, ATTRIBUTES)
        named = {name: text for name, text in self.module.named_metadata.items() if name in _MODULE_METADATA}
        tail = "\n".join([*groups.values(), *named.values()])
        metadata = closure(METADATA.findall(code + tail), self.module.metadata, METADATA)
        types = closure(TYPE_NAME.findall(code), self.module.types, TYPE_NAME)
        parts = [*self.module.header, *(self._assembly() if assembly else []), *types.values(), code]
        parts += [f"attributes #{name} = {text}" for name, text in groups.items()]
        parts += [f"{name} = {text}" for name, text in named.items()]
        parts += [f"!{name} = {text}" for name, text in metadata.items()]
        return "\n".join(parts) + "\n"

    def _assembly(self) -> list[str]:
        """Assembly outside of functions; what it defines for them is visible to bodies, which are other objects."""
        text, module = "\n".join(self.module.assembly), self.module
        wanted = [*module.declarations, *(name for name, one in module.globals.items() if not one.initializer)]
        labels = [bare(name) for name in wanted if re.search(rf'[\s"]{re.escape(bare(name))}:', text)]
        return [*module.assembly, *(f'module asm ".globl {name}"' for name in labels)]

    def _declarations(self, code: str, defined: set[str], bodies: list[str]) -> list[str]:
        defined |= {symbols_in(body.partition("\n")[0])[0] for body in bodies}
        lines: list[str] = []
        for name in dict.fromkeys(symbols_in(code)):
            if name in defined:
                continue
            lines += self._declaration(name)
        return lines

    def _declaration(self, name: str) -> list[str]:
        """What declares a symbol that a module only refers to; nothing for what LLVM knows by itself."""
        module = self.module
        if name in module.declarations:
            return [module.declarations[name].line]
        if name in module.globals:
            return [_body_global(module.globals[name], owned=False, fold=False)]
        if name in module.aliases:
            return [_declare_alias(name, module.aliases[name])]
        stem = quoted(bare(name).removesuffix(BODY_SUFFIX).removesuffix(SELF_SUFFIX))
        function = module.functions.get(name) or module.functions.get(stem)
        return [function.declare(name)] if function else []


def _base_linkage(one: Global) -> str:
    if one.initializer:
        return "appending" if one.linkage == "appending" else "dso_local"
    return one.linkage or "external"


def _body_global(one: Global, *, owned: bool, fold: bool) -> str:
    """A global as a body's module sees it."""
    if owned:
        return one.text("internal", define=True)
    if not one.initializer:
        return one.text(one.linkage or "external", define=False)
    small = len(one.initializer) <= FOLD_TEXT
    if fold and small and one.kind == "constant" and "blockaddress(" not in one.initializer:
        return one.text("available_externally dso_local", define=True)
    return one.text("external dso_local", define=False)


def _declare_alias(name: str, text: str) -> str:
    """A declaration for an alias or ifunc, from its own type."""
    kind = re.search(r"\b(?:alias|ifunc) (.*?), (?:ptr|getelementptr|addrspacecast|inttoptr)\b", text)
    assert kind, text
    returns, bracket, arguments = kind[1].partition(" (")
    if bracket:
        return f"declare dso_local {returns} {name}({arguments}"
    return f"{name} = external dso_local global {kind[1]}"


def closure(seeds: Iterable[str], table: dict[str, str], pattern: re.Pattern[str]) -> dict[str, str]:
    """The entries of `table` that the seeds reach through one another's text, in the table's order."""
    seen: set[str] = set()
    waiting = [name for name in seeds if name in table]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [other for other in pattern.findall(table[name]) if other in table]
    return {name: text for name, text in table.items() if name in seen}


def redirect_calls(body: list[str], name: str, target: str) -> list[str]:
    """The body with direct calls of `name` going to `target`; other uses of the name stay."""
    return [
        _CALLED.sub(lambda match: f"{target}(" if match[1] == name else match[0], line) if name in line else line
        for line in body
    ]


def _with_blocks_of(name: str, before: str, text: str) -> str:
    """A line that means blocks of the function `name` where it meant those of `before`."""
    return text.replace(f"blockaddress({before},", f"blockaddress({name},")


def split_module(text: str) -> Split:
    """Cut a module, as LLVM prints it, into base and bodies.

    Raises:
        CompileError: for text that LLVM's printer is not known to write.
    """
    module = parse_module(text)
    for name in ("@llvm.used", "@llvm.compiler.used"):  # nothing is internal any more, so nothing can be dropped
        module.globals.pop(name, None)
    originals = _rename_locals(module)
    _see_through_aliases(module)
    owned, kept = block_addresses(module, LOCAL_SUFFIX)
    for name, alias in module.aliases.items():
        if " ifunc " in f" {alias}":
            kept.update((symbol, f"it resolves {bare(name)}") for symbol in symbols_in(alias))
    kept.update((name, "the compiler makes calls of it") for name in module.functions if bare(name) in _IDIOMS)
    movable = {name: one for name, one in module.functions.items() if name not in kept}
    names = {name: originals.get(name, bare(name)) for name in module.functions}
    digests = _Digests(module)
    functions = {
        bare(name): SplitFunction(
            names[name],
            bare(name),
            digests.of(one),
            len(one.body),
            tuple(bare(callee) for callee in _direct_calls(one) if callee in movable and callee != name),
            name in _direct_calls(one),
        )
        for name, one in movable.items()
    }
    aliases = {bare(name): bare(target) for name, target in _function_aliases(module, movable)}
    reasons = {names[name]: why for name, why in kept.items() if name in names}
    return Split(module, functions, reasons, aliases, {name: own for name, own in owned.items() if name in movable})


def _direct_calls(function: Function) -> dict[str, None]:
    return dict.fromkeys(callee for line in function.body for callee in _CALLED.findall(line))


def _function_aliases(module: ModuleText, movable: dict[str, Function]) -> Iterable[tuple[str, str]]:
    """Aliases that name a movable function, directly or through another alias."""
    for name, text in module.aliases.items():
        target = symbols_in(text)[-1]
        while target in module.aliases:
            target = symbols_in(module.aliases[target])[-1]
        if target in movable:
            yield name, target


def _rename_locals(module: ModuleText) -> dict[str, str]:
    """Give internal symbols a name that no library has; returns new symbol → the source's name."""
    quotes = [*module.assembly, *(line for one in module.functions.values() for line in one.body if " asm " in line)]
    pinned = {
        "@" + word
        for line in quotes
        for text in re.findall(r'"([^"]*)"', line)
        for word in re.findall(r"[\w$.]+", text)
    }
    local = [name for name, one in module.globals.items() if one.linkage in _INTERNAL]
    inline = _INTERNAL | {"available_externally"}  # C's `inline`: ours to define, whether or not a library does
    local += [name for name, function in module.functions.items() if function.linkage in inline]
    local += [name for name, text in module.aliases.items() if text.split(" ", 1)[0] in _INTERNAL]
    local += [name for name in module.globals if name[1:].isdigit() and name not in local]
    fresh = {name: quoted(_local_name(name)) for name in local if name not in pinned}

    def rename(symbol: str) -> str:
        return fresh.get(symbol, symbol)

    for function in module.functions.values():
        function.name, function.trailer = rename(function.name), replace_symbols(function.trailer, rename)
        function.body = [replace_symbols(line, rename) if "@" in line else line for line in function.body]
    for one in module.globals.values():
        one.name, one.initializer = rename(one.name), replace_symbols(one.initializer, rename)
    module.functions = {one.name: one for one in module.functions.values()}
    module.globals = {one.name: one for one in module.globals.values()}
    module.aliases = {
        rename(name): replace_symbols(re.sub(r"^(private|internal) ", "", text), rename)
        for name, text in module.aliases.items()
    }
    return {new: bare(old) for old, new in fresh.items()}


_ALIASED = re.compile(r"\balias .*, ptr (@(?:\"[^\"]*\"|[-\w.$]+))(?:, partition .*)?$")


def _see_through_aliases(module: ModuleText) -> None:
    """Have code and data name what an alias stands for: LLVM takes two names that it sees declared for two objects."""
    targets = {name: match[1] for name, text in module.aliases.items() if (match := _ALIASED.search(text))}
    if not targets:
        return

    def resolve(symbol: str) -> str:
        while symbol in targets:
            symbol = targets[symbol]
        return symbol

    for function in module.functions.values():
        function.body = [replace_symbols(line, resolve) if "@" in line else line for line in function.body]
    for one in module.globals.values():
        one.initializer = replace_symbols(one.initializer, resolve)


def _local_name(symbol: str) -> str:
    name = bare(symbol)
    return (f"anonymous.{name}" if name.isdigit() else name) + LOCAL_SUFFIX


_LONG = 4096  # characters of a constant, from which on its digest stands for it


class _Digests:
    """Digests of functions that a change elsewhere in the program leaves alone."""

    def __init__(self, module: ModuleText) -> None:
        self.module = module
        self.metadata: dict[str, str] = {}
        self.long: dict[str, str] = {}

    def of(self, function: Function) -> str:
        """32 hexadecimal digits of the function's content."""
        text = function.define(function.name, "", function.body)
        types = closure(TYPE_NAME.findall(text), self.module.types, TYPE_NAME)
        text = replace_symbols(text, self._constant)
        text = ATTRIBUTES.sub(lambda match: self.module.attributes.get(match[1], match[0]), text)
        text = METADATA.sub(lambda match: self._node(match[1], 8), text)
        return hashlib.sha256("\n".join([*types.values(), text]).encode()).hexdigest()[:32]

    def _constant(self, symbol: str) -> str:
        one = self.module.globals.get(symbol)
        if one is None or one.kind != "constant" or not symbol.strip('"').endswith(LOCAL_SUFFIX):
            return symbol
        if len(one.initializer) > _LONG:  # a table that is named on many lines would stand there as often
            if symbol not in self.long:
                self.long[symbol] = hashlib.sha256(one.initializer.encode(errors="surrogateescape")).hexdigest()
            return f"@<{one.type} {self.long[symbol]}>"
        return f"@<{one.type} {one.initializer}>"

    def _node(self, name: str, depth: int) -> str:
        """A metadata node by content; what refers to itself is cut off."""
        if name in self.metadata:
            return self.metadata[name]
        text = self.module.metadata.get(name, "")
        if depth:
            self.metadata[name] = "!self"
            inner = METADATA.sub(lambda match: self._node(match[1], depth - 1), text)
            self.metadata[name] = "!" + hashlib.sha256(inner.encode()).hexdigest()[:12]
            return self.metadata[name]
        return text
