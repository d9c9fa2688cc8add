"""Bitcode to objects at every tier, and compilers that die."""

import asyncio
import io
import signal
import subprocess
import sys
from concurrent.futures import Future

import pytest
from elftools.elf.elffile import ELFFile

from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import compile_sources
from bareflow.compile.pool import AT_ONCE, CompilePool, WorkerFailure
from bareflow.compile.tiers import COMPILED_TIERS, Options, compile_message, compile_object, object_of
from bareflow.errors import CompileError, UsageError

V2, V4 = target_by_name("x86-64-v2"), target_by_name("x86-64-v4")
LOOP = """
static int square(int x) { return x * x; }
int used(int x) { return square(x) + 1; }
double axpy(double a, double x, double y) { return a * x + y; }
int main(int c, char **v) { (void)v; return used(c); }
"""


@pytest.fixture
def compiled(tmp_path):
    def compiled(text, name="program.c"):
        path = tmp_path / name
        path.write_text(text)
        return compile_sources([path])

    return compiled


def symbols(data):
    table = ELFFile(io.BytesIO(data)).get_section_by_name(".symtab")
    return {symbol.name: symbol for symbol in table.iter_symbols()}


def code(data):
    elf = ELFFile(io.BytesIO(data))
    return b"".join(s.data() for s in elf.iter_sections() if s.name.startswith(".text"))


@pytest.mark.parametrize("tier", COMPILED_TIERS)
def test_every_tier_gives_an_object_with_main(compiled, tier):
    made = compile_object(compiled(LOOP), tier=tier, target=V2, keep=["main"] if tier == "frozen" else None)
    assert symbols(made.data)["main"]["st_shndx"] != "SHN_UNDEF"
    assert made.compile_ms > 0


def test_frozen_keeps_only_what_is_reached(compiled):
    made = compile_object(compiled(LOOP), tier="frozen", target=V2, keep=["main"])
    assert made.functions == ("main",)


def test_equal_requests_give_equal_bytes_from_different_processes(compiled):
    bitcode = compiled(LOOP)
    with CompilePool(1) as first, CompilePool(1) as second:
        objects = [compile_object(bitcode, tier="O3", target=V2, pool=pool).data for pool in (first, second)]
    assert objects[0] == objects[1]


def test_only_one_function_is_emitted_and_others_may_be_inlined(compiled):
    made = compile_object(compiled(LOOP), tier="O3", target=V2, only=["used"])
    assert made.functions == ("used",)
    assert "axpy" not in symbols(made.data)


def test_functions_get_sections_and_the_cold_ones_theirs(compiled):
    made = compile_object(compiled(LOOP), tier="O2", target=V2, sections=True, cold=["axpy"])
    names = {section.name for section in ELFFile(io.BytesIO(made.data)).iter_sections()}
    assert {".text.main", ".text.used", ".text_cold.axpy"} <= names


def test_contraction_follows_the_option(compiled):
    v3 = target_by_name("x86-64-v3")
    bitcode = compiled(LOOP)
    fused = compile_object(bitcode, tier="O3", target=v3, only=["axpy"])
    split = compile_object(bitcode, tier="O3", target=v3, only=["axpy"], options=Options(contract=False))
    assert code(fused.data) != code(split.data)
    assert len(code(split.data)) > len(code(fused.data))


def test_size_and_inlining_options_change_the_code(compiled):
    text = "int f(int n) { int s = 0; for (int i = 0; i < n; i++) s ^= i * i; return s; }\n" + LOOP
    bitcode = compiled(text)
    sizes = {
        options: len(code(compile_object(bitcode, tier="O3", target=V2, only=["f"], options=options).data))
        for options in (Options(), Options(size=2), Options(vectorize=False, unroll=False))
    }
    assert sizes[Options(size=2)] < sizes[Options()]
    assert sizes[Options(vectorize=False, unroll=False)] < sizes[Options()]
    wide = compile_object(bitcode, tier="O3", target=V2, options=Options(inline_threshold=1000))
    assert "main" in wide.functions


def test_a_function_with_its_own_features_keeps_them(compiled):
    text = (
        '#include <immintrin.h>\n__attribute__((target("avx2"))) int wide(const int *p) {'
        " __m256i a = _mm256_loadu_si256((const __m256i *)p);"
        " return _mm256_extract_epi32(_mm256_add_epi32(a, a), 3); }\n"
        "int main(int c, char **v) { (void)v; int x[8] = {c, c, c, c}; return c > 1 ? wide(x) : 0; }\n"
    )
    bitcode = compiled(text)
    assert bitcode.own_features
    assert compile_object(bitcode, tier="O3", target=V2).functions[0] == "wide"


def test_bad_inline_assembly_names_its_function(compiled):
    text = """int good(int x) { return x + 1; }
int other(int x) { return x + 2; }
int broken(int x) { __asm__ volatile("frobnicate %0" : : "r"(x)); return x; }
int main(void) { return good(broken(other(1))); }
"""
    with pytest.raises(CompileError, match="while compiling the function broken of program") as caught:
        compile_object(compiled(text), tier="frozen", target=V2, keep=["main"])
    assert "invalid instruction mnemonic 'frobnicate'" in caught.value.detail


def test_an_intrinsic_that_the_cpu_lacks_names_its_function(compiled):
    text = """declare <32 x i8> @llvm.x86.avx2.pshuf.b(<32 x i8>, <32 x i8>)
define <32 x i8> @shuffle(<32 x i8> %a) {
  %r = call <32 x i8> @llvm.x86.avx2.pshuf.b(<32 x i8> %a, <32 x i8> %a)
  ret <32 x i8> %r
}
define i32 @main() {
  ret i32 0
}
"""
    bitcode = compiled(text, "program.ll")
    assert bitcode.intrinsics
    with pytest.raises(CompileError, match="while compiling the function shuffle of program"):
        compile_object(bitcode, tier="O3", target=V2)
    assert compile_object(bitcode, tier="O3", target=target_by_name("haswell")).functions


def test_a_compiler_that_hangs_is_killed_and_the_next_request_served(compiled):
    bitcode = compiled("int main(void) { return 0; }\n")
    with CompilePool(1) as pool:
        with pytest.raises(CompileError, match="LLVM did not end within"):
            compile_object(bitcode, tier="O3", target=V2, pool=pool, deadline_s=0.0)
        assert compile_object(bitcode, tier="O3", target=V2, pool=pool).functions == ("main",)


def test_a_killed_or_stopped_compiler_is_reported_and_replaced(compiled):
    bitcode = compiled("int main(void) { return 0; }\n")
    with CompilePool(1) as pool:
        compile_object(bitcode, tier="O1", target=V2, pool=pool)
        worker = pool._workers[0]
        assert worker._child
        worker._child.kill()
        worker._child.wait()
        with pytest.raises(WorkerFailure, match="SIGKILL"):
            pool.request({"op": "host"}, [])
        assert pool.request({"op": "host"}, [])[0]["cpu"]
        worker._child.send_signal(signal.SIGSTOP)  # it takes no more than a pipe holds
        with pytest.raises(WorkerFailure, match="did not end within"):
            pool.request({"op": "host"}, [bytes(1 << 20)], deadline_s=0.01)
        assert pool.request({"op": "host"}, [])[0]["cpu"]


def test_requests_in_an_event_loop_are_served_by_warm_compilers_alone():
    with CompilePool(1) as pool:
        assert asyncio.run(pool.ask({"op": "host"}, [])) is None
        pool.warm()
        pool.wait_until_warm()
        assert asyncio.run(pool.ask({"op": "host"}, [bytes(AT_ONCE + 1)])) is None
        answer = asyncio.run(pool.ask({"op": "host"}, []))
        assert answer
        assert answer[0]["cpu"]


def test_a_request_that_nobody_waits_for_any_more_is_finished_and_its_compiler_stays_loaded(compiled):
    bitcode = compiled(LOOP)
    late = Future()

    async def give_up(pool):
        message = compile_message(bitcode, tier="O3", target=V2, options=Options())
        asking = asyncio.create_task(pool.ask(message, [bitcode.data], late=late.set_result))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return asking.cancelled()

    with CompilePool(1) as pool:
        pool.warm()
        pool.wait_until_warm()
        process = pool._workers[0].pid
        assert asyncio.run(give_up(pool))
        assert object_of(bitcode, *late.result(60)).functions
        assert pool.request({"op": "host"}, [])[0]["cpu"]
        assert pool._workers[0].pid == process


def test_who_waits_for_a_compiler_is_served_after_a_request_that_was_given_up(compiled):
    bitcode = compiled(LOOP)

    async def give_up(pool):
        message = compile_message(bitcode, tier="O3", target=V2, options=Options())
        asking = asyncio.create_task(pool.ask(message, [bitcode.data]))
        await asyncio.sleep(0)
        waiting = pool.submit({"op": "host"}, [])
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return waiting

    with CompilePool(1) as pool:
        pool.warm()
        pool.wait_until_warm()
        assert asyncio.run(give_up(pool)).result(20)[0]["cpu"]


def test_requests_of_several_threads_are_all_served(compiled):
    bitcode = compiled(LOOP)
    with CompilePool(2) as pool:
        futures = [pool.run(compile_object, bitcode, tier=t, target=V2, pool=pool) for t in ("O0", "O1", "O2", "O3")]
        assert all("main" in future.result(60).functions for future in futures)


def test_a_tier_that_is_not_compiled_is_refused(compiled):
    with pytest.raises(UsageError, match="'interp'"):
        compile_object(compiled("int main(void) { return 0; }\n"), tier="interp", target=V2)


@pytest.mark.parametrize("switch", ["+avx2", "+no-such-feature", "avx"])
def test_options_cannot_ask_for_another_cpu(compiled, switch):
    with pytest.raises(UsageError, match=switch.lstrip("+")):
        compile_object(
            compiled("int main(void) { return 0; }\n"), tier="O3", target=V2, options=Options(features=(switch,))
        )


def test_what_a_worker_forks_ends_with_it():
    script = (
        "import os, signal, sys\n"
        "from bareflow.compile.worker import die_with_parent\n"
        "ready, tell = os.pipe()\n"
        "if not os.fork():\n"
        "    die_with_parent()\n"
        "    os.write(tell, b'.')\n"
        "    signal.pause()\n"
        "os.read(ready, 1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # The child holds our end of the pipe for as long as it lives: reading to the end waits for it to be gone.
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL


def test_global_options_change_the_code_and_stay_with_their_request(compiled):
    bitcode = compiled("int main(int c, char **v) { int s = 0; while (c--) s += v[c][0]; return s; }")
    with CompilePool(1) as pool:
        plain = compile_object(bitcode, tier="O3", target=V2, pool=pool).data
        options = Options(llvm=("-unroll-runtime=false", "-align-all-nofallthru-blocks=6"))
        assert compile_object(bitcode, tier="O3", target=V2, pool=pool, options=options).data != plain
        assert compile_object(bitcode, tier="O3", target=V2, pool=pool).data == plain


def test_a_compiler_gives_the_same_bytes_whatever_it_compiled_before(compiled):
    bitcode = compiled(LOOP)
    wanted = [("O0", V2), ("O3", V4), ("O3", V2), ("O0", V2), ("O3", V4)]
    with CompilePool(1) as pool:
        kept = [compile_object(bitcode, tier=tier, target=target, pool=pool).data for tier, target in wanted]
    for made, (tier, target) in zip(kept, wanted, strict=True):
        with CompilePool(1) as pool:
            assert compile_object(bitcode, tier=tier, target=target, pool=pool).data == made
    assert len(set(kept)) == 3
