"""The doctor's lines: what is a failure, what a warning, and that every one of them has a fix."""

from __future__ import annotations

import json
import os
import shutil
import stat
from types import SimpleNamespace

import pytest

from bareflow import doctor
from bareflow.cli.hardware import show_checks
from bareflow.doctor import Check, Diagnosis, examine
from bareflow.errors import MachineError
from bareflow.machine.accel import AccelChoice


@pytest.fixture
def programs(monkeypatch):
    """A host on which only the given programs are installed."""

    def install(**paths):
        found = {name.replace("_", "-"): str(path) for name, path in paths.items()}
        monkeypatch.setattr(shutil, "which", found.get)

    return install


@pytest.fixture
def kvm(monkeypatch):
    """What the probe is said to have found."""
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/x")

    def found(answer):
        async def find():
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(doctor, "find_accel", find)
        (check,) = doctor.check_kvm()
        return check

    return found


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_qemu_that_runs_is_ok_with_its_version(tmp_path, monkeypatch):
    fake = script(tmp_path / "qemu", "echo 'QEMU emulator version 8.2.4 (Debian 1:8.2.4)'")
    monkeypatch.setattr(shutil, "which", lambda _name: str(fake))
    (check,) = doctor.check_qemu()
    assert (check.state, check.found) == ("ok", f"version 8.2.4, {fake}")


def test_an_old_qemu_is_a_warning_and_a_broken_one_a_failure(tmp_path, monkeypatch):
    old = script(tmp_path / "old", "echo 'QEMU emulator version 6.0.1'")
    broken = script(tmp_path / "broken", "echo 'libfoo.so: cannot open' >&2; exit 127")
    for fake, state, said in ((old, "warn", "6.0.1"), (broken, "fail", "libfoo.so: cannot open")):
        monkeypatch.setattr(shutil, "which", lambda _name, fake=fake: str(fake))
        (check,) = doctor.check_qemu()
        assert (check.state, said in check.found, bool(check.fix)) == (state, True, True)


def test_a_missing_qemu_fails_only_where_apt_cannot_add_it(programs, monkeypatch):
    programs()
    assert next(iter(doctor.check_qemu())).state == "fail"
    programs(apt_get="/usr/bin/apt-get", sudo="/usr/bin/sudo")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert next(iter(doctor.check_qemu())).state == "warn"
    programs(apt_get="/usr/bin/apt-get")
    assert next(iter(doctor.check_qemu())).state == "fail"


def test_qemu_img_is_not_needed_by_the_two_commands(programs):
    programs()
    states = {check.name: check.state for check in doctor.check_programs()}
    assert states == {"cc": "fail", "mcopy": "fail", "fsck.fat": "fail", "qemu-img": "warn"}


def test_kvm_that_passed_the_probe_is_ok(kvm):
    check = kvm(AccelChoice("kvm", "host", "the probe passed", 90.0, 340.0))
    assert (check.state, check.found) == ("ok", "the probe passed (90 ms against 340 emulated)")


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("there is no /dev/kvm", "VT-x"),
        ("/dev/kvm may not be opened; add yourself to the group kvm", "usermod"),
        ("KVM is here but the probe died", "None is needed"),
    ],
)
def test_kvm_that_cannot_be_used_is_a_warning_with_its_reason(kvm, reason, fix):
    check = kvm(AccelChoice("tcg", "max", reason))
    assert (check.state, reason in check.found, fix in check.fix) == ("warn", True, True)


def test_a_probe_that_cannot_be_made_is_a_warning(kvm):
    assert kvm(MachineError("QEMU did not start.")).state == "warn"


def test_without_qemu_kvm_is_not_tried_and_nothing_is_installed(programs, monkeypatch):
    programs()
    monkeypatch.setattr(doctor, "find_accel", lambda: pytest.fail("probed"))
    assert next(iter(doctor.check_kvm())).found == "not tried: QEMU is missing"


@pytest.fixture
def pinned(tmp_path, monkeypatch):
    def write(text, **installed):
        (tmp_path / "requirements.txt").write_text(text)
        monkeypatch.setattr(doctor, "data_root", lambda: tmp_path)

        def version(name):
            if name not in installed:
                raise doctor.metadata.PackageNotFoundError(name)
            return installed[name]

        monkeypatch.setattr(doctor.metadata, "version", version)
        (check,) = doctor.check_pins()
        return check

    return write


def test_packages_as_pinned_are_one_line(pinned):
    check = pinned("# ours\na==1.0\n# ----\nb==2\n", a="1.0", b="2")
    assert (check.state, check.found) == ("ok", "2 as pinned")


@pytest.mark.parametrize(
    ("installed", "state", "said"),
    [
        ({"a": "1.1", "b": "2"}, "fail", "a 1.1 instead of 1.0"),
        ({"b": "2"}, "fail", "a missing instead of 1.0"),
        ({"a": "1.0"}, "fail", "b missing instead of 2"),
        ({"a": "1.0", "b": "3"}, "warn", "b 3 instead of 2"),
    ],
)
def test_a_package_that_is_not_as_pinned_is_named(pinned, installed, state, said):
    check = pinned("a==1.0\n# ----\nb==2\n", **installed)
    assert (check.state, check.found) == (state, said)
    assert check.fix


def test_the_pins_of_this_checkout_are_read():
    direct, indirect = doctor.pins()
    assert {"llvmlite", "ziglang", "pyserial", "pytest"} <= direct.keys()
    assert "packaging" in indirect


def serial(monkeypatch, *ports):
    monkeypatch.setattr(doctor.list_ports, "comports", lambda: list(ports))
    return list(doctor.check_serial())


def port(device, vid=None, pid=None):
    return SimpleNamespace(device=str(device), description="USB UART", vid=vid, pid=pid)


def test_a_serial_port_is_shown_with_its_ids(monkeypatch, tmp_path):
    node = tmp_path / "ttyUSB0"
    node.touch()
    (check,) = serial(monkeypatch, port(node, 0x0403, 0x6001))
    assert (check.state, check.found) == ("ok", f"{node}: USB UART (0403:6001)")


def test_a_serial_port_that_may_not_be_opened_names_the_group(monkeypatch, tmp_path):
    node = tmp_path / "ttyUSB0"
    node.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(doctor.grp, "getgrgid", lambda _gid: SimpleNamespace(gr_name="dialout"))
    (check,) = serial(monkeypatch, port(node))
    assert (check.state, check.fix) == ("warn", "usermod -aG dialout $USER as root, then log in again.")


def test_no_serial_port_is_a_warning(monkeypatch):
    assert [check.state for check in serial(monkeypatch)] == ["warn"]


def test_the_cache_is_shown_with_its_size(monkeypatch, tmp_path):
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path))
    (tmp_path / "object").write_bytes(bytes(3_000_000))
    (check,) = doctor.check_cache()
    assert (check.state, "3 MB" in check.found) == ("ok", True)


def test_a_cache_that_cannot_be_made_fails_and_the_rest_is_still_looked_at(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path / "file"))
    (check,) = doctor.check_cache()
    assert (check.state, "BAREFLOW_CACHE" in check.fix) == ("fail", True)
    assert [check.name for check in doctor.check_space()] == ["space"]


@pytest.mark.parametrize(("free", "state"), [(100 << 20, "fail"), (1 << 30, "warn"), (9 << 30, "ok")])
def test_disk_space_is_judged(monkeypatch, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free))
    assert {check.state for check in doctor.check_space()} == {state}


def test_a_look_that_breaks_is_a_line_of_its_own(monkeypatch):
    def check_qemu():
        raise PermissionError(13, "Permission denied")
        yield

    monkeypatch.setattr(doctor, "check_qemu", check_qemu)
    monkeypatch.setattr(doctor, "check_kvm", lambda: ())
    broken = [check for check in examine().checks if check.name == "qemu"]
    assert [(check.state, "Permission denied" in check.found) for check in broken] == [("warn", True)]


def test_only_a_failure_is_unhealthy_and_everything_goes_into_json():
    fine = Diagnosis((Check("a", "ok", "here"), Check("b", "warn", "missing", "add it")))
    assert fine.healthy
    bad = Diagnosis((*fine.checks, Check("c", "fail", "broken", "mend it")))
    document = json.loads(json.dumps(bad.as_dict()))
    assert document["healthy"] is False
    assert document["checks"][2] == {"name": "c", "state": "fail", "found": "broken", "fix": "mend it"}


def test_people_see_each_line_with_its_fix_and_a_verdict(capsys):
    show_checks(Diagnosis((Check("a", "ok", "here"), Check("b", "fail", "broken", "mend it"))))
    said = capsys.readouterr().err
    assert "ok    a  here" in said
    assert "fail  b  broken" in said
    assert "mend it" in said
    assert "What failed above" in said
