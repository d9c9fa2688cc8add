"""The HTML report: one file that asks for nothing, well-formed, complete, and deaf to hostile names."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bareflow.errors import ProfileError
from bareflow.profile.values import ArgumentValues, FunctionProfile, Profile, TierTimes, TierUp
from bareflow.report.facts import gather
from bareflow.report.flame import boxes, grow_tree
from bareflow.report.growth import Growth, load_growth, read_growth
from bareflow.report.markup import Markup, byte_size, count, duration, short, tag, text, three
from bareflow.report.page import render
from bareflow.report.scale import Scale, log_scale, time_scale

TIERS = ("interp", "O0", "O1", "O2", "O3")
VOID = {"meta", "br"}
OURS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "details", "summary"),
    *("h1", "h2", "p", "div", "span", "b", "i", "strong", "small", "dl", "dt", "dd"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td", "svg", "g", "line", "path", "circle", "text"),
}
HOSTILE = [
    "<script>alert(1)</script>",
    '"onmouseover="alert(1)',
    "'><img src=x onerror=alert(1)>",
    "</style><script>",
    "</title><b>",
    "]]>&lt;!--",
    "&#60;script&#62;",
    "a\u202eb\x00c\x1bd\ud800e",
    "javascript:alert(1)",
    "größe",
    "x" * 4000,
    "",
]


class Reader(HTMLParser):
    """Collects elements, attributes and texts, and insists on closed tags."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.rows: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), "an attribute twice"
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
            if "tr" in self.open:
                self.rows[-1] += data + " "

    def all(self, tag: str, class_: str = "") -> list[dict[str, str | None]]:
        return [a for name, a in self.elements if name == tag and class_ in [*(a.get("class") or "").split(), ""]]


def function(name: str, number: int, tier: str = "O3") -> FunctionProfile:
    reached = TIERS[: TIERS.index(tier) + 1]
    times = {t: TierTimes(100, 100_000 >> at, 100 if at < 2 else 7, 5, 200 - 20 * at) for at, t in enumerate(reached)}
    values = {0: ArgumentValues({30: 99}, 1)}
    return FunctionProfile(name, f"{number:032x}", 1000 + number, 5, 77, tier, times, {0: (3, 4)}, values)


def sample(names: list[str], boots: tuple[int, ...] = (900, 20)) -> Profile:
    """Functions that rise to O2 in the first boot and to O3 in the second, whose name is the smaller."""
    functions = [function(name, at) for at, name in enumerate(names)]
    first = [
        TierUp(boots[0], 1000 * (at + 1) * (step + 1), name, *TIERS[step : step + 2], "published", 900, 2000)
        for at, name in enumerate(names)
        for step in range(3)
    ]
    second = [
        TierUp(boots[1], 500 + at, name, "O2", "O3", "published", 0, 1500, 10_000, 88) for at, name in enumerate(names)
    ]
    events = first + second
    stacks = {("main", name): 10 for name in names} | {("main",): 5}
    return Profile(
        {f.key: f for f in functions}, stacks, tuple(sorted(events)), frozenset({"ab" * 16}), frozenset({"v2"}), 3, 4
    )


GROWN = {
    "boots": 3,
    "functions": [
        {
            "name": "alpha",
            "tier": "O3",
            "calls": 9,
            "cycles_per_call": 77.5,
            "code_bytes": 5,
            "aot_cycles_per_call": 70,
        },
        {"name": "only_here", "tier": "O1", "calls": 2, "cycles_per_call": None, "code_bytes": 31},
    ],
    "tier_ups": [
        {"function": "alpha", "from": "O0", "to": "O1", "compile_ms": 3.5, "hot_to_published_ms": 12.0, "at_ms": 40.0}
    ],
    "compile_ms": 120.0,
    "total_ms": 60_000.0,
    "development_bytes": 181_000_000,
    "payload_bytes": 18_204,
    "snapshot": "build/optimized_snapshot.bin",
    "image": "build/classic.img",
    "outputs_agree": True,
    "kept": {"va": "it takes variable arguments"},
    "interpreter": [{"function": "vec", "reason": "it uses vectors"}],
    "notes": ["beta stays at O1: the compiler died"],
    "specialisations": [{"function": "alpha", "argument": 0, "value": 30}],
}


def page_of(profile: Profile, growth: Growth | None = None, title: str = "demo") -> Reader:
    return Reader(render(gather(profile, growth or Growth(), title)))


def test_the_page_holds_every_function_and_every_tier_up():
    names = [f"function_{at}" for at in range(90)]
    reader = page_of(sample(names))
    steps = ("interp → O0", "O0 → O1", "O1 → O2", "O2 → O3")
    for name in names:
        rows = [" ".join(row.split()) for row in reader.rows if row.startswith(name + " ")]
        assert any(row.startswith(f"{name} O3 1,0") for row in rows)
        assert all(any(step in row for row in rows) for step in steps)


def test_the_speed_up_on_top_is_of_the_heaviest_function_that_rose():
    profile = sample(["alpha"])
    times = {"interp": TierTimes(1, 10**9, 1, 5), "O3": TierTimes(1, 10**9 - 1, 1, 5)}
    caller = FunctionProfile("everything", "f" * 32, 1, tier="O3", times=times)
    texts = page_of(replace(profile, functions={**profile.functions, caller.key: caller})).texts
    assert "alpha, lowest to highest tier" in texts


def test_every_tier_up_is_marked_on_the_time_line():
    reader = page_of(sample(["alpha", "beta"]))
    marks = {words.split(" at ")[0] for words in reader.texts if words.endswith("cycles per call") and " at " in words}
    steps = ("interp → O0", "O0 → O1", "O1 → O2", "O2 → O3")
    assert marks == {f"{name}: {step}" for name in ("alpha", "beta") for step in steps}
    assert len(reader.all("circle", "dot")) == 3 * len(marks)  # for wide, middle and narrow windows


def test_the_page_asks_for_nothing():
    page = render(gather(sample(["alpha", "beta"]), read_growth(GROWN), "demo"))
    reader = Reader(page)
    assert {name for name, _ in reader.elements} <= OURS
    forbidden = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "background"}
    for name, attributes in reader.elements:
        assert not forbidden & attributes.keys(), name
        assert not any(key.startswith("on") for key in attributes), name
    for word in ("url(", "@import", "http:", "https:", "<script", "//"):
        assert word not in page
    policy = next(a for a in reader.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in (policy["content"] or "")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text(name: str):
    growth = read_growth(
        {
            "functions": [{"name": name, "tier": "O1"}],
            "tier_ups": [{"function": name, "from": "O0", "to": "O1"}],
            "kept": {name: name},
            "notes": [name],
            "image": name,
            "snapshot": name,
            "development_bytes": {name: 10, "b": 20},
            "specialisations": [{"function": name, name: name}],
        }
    )
    profile = replace(sample([name, "other"]), builds=frozenset({name}), cpus=frozenset({name}))
    profile = replace(profile, stacks={(name, name): 3})
    page = render(gather(profile, growth, name))
    page.encode("utf-8")
    reader = Reader(page)
    assert {element for element, _ in reader.elements} <= OURS
    assert not any(key.startswith("on") for _, attributes in reader.elements for key in attributes)
    assert not any(ord(c) < 32 and c != "\n" for c in page)
    assert "\u202e" not in page
    shown = str(text(name))
    assert shown in page


@given(st.text(), st.text())
@settings(max_examples=60)
def test_any_text_comes_out_of_a_parser_as_it_went_in(content: str, attribute: str):
    reader = Reader(tag("div", "|", content, title=attribute))
    shown = "".join(reader.texts)[1:]
    assert len(shown) == len(content)
    assert all(a in (b, "\ufffd") for a, b in zip(shown, content, strict=True))
    assert len(reader.all("div")[0]["title"] or "") == len(attribute)


def test_markup_is_not_escaped_twice():
    assert tag("p", tag("b", "a<b"), "<") == "<p><b>a&lt;b</b>&lt;</p>"
    assert isinstance(text("<"), Markup)


def test_what_growing_said_is_on_the_page():
    reader = page_of(sample(["alpha", "beta"]), read_growth(GROWN))
    words = " ".join(reader.texts)
    for said in (
        *("17.8 KiB", "173 MiB", "1/9,943", "agree", "120 ms", "0.200 % of 60.0 s", "clang -O3", "only_here"),
        *("it takes variable arguments", "it uses vectors", "beta stays at O1", "argument 0, value 30"),
        *("build/classic.img", "build/optimized_snapshot.bin", "candidate: argument 0 = 30 (99%)"),
    ):
        assert said in words, said


def test_outputs_that_differ_are_said_loudly():
    reader = page_of(sample(["alpha"]), read_growth({"outputs_agree": False}))
    assert reader.all("strong", "bad")
    assert "DIFFER" in reader.texts


def test_a_section_without_facts_is_left_out():
    reader = page_of(Profile({("f", "0" * 32): FunctionProfile("f")}, boots=1))
    sections = {a["id"] for a in reader.all("section")}
    assert sections == {"s-boots", "s-functions"}
    assert "Nothing rose in 1 boot." in reader.texts


def test_what_rose_between_two_boots_is_no_reason_for_another():
    rise = {"function": "alpha", "from": "O0", "to": "O1", "at_ms": 40.0, "boot": 1}
    between = {**rise, "from": "O1", "to": "O3", "at_ms": 0.0, "boot": 2}
    profile = Profile({("alpha", "0" * 32): function("alpha", 0)}, boots=2)
    reader = page_of(profile, read_growth({**GROWN, "boots": 2, "tier_ups": [rise, between]}))
    assert "While it ran, nothing rose any more after boot 1, of 2 boots." in reader.texts


def test_an_empty_profile_makes_a_page_too():
    assert page_of(Profile()).all("footer")


def test_without_events_the_growths_tier_ups_are_drawn():
    profile = Profile({("alpha", "0" * 32): function("alpha", 0)}, boots=1)
    facts = gather(profile, read_growth(GROWN), "demo")
    assert [(r.function, r.before, r.after, r.at_ms) for r in facts.rises] == [("alpha", "O0", "O1", 40.0)]
    assert Reader(render(facts)).all("svg")


def test_boots_come_in_the_order_of_the_tiers_that_they_began_at():
    facts = gather(sample(["alpha"]), Growth(), "demo")
    assert [(rise.boot, rise.before) for rise in facts.rises] == [(1, "interp"), (1, "O0"), (1, "O1"), (2, "O2")]
    assert facts.boots == 3
    assert any("after boot 2, of 3 boots" in words for words in Reader(render(facts)).texts)


def test_refused_tier_ups_are_reasons_and_not_on_the_time_line():
    profile = sample(["alpha"])
    refused = TierUp(900, 9000, "alpha", "O2", "O3", "refused")
    facts = gather(replace(profile, events=(*profile.events, refused)), Growth(), "demo")
    reader = Reader(render(facts))
    assert "tier-up refused: O2 → O3" in reader.texts
    assert len(facts.published) == 4


def test_bodies_of_one_name_are_told_apart():
    profile = Profile({f.key: f for f in (function("f", 1), function("f", 0xABC << 116))}, boots=1)
    assert {f.name for f in gather(profile, Growth(), "d").functions} == {"f [000000]", "f [abc000]"}


def test_a_tier_up_between_no_tiers_is_an_error():
    profile = replace(sample(["a"]), events=(TierUp(1, 2, "a", "O0", '"><script>'),))
    with pytest.raises(ProfileError, match="no tiers"):
        gather(profile, Growth(), "d")


def test_every_box_of_the_flame_graph_lies_within_its_parent():
    stacks = {("a", "b", "c"): 5, ("a", "b"): 3, ("a", "d"): 2, ("e",): 10, ("a",): 1}
    placed = list(boxes(grow_tree(stacks)))
    assert [box.weight for box in placed if box.depth == 0] == [21]
    for box in placed:
        if box.depth:
            around = [p for p in placed if p.depth == box.depth - 1]
            assert any(p.left - 1e-9 <= box.left and box.left + box.width <= p.left + p.width + 1e-9 for p in around)
    assert {(box.name, box.depth, box.weight) for box in placed} >= {
        ("b", 2, 8),
        ("c", 3, 5),
        ("d", 2, 2),
        ("e", 1, 10),
    }


def test_deep_recursion_draws_a_bounded_page():
    page = render(gather(Profile(stacks={("f",) * 5000: 7}, boots=1), Growth(), "d"))
    assert len(page) < 60_000


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"boots": -1}',
        '{"boots": NaN}',
        '{"payload_bytes": "many"}',
        '{"payload_bytes": 1e400}',
        '{"total_ms": true}',
        '{"functions": {}}',
        '{"functions": [{"tier": "O1"}]}',
        '{"functions": [{"name": "f", "tier": "O9"}]}',
        '{"functions": [{"name": "f", "tier": "O1", "tiers": 3}]}',
        '{"tier_ups": [{"function": "f", "from": "O0"}]}',
        '{"outputs_agree": "yes"}',
        "[" * 100_000,
    ],
)
def test_what_grow_did_not_print_is_one_sentence(tmp_path: Path, content: str):
    path = tmp_path / "grow.json"
    path.write_text(content)
    with pytest.raises(ProfileError, match=r"grow\.json is not what `grow --json` prints"):
        load_growth(path)


def test_what_grow_printed_is_read(tmp_path: Path):
    path = tmp_path / "grow.json"
    path.write_text(json.dumps(GROWN))
    growth = load_growth(path)
    assert growth.sizes == (("development: LLVM and the grow image", 181_000_000), ("shrink payload", 18_204))
    assert growth.functions["alpha"].cycles == {"O3": 77.5, "aot": 70}
    assert (growth.boots, growth.payload_bytes, growth.outputs_agree) == (3, 18_204, True)


def test_figures_for_people():
    assert [three(n) for n in (0, 0.1234, 1.0, 9.999, 99.99, 1234.5)] == ["0", "0.123", "1.00", "10.0", "100", "1,234"]
    assert [count(n) for n in (0, 999, 12.3456, 9_999_999, 12_345_678, 3e12)] == [
        *("0", "999", "12.3", "9,999,999", "12.3 M", "3.00 T")
    ]
    assert [byte_size(n) for n in (1, 1023, 20480, 178_700_000)] == ["1 B", "1,023 B", "20.0 KiB", "170 MiB"]
    assert [duration(n) for n in (0, 0.05, 12, 2500, 600_000)] == ["0 ms", "50.0 µs", "12.0 ms", "2.50 s", "10.0 min"]
    assert [short(n) for n in (500, 20_000, 5e6, 2e9)] == ["500", "20 k", "5 M", "2 G"]


@given(st.lists(st.floats(0, 1e15), min_size=1, max_size=20))
@settings(max_examples=80)
def test_scales_stay_within_their_ends(values: list[float]):
    for scale in (log_scale(values, 100, 0), time_scale(values, 0, 100)):
        assert all(-0.001 <= scale(value) <= 100.001 for value in values)
        ticks = scale.ticks(5)
        assert ticks == sorted(ticks)
        assert all(scale.low <= tick <= scale.high for tick in ticks)
    assert Scale(0, 10, 0, 100)(5) == 50
