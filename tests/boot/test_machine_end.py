"""What a machine without QEMU's debug-exit does when its workload has ended: halt, switch off, start again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.freeze import freeze
from bareflow.image.recipe import recipe_for_workload
from bareflow.layouts.verdict import GUEST_VERDICT
from bareflow.machine.firmware import OVMF
from bareflow.toolchain import data_root

UEFI = pytest.mark.skipif(not any(Path(path).is_file() for path in OVMF), reason="no OVMF is installed")
PC, Q35 = {"machine": "pc"}, {"machine": "q35"}
OVMF_PC = pytest.param({"machine": "pc", "firmware": "uefi"}, marks=UEFI)
OVMF_Q35 = pytest.param({"machine": "q35", "firmware": "uefi"}, marks=UEFI)
PVH = {"machine": "pc", "firmware": "pvh", "drive": "none"}
MICROVM = {"machine": "microvm", "firmware": "pvh", "drive": "none"}
NO_ACPI = {"machine": "pc", "extra": ("-no-acpi",)}


def way(settings):
    return "-".join(str(value) for value in settings.values()) if isinstance(settings, dict) else None


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Return `image(at_end)`: the modes image with that end, built once each."""
    made: dict[str, Path] = {}
    recipe = replace(recipe_for_workload(data_root() / "tests/guests/modes/modes.c"), arguments=("status", "3"))
    frozen = freeze(recipe)

    def image(at_end):
        if at_end not in made:
            made[at_end] = tmp_path_factory.mktemp("end") / f"{at_end}.img"
            build_image(replace(recipe, at_end=at_end), made[at_end], frozen=frozen)
        return made[at_end]

    return image


@pytest.mark.parametrize("settings", [PC, Q35, PVH, OVMF_Q35], ids=way)
def test_power_off_by_acpi(ended, boot, settings):
    result = boot(ended("power-off"), debug_exit=False, **settings)
    assert (result.verdict, result.status) == ("exited", 3), result.explain()
    assert b"bareflow: power off, verdict" in result.kernel_text


def reset_log(ended, boot, tmp_path, **settings):
    """Boot the image that resets at its end; what QEMU logs of resets."""
    log = tmp_path / "resets"
    extra = ("-d", "cpu_reset", "-D", str(log), *settings.pop("extra", ()))
    result = boot(ended("reset"), debug_exit=False, extra=extra, **settings)
    assert GUEST_VERDICT.name_of(result.final["verdict"]) == "exited", result.explain()
    assert result.reason.startswith("The machine reset itself"), result.reason
    return log.read_text()


@pytest.mark.parametrize("settings", [PC, Q35, PVH, OVMF_PC], ids=way)
def test_reset_by_acpi_or_the_keyboard_controller(ended, boot, tmp_path, settings):
    assert "Triple fault" not in reset_log(ended, boot, tmp_path, **settings)


def test_reset_of_a_machine_that_has_neither(ended, boot, tmp_path):
    assert "Triple fault" in reset_log(ended, boot, tmp_path, **MICROVM)


def test_a_machine_monitor_without_acpi_is_ended_by_a_reset(ended, boot):
    result = boot(ended("power-off"), debug_exit=False, **MICROVM)
    assert GUEST_VERDICT.name_of(result.final["verdict"]) == "exited"
    assert result.reason.startswith("The machine reset itself"), result.explain()


def test_a_pc_without_acpi_stays_on_and_says_so(ended, boot):
    result = boot(ended("power-off"), debug_exit=False, **NO_ACPI)
    assert result.verdict == "hang"
    assert result.kernel_text.endswith(
        b"bareflow: this machine has no power off\n\nbareflow: halted, verdict 0x10 status 3\n"
    )


@pytest.mark.parametrize("at_end", ["power-off", "reset"])
def test_a_fault_is_left_to_be_read(ended, boot, at_end):
    result = boot(ended(at_end), debug_exit=False, args=("modes", "divide"))
    assert result.verdict == "hang", result.explain()
    assert b"trap 0" in result.kernel_text
    assert b"bareflow: halted, verdict" in result.kernel_text
