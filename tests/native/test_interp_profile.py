"""What the interpreter counts, and how it behaves towards slots, longjmp and a full stack."""

from __future__ import annotations

import signal
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from bareflow.compile.bytecode import describe_edges
from tests.native.interp_build import ROOT, RUNTIME, Built, build

Counts = dict[str, list[list[int]]]


@pytest.fixture(scope="module")
def counted(build_native, tmp_path_factory) -> tuple[Built, Path]:
    folder = tmp_path_factory.mktemp("counted")
    source = folder / "counted.c"
    source.write_text((ROOT / "tests/native/interp/counted.c").read_text())
    built = build(source, folder)
    sources = [*RUNTIME, "tests/native/interp/counted_driver.c", *map(str, built.files)]
    return built, build_native("counted", sources, ("-no-pie",), sanitize=False)


@pytest.fixture(scope="module")
def scenario(counted) -> Callable[[str], tuple[str, Counts]]:
    def run(name: str) -> tuple[str, Counts]:
        done = subprocess.run([counted[1], name], capture_output=True, text=True, check=True, timeout=60)
        counts: Counts = defaultdict(list)
        for line in done.stdout.splitlines():
            word, *rest = line.split()
            counts[word].append([int(number) for number in rest if number.lstrip("-").isdigit()])
        return done.stdout, counts

    return run


def number_of(built: Built, name: str) -> int:
    return next(at for at, function in enumerate(built.program.functions) if function.name == name)


def edges_of(built: Built, counts: Counts, name: str) -> dict[tuple[str, int, int], tuple[int, bool]]:
    first = built.program.functions[number_of(built, name)].first_edge
    return {
        (edge.terminator, edge.block, edge.successor): (counts["edge"][first + edge.counter][1], edge.back)
        for edge in describe_edges(built.text)[name]
    }


def test_branch_counts_belong_to_the_branches_of_the_unoptimised_source(counted, scenario):
    _, counts = scenario("loops")
    edges = edges_of(counted[0], counts, "loops")
    branches = defaultdict(list)
    for (kind, block, _), (count, _) in edges.items():
        branches[kind, block].append(count)
    assert sorted(v for (kind, _), v in branches.items() if kind == "br") == [[4, 6], [10, 1], [15, 1]]
    assert [v for (kind, _), v in branches.items() if kind == "switch"] == [[5, 3, 2]]


def test_back_edges_are_counted_by_function_and_edge(counted, scenario):
    _, counts = scenario("loops")
    edges = edges_of(counted[0], counts, "loops")
    assert sorted(count for count, back in edges.values() if back) == [10, 15]
    assert counts["function"][number_of(counted[0], "loops")][1:] == [1, 25, 1]


def test_most_frequent_values_are_found_and_pointers_left_out(counted, scenario):
    _, counts = scenario("values")
    function = counted[0].program.functions[number_of(counted[0], "leaf")]
    assert function.value_count == 2
    tables: dict[int, list[list[int]]] = defaultdict(list)
    for table, *entry in counts["value"]:
        tables[table].append(entry)
    value, count, error = max(tables[function.first_value], key=lambda entry: entry[1])
    assert value == 7
    assert count - error == 60
    value, count, error = max(tables[function.first_value + 1], key=lambda entry: entry[1])
    assert (value, count, error) == (int.from_bytes(struct.pack("<d", 2.5), "little"), 90, 0)


def test_calls_follow_the_slot_and_count_it_down(counted, scenario):
    text, counts = scenario("slots")
    leaf = number_of(counted[0], "leaf")
    assert "results 90 90" in text
    assert counts["function"][leaf][1] == 4, "four until the counter was used up, then native code"
    assert counts["slot"][leaf][1] == 0


def test_longjmp_may_leave_interpreted_frames(counted, scenario):
    text, counts = scenario("longjmp")
    assert "came 5" in text
    assert counts["function"][number_of(counted[0], "leave")][1] == 21


def test_endless_recursion_ends_at_the_guard_page(counted):
    done = subprocess.run([counted[1], "forever"], capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGSEGV


def test_refusals_name_their_reason(counted):
    assert counted[0].program.refused == {
        "forks": "calls vfork, which may return twice",
    }
