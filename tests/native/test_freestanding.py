"""The kernel and small programs through clang and lld: same inputs give the same bytes, mistakes are named."""

import shutil

import pytest
from elftools.elf.elffile import ELFFile

from bareflow import toolchain
from bareflow.compile.freestanding import KERNEL_FEATURES, build_freestanding, build_kernel
from bareflow.errors import CompileError, LinkError
from bareflow.layouts.boot import KERNEL_ABI_VERSION, KERNEL_HEADER

SCRIPT = """
#include "bareflow/gen/memmap.h"
ENTRY(start)
SECTIONS { . = MEM_STAGE2; .text : { *(.text*) *(.rodata*) } .bss : { *(.bss*) *(.data*) } }
"""


@pytest.fixture
def build(tmp_path):
    def make(source: str, **settings: object):
        (tmp_path / "part.c").write_text(source)
        (tmp_path / "part.ld").write_text(SCRIPT)
        return build_freestanding("part", [tmp_path / "part.c"], script=tmp_path / "part.ld", **settings)

    return make


def test_a_program_lies_where_its_script_says(build):
    program = build("int value;\nvoid start(void) { value = VALUE; for (;;); }\n", defines=["VALUE=7"])
    with program.elf.open("rb") as stream:
        elf = ELFFile(stream)
        assert elf["e_entry"] == 0x8000
        assert elf.get_section_by_name(".text").data() == program.binary


def test_what_clang_refuses_is_shown(build):
    with pytest.raises(CompileError, match=r"part\.c") as caught:
        build("void start(void) { missing(); }\n")
    assert "missing" in caught.value.detail


def test_what_lld_refuses_is_shown(build):
    with pytest.raises(LinkError, match=r"part\.ld") as caught:
        build("void missing(void);\nvoid start(void) { missing(); }\n")
    assert "missing" in caught.value.detail


@pytest.mark.parametrize("features", [frozenset(), frozenset(KERNEL_FEATURES), *({name} for name in KERNEL_FEATURES)])
def test_the_kernel_links_with_any_feature(features):
    binary = build_kernel(frozenset(features)).binary
    header = KERNEL_HEADER.decode(binary[: KERNEL_HEADER.size])
    assert (header["abi_version"], header["file_size"]) == (KERNEL_ABI_VERSION, len(binary))
    assert header["entry_offset"] < len(binary) < header["memory_size"] < 2 << 20


def test_the_kernel_is_code_that_nobody_writes_and_data_that_nobody_runs():
    with build_kernel(frozenset(KERNEL_FEATURES)).elf.open("rb") as stream:
        flags = [(segment["p_flags"], segment["p_filesz"] > 0) for segment in ELFFile(stream).iter_segments("PT_LOAD")]
    assert flags == [(5, True), (6, False)]


def test_the_smallest_kernel_leaves_room_for_a_workload():
    assert len(build_kernel(frozenset()).binary) <= 8_300


def test_a_kernel_that_was_damaged_in_the_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path))
    first = build_kernel(frozenset())
    packed = next(first.elf.parent.glob("packed-*.bin"))
    for path in (first.elf, packed):
        path.write_bytes(path.read_bytes()[:-9])
    assert build_kernel(frozenset()).binary == first.binary


def test_the_kernel_is_the_same_from_any_folder_and_cache(tmp_path, monkeypatch):
    first = build_kernel(frozenset({"files"})).binary
    for room in ("kernel", "runtime", "loader"):
        shutil.copytree(toolchain.data_root() / room, tmp_path / "other" / room)
    monkeypatch.setenv("BAREFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "data_root", lambda: tmp_path / "other")
    assert build_kernel(frozenset({"files"})).binary == first
