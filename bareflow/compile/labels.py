"""Which functions' block addresses (computed goto) may leave them.

A body is compiled many times, and each has blocks at other addresses. That is nobody's concern while a function takes
an address out of its table and jumps there. But what it writes down (direct-threaded code) or hands out is used again
when another body may be running: such a function stays in the base, compiled once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bareflow.compile.irtext import BLOCK_ADDRESS, Function, ModuleText, bare, symbols_in

_INTERNAL = frozenset({"private", "internal"})
_DEFINED = re.compile(r"^\s*(%(?:\"[^\"]*\"|[-\w$.]+)) = (.*)$")
_VALUE = re.compile(r'%(?:"[^"]*"|[-\w$.]+)')
_STORE = re.compile(r"^\s*store (?:volatile )?(?P<value>.*), ptr (?P<to>%(?:\"[^\"]*\"|[-\w$.]+))(?:, |$)")
_COPY = re.compile(r"^\s*call void @llvm\.memcpy[\w.]*\(ptr [^%@(),]*(?P<to>%(?:\"[^\"]*\"|[-\w$.]+)), ")
_NEUTRAL = re.compile(r"^\s*(?:indirectbr |call void @llvm\.(?:lifetime|assume))")  # they end in a jump, or nowhere
_PASSING = re.compile(r"^(?:getelementptr|load|phi|select|add|sub|sext|zext|trunc|ptrtoint|inttoptr|bitcast|freeze)\b")


def block_addresses(module: ModuleText, suffix: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Who holds addresses of blocks.

    Args:
        module: with symbols renamed.
        suffix: of renamed symbols, which people need not see.

    Returns:
        Function → the tables of such addresses that it alone uses and only reads, constants from then on; and
        function → why it cannot leave the base.
    """
    owned: dict[str, list[str]] = {}
    kept: dict[str, str] = {}
    for one in module.globals.values():
        targets = set(BLOCK_ADDRESS.findall(one.initializer))
        if not targets:
            continue
        users = {name for name, function in module.functions.items() if any(one.name in line for line in function.body)}
        others = any(one.name in symbols_in(other.initializer) for other in module.globals.values())
        hidden = one.kind == "constant" or (one.linkage in _INTERNAL and one.name.endswith((suffix, f'{suffix}"')))
        if len(targets) == 1 and users <= targets and not others and hidden:
            owned.setdefault(targets.pop(), []).append(one.name)
        else:
            kept.update(
                (target, f"{bare(one.name).removesuffix(suffix)} holds addresses of its blocks") for target in targets
            )
    for name, function in module.functions.items():
        for target in {target for line in function.body for target in BLOCK_ADDRESS.findall(line)}:
            if target == name:
                owned.setdefault(name, [])
            else:
                kept[target] = f"{bare(name).removesuffix(suffix)} holds addresses of its blocks"
    for name, constants in owned.items():
        if name in module.functions and _escape(module.functions[name], constants):
            kept.setdefault(name, "addresses of its blocks may be used by a later call")
        else:  # a table that its function only reads is a constant, whether or not the source says so
            for one in (module.globals[constant] for constant in constants):
                one.kind = "constant"
    return owned, kept


def _escape(function: Function, constants: Iterable[str]) -> bool:
    """Whether an address of a block, or what was computed of one, goes anywhere but to a jump of this call."""
    sources = [f"blockaddress({function.name},", *constants]
    lines = [(line, _DEFINED.match(line)) for line in function.body]
    rooms = {found[1] for _, found in lines if found and found[2].startswith("alloca ")}
    tainted: set[str] = set()  # values made of addresses, and variables that hold them
    grown = True
    while grown:
        grown = False
        for line, found in lines:
            text = found[2] if found else line
            if not (tainted & set(_VALUE.findall(text)) or any(_mentions(text, source) for source in sources)):
                continue
            stored = _STORE.match(line) or _COPY.match(line)
            if found and _PASSING.match(text):
                target = found[1]
            elif stored and stored["to"] in rooms:
                target = stored["to"]
            elif _NEUTRAL.match(line):
                continue
            else:
                return True
            grown = grown or target not in tainted
            tainted.add(target)
    return False


def _mentions(text: str, source: str) -> bool:
    return source in text and (source.startswith("blockaddress(") or source in symbols_in(text))
