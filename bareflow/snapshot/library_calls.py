"""Names of library functions that LLVM may call although no source does, for the base of a growing program.

Live code is linked against the base, so what any tier of any function may call must be there from the start. What LLVM
knows by name and makes of other calls is always kept; the rest follows from the types and intrinsics of the program.
"""

from __future__ import annotations

import re
from itertools import product

# LLVM's library call simplifier, its loop idioms, and calls for what x86-64 has no instruction for.
LIBRARY_CALLS = (
    *("memcpy", "memset", "memmove", "memcmp", "bcmp", "strlen", "memchr", "strchr", "strcpy", "strncpy", "stpcpy"),
    *("strcmp", "strncmp", "memrchr", "strrchr", "strspn", "strcspn", "strcat", "strncat", "strnlen"),
    *("strdup", "wcslen"),
    *("puts", "putchar", "fputc", "fputs", "fwrite", "abs", "labs", "calloc", "malloc"),
    *("sin", "cos", "tan", "exp", "exp2", "log", "log2", "log10", "pow", "sqrt", "fmod", "floor", "ceil", "rint"),
    *("round", "roundeven", "trunc", "nearbyint", "fma", "ldexp", "fabs", "copysign", "fmin", "fmax", "sincos"),
    *("sinf", "cosf", "tanf", "expf", "exp2f", "logf", "log2f", "log10f", "powf", "sqrtf", "fmodf", "floorf", "ceilf"),
    *(
        "rintf",
        "roundf",
        "roundevenf",
        "truncf",
        "nearbyintf",
        "fmaf",
        "ldexpf",
        "fabsf",
        "copysignf",
        "fminf",
        "fmaxf",
    ),
    *("__divti3", "__modti3", "__udivti3", "__umodti3", "__multi3", "__popcountdi2", "__powidf2", "__powisf2"),
    *("__floattidf", "__floatuntidf", "__fixdfti", "__fixunsdfti", "__truncxfhf2", "__muloti4"),
    *("__floattisf", "__floatuntisf", "__fixsfti", "__fixunssfti"),
)
_MATH = (
    *("sin", "cos", "exp", "exp2", "log", "log2", "log10", "pow", "sqrt", "fmod", "floor", "ceil", "rint", "round"),
    *("trunc", "nearbyint", "fma", "ldexp", "fabs", "copysign", "fmin", "fmax"),
)
_WIDTHS = ("si", "di", "ti")


def _runtime(letters: str, *others: str) -> tuple[str, ...]:
    """What the compiler runtime has for conversions between a type and integers, and between it and other types."""
    ints = [f"__fix{u}{letters}{w}" for u, w in product(("", "uns"), _WIDTHS)]
    ints += [f"__float{u}{w}{letters}" for u, w in product(("", "un"), _WIDTHS)]
    return (*ints, *others)


_ATOMIC = ("load", "store", "exchange", "compare_exchange")
_FETCH = ("add", "sub", "and", "nand", "or", "xor", "umax", "umin")
# By a word of LLVM's text.
TYPE_CALLS = {
    "half": _runtime(
        "hf",
        "__extendhfsf2",
        "__extendhfdf2",
        "__extendhfxf2",
        "__extendhftf2",
        "__truncsfhf2",
        "__truncdfhf2",
        "__truncxfhf2",
        "__trunctfhf2",
    ),
    "x86_fp80": _runtime("xf", *(f"{name}l" for name in _MATH), "__powixf2", "__truncxfhf2"),
    "fp128": _runtime(
        "tf",
        *(f"__{op}tf3" for op in ("add", "sub", "mul", "div")),
        *(f"__{compare}tf2" for compare in ("eq", "ne", "lt", "le", "gt", "ge", "unord")),
        *("__extendhftf2", "__extendsftf2", "__extenddftf2", "__extendxftf2", "__powitf2"),
        *("__trunctfhf2", "__trunctfsf2", "__trunctfdf2", "__trunctfxf2"),
    ),
    "atomicrmw": tuple(f"__atomic_fetch_{op}_16" for op in _FETCH),
    "cmpxchg": tuple(f"__atomic_{op}_16" for op in _ATOMIC),
    "atomic": tuple(f"__atomic_{op}_16" for op in _ATOMIC),
}
_INTRINSIC = re.compile(r"@llvm\.(?:experimental\.constrained\.)?(\w+)[\w.]*?\.(f16|bf16|f32|f64|f80|f128)\b")
_DOUBLE = re.compile(r"^declare .*?\bdouble @(\w+)\(double\b", re.MULTILINE)  # fast math may call it for a float
_SUFFIX = {"f16": "f", "bf16": "f", "f32": "f", "f64": "", "f80": "l", "f128": "l"}
_OTHER_NAMES = {
    "sincos": ("sin", "cos", "sincos"),
    **dict.fromkeys(("minnum", "minimumnum"), ("fmin",)),
    **dict.fromkeys(("maxnum", "maximumnum"), ("fmax",)),
    "fma": ("fma", "fmaf"),
}


_WEAK = re.compile(r"^(?:declare extern_weak .*?@([\w.]+)\(|@([\w.]+) = extern_weak )", re.MULTILINE)


def weak_names(text: str) -> frozenset[str]:
    """Names that a module only refers to if somebody else has them: nobody may be asked for them.

    Args:
        text: of the module, as LLVM prints it.
    """
    return frozenset(function or variable for function, variable in _WEAK.findall(text))


def library_calls(text: str) -> frozenset[str]:
    """What live code of a program may call although its sources do not.

    Args:
        text: of the unoptimised module, as LLVM prints it. Names that no library has are harmless.
    """
    found = set(LIBRARY_CALLS)
    for word, names in TYPE_CALLS.items():
        if re.search(rf"\b{word}\b", text):
            found.update(names)
    found.update(f"{name}f" for name in _DOUBLE.findall(text))
    for name, kind in set(_INTRINSIC.findall(text)):
        found.update(plain + _SUFFIX[kind] for plain in _OTHER_NAMES.get(name, (name,)))
    return frozenset(found)
