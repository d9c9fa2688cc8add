"""Which places in a function hold numbers, which versions a profile suggests, and what they look like."""

from bareflow.compile.cfg import find_functions
from bareflow.compile.prof import heat
from bareflow.compile.sites import find_sites
from bareflow.compile.specialise import Clone, specialise, without_noinline
from bareflow.compile.versions import Version, can_version, propose_versions, with_versions
from bareflow.profile.values import ArgumentValues, FunctionProfile, Profile

TEXT = """\
%struct.config.3 = type { i32, i32 }
@taps = internal global i32 0

define i32 @sum(ptr noundef %c, ptr noundef %a) #0 {
  %at = alloca ptr, align 8
  %i = alloca i32, align 4
  store ptr %c, ptr %at, align 8
  store i32 0, ptr %i, align 4
  br label %head

head:                                             ; preds = %body, %0
  %1 = load i32, ptr %i, align 4
  %2 = load ptr, ptr %at, align 8
  %3 = getelementptr inbounds nuw %struct.config.3, ptr %2, i32 0, i32 1
  %4 = load i32, ptr %3, align 4
  %5 = icmp slt i32 %1, %4
  br i1 %5, label %body, label %end

body:                                             ; preds = %head
  %6 = load i32, ptr @taps, align 4
  %7 = getelementptr inbounds i32, ptr %a, i32 %1
  %8 = load i32, ptr %7, align 4
  %9 = call i32 @atoi(ptr %a)
  %10 = load volatile i32, ptr @taps, align 4
  %11 = add i32 %6, %8
  %12 = add i32 %9, %10
  store i32 %11, ptr %i, align 4
  br label %head

end:                                              ; preds = %head
  ret i32 %1
}

declare i32 @atoi(ptr)

attributes #0 = { noinline nounwind }
attributes #1 = { noinline optnone }
"""
LINES = TEXT.splitlines()


def function():
    return find_functions(LINES)["sum"]


def sites():
    return {site.words: site for site in find_sites(LINES, function())}


def proposed(counts):
    known = FunctionProfile("sum", calls=1, branches={0: (100, 1), 2: (100,)}, sites=counts)
    profile = Profile({known.key: known})
    return propose_versions(TEXT, profile, {}, heat(TEXT, profile, {}))


def test_fields_globals_and_call_results_are_sites_and_elements_locals_and_volatile_loads_are_not():
    assert set(sites()) == {"field 1 of struct config", "taps", "what atoi returns"}
    assert {site.type for site in sites().values()} == {"i32"}


def test_numbers_of_sites_are_those_of_instructions():
    assert [site.number for site in find_sites(LINES, function())] == [8, 11, 14]


def test_a_place_that_held_one_value_gets_a_version_and_one_that_changed_none():
    number = sites()["taps"].number
    other = sites()["what atoi returns"].number
    steady, changing = ArgumentValues({9: 100}, 0), ArgumentValues({1: 60, 2: 40}, 0)
    (version,) = proposed({number: steady, other: changing})
    assert version == Version("sum", ((number, 9),), ("taps is 9",), 100, 100)


def test_a_version_is_left_where_its_value_changes_even_if_that_is_rare():
    number = sites()["taps"].number
    assert proposed({number: ArgumentValues({9: 990}, 10)}) == ()


def test_a_version_compares_what_it_reads_and_goes_on_in_the_landing_copy():
    number = sites()["taps"].number
    text = with_versions(TEXT, [Version("sum", ((number, 9),))], lambda text, _names: text)
    assert f"%v0.bareflow.site.{number}.same = icmp eq i32 %v0.bareflow.site.{number}.seen, 9" in text
    assert f"br label %landing.bareflow.site.{number}" in text
    assert f"%v0.bareflow.site.value.{number} = add i32 0, 9" in text
    assert "store atomic i8 1, ptr @bareflow.site.round unordered" in text
    assert "bareflow.site.i32(" not in text


def test_functions_whose_code_cannot_be_copied_are_left_alone():
    for line in ('  call void asm "nop", ""()', "  %1 = call i32 @_setjmp(ptr %0)", "  musttail call void @f()"):
        lines = ["define void @f(ptr %0) {", line, "  ret void", "}"]
        assert not can_version(find_functions(lines)["f"], lines)
    lines = [
        "define void @f() {",
        "  %1 = call i32 @again() #7",
        "  ret void",
        "}",
        "attributes #7 = { returns_twice }",
    ]
    assert not can_version(find_functions(lines)["f"], lines)


def test_noinline_goes_but_not_from_plain_bodies_nor_where_optnone_needs_it():
    text = TEXT.replace("declare i32 @atoi(ptr)", "define void @o() #1 {\n  ret void\n}\n\ndeclare i32 @atoi(ptr)")
    assert "define i32 @sum(ptr noundef %c, ptr noundef %a) #2 {" in without_noinline(text)
    assert "define void @o() #1 {" in without_noinline(text)
    wider = text.replace("ptr noundef %a) #0", "ptr noundef %a, i32 %n) #0")
    apart = without_noinline(specialise(wider, [Clone("sum", ((2, 4),))], apart=True))
    assert "@sum.plain(ptr noundef %c, ptr noundef %a, i32 %n) #0 {" in apart
    assert "define i32 @sum(ptr noundef %c, ptr noundef %a, i32 %n) #3 {" in apart
