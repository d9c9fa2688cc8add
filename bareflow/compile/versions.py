"""Versions of a function: copies of its code that run as long as fields, globals and call results hold certain values.

    plain     the code as it was
    version   the same, but behind every site (compile.sites) that has a value stands a comparison: if it holds, the
              constant is used from there on; if not, control goes to the same site of the next version, at last to
              plain, and does not come back during this call

The value is compared wherever the program reads it, so nothing is assumed about what may change memory meanwhile;
where LLVM proves that it cannot have changed, it drops the comparison or moves it out of the loop. That one version
can be left for another in the middle of a loop is had by keeping everything that lives longer than a block in memory
(LLVM's reg2mem) until the copies are made; the optimiser undoes that. compile.copies makes the copies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bareflow.compile.cfg import FunctionText, find_functions
from bareflow.compile.copies import MARK, ROUND, copies
from bareflow.compile.prof import Heat, profile_of
from bareflow.compile.sites import Site, find_sites
from bareflow.compile.specialise import MIN_SHARE, Nodes, literal
from bareflow.profile.values import ArgumentValues, FunctionProfile, Profile

STEADY = 0.999  # of the times that a site ran: a version is left when its value changes
MAX_PLACES = 6  # proposed in one function, those that are looked at most often
_FORBIDDEN = re.compile(
    r"\b(?:asm|invoke|callbr|indirectbr|blockaddress|musttail|resume)\b|@(?:_?setjmp|sigsetjmp|vfork|llvm\.va_start)\b"
)
_NAMED = re.compile(r'%("[^"]*"|[-\w$.]+)')
_LABEL = re.compile(r'^("[^"]*"|[-\w$.]+):')
Demote = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True, order=True)
class Version:
    """Values that a function's sites had.

    Args:
        function: its name.
        values: (site, value) in order; values zero-extended.
        words: what they are of, for people: "taps is 9".
        calls: how often the sites gave these values.
        total: how often they ran.
    """

    function: str
    values: tuple[tuple[int, int], ...]
    words: tuple[str, ...] = ()
    calls: int = 0
    total: int = 0

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.function} while {' and '.join(self.words)}"

    def __or__(self, other: Version) -> Version:
        """Both together."""
        if {*other.values} <= {*self.values}:
            return self
        if {*self.values} <= {*other.values}:
            return other
        values = tuple(sorted({*self.values, *other.values}))
        words = tuple(dict.fromkeys((*self.words, *other.words)))
        return Version(self.function, values, words, self.calls + other.calls, self.total + other.total)


def can_version(function: FunctionText, lines: Sequence[str]) -> bool:
    """Whether a function's code can be copied within it."""
    body = lines[function.first : function.last]
    twice = {line.split(" ")[1] for line in lines if line.startswith("attributes #") and "returns_twice" in line}
    return not any(_FORBIDDEN.search(line) or (twice and twice & {*line.split()}) for line in body)


def propose_versions(text: str, profile: Profile, digests: Mapping[str, str], heat: Heat) -> tuple[Version, ...]:
    """One version for each place that held one value, hottest function first.

    In a function that does little itself, such as `main`, only what calls return counts: sizes read from argv.
    """
    lines = text.splitlines()
    functions = find_functions(lines)
    found: list[Version] = []
    hot = heat.hottest(MIN_SHARE)
    callers = sorted({caller for (caller, callee) in heat.calls if callee in hot and caller not in hot})
    for name in (*hot, *callers):
        function, known = functions[name], profile_of(profile, name, digests)
        if known and known.sites and can_version(function, lines):
            found += _steady(name, find_sites(lines, function), known, calls_only=name not in hot)
    return tuple(found)


def _steady(name: str, sites: Sequence[Site], known: FunctionProfile, *, calls_only: bool) -> list[Version]:
    places: dict[str, list[tuple[Site, ArgumentValues]]] = {}
    for site in sites:
        seen = known.sites.get(site.number)
        if seen and seen.total and (site.place.startswith("call ") or not calls_only):
            places.setdefault(site.place, []).append((site, seen))
    found: list[Version] = []
    for here in places.values():
        values = {seen.dominant(STEADY) for _, seen in here}
        value = values.pop()
        if values or value is None:
            continue
        held = sum(seen.counts[value] for _, seen in here)
        words = f"{here[0][0].words} is {literal(here[0][0].type, value)}"
        total = sum(seen.total for _, seen in here)
        alike = sum(one.words[0].partition(" (place ")[0] == words for one in found)
        words += f" (place {alike + 1})" if alike else ""
        found.append(Version(name, tuple((site.number, value) for site, _ in here), (words,), held, total))
    return sorted(found, key=lambda one: (-one.total, one.values))[:MAX_PLACES]


def with_versions(text: str, versions: Sequence[Version], demote: Demote) -> str:
    """Put versions into a module, the code of each function's first one first.

    Args:
        text: with the instructions of the unoptimised module, whose numbers sites have.
        versions: of any functions; those of one function are tried in their order.
        demote: has LLVM keep what lives longer than a block in memory: (text, functions) → text.

    Raises:
        KeyError: for a function that the module does not define.
    """
    chains: dict[str, list[dict[int, int]]] = {}
    for version in versions:
        chains.setdefault(version.function, []).append(dict(version.values))
    marked = _mark(text, {name: {at for one in chain for at in one} for name, chain in chains.items()})
    lines = demote(marked, tuple(chains)).splitlines()
    functions, nodes = find_functions(lines), Nodes(lines)
    changed: dict[int, list[str]] = {}
    skips: list[str] = []
    for name, chain in chains.items():
        function = functions[name]
        changed[function.first], needed = copies(function, lines, chain, nodes)
        skips += needed
        changed |= {at: [] for at in range(function.first + 1, function.last + 1)}
    out = [new for at, line in enumerate(lines) for new in changed.get(at, [line])]
    declared = re.compile(rf"declare i\d+ @{re.escape(MARK)}\.")
    return "\n".join([line for line in out if not declared.match(line)] + _globals(skips) + nodes.added) + "\n"


def _globals(skips: list[str]) -> list[str]:
    return [*skips, f"@{ROUND} = internal global i8 0"] if skips else []


def _mark(text: str, wanted: Mapping[str, set[int]]) -> str:
    """Begin a block behind each wanted site, with a call that stands for its value."""
    lines = text.splitlines()
    functions = find_functions(lines)
    types: set[str] = set()
    for name, numbers in wanted.items():
        function = functions[name]
        sites = [site for site in find_sites(lines, function) if site.number in numbers]
        types |= {site.type for site in sites}
        ends = {site.line: site for site in sites}
        renamed = {site.value: f"%{MARK}.value.{site.number}" for site in sites}
        body = [_renamed(lines[at], renamed, at in ends) for at in range(function.first + 1, function.last)]
        labels = _last_pieces(function, lines, ends)
        body = [_with_incoming(line, labels) for line in body]
        for at, site in sorted(ends.items(), reverse=True):
            body[at - function.first : at - function.first] = [
                f"  br label %{MARK}.{site.number}",
                f"{MARK}.{site.number}:",
                f"  {renamed[site.value]} = call {site.type} {_call(site)}",
            ]
        lines[function.first + 1] = "\n".join(body)
        lines[function.first + 2 : function.last] = [""] * (function.last - function.first - 2)
    lines += [f"declare {kind} @{MARK}.{kind}({kind}, i32)" for kind in sorted(types)]
    return "\n".join(lines) + "\n"


def _call(site: Site) -> str:
    """The call that marks a site; its result is the site's value."""
    return f"@{MARK}.{site.type}({site.type} {site.value}, i32 {site.number})"


def _renamed(line: str, names: Mapping[str, str], defines: bool) -> str:
    """A line with other names of values; what it defines keeps its own."""
    head, sep, rest = line.partition(" = ") if defines else ("", "", line)
    return head + sep + _NAMED.sub(lambda found: names.get(found[0], found[0]), rest)


def _last_pieces(function: FunctionText, lines: Sequence[str], ends: Mapping[int, Site]) -> dict[str, str]:
    """For blocks that are cut: their label → that of their last piece, which phis now come from."""
    found: dict[str, str] = {}
    for block in function.blocks:
        cuts = [site for at, site in ends.items() if block.first <= at <= block.terminator.last]
        label = _LABEL.match(lines[block.first - 1])
        if cuts:
            own = label[1] if label and block.first - 1 > function.first else _unnamed(function)
            found[own] = f"{MARK}.{max(cuts, key=lambda site: site.line).number}"
    return found


def _unnamed(function: FunctionText) -> str:
    """The label of an entry that has none: the number behind those of the parameters."""
    return str(sum(parameter.name[1:].isdigit() for parameter in function.parameters))


def _with_incoming(line: str, labels: Mapping[str, str]) -> str:
    if not labels or " = phi " not in line:
        return line
    return re.sub(
        r', %("[^"]*"|[-\w$.]+) \]', lambda found: f", %{labels[found[1]]} ]" if found[1] in labels else found[0], line
    )
