"""Functions that share a compilation at O0: one object for all, installed one by one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time

import pytest

from bareflow.compile.pool import CompilePool, Worker
from bareflow.grow import grow_native, prepare
from bareflow.growth.session import GrowthSession
from bareflow.tiering import Policy

LIMIT_S = 120
TO_O0 = Policy(thresholds=(10, 20, 30), interpreter_threshold=3, highest="O0")
SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const double weights[3] = {0.5, 1.25, 3};
static int counter;

__attribute__((noinline)) static double weigh(int i) { return weights[i % 3] * i; }

__attribute__((noinline)) static const char *word(int i) {
    switch (i % 6) {
    case 0: return "zero";
    case 1: return "one";
    case 2: return "two";
    case 3: return "three";
    case 4: return "four";
    default: return "many";
    }
}

__attribute__((noinline)) static int count(int by) { return counter += by; }

int main(int argc, char **argv) {
    double sum = 0;
    for (int i = 0; i < 50; i++) {
        sum += weigh(i);
        printf("%s %d\n", word(i), count(i));
        for (int wait = 0; argc > 1 && i > 5 && access(argv[1], F_OK) && wait < 100000; wait++)
            sum += 0 * weigh(i) + 0 * word(i)[0] + 0 * count(0);
    }
    printf("%g\n", sum);
    return 0;
}
"""


@pytest.fixture(scope="module")
def pool():
    with CompilePool(2) as compilers:
        yield compilers


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("together") / "neighbours.c"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def grow(pool, source, tmp_path, monkeypatch):
    """Grow it until three functions have risen; gives the result, the program and the blobs."""
    blobs, risen = [], tmp_path / "risen"
    took_over = GrowthSession._took_over

    def noted(session, pending, record):
        blobs.append(pending.blob)
        took_over(session, pending, record)
        if {"weigh", "word", "count"} <= {up.function for up in session.tier_ups}:
            risen.touch()

    def run():
        monkeypatch.setattr(GrowthSession, "_took_over", noted)
        program = prepare([source], pool, cpu="x86-64-v2", policy=TO_O0, use_cache=False)
        result = asyncio.run(grow_native(program, [str(risen)], timeout_s=LIMIT_S))
        return result, program, {blob.function: blob for blob in blobs}

    return run


@pytest.fixture(scope="module")
def reference(source, tmp_path_factory):
    program = tmp_path_factory.mktemp("reference") / "neighbours"
    subprocess.run(["cc", "-O1", source, "-o", program], check=True)
    return subprocess.run([program], capture_output=True, check=True).stdout


def requests(monkeypatch, *, killed=lambda _text: False):
    """The modules that compilers are asked for at O0; those that `killed` says cost a compiler its life."""
    begin, asked = Worker.begin, []

    def noting(worker, message, blobs, *deadline):
        if message.get("tier") == "O0" and b"define" in blobs[0]:
            asked.append(blobs[0])
            if killed(blobs[0]):
                begin(worker, {"op": "host"}, [], *deadline)  # so that there is a process
                worker.finish(time.monotonic() + LIMIT_S, LIMIT_S)
                os.kill(worker.pid, signal.SIGKILL)
        return begin(worker, message, blobs, *deadline)

    monkeypatch.setattr(Worker, "begin", noting)
    return asked


def test_neighbours_are_compiled_once_and_each_brings_only_its_own_code(grow, reference, monkeypatch):
    asked = requests(monkeypatch)
    result, program, blobs = grow()
    assert (result.output, result.exit_status) == (reference, 0)
    assert len(asked) == 1
    rose = [up for up in result.tier_ups if up.after == "O0"]
    assert len(rose) >= 3
    assert all(up.compile_ms > 0 for up in rose)
    assert sum(up.compile_ms for up in rose) <= program.service.compile_ms
    sizes = {name: blob.code_size for name, blob in blobs.items()}
    assert len(blobs["count.local"].data) < sizes["weigh.local"] + sizes["word.local"]


def test_what_does_not_compile_together_is_compiled_alone(grow, reference, monkeypatch):
    asked = requests(monkeypatch, killed=lambda text: text.count(b"\ndefine") > 1)
    result, program, _ = grow()
    assert (result.output, result.exit_status) == (reference, 0)
    assert sum(text.count(b"\ndefine") > 1 for text in asked) == 1  # the first
    assert len(asked) >= 5
    assert not program.service.failures
    assert {"weigh", "word", "count"} <= {up.function for up in result.tier_ups}
