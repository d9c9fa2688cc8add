"""Writes seeded random C functions for the differential test; none has undefined behaviour under -fwrapv."""

from __future__ import annotations

import random

INTS = ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64")
FLOATS = ("float", "double")
BITS = {"s8": 8, "u8": 8, "s16": 16, "u16": 16, "s32": 32, "u32": 32, "s64": 64, "u64": 64}


class Generator:
    """One function after another; later ones may call earlier ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  the same program for the same seed
        self.lines: list[str] = []
        self.made: list[tuple[str, str, list[str]]] = []
        self.structs: list[list[str]] = []
        self.scope: list[tuple[str, str]] = []
        self.depth = 0

    def pick(self, *choices):
        return self.random.choice(choices)

    def scalar(self) -> str:
        return self.pick(*INTS, *INTS, *FLOATS)

    def struct(self) -> str:
        members = [self.scalar() for _ in range(self.random.randint(1, 4))]
        name = f"g{len(self.structs)}"
        self.structs.append(members)
        body = " ".join(f"{kind} m{at};" for at, kind in enumerate(members))
        self.lines.append(f"struct {name} {{ {body} }};")
        return f"struct {name}"

    def members(self, kind: str) -> list[str]:
        return self.structs[int(kind.split()[1][1:])]

    def leaf(self, want: str) -> str:
        fitting = [name for name, kind in self.scope if (kind in FLOATS) == (want in FLOATS)]
        if fitting and self.random.random() < 0.75:
            return self.pick(*fitting)
        if want in FLOATS:
            return f"({self.random.uniform(-9, 9):.3f}{'f' if want == 'float' else ''})"
        number = self.pick(self.random.randint(-9, 9), self.random.getrandbits(BITS[want] - 1))
        return f"(({want}){number}{'ll' if abs(number) > 1 << 31 else ''})"

    def expression(self, want: str, depth: int = 3) -> str:
        if depth == 0 or self.random.random() < 0.2:
            return self.leaf(want)
        left, right = (self.expression(want, depth - 1) for _ in range(2))
        if want in FLOATS:
            return self.float_expression(want, left, right, depth)
        width = BITS[want]
        form = self.pick(
            "({l} + {r})", "({l} - {r})", "({l} * {r})", "({l} & {r})", "({l} | {r})", "({l} ^ {r})",
            "(({w})({l}) << (({r}) & {m}))", "(({w})({l}) >> (({r}) & {m}))", "(~{l})", "(-{l})",
            "DIVIDE({w}, {l}, {r})", "REMAINDER({w}, {l}, {r})", "({c} ? {l} : {r})", "({w})({c})",
            "({w})({o})({l})", "({w})({o})({r})", "({w})TO_INT({f})",
        )  # fmt: skip
        return form.format(
            l=left, r=right, w=want, m=width - 1, c=self.condition(depth - 1), o=self.pick(*INTS),
            f=self.expression("double", 1),
        )  # fmt: skip

    def float_expression(self, want: str, left: str, right: str, depth: int) -> str:
        form = self.pick("({l} + {r})", "({l} - {r})", "({l} * {r})", "({l} / ({r} + 1.5f))", "(-{l})",
                         "({c} ? {l} : {r})", "({w})({i})", "({w})(float)({l})")  # fmt: skip
        return form.format(l=left, r=right, w=want, c=self.condition(depth - 1), i=self.expression(self.pick(*INTS), 1))

    def condition(self, depth: int) -> str:
        kind = self.scalar()
        left, right = (self.expression(kind, max(0, depth - 1)) for _ in range(2))
        simple = f"({left} {self.pick('<', '<=', '==', '!=', '>', '>=')} {right})"
        if depth > 0 and self.random.random() < 0.3:
            return f"({simple} {self.pick('&&', '||')} {self.condition(depth - 1)})"
        return simple

    def assignment(self) -> str:
        name, kind = self.pick(*[pair for pair in self.scope if pair[0][0] != "i"])
        if self.random.random() < 0.25:
            return f"array[{self.expression('u32', 1)} & 7] {self.pick('=', '+=', '^=')} {self.expression('s32', 2)};"
        return f"{name} {self.pick('=', '+=', '-=')} {self.expression(kind)};"

    def call(self) -> str:
        earlier = [made for made in self.made[-12:] if made[1] in BITS or made[1] in FLOATS]
        if not earlier:
            return self.assignment()
        name, returns, parameters = self.pick(*earlier)
        arguments = ", ".join(self.value(kind) for kind in parameters)
        target = self.pick(*[n for n, k in self.scope if n[0] != "i"])
        return f"{target} += ({self.pick('s16', 'u8')})TO_INT((double){name}({arguments}));" if returns else ""

    def value(self, kind: str) -> str:
        if kind.startswith("struct"):
            return f"({kind}){{{', '.join(self.expression(member, 1) for member in self.members(kind))}}}"
        return self.expression(kind, 1)

    def block(self, count: int) -> str:
        return " ".join(self.statement() for _ in range(count))

    def statement(self) -> str:
        if self.depth > 2:
            return self.assignment()
        self.depth += 1
        form = self.random.random()
        inner = self.block(self.random.randint(1, 3))
        if form < 0.4:
            made = self.assignment()
        elif form < 0.6:
            made = f"if {self.condition(2)} {{ {inner} }}" + (f" else {{ {self.block(2)} }}" if form < 0.5 else "")
        elif form < 0.75:
            made = self.loop(inner)
        elif form < 0.87:
            cases = [
                f"case {n}: {self.assignment()} {self.pick('break;', '')}" for n in self.random.sample(range(9), 4)
            ]
            made = f"switch (({self.pick('u8', 's16', 'u64')})({self.expression('u32', 1)} & 7)) {{ "
            made += " ".join(cases) + f" default: {self.assignment()} }}"
        else:
            made = self.call() if self.depth < 2 else self.assignment()
        self.depth -= 1
        return made

    def loop(self, inner: str) -> str:
        name = f"i{self.random.getrandbits(24)}"
        leave = f"if {self.condition(1)} {self.pick('break', 'continue')};"
        return f"for (int {name} = 0; {name} < {self.random.randint(1, 5)}; {name}++) {{ {leave} {inner} }}"

    def function(self, name: str) -> None:
        parameters = [self.scalar() if self.random.random() < 0.85 else self.struct()
                      for _ in range(self.random.randint(0, 10))]  # fmt: skip
        returns = self.scalar() if self.random.random() < 0.85 else self.struct()
        self.scope = [("x", "s64"), ("y", "double"), ("z", "u16")]
        for at, kind in enumerate(parameters):
            if kind.startswith("struct"):
                self.scope += [(f"a{at}.m{m}", member) for m, member in enumerate(self.members(kind))]
            else:
                self.scope.append((f"a{at}", kind))
        listed = ", ".join(f"{kind} a{at}" for at, kind in enumerate(parameters)) or "void"
        body = self.block(self.random.randint(3, 6))
        result = self.value(returns)
        self.lines.append(
            f"{returns} {name}({listed}) {{ s64 x = 3; double y = 1.5; u16 z = 7; s32 array[8] = {{1, 2, 3}}; {body} "
            f"x += array[1] ^ array[5]; return {result}; }}"
        )
        self.lines.append(self.harness(name, returns, parameters))
        self.made.append((name, returns, parameters))

    def harness(self, name: str, returns: str, parameters: list[str]) -> str:
        def draw(kind: str) -> str:
            if kind.startswith("struct"):
                return f"({kind}){{{', '.join(draw(member) for member in self.members(kind))}}}"
            return f"({kind})D" if kind in FLOATS else f"({kind})R"

        call = f"p_{name}({', '.join(draw(kind) for kind in parameters)})"
        if returns.startswith("struct"):
            mixes = " ".join(_mix(f"v.m{at}", kind) for at, kind in enumerate(self.members(returns)))
            return f"TEST({name}) {{ EACH(6) {{ {returns} v = {call}; {mixes} }} return h; }}"
        return f"TEST({name}) {{ EACH(6) {{ {returns} v = {call}; {_mix('v', returns)} }} return h; }}"


def _mix(value: str, kind: str) -> str:
    return f"h = mix_d(h, (double){value});" if kind in FLOATS else f"h = mix(h, (u64){value});"


PRELUDE = """#include "corpus.h"
#define DIVIDE(T, a, b) ({ T q_ = (T)(b), p_ = (T)(a); (T)(q_ == 0 || q_ == (T)-1 ? p_ : p_ / q_); })
#define REMAINDER(T, a, b) ({ T q_ = (T)(b), p_ = (T)(a); (T)(q_ == 0 || q_ == (T)-1 ? p_ : p_ % q_); })
#define TO_INT(d) ({ double d_ = (d); d_ > -1e9 && d_ < 1e9 ? (s32)d_ : 7; })
"""


def generate(seed: int, count: int) -> str:
    """C source with that many functions named gen_0, gen_1, … and their harnesses."""
    generator = Generator(seed)
    for number in range(count):
        generator.function(f"gen_{number}")
    return PRELUDE + "\n".join(generator.lines) + "\n"
