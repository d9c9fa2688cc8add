"""What may be done differently to the same program, and the edits that do it: candidates for trials.

Some choices are options of the optimiser and hold for a whole module; others are attributes of functions
(vector width, CPU features, fused multiply-add), so that one module may mix them. None of them changes what a program
means: floating-point sums are never reordered, and a fused operation is only ever split, never made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bareflow.compile import ir
from bareflow.compile.cfg import FunctionText, find_functions
from bareflow.compile.cpu import Target, closure
from bareflow.compile.irtext import ATTRIBUTES
from bareflow.compile.prof import next_node
from bareflow.compile.specialise import Clone
from bareflow.compile.tiers import DEFAULT_OPTIONS, Options
from bareflow.compile.versions import Version

_VECTOR_ARGUMENT = re.compile(r"^(?:define|declare) .*<\d+ x ", re.MULTILINE)
_GROUP_FEATURES = re.compile(r' "target-features"="([^"]*)"')
_LOOP = re.compile(r"!llvm\.loop (!\d+)")
BASELINE_KEPT = frozenset({"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cx16", "sahf"})  # x86-64-v2


@dataclass(frozen=True)
class Tuning:
    """How one function is compiled, against the others of its module.

    Args:
        contract: let `a * b + c` be one fused operation where the source allows it.
        width: bits of vectors that are preferred; None: the CPU's own preference.
        features: CPU features switched on or off, "-avx".
        schedule: LLVM's name of the CPU whose timing code is scheduled for; None: the target's.
        unroll: iterations of innermost loops that are made one; None: what LLVM thinks best.
    """

    contract: bool = True
    width: int | None = None
    features: tuple[str, ...] = ()
    schedule: str | None = None
    unroll: int | None = None

    def __or__(self, other: Tuning) -> Tuning:
        """Both; where they disagree the other."""
        features = tuple(f for f in self.features if f[1:] not in {o[1:] for o in other.features})
        width = other.width if other.width is not None else self.width
        schedule, unroll = other.schedule or self.schedule, other.unroll or self.unroll
        return Tuning(self.contract and other.contract, width, (*features, *other.features), schedule, unroll)


PLAIN_TUNING = Tuning()
# By call affinity at the start of the code, the same behind the start-up code, as the linker finds them, or as clang
# lays them out, in one section.
PLACES = ("first", "behind _start", "in the source's order", "in one piece")


@dataclass(frozen=True)
class Choice:
    """One way to compile a program; the empty one is plain O3.

    Args:
        weights: use the profile's branch weights and entry counts.
        clones: guarded copies, in the order of their guards within a function.
        options: of the optimiser, for the whole module.
        tuning: of every function.
        functions: tuning of single functions, on top of that.
        place: of PLACES: the same code 64 bytes further on can be a third slower or faster.
        versions: of functions, for values of fields, globals and call results.
        inline_all: inline functions too that the source wants kept apart.
        ahead: compiled by clang ahead of time, source by source; all else is left as it is.
        library: functions of the C library are compiled with the program (compile.libcode).
        direct: calls through pointers are compared with the functions that they mostly reach (compile.indirect).
        recursion: levels of copies that hot functions which call themselves have of their bodies (compile.recursion).
    """

    weights: bool = False
    clones: tuple[Clone, ...] = ()
    options: Options = DEFAULT_OPTIONS
    tuning: Tuning = PLAIN_TUNING
    functions: Mapping[str, Tuning] = field(default_factory=dict)
    place: str = "first"
    versions: tuple[Version, ...] = ()
    inline_all: bool = False
    ahead: bool = False
    library: bool = False
    recursion: int = 0
    direct: bool = False

    def describe(self) -> tuple[str, ...]:
        """What differs from plain O3, in words."""
        said = ["as clang compiles it ahead of time"] if self.ahead else []
        said += ["the C library compiled with it"] if self.library else []
        said += ["profile weights"] if self.weights else []
        said += ["calls through pointers compared with what they mostly reach"] if self.direct else []
        said += [f"recursion unrolled {self.recursion} deep"] if self.recursion else []
        said += [f"{clone.function}: {_values(clone)}" for clone in self.clones]
        said += [f"{one.function}: a version while {' and '.join(one.words)}" for one in self.versions]
        said += ["noinline of the source ignored"] if self.inline_all else []
        said += _describe_tuning(self.tuning, "")
        for name, tuning in sorted(self.functions.items()):
            said += _describe_tuning(tuning, f"{name}: ")
        plain = DEFAULT_OPTIONS
        said += ["no vectors of straight-line code"] if self.options.slp != plain.slp else []
        said += ["no vectors of loops"] if self.options.vectorize != plain.vectorize else []
        said += ["no unrolling"] if self.options.unroll != plain.unroll else []
        said += [f"optimised as at O{self.options.opt}"] if self.options.opt is not None else []
        if self.options.inline_threshold is not None:
            said.append(f"inlining up to {self.options.inline_threshold}")
        said += [f"placed {self.place}"] if self.place != PLACES[0] else []
        return (*said, *self.options.llvm)


def _values(clone: Clone) -> str:
    return "a copy where " + " and ".join(f"argument {argument} is {value}" for argument, value in clone.values)


def _describe_tuning(tuning: Tuning, where: str) -> list[str]:
    said = [] if tuning.contract else ["no fused multiply-add"]
    said += [f"vectors of {tuning.width} bits"] if tuning.width else []
    said += ["as for x86-64-v2"] if "-avx" in tuning.features else list(tuning.features)
    said += [f"scheduled for {tuning.schedule}"] if tuning.schedule else []
    said += [f"innermost loops unrolled by {tuning.unroll}"] if tuning.unroll else []
    return [where + one for one in said]


PLAIN = Choice()
AHEAD = Choice(ahead=True)


def baseline_features(target: Target) -> tuple[str, ...]:
    """Switches that take a target down to x86-64-v2."""
    above = closure(target.enabled) - closure(BASELINE_KEPT)
    return tuple(f"-{name}" for name in sorted(above & target.enabled))


Change = Callable[[Choice], Choice]


@dataclass(frozen=True)
class Candidate:
    """A change to try.

    Args:
        name: for people.
        change: applies it to a choice.
        kind: candidates of one kind exclude each other, once one is taken.
    """

    name: str
    change: Change
    kind: str


# The numbers that profiles know tunings by: what is added comes last.
NUMBERED = (
    "no fused multiply-add",
    "scheduled for no CPU in particular",
    "512-bit vectors",
    "256-bit vectors",
    "128-bit vectors",
    "unrolling by four",
    "no gather",
    "x86-64-v2",
)


def tunings(text: str, target: Target) -> dict[str, Tuning]:
    """The tunings that make sense for a module on a target, by name."""
    found: dict[str, Tuning] = {}
    if "@llvm.fmuladd." in text and "fma" in target.enabled:
        found["no fused multiply-add"] = Tuning(contract=False)
    if target.cpu not in ("generic", "x86-64") and not target.cpu.startswith("x86-64-v"):
        found["scheduled for no CPU in particular"] = Tuning(schedule="generic")
    if "avx512f" in target.enabled:
        found["512-bit vectors"] = Tuning(width=512)
    if "avx2" in target.enabled:
        found["256-bit vectors"] = Tuning(width=256)
        found["128-bit vectors"] = Tuning(width=128)
    if "!llvm.loop " in text:
        found["unrolling by four"] = Tuning(unroll=4)
    if "avx2" in target.enabled:
        found["no gather"] = Tuning(features=("+prefer-no-gather", "+prefer-no-scatter"))
    if "avx" in target.enabled and not _VECTOR_ARGUMENT.search(text) and not ir.uses_intrinsics(text):
        found["x86-64-v2"] = Tuning(contract=False, features=baseline_features(target))
    return found


_JAM = ("-enable-unroll-and-jam", "-allow-unroll-and-jam")
_IN_ORDER = "-hints-allow-reordering=false"  # a width that is asked for lets LLVM reorder sums otherwise


def module_options() -> dict[str, tuple[str, Callable[[Options], Options]]]:
    """Options of the optimiser worth trying: name → (kind, change)."""
    return {
        "no vectors of straight-line code": ("slp", lambda o: replace(o, slp=False)),
        "conditional moves kept": ("cmov", _llvm("-x86-cmov-converter=false")),
        "outer loops unrolled and jammed": ("jam", _llvm(*_JAM)),
        "outer loops unrolled by four and jammed": ("jam", _llvm(*_JAM, "-unroll-and-jam-count=4")),
        "more unrolling": ("unroll", _llvm("-unroll-threshold=1200")),
        "no unrolling": ("unroll", lambda o: replace(o, unroll=False)),
        "all loops unrolled by eight": ("unroll", _llvm("-unroll-count=8")),
        "all loops unrolled by two": ("unroll", _llvm("-unroll-count=2")),
        "loops not rotated": ("rotation", _llvm("-rotation-max-header-size=0")),
        "no vectors of loops": ("vectorize", lambda o: replace(o, vectorize=False)),
        "aligned blocks": ("align", _llvm("-align-all-nofallthru-blocks=5")),
        "no strength reduction of loops": ("lsr", _llvm("-disable-lsr")),
        "optimised as at O1": ("level", lambda o: replace(o, opt=1)),
        "loops cleaned up behind vectors": ("vector passes", _llvm("-extra-vectorizer-passes")),
        "vectors of four elements": ("elements", _llvm("-force-vector-width=4", _IN_ORDER)),
        "vectors of eight elements": ("elements", _llvm("-force-vector-width=8", _IN_ORDER)),
        "cold code apart": ("cold", _llvm("-hot-cold-split")),
        "sums of loops in vectors, in their order": ("ordered", _llvm("-force-ordered-reductions=true")),
        "inlining up to 1000": ("inline", lambda o: replace(o, inline_threshold=1000)),
        "inlining up to 25": ("inline", lambda o: replace(o, inline_threshold=25)),
        "functions at cache lines": ("functions", _llvm("-align-all-functions=6")),
        "innermost loops at 32 bytes": ("align", _llvm("-x86-experimental-pref-innermost-loop-alignment=5")),
        "no jump tables": ("jump tables", _llvm("-min-jump-table-entries=100")),
        "tails of blocks doubled": ("tails", _llvm("-tail-dup-size=20", "-tail-dup-placement-threshold=10")),
        "conditional moves made branches": ("cmov", _llvm("-x86-cmov-converter-force-all")),
        "branches made selects": (
            "selects",
            _llvm("-phi-node-folding-threshold=8", "-two-entry-phi-node-folding-threshold=16"),
        ),
        "one vector at a time": ("interleave", _llvm("-force-vector-interleave=1")),
        "last iterations in vectors": (
            "vectorize",
            _llvm("-prefer-predicate-over-epilogue=predicate-else-scalar-epilogue"),
        ),
        "instructions in their order": ("order", _llvm("-enable-misched=false")),
        "instructions ordered once more": ("order", _llvm("-misched-postra")),
        "blocks in their order": ("blocks", _llvm("-disable-block-placement")),
        "instructions chosen to overlap": ("selection", _llvm("-pre-RA-sched=list-ilp")),
        "two vectors at a time": ("interleave", _llvm("-force-vector-interleave=2")),
        "blocks placed by jumps": ("blocks", _llvm("-enable-ext-tsp-block-placement")),
        "jumps threaded through more": ("jumps", _llvm("-jump-threading-threshold=20")),
    }


def _llvm(*given: str) -> Callable[[Options], Options]:
    return lambda options: replace(options, llvm=(*options.llvm, *given))


def with_tuning(text: str, everywhere: Tuning, functions: Mapping[str, Tuning]) -> str:
    """Give functions attributes and instructions that do what the tunings say."""
    if everywhere == PLAIN_TUNING and not functions:
        return text
    lines = text.splitlines()
    groups = {line.split(" ")[1]: line for line in lines if line.startswith("attributes #")}
    free = max((int(number[1:]) for number in groups), default=-1) + 1
    made: dict[tuple[str, str], str] = {}
    for name, function in find_functions(lines).items():
        tuning = everywhere | functions.get(name, PLAIN_TUNING)
        if tuning == PLAIN_TUNING:
            continue
        old = ATTRIBUTES.search(function.tail)
        body = groups[old[0]].partition(" = { ")[2].removesuffix(" }") if old else ""
        key = (old[0] if old else "", repr(tuning))
        if key not in made:
            made[key] = f"#{free}"
            free += 1
            lines.append(f"attributes {made[key]} = {{ {_attributes(body, tuning)} }}")
        lines[function.first] = _with_group(lines[function.first], old[0] if old else None, made[key])
        if tuning.unroll:
            _unroll(lines, function, tuning.unroll)
        if not tuning.contract:
            span = "\n".join(lines[function.first + 1 : function.last])
            split = ir.split_fmuladd(span).split("\n")
            lines[function.first + 1] = "\n".join(split)
            lines[function.first + 2 : function.last] = [""] * (function.last - function.first - 2)
    return "\n".join(lines) + "\n"


def _unroll(lines: list[str], function: FunctionText, count: int) -> None:
    """Have the innermost loops of a function unrolled, by what their latches say."""
    for latch, header in function.back_edges:
        inner = any(header < h <= from_ < latch for from_, h in function.back_edges)
        found = _LOOP.search(lines[function.blocks[latch].terminator.last])
        if inner or not found:
            continue
        for at in range(len(lines) - 1, -1, -1):
            if lines[at].startswith(f"{found[1]} = distinct !{{") and "unroll" not in lines[at]:
                node = next_node("\n".join(lines))
                lines[at] = f"{lines[at].removesuffix('}')}, !{node}}}"
                lines.append(f'!{node} = !{{!"llvm.loop.unroll.count", i32 {count}}}')
                break


def _attributes(body: str, tuning: Tuning) -> str:
    own = _GROUP_FEATURES.search(f" {body}")
    listed = [*(own[1].split(",") if own and own[1] else ()), *tuning.features]
    rest = _GROUP_FEATURES.sub("", f" {body}").strip()
    added = [f'"target-features"="{",".join(listed)}"'] if listed else []
    added += [f'"prefer-vector-width"="{tuning.width}"'] if tuning.width else []
    added += [f'"tune-cpu"="{tuning.schedule}"'] if tuning.schedule else []
    return " ".join([rest, *added]).strip()


def _with_group(line: str, old: str | None, new: str) -> str:
    if old:
        head, _, tail = line.rpartition(f" {old} ")
        return f"{head} {new} {tail}"
    at = re.search(r"(?: (?:section|align|comdat|gc|personality|prefix|!\w)[^{]*)? \{$", line)
    assert at
    return f"{line[: at.start()]} {new}{line[at.start() :]}"


def has_features(choice: Choice) -> bool:
    """Whether some function gets CPU features of its own, so that the compiler must add the target's."""
    return bool(choice.tuning.features) or any(one.features for one in choice.functions.values())


def missed(choice: Choice, function: str) -> Choice:
    """The same, but one function's clones and versions are for values that it does not have."""
    clones = tuple(
        replace(one, values=_others(one.values)) if one.function == function else one for one in choice.clones
    )
    versions = tuple(
        replace(one, values=_others(one.values)) if one.function == function else one for one in choice.versions
    )
    return replace(choice, clones=clones, versions=versions)


def _others(values: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Neighbours of values, that every integer type has room for."""
    return tuple((at, value ^ 1) for at, value in values)


def clone_sets(clones: Sequence[Clone]) -> dict[str, tuple[Clone, ...]]:
    """Clones by function, in order."""
    names: Iterable[str] = dict.fromkeys(clone.function for clone in clones)
    return {name: tuple(clone for clone in clones if clone.function == name) for name in names}
