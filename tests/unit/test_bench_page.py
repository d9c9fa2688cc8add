"""The bench's table and page."""

from bench.suite.page import markdown, page

RESULT = {
    "kernels": [
        {
            "name": "a<b",
            "ratio": {"aot": 1.0, "frozen": 0.25},
            "agree": True,
            "bytes": {"aot": 1234, "frozen": 2345},
            "compile_ms": {"aot": 30.4},
            "chosen": {
                "frozen": {"choice": {"describe": ["f: a copy where argument 1 is 3"]}, "gain": {"median": 0.3}}
            },
        },
        {"name": "c", "ratio": {"aot": 1.0, "frozen": 1.01}, "agree": False, "chosen": {}},
    ],
    "geomean": {"aot": 1.0, "frozen": 0.502},
    "worst": {"aot": 1.0, "frozen": 1.01},
    "excluded": [{"name": "d", "reason": "folded away"}],
    "rounds": 5,
    "seconds": 130.0,
    "peers": {
        "rows": [{"name": "Node", "ratio": {"fibonacci": 3.1}, "agree": True}],
        "absent": {"LuaJIT": "there is no luajit on PATH"},
    },
}


def test_the_table_has_each_program_the_mean_and_who_is_excluded():
    text = markdown(RESULT)
    assert "| a<b | 1.000 | 0.250 | yes |" in text
    assert "| c | 1.000 | 1.010 | NO |" in text
    assert "| geometric mean | 1.000 | 0.502 |" in text
    assert "d is excluded: folded away." in text


def test_the_page_needs_nothing_from_elsewhere_and_escapes_names():
    text = page(RESULT)
    assert "a&lt;b" in text
    assert "a<b" not in text
    assert "http" not in text
    assert "f: a copy where argument 1 is 3 (0.300 in training)" in text
    assert text.count("<rect") == 2


def test_what_it_cost_and_the_other_compilers_have_tables_of_their_own():
    text = markdown(RESULT)
    assert "| a<b | 1,234 | 2,345 |" in text
    assert "| a<b | 30 | – |" in text
    assert "| Node | 3.10 | yes |" in text
    assert "LuaJIT is not measured: there is no luajit on PATH." in text
    assert "took 2 minutes" in text
    assert "<td>Node</td><td>3.10</td>" in page(RESULT)


def test_a_program_without_a_figure_has_a_dash():
    row = {"name": "e", "ratio": {"aot": 1.0}, "agree": False, "chosen": {}}
    assert "| e | 1.000 | – | NO |" in markdown({**RESULT, "kernels": [row], "peers": {}})
