"""The bench's table and page."""

from bench.suite.page import markdown, page

RESULT = {
    "kernels": [
        {
            "name": "a<b",
            "ratio": {"aot": 1.0, "frozen": 0.25},
            "agree": True,
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
