"""How often the bench runs a program."""

from bench.suite.measure import MIN_ROUNDS, Plan, plan
from bench.suite.run import summary


def test_what_is_short_runs_more_often():
    assert plan(0.003, 10, 5, 3) == Plan(5, 20)
    assert plan(0.03, 10, 5, 3) == Plan(5, 3)


def test_what_is_long_runs_less_often_but_never_in_fewer_than_a_few_rounds():
    assert plan(1.0, 10, 5, 3) == Plan(5, 1)
    assert plan(3.0, 10, 5, 3) == Plan(MIN_ROUNDS, 1)
    assert plan(60.0, 10, 5, 3) == Plan(MIN_ROUNDS, 1)
    assert plan(60.0, 10, 1, 1) == Plan(1, 1)


def test_a_mean_is_of_the_programs_that_have_a_figure():
    rows = [{"ratio": {"aot": 1.0, "gcc": 2.0}}, {"ratio": {"aot": 1.0}}]
    assert summary(rows)["geomean"] == {"aot": 1.0, "gcc": 2.0}
    assert summary([], ["aot"]) == {"geomean": {}, "worst": {}}
