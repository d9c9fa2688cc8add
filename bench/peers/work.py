"""As work.c, for PyPy and, with the argument "numba", for Numba under CPython; runs by itself, without BareFlow."""

from __future__ import annotations

import array
import sys
import time
from typing import Any

ROUNDS = 7


def fibonacci(n: int) -> int:
    """Call itself about 1.6 to the power of n times."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def sum_to_n(n: int) -> float:
    """Add up 1 to n."""
    total = 0.0
    for i in range(1, n + 1):
        total += i
    return total


def multiply(a: float, b: float) -> float:
    """Do what its name says."""
    return a * b


def products(n: int) -> float:
    """Call multiply n times."""
    last = 0.0
    for i in range(n):
        last += multiply(float(i), 3.0)
    return last


def matrix_multiply(n: int, left: Any, right: Any, product: Any) -> float:
    """Multiply two n x n matrices."""
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += left[i * n + k] * right[k * n + j]
            product[i * n + j] = total
    return float(product[n * n - 1])


def compiled(function: Any) -> Any:
    """What runs in a function's place."""
    return function


def main() -> None:
    """Print results, and times on standard error."""
    wrap, tables = compiled, [array.array("d", (i % m for i in range(64 * 64))) for m in (7, 5, 1)]
    if "numba" in sys.argv[1:]:
        import numba  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
        import numpy as np  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

        wrap, tables = numba.njit, [np.array(table) for table in tables]
        for name in ("fibonacci", "multiply"):  # what others call
            globals()[name] = wrap(globals()[name])
    work = [
        ("fibonacci", fibonacci, (27,)),
        ("sum_to_n", wrap(sum_to_n), (3000000,)),
        ("multiply", wrap(products), (3000000,)),
        ("matrix_multiply", wrap(matrix_multiply), (64, *tables)),
    ]
    for name, function, arguments in work:
        best, result = float("inf"), 0
        for _ in range(ROUNDS):
            start = time.perf_counter_ns()
            result = function(*arguments)
            best = min(best, time.perf_counter_ns() - start)
        sys.stderr.write(f"{name} {best:.0f}\n")
        sys.stdout.write(f"{name} {result:.0f}\n")


if __name__ == "__main__":
    main()
