"""Which functions share a compilation at the lowest tier; no compiler runs."""

from bareflow.compile.split import SplitFunction
from bareflow.growth.together import groups


def functions(**lines):
    return [SplitFunction(name, name, "0" * 32, count, (), recursive=False) for name, count in lines.items()]


def test_neighbours_are_compiled_together_until_their_lines_are_used_up():
    made = groups(functions(a=40, b=50, c=20, d=70), most=100)
    assert made == {"a": ("a", "b"), "b": ("a", "b"), "c": ("c", "d"), "d": ("c", "d")}


def test_a_long_function_is_compiled_alone_and_so_is_who_stands_between_two():
    assert groups(functions(a=300, b=20, c=400, d=30, e=10), most=100) == {"d": ("d", "e"), "e": ("d", "e")}


def test_the_partition_does_not_depend_on_who_asks():
    made = groups(functions(a=1, b=2, c=3))
    assert set(made.values()) == {("a", "b", "c")}
