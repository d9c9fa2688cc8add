"""The boot chart: stages from time stamps."""

from __future__ import annotations

import platform
from types import SimpleNamespace

import pytest

from bareflow.machine.chart import boot_chart, host_tsc_hz

STAMPS = {"loader": 1000, "kernel": 3000, "snapshot": 4000, "workload": 9000, "end": 19000}


def test_stages_are_the_times_between_stamps():
    chart = boot_chart(SimpleNamespace(stamps=STAMPS, boot_ms=50.0), 1e6, 40.0)
    assert dict(chart.stages) == {
        "machine and firmware": 42.0,
        "loader": 2.0,
        "kernel": 1.0,
        "snapshot": 5.0,
        "workload": 10.0,
    }
    assert chart.lines()[0].endswith("█" * 40)
    assert chart.as_dict()["floor_ms"] == 40.0


def test_a_boot_that_ended_early_shows_how_far_it_came():
    chart = boot_chart(SimpleNamespace(stamps={"loader": 1000, "kernel": 3000}, boot_ms=None), 1e6)
    assert chart.stages == (("loader", 2.0),)
    assert boot_chart(SimpleNamespace(stamps={}, boot_ms=None), 1e6).lines() == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is no time stamp counter")
def test_the_hosts_counter_ticks_at_a_plausible_rate():
    hz = host_tsc_hz()
    assert hz is not None
    assert 1e8 < hz < 1e11
