"""The linker's messages as sentences, archives' symbol tables, make rules."""

import struct

from bareflow.compile.frontend import _dependencies
from bareflow.compile.libc import archive_symbols
from bareflow.snapshot.link import explain

UNDEFINED = """\
ld.lld: error: undefined symbol: missing
>>> referenced by workload:und
>>>               und-0.o:(user)

ld.lld: error: undefined symbol: gone
>>> referenced by workload:und
>>>               und-0.o:(.text.other)
"""


def test_each_undefined_symbol_is_named_with_who_uses_it():
    error = explain("und", UNDEFINED)
    assert error.message == (
        "und does not link: 2 symbols are undefined: missing (used by user), gone (used by other)."
    )
    assert error.detail == UNDEFINED


def test_one_undefined_symbol_is_told_as_one():
    assert "one symbol is undefined: missing (used by user)." in explain("x", UNDEFINED.partition("\n\n")[0]).message


def test_a_missing_main_is_told_as_such():
    error = explain("app", "ld.lld: error: undefined symbol: main\n>>> referenced by crt1.c\n>>> crt1.o:(_start_c)\n")
    assert error.message == "app defines no main()."


def test_an_unknown_intrinsic_is_told_as_such():
    error = explain("app", "ld.lld: error: undefined symbol: llvm.x86.new\n>>> referenced by w\n>>>   a.o:(f)\n")
    assert "intrinsic" in error.message
    assert "llvm.x86.new (used by f)" in error.message


def test_a_symbol_that_libc_defines_too_is_named():
    error = explain("app", "ld.lld: error: duplicate symbol: malloc\n>>> defined at a.o\n>>> defined at libc.a\n")
    assert error.message.startswith("malloc is defined by app and by the C library")


def test_what_two_files_of_a_program_define_is_named():
    error = explain("app", "ld.lld: error: duplicate symbol: main\n>>> defined at x.c\n>>> defined at y.c\n")
    assert error.message == "app defines main twice."


def test_a_program_beyond_two_gib_is_told_as_such():
    assert "2 GiB" in explain("app", "ld.lld: error: a.o: relocation R_X86_64_32S out of range").message


def test_anything_else_keeps_the_linkers_words():
    assert explain("app", "ld.lld: error: odd").detail == "ld.lld: error: odd"


def test_archive_symbols_come_from_its_table():
    table = struct.pack(">III", 2, 0, 0) + b"one\0two\0"
    archive = b"!<arch>\n" + b"/".ljust(48) + str(len(table)).encode().ljust(10) + b"`\n" + table
    assert archive_symbols(archive) == {"one", "two"}
    assert archive_symbols(b"something else") == set()


def test_a_make_rule_gives_the_files_with_spaces_in_their_names():
    assert _dependencies("out.bc: a.c \\\n  with\\ space.h /usr/x.h\n") == ["a.c", "with space.h", "/usr/x.h"]


def test_a_symbol_that_only_tables_of_ours_name_is_told_without_them():
    error = explain(
        "app", "ld.lld: error: undefined symbol: gone\n>>> referenced by 1.s.o:(.data.rel.ro.bf_interp+0x0)\n"
    )
    assert error.message == "app does not link: one symbol is undefined: gone."
    assert "(used by main)" in explain("app", "ld.lld: error: undefined symbol: gone\n>>> a.o:(main.body)\n").message
