"""Live linking: every relocation kind of the table, and what is refused."""

import struct

import pytest

from bareflow.errors import LinkError
from bareflow.snapshot.relocate import KINDS, PATCHES, Piece, Plan, Relocation, place_object, plan_object
from tests.object_samples import elf_object

BASE = 0x20000000


def one_field(kind, before=b"", width=8, symbol="target", addend=0):
    """A plan whose blob is `before`, then one field of `width` bytes with a relocation of that kind."""
    data = before + bytes(width)
    end = -(-len(data) // 8) * 8
    got = {symbol: end} if "GOT" in kind else {}
    relocation = Relocation(len(before), KINDS[kind], symbol, addend)
    return Plan((Piece(".text", 0, data, True),), (relocation,), {"f": 0}, 0, len(data), end + 8 * len(got), got)


def test_r_x86_64_64_is_symbol_plus_addend():
    blob = place_object(one_field("R_X86_64_64", addend=5), BASE, {"target": 0x1122334455667700})
    assert struct.unpack_from("<Q", blob)[0] == 0x1122334455667705


@pytest.mark.parametrize("kind", ["R_X86_64_PC32", "R_X86_64_PLT32"])
def test_pc_relative_fields_count_from_the_field(kind):
    blob = place_object(one_field(kind, b"\xe8", 4, addend=-4), BASE, {"target": BASE + 0x1000})
    assert struct.unpack_from("<i", blob, 1)[0] == 0x1000 - 1 - 4


def test_pc64_holds_a_distance_of_64_bits():
    blob = place_object(one_field("R_X86_64_PC64"), BASE, {"target": BASE - (1 << 40)})
    assert struct.unpack_from("<q", blob)[0] == -(1 << 40)


def test_32_is_unsigned_and_32s_signed():
    high = {"target": 0xF0000000}
    assert struct.unpack_from("<I", place_object(one_field("R_X86_64_32", width=4), BASE, high))[0] == 0xF0000000
    with pytest.raises(LinkError, match=r"R_X86_64_32S cannot reach target at 0xf0000000"):
        place_object(one_field("R_X86_64_32S", width=4), BASE, high)
    low = {"target": 2}
    blob = place_object(one_field("R_X86_64_32S", width=4, addend=-10), BASE, low)
    assert struct.unpack_from("<i", blob)[0] == -8
    with pytest.raises(LinkError, match="R_X86_64_32 cannot reach"):
        place_object(one_field("R_X86_64_32", width=4, addend=-10), BASE, low)


def test_a_distance_beyond_two_gigabytes_is_refused():
    with pytest.raises(LinkError, match="R_X86_64_PC32 cannot reach target"):
        place_object(one_field("R_X86_64_PC32", width=4), BASE, {"target": BASE + (1 << 32)})


def test_a_thread_local_offset_is_negative():
    blob = place_object(one_field("R_X86_64_TPOFF32", width=4), BASE, {"target": -16})
    assert struct.unpack_from("<i", blob)[0] == -16


def test_a_got_load_becomes_lea():
    blob = place_object(one_field("R_X86_64_REX_GOTPCRELX", b"\x48\x8b\x05", 4, addend=-4), BASE, {"target": BASE + 64})
    assert blob[:3] == b"\x48\x8d\x05"
    assert struct.unpack_from("<i", blob, 3)[0] == 64 - 7


def test_a_call_through_the_got_becomes_direct():
    blob = place_object(one_field("R_X86_64_GOTPCRELX", b"\xff\x15", 4, addend=-4), BASE, {"target": BASE + 64})
    assert blob[:2] == b"\x67\xe8"
    assert struct.unpack_from("<i", blob, 2)[0] == 64 - 6


def test_a_jump_through_the_got_becomes_direct():
    blob = place_object(one_field("R_X86_64_GOTPCRELX", b"\xff\x25", 4, addend=-4), BASE, {"target": BASE + 64})
    assert blob[0] == 0xE9
    assert struct.unpack_from("<i", blob, 1)[0] == 64 - 5
    assert blob[5] == 0x90


def test_any_other_use_of_the_got_reads_a_word_of_the_blob():
    compare = one_field("R_X86_64_REX_GOTPCRELX", b"\x48\x3b\x05", 4, addend=-4)  # cmp rax, [rip + …]
    blob = place_object(compare, BASE, {"target": 0x123456})
    word = 7 + struct.unpack_from("<i", blob, 3)[0]
    assert struct.unpack_from("<Q", blob, word)[0] == 0x123456


def test_an_undefined_symbol_is_named():
    with pytest.raises(LinkError, match="evil_external_function is not in the running image"):
        place_object(one_field("R_X86_64_64", symbol="evil_external_function"), BASE, {})


def test_a_whole_object_is_laid_out_and_filled_in():
    plan = plan_object(elf_object(), "f")
    assert (plan.entry, plan.code_size, plan.size) == (0, 16, 16)
    blob = place_object(plan, BASE, {"evil_symbol": BASE + 0x100})
    assert struct.unpack_from("<i", blob, 4)[0] == 0x100 - 4 - 4


def test_an_evil_relocation_kind_is_refused_by_kind_and_symbol():
    evil = KINDS["R_X86_64_TLSGD"]
    assert "R_X86_64_TLSGD" not in PATCHES
    with pytest.raises(LinkError, match="f uses R_X86_64_TLSGD for evil_symbol, which we do not link"):
        plan_object(elf_object(evil), "f")


def test_a_relocation_kind_without_a_name_is_refused_by_number():
    with pytest.raises(LinkError, match="f uses relocation kind 233 for evil_symbol"):
        plan_object(elf_object(233), "f")


def test_writable_data_is_refused_because_it_may_exist_only_once():
    with pytest.raises(LinkError, match=r"writable data in \.data, which may exist only once"):
        plan_object(elf_object(flags=3, name=b".data"), "f")


def test_a_missing_function_is_an_error():
    with pytest.raises(LinkError, match="The object of g does not define it"):
        plan_object(elf_object(), "g")


@pytest.mark.parametrize("data", [b"", b"\x7fELF", elf_object()[:200], elf_object()[:64]])
def test_a_damaged_object_is_an_error_and_not_a_crash(data):
    with pytest.raises(LinkError):
        plan_object(data, "f")


def test_a_relocation_against_a_symbol_that_is_not_there_is_damage_and_not_a_crash():
    with pytest.raises(LinkError, match="The object of f is damaged"):
        plan_object(elf_object().replace(struct.pack("<Q", 2 << 32 | 2), struct.pack("<Q", 9 << 32 | 2)), "f")
