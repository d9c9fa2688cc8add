"""Makes small C programs at random: sizes that come from everywhere, and code that changes them behind its own back."""

from __future__ import annotations

import random

HEAD = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct sizes { int rows, cols; short step; unsigned char shift; unsigned modulus; };
struct job { struct sizes *at; struct sizes own; unsigned data[64]; int64_t wide; };
static int g_rows, g_cols, dims[3], fuel;
unsigned g_modulus;
static unsigned table[64];
static unsigned mod(unsigned x, unsigned m) { return m ? x % m : x; }
static int get(int x) { return x; }
static unsigned cell(unsigned i) { return table[i & 63]; }
"""
BOUNDS = (
    *("s->rows", "s->cols", "j->at->rows", "j->own.cols", "g_rows", "g_cols", "dims[0]", "dims[1]", "n", "m"),
    *("s->step", "(int)j->wide", "get(j->own.rows)", "*(&dims[0] + 1)", "held", "scanned"),
)
NUMBERS = (
    *(f"(unsigned)({bound})" for bound in BOUNDS),
    *("i", "k", "h", "cell(i + k)", "s->modulus", "g_modulus", "table[(i * (unsigned)s->cols + k) & 63]", "s->shift"),
    *("j->data[k & 63]", "(unsigned)(n > 3 ? s->rows : g_cols)", "(unsigned)(g_rows && s->rows)", "sum"),
)
CHANGES = (
    *(
        "s->rows ^= 1",
        "j->own.cols = (int)(h & 7)",
        "g_rows = n - (int)(i & 3)",
        "dims[1] += n & 1",
        "*q = (int)(h & 15)",
    ),
    *("((unsigned *)p)[i & 3] = h & 7", "g_modulus += i & 1", "j->at = &j->own", "s->step = (short)(h & 3)"),
    *("j->wide = (int64_t)(h & 7)", "memset(&dims[2], (int)(i & 3), sizeof dims[2])", 'sscanf("5", "%d", &scanned)'),
)


class Maker:
    """Writes one program; equal seeds give equal programs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  a program, no secret

    def number(self, depth: int = 2) -> str:
        """An unsigned expression."""
        pick = self._random.choice
        if not depth or self._random.random() < 0.2:
            return pick((*NUMBERS, str(self._random.randrange(1, 40)) + "u"))
        a, b = self.number(depth - 1), self.number(depth - 1)
        forms = (
            f"({a} + {b})",
            f"({a} * {b})",
            f"({a} ^ {b})",
            f"({a} - {b})",
            f"mod({a}, {b})",
            f"({a} << ({b} & 31))",
        )
        return pick((*forms, f"({a} >> ({b} & 31))", f"({a} < {b} ? {b} : {a})", f"({a} / ({b} | 1))"))

    def statement(self, depth: int) -> str:
        """A statement that ends."""
        chance = self._random.random()
        return self._nested(depth) if depth and chance < 0.52 else self._simple()

    def _nested(self, depth: int) -> str:
        chance, pick = self._random.random(), self._random.choice
        if chance < 0.7:
            variable, bound = ("i" if depth == 2 else "k"), pick(BOUNDS)
            body = self.block(depth - 1)
            return f"for ({variable} = 0; (int){variable} < {bound} && fuel-- > 0; {variable}++) {body}"
        if chance < 0.87:
            return f"if ({self.number(1)} & 1) {self.block(depth - 1)} else {self.block(depth - 1)}"
        cases = " ".join(f"case {n}: {self._simple()} break;" for n in self._random.sample(range(9), 3))
        return f"switch ({pick(BOUNDS)}) {{ {cases} default: {self._simple()} }}"

    def _simple(self) -> str:
        pick = self._random.choice
        forms = (
            f"if ((h & {pick(('7', '63', '1023'))}) == {self._random.randrange(4)}) {pick(CHANGES)};",
            f"if ({pick(BOUNDS)} == {self._random.randrange(30, 50)}) return h ^ {self.number(1)};",
            f"{{ unsigned v[((unsigned){pick(BOUNDS)} & 15) + 1]; v[0] = {self.number(1)}; h ^= v[0]; }}",
            f"table[{self.number(1)} & 63] = {self.number(1)};",
            f"h = h * 31u + {self.number()}; sum += (unsigned char)h;",
        )
        return self._random.choices(forms, (2, 1, 1, 3, 4))[0]

    def block(self, depth: int) -> str:
        """A few statements."""
        return "{ " + " ".join(self.statement(depth) for _ in range(self._random.randrange(1, 4))) + " }"

    def function(self, number: int) -> str:
        """A function that works on all of it."""
        kept = self._random.choice(("static ", "", "static __attribute__((noinline)) "))
        pointer = self._random.choice(("&s->cols", "&dims[0]", "&g_cols", "(int *)table", "(int *)&j->wide"))
        again = f"if (depth > 0) h ^= kernel{number}(s, j, n, m, depth - 1);" if self._random.random() < 0.3 else ""
        return (
            f"{kept}unsigned kernel{number}(struct sizes *s, struct job *j, int n, int m, int depth) {{\n"
            f"    unsigned h = 1, i = 0, k = 0, sum = 0; int held = get(n + {number % 3}), scanned = m;\n"
            f"    int *q = {pointer}, *p = {self._random.choice(('&s->rows', '&dims[0]', '(int *)j->data'))};\n"
            f"    {self.block(2)}\n    {self.statement(2)}\n    {again}\n    {self.block(2)}\n"
            f"    return h + sum + i + k + (unsigned)depth + (unsigned)*p + (unsigned)*q + (unsigned)held + "
            f"(unsigned)scanned;\n}}\n"
        )

    def program(self, kernels: int) -> str:
        """A whole program: each kernel is one small program with a line of output of its own."""
        calls = " ".join(
            f'fuel = 3000; printf("{number} %u", kernel{number}(s, j, n, m, 2)); for (int r = 0; r < 12; r++) '
            f'{{ fuel = 900; x ^= kernel{number}(r % 6 ? s : &j->own, j, n, m, r % 3); }} printf(" %u\\n", x);'
            for number in range(kernels)
        )
        return (
            HEAD
            + "".join(self.function(number) for number in range(kernels))
            + "int main(int argc, char **argv) {\n    int v[6] = {4, 6, 3, 5, 9, 2}; unsigned x = 0;\n"
            "    for (int i = 1; i < argc && i < 7; i++) v[i - 1] = (int)strtol(argv[i], NULL, 10);\n"
            "    int n = argc > 1 ? atoi(argv[1]) : 4, m = argc > 2 ? atoi(argv[2]) : 6;\n"
            "    struct sizes *s = calloc(1, sizeof *s); struct job *j = calloc(1, sizeof *j);\n"
            "    s->rows = v[0]; s->cols = v[1]; s->step = (short)v[2]; s->shift = (unsigned char)v[3];\n"
            "    s->modulus = (unsigned)v[4]; j->own = *s; j->at = s; j->wide = v[5];\n"
            "    g_rows = v[0]; g_cols = v[1]; g_modulus = (unsigned)v[4]; memcpy(dims, v, sizeof dims);\n"
            "    for (unsigned i = 0; i < 64; i++) table[i] = j->data[i] = i * 7;\n"
            f"    {calls}\n    return 0;\n}}\n"
        )
