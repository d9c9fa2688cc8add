"""Real images: output, input, arguments, status, and every kind of crash caught, named and traced to its function."""

from __future__ import annotations

import json

import pytest

from bareflow.layouts.verdict import HOST_STATUS


def functions(frames) -> list[str]:
    return [frame.function for frame in frames]


def test_classic_runs_and_its_boot_is_stamped(classic_image, boot):
    result = boot(classic_image)
    assert result.verdict == "exited", result.explain()
    assert result.exit_status == 0
    assert b"fibonacci = 832040" in result.stdout
    assert result.boot_ms is not None
    assert 0 < result.boot_ms <= result.wall_ms
    stamps = [result.stamps[name] for name in ("loader", "kernel", "snapshot", "workload", "end")]
    assert stamps == sorted(stamps)


def test_arguments_and_environment_arrive(modes_image, boot):
    arguments = ("modes", "show", "", "b c", "é")
    result = boot(modes_image, args=arguments, environment=(("NAME", "a value"),))
    expected = [f"argv[{index}]={text}" for index, text in enumerate(arguments)] + ["env NAME=a value"]
    assert result.stdout.decode().splitlines() == expected
    assert result.exit_status == len(arguments)


def test_input_is_read_to_its_end(modes_image, boot):
    result = boot(modes_image, args=("modes", "echo"), stdin=b"one\ntwo\nlast without newline")
    assert result.stdout == b"one\ntwo\nlast without newline"
    assert result.exit_status == 3


def test_errors_are_told_from_output(mode):
    result = mode("speak")
    assert result.stdout == b"to stdout\nto stdout again\n"
    assert result.stderr == b"to stderr\n"
    assert result.transcript == b"to stdout\nto stderr\nto stdout again\n"


@pytest.mark.parametrize(("given", "status"), [("0", 0), ("7", 7), ("300", 44)])
def test_the_status_is_the_workloads(mode, given: str, status: int):
    assert mode("status", given).exit_status == status


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("divide", "divide error"),
        ("invalid", "invalid opcode"),
        ("null", "null pointer: wrote to 0x0"),
        ("call-null", "null pointer called"),
        ("overflow", "stack overflow"),
        ("execute-data", "not executable"),
        ("write-code", "wrote to read-only memory"),
        ("wild", "wrote to 0x123456789000, where nothing is"),
    ],
)
def test_every_crash_is_caught_named_and_located(mode, name: str, words: str):
    result = mode(name)
    assert (result.verdict, result.exit_status) == ("trapped", HOST_STATUS["trapped"]), result.explain()
    assert result.trap is not None
    assert words in result.reason
    assert {"main", "deeper"} & set(functions(result.trap.frames)) or name == "divide"
    assert "backtrace:" in result.explain()
    json.dumps(result.as_dict())


def test_a_stop_of_the_c_library_is_a_trap_and_not_a_silent_halt(mode):
    result = mode("date")
    assert (result.verdict, result.exit_status) == ("trapped", HOST_STATUS["trapped"]), result.explain()
    assert "the C library stops" in result.reason
    assert {"write_date", "main"} & set(functions(result.trap.frames))


def test_a_backtrace_names_every_caller_for_certain(mode):
    trap = mode("divide").trap
    assert functions(trap.frames)[:2] == ["divide", "through"]
    assert all(frame.certain for frame in trap.frames)


def test_a_backtrace_of_many_large_frames_reaches_the_outermost(mode):
    frames = mode("down", "30").trap.frames
    assert functions(frames)[:33] == ["divide", *["down"] * 31, "libc_start_main_stage2"]  # main ends by a jump
    assert all(frame.certain for frame in frames)


@pytest.mark.parametrize(("name", "signal"), [("abort", "SIGABRT"), ("kill", "SIGTERM")])
def test_a_fatal_signal_is_named(mode, name: str, signal: str):
    result = mode(name)
    assert (result.verdict, result.exit_status) == ("killed", HOST_STATUS["killed"])
    assert signal in result.reason


@pytest.mark.parametrize(("name", "verdict"), [("halt", "hang"), ("spin", "hang"), ("triple", "triple-fault")])
def test_a_machine_that_ends_without_a_word_shows_where_it_was(mode, name: str, verdict: str):
    result = mode(name, stall_s=0.5)
    assert (result.verdict, result.exit_status) == (verdict, HOST_STATUS[verdict]), result.explain()
    assert functions(result.frames)[0] == "main"


@pytest.mark.parametrize("memory_mib", [32, 6000])
def test_little_and_much_memory_do(classic_image, boot, memory_mib: int):
    assert boot(classic_image, memory_mib=memory_mib).verdict == "exited"
