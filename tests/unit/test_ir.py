"""Edits of IR as text."""

from bareflow.compile import ir

GROUPS = """\
attributes #0 = { cold "frame-pointer"="all" "target-cpu"="x86-64" "target-features"="+cx8" "tune-cpu"="generic" }
attributes #1 = { "no-trapping-math"="true" "target-cpu"="x86-64" "target-features"="+avx,+avx2,+cx8,+popcnt,+sse2" }
"""


def test_the_cpu_leaves_the_attribute_groups():
    text = ir.strip_cpu(GROUPS)
    assert "target-cpu" not in text
    assert "tune-cpu" not in text
    assert "frame-pointer" not in text
    assert "cold" in text
    assert '"no-trapping-math"="true"' in text


def test_features_that_a_function_asked_for_stay_on_top_of_the_target():
    text = ir.strip_cpu(GROUPS)
    assert ir.has_own_features(text)
    assert '"target-features"="+avx,+avx2,+popcnt"' in text
    assert '"target-features"="+sse4.2,+avx,+avx2,+popcnt"' in ir.add_target_features(text, "+sse4.2")


def test_text_outside_of_attribute_groups_is_untouched():
    line = '@s = constant [20 x i8] c" \\22target-cpu\\22=\\22x\\22"\n'
    assert ir.strip_cpu(line) == line


def test_fmuladd_becomes_two_operations():
    text = "  %9 = tail call double @llvm.fmuladd.f64(double %1, double 2.000000e+00, double %r)\n"
    assert ir.split_fmuladd(text) == (
        '  %"product.9" = fmul double %1, 2.000000e+00\n  %9 = fadd double %"product.9", %r\n'
    )


def test_fmuladd_keeps_fast_math_flags_and_vectors():
    args = "<2 x float> %a, <2 x float> <float 1.0, float 2.0>, <2 x float> %c"
    text = f"  %x = call fast <2 x float> @llvm.fmuladd.v2f32({args}), !fpmath !2"
    assert ir.split_fmuladd(text) == (
        '  %"product.x" = fmul fast <2 x float> %a, <float 1.0, float 2.0>\n'
        '  %x = fadd fast <2 x float> %"product.x", %c'
    )


def test_every_function_gets_a_section_and_cold_ones_the_last():
    text = (
        "define dso_local i32 @main(i32 noundef %0) local_unnamed_addr #0 {\n"
        'define internal fastcc void @"odd name"(ptr byval(%struct.s) align 8 %0) unnamed_addr #1 align 16 !prof !3 {\n'
        'define void @placed() #0 section "mine" {\n'
    )
    lines = ir.add_sections(text, cold=["odd name"]).splitlines()
    assert lines[0].endswith('local_unnamed_addr #0 section ".text.main" {')
    assert lines[1].endswith('#1 section ".text_cold.odd name" align 16 !prof !3 {')
    assert lines[2] == 'define void @placed() #0 section "mine" {'


def test_code_taken_out_of_a_function_because_it_is_cold_goes_last():
    line = ir.add_sections("define internal fastcc void @work.cold.1(ptr %0) #2 {\n")
    assert 'section ".text_cold.work.cold.1"' in line


def test_the_source_is_named_once():
    text = '; ModuleID = "x"\nsource_filename = "/home/me/a.c"\n@a = global i32 0\n'
    assert ir.name_source(text, "workload:a").count("source_filename") == 1
    assert ir.name_source(text, "workload:a").startswith('source_filename = "workload:a"\n')


def test_names_in_assembly_are_found():
    text = (
        'module asm ".globl helper"\n  call void asm sideeffect "call other_one", "~{memory}"()\n  call void @plain()\n'
    )
    found = ir.named_in_assembly(text)
    assert {"helper", "other_one"} <= found
    assert "plain" not in found


def test_globals_that_only_a_linkers_symbols_reach_are_found():
    text = '@one = global i32 1, section "registry", align 4\n@two = global i32 2, section ".data.x"\n'
    assert ir.named_by_section(text) == {"one"}


def test_intrinsics_of_every_cpu_do_not_count():
    assert not ir.uses_intrinsics("call i64 @llvm.x86.rdtsc()\ncall void @llvm.x86.sse2.pause()")
    assert ir.uses_intrinsics("call i32 @llvm.x86.sse42.crc32.32.8(i32 %0, i8 %1)")


def test_constructors_become_entries_in_their_order_and_stay_used():
    text = (
        '@llvm.used = appending global [1 x ptr] [ptr @k], section "llvm.metadata"\n'
        "@llvm.global_ctors = appending global [2 x { i32, ptr, ptr }] "
        "[{ i32, ptr, ptr } { i32 65535, ptr @b, ptr null }, { i32, ptr, ptr } { i32 101, ptr @a, ptr null }]\n"
        "@llvm.global_dtors = appending global [1 x { i32, ptr, ptr }] "
        '[{ i32, ptr, ptr } { i32 65535, ptr @"c d", ptr null }]\n'
    )
    assert ir.with_init_arrays(text).split("\n")[:3] == [
        '@bf_init.0 = internal global ptr @b, section ".init_array", align 8',
        '@bf_init.1 = internal global ptr @a, section ".init_array.00101", align 8',
        '@bf_fini.0 = internal global ptr @"c d", section ".fini_array", align 8',
    ]
    kept = "[4 x ptr] [ptr @k, ptr @bf_init.0, ptr @bf_init.1, ptr @bf_fini.0]"
    assert f'@llvm.used = appending global {kept}, section "llvm.metadata"' in ir.with_init_arrays(text)
    assert ir.with_init_arrays("@x = global i32 0\n") == "@x = global i32 0\n"
