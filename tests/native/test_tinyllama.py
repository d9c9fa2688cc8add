"""The tinyllama workload on this machine: right ids and logits for every type and variant, one sentence for
whatever is wrong."""

from __future__ import annotations

import hashlib
import random
import resource
import signal
import struct
import subprocess

import pytest

from tests.native.libfuzzer import TARGETS, corpus
from tests.native.llama_files import REFERENCE, ROOT, VECTORS, Tensor, decode, logits, text, tiny, whole

FOLDER = ROOT / "images/workloads/tinyllama"
SOURCES = sorted(str(path.relative_to(ROOT)) for path in FOLDER.glob("*.c"))
PROMPT = REFERENCE["prompts"][0]
TOLERANCE = {"f32": 5e-4, "f16": 0.05, "q8_0": 0.45, "q4_0": 0.45}
LIBM = ["-Wl,--no-as-needed", "-lm"]
VARIANTS = ("scalar", "sse", "avx2", "avx512")


@pytest.fixture(scope="module")
def fast(build_native):
    return build_native("tinyllama", SOURCES, ["-O2", *LIBM], sanitize=False)


@pytest.fixture(scope="module")
def checked(build_native):
    return build_native("tinyllama-checked", SOURCES, ["-O0", *LIBM])


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    paths = {kind: folder / f"{kind}.gguf" for kind in TOLERANCE}
    for kind, path in paths.items():
        path.write_bytes(tiny(kind))
    return paths


def run(program, model, *words, **kwargs):
    command = [str(program), "--model", str(model), *words]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120, **kwargs)
    assert b"Sanitizer" not in done.stderr, done.stderr.decode()
    assert b"runtime error" not in done.stderr, done.stderr.decode()
    return done


def numbers(line):
    return [int(word) for word in line.split()]


def refused(done):
    """The one sentence of a program that gave up."""
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, len(lines)) == (2, 1), done.stderr
    assert lines[0].startswith("tinyllama: ")
    return lines[0].removeprefix("tinyllama: ")


def test_derived_f16_file_is_the_reference_file():
    expected = REFERENCE["models"]["tiny-f16"]["sha256"]
    assert hashlib.sha256(tiny("f16")).hexdigest() == expected


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["text"][:12])
def test_encodes_as_sentencepiece_and_llama_cpp(checked, models, vector):
    done = run(checked, models["q8_0"], "--encode", "--prompt", vector["text"])
    assert numbers(done.stdout) == vector["ids"]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", TOLERANCE)
def test_greedy_ids_and_logits_are_the_reference(fast, models, kind, variant):
    worst = 0.0
    for index, prompt in enumerate(REFERENCE["models"][f"tiny-{kind}"]["prompts"]):
        words = ["--prompt", prompt["prompt"], "--variant", variant, "--tokens", "64", "--endless"]
        done = run(fast, models[kind], *words, "--ids")
        if b"does not offer" in done.stderr:
            pytest.skip(f"this CPU does not offer {variant}")
        encoded, generated = map(numbers, done.stdout.decode().splitlines())
        assert encoded == prompt["prompt_ids"]
        assert generated == prompt["ids"]
        forced = " ".join(map(str, prompt["ids"]))
        raw = run(fast, models[kind], *words, "--force", forced, "--logits", "-").stdout
        found = struct.unpack(f"<{64 * 512}f", raw)
        worst = max(worst, *(abs(a - b) for a, b in zip(found, logits(kind, index), strict=True)))
    assert worst < TOLERANCE[kind]


def test_streams_the_text_and_tells_both_speeds(checked, models):
    done = run(checked, models["q8_0"], "--prompt", PROMPT)
    assert done.stdout.decode() == REFERENCE["models"]["tiny-q8_0"]["prompts"][0]["text"] + "\n"
    assert b"prompt 7 tokens, " in done.stderr
    assert b"; generation 63 tokens, " in done.stderr


def test_runs_a_model_without_output_weights_of_its_own(checked, tmp_path):
    model = decode(tiny("f32"))
    model.tensors["output.weight"] = model.tensors["token_embd.weight"]
    (tmp_path / "same").write_bytes(model.encode())
    del model.tensors["output.weight"]
    (tmp_path / "tied").write_bytes(model.encode())
    words = ["--prompt", PROMPT, "--logits", "-", "--tokens", "8", "--endless", "--variant", "sse"]  # they round apart
    assert run(checked, tmp_path / "tied", *words).stdout == run(checked, tmp_path / "same", *words).stdout


@pytest.mark.parametrize("variant", ["sse", "avx2"])
def test_runs_a_vocabulary_that_fills_no_whole_group(checked, tmp_path, variant):
    model = decode(tiny("q8_0"))
    for name in ("token_embd.weight", "output.weight"):
        tensor = model.tensors[name]
        tensor.sizes, tensor.data = [128, 509], tensor.data[: 509 * 136]
    kind, tokens = model.keys["tokenizer.ggml.tokens"]
    at = 12
    for _ in range(509):
        at += 8 + struct.unpack_from("<Q", tokens, at)[0]
    model.keys["tokenizer.ggml.tokens"] = (kind, struct.pack("<IQ", 8, 509) + tokens[12:at])
    for name in ("scores", "token_type"):
        kind, values = model.keys[f"tokenizer.ggml.{name}"]
        model.keys[f"tokenizer.ggml.{name}"] = (kind, values[:4] + struct.pack("<Q", 509) + values[12 : 12 + 4 * 509])
    (tmp_path / "odd").write_bytes(model.encode())
    done = run(checked, tmp_path / "odd", "--prompt", PROMPT, "--variant", variant, "--ids")
    if b"does not offer" in done.stderr:
        pytest.skip(f"this CPU does not offer {variant}")
    expected = REFERENCE["models"]["tiny-q8_0"]["prompts"][0]["ids"]
    assert numbers(done.stdout.decode().splitlines()[1]) == expected


def test_added_tokens_are_found_within_text(checked, tmp_path):
    model = decode(tiny("q8_0"))
    kind, kinds = model.keys["tokenizer.ggml.token_type"]
    model.keys["tokenizer.ggml.token_type"] = (
        kind,
        kinds[: 12 + 4 * 388] + struct.pack("<i", 4) + kinds[16 + 4 * 388 :],
    )
    (tmp_path / "added").write_bytes(model.encode())
    ids = numbers(run(checked, tmp_path / "added", "--encode", "--prompt", "a\u2581Tomb").stdout)
    assert ids[-2:] != [388]
    assert 388 in ids


def test_a_byte_token_without_a_byte_is_no_text(checked, tmp_path):
    model = decode(tiny("q8_0"))
    kind, kinds = model.keys["tokenizer.ggml.token_type"]
    kinds = kinds[: 12 + 4 * 388] + struct.pack("<i", 6) + kinds[16 + 4 * 388 :]  # "▁Tom", as long as "<0x00>"
    model.keys["tokenizer.ggml.token_type"] = (kind, kinds)
    (tmp_path / "byte").write_bytes(model.encode())
    done = run(checked, tmp_path / "byte", "--prompt", "Tom", "--force", "388 388", "--tokens", "2")
    assert (done.returncode, done.stdout) == (0, b"Tom\n")


class TestSampling:
    def story(self, checked, models, *words):
        return run(checked, models["q8_0"], "--prompt", PROMPT, "--tokens", "40", *words).stdout

    def test_same_seed_gives_the_same_text_and_another_seed_another(self, checked, models):
        hot = ["--temperature", "1.5", "--top-k", "0", "--top-p", "1"]
        first = self.story(checked, models, *hot, "--seed", "7")
        assert first == self.story(checked, models, *hot, "--seed", "7")
        assert first != self.story(checked, models, *hot, "--seed", "8")

    @pytest.mark.parametrize("limit", [["--top-k", "1"], ["--top-p", "0.000001", "--top-k", "0"], ["--top-p", "0.01"]])
    def test_one_candidate_is_the_greedy_choice(self, checked, models, limit):
        assert self.story(checked, models, "--temperature", "1", *limit) == self.story(checked, models)


class TestChat:
    def test_each_line_is_a_prompt_until_the_input_ends(self, checked, models):
        done = run(checked, models["q8_0"], "--chat", "--tokens", "5", input=f"{PROMPT}\n\nTom was\n".encode())
        assert done.returncode == 0
        assert done.stdout.decode().startswith("> Once upon a time, there was a l\n> > Tom was ")
        assert done.stderr.count(b"tokens/s") == 4

    def test_control_c_on_the_line_ends_it(self, checked, models):
        done = run(checked, models["q8_0"], "--chat", input=b"Once\x03 upon\n")
        assert (done.returncode, done.stdout) == (0, b"> \n")

    def test_a_signal_ends_it(self, checked, models):
        command = [str(checked), "--model", str(models["q8_0"]), "--chat"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout.read(2) == b"> "
            child.send_signal(signal.SIGINT)
            assert child.wait(30) == 0

    def test_a_wrong_prompt_is_said_and_the_next_one_answered(self, checked, models):
        done = run(checked, models["q8_0"], "--chat", "--tokens", "3", input=b"\xff\nOnce upon\n")
        assert done.returncode == 0
        assert b"tinyllama: The prompt is not UTF-8: its byte 1 is out of place.\n" in done.stderr
        assert b"> Once upon a time" in done.stdout

    def test_a_chat_model_remembers_the_conversation(self, checked, tmp_path):
        model = decode(tiny("q8_0"))
        model.keys["tokenizer.chat_template"] = (8, text("{{ '<|user|>\n' }}"))
        (tmp_path / "chat").write_bytes(model.encode())
        done = run(checked, tmp_path / "chat", "--chat", "--tokens", "5", input=b"Tom?\nMia?\n")
        assert done.returncode == 0
        assert done.stderr.count(b"prompt") == 2


class TestBadInput:
    def said(self, checked, path, *words):
        return refused(run(checked, path, *(words or ["--prompt", PROMPT])))

    def test_no_file(self, checked, tmp_path):
        assert self.said(checked, tmp_path / "none").endswith("none cannot be opened.")

    @pytest.mark.parametrize("size", [0, 3, 23, 24, 100, 13000, 14000, 69000, 906431])
    def test_a_file_cut_off(self, checked, tmp_path, size):
        (tmp_path / "cut").write_bytes(tiny("q8_0")[:size])
        assert "too short" in (said := self.said(checked, tmp_path / "cut")) or "cut off" in said

    def test_an_unknown_tensor_type(self, checked, tmp_path):
        model = decode(tiny("q8_0"))
        model.tensors["blk.2.ffn_up.weight"].type = 12
        (tmp_path / "m").write_bytes(model.encode())
        expected = 'The tensor "blk.2.ffn_up.weight" has type 12; known are F32, F16, Q4_0, Q8_0 and Q6_K.'
        assert self.said(checked, tmp_path / "m") == expected

    def test_a_tensor_that_is_unknown_missing_twice_or_of_another_shape(self, checked, tmp_path):
        model = decode(tiny("q8_0"))
        norm = model.tensors.pop("output_norm.weight")
        (tmp_path / "m").write_bytes(model.encode())
        assert self.said(checked, tmp_path / "m") == 'The model has no tensor "output_norm.weight".'
        model.tensors["blk.0.attn_q.bias"] = norm
        (tmp_path / "m").write_bytes(model.encode())
        assert 'The tensor "blk.0.attn_q.bias" has no place' in self.said(checked, tmp_path / "m")
        del model.tensors["blk.0.attn_q.bias"]
        model.tensors["output_norm.weight"] = Tensor([64], 0, norm.data[:256])
        (tmp_path / "m").write_bytes(model.encode())
        assert '"output_norm.weight" is 1 by 64' in self.said(checked, tmp_path / "m")

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("general.architecture", (8, text("gpt2"))),
            ("tokenizer.ggml.model", (8, text("gpt2"))),
            ("llama.expert_count", whole(8)),
            ("llama.rope.scaling.type", (8, text("yarn"))),
            ("llama.rope.scaling.factor", (6, struct.pack("<f", 2.0))),
            ("llama.attention.head_count", whole(0)),
            ("llama.attention.head_count_kv", whole(3)),
            ("llama.block_count", (6, struct.pack("<f", 4))),
            ("general.alignment", whole(33)),
        ],
    )
    def test_a_key_that_stands_in_the_way_is_named(self, checked, tmp_path, key, value):
        model = decode(tiny("q8_0"))
        model.keys[key] = value
        (tmp_path / "m").write_bytes(model.encode())
        said = self.said(checked, tmp_path / "m")
        assert key in said or "share 3 key heads" in said

    def test_a_weight_that_is_no_number(self, checked, tmp_path):
        model = decode(tiny("q8_0"))
        tensor = model.tensors["blk.1.ffn_down.weight"]
        tensor.data = struct.pack("<e", float("inf")) + tensor.data[2:]
        (tmp_path / "m").write_bytes(model.encode())
        expected = 'The tensor "blk.1.ffn_down.weight" holds a value that is not a number.'
        assert self.said(checked, tmp_path / "m") == expected

    def test_prompts_that_cannot_be(self, checked, models):
        model = models["q8_0"]
        assert self.said(checked, model, "--prompt", "") == "The prompt is empty."
        said = self.said(checked, model, "--prompt", b"ab\xc3(")
        assert said == "The prompt is not UTF-8: its byte 3 is out of place."
        said = self.said(checked, model, "--prompt", PROMPT, "--tokens", "250")
        assert said == "The prompt's 7 tokens and 250 more do not fit the model's context of 256."
        assert "model's context of 256" in self.said(checked, model, "--prompt", "x " * 300)
        said = self.said(checked, model, "--prompt", PROMPT, "--context", "257")
        assert said == "257 tokens do not fit: the model's context holds 256."

    def test_options_that_cannot_be(self, checked, models):
        model = models["q8_0"]
        assert self.said(checked, model, "--promt", "x") == 'There is no option "--promt"; --help lists them.'
        assert self.said(checked, model, "--prompt") == "The option --prompt needs a value."
        assert self.said(checked, model, "--tokens", "-1") == 'The option --tokens cannot be "-1".'
        assert self.said(checked, model, "--prompt", "x", "--chat").startswith("Give either")
        assert "variant" in self.said(checked, model, "--prompt", "x", "--variant", "mmx")

    def test_too_little_memory(self, fast, models):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (6 << 20, 6 << 20))

        said = refused(run(fast, models["f32"], "--prompt", PROMPT, preexec_fn=limit))
        assert said.startswith("There is not enough memory for ")
        assert said.endswith(" MiB more.")


def test_a_hundred_damaged_files_end_in_a_sentence_or_in_text(checked, tmp_path):
    source, sound = random.Random(6), tiny("q8_0")  # noqa: S311  reproducible
    path, ends = tmp_path / "damaged", {0: 0, 2: 0}
    for _ in range(100):
        data = bytearray(sound)
        for _ in range(source.choice([1, 1, 2, 20])):
            at = source.randrange(source.choice([64, 1024, 14000, len(data)]))
            data[at] = source.choice([0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)])
        path.write_bytes(data if source.random() < 0.9 else data[: source.randrange(len(data))])
        done = run(checked, path, "--prompt", PROMPT, "--tokens", "4")
        ends[done.returncode] += 1
        if done.returncode:
            refused(done)
    assert ends[0]
    assert ends[2]


def test_reader_survives_the_corpus_and_random_damage(build_native):
    target = TARGETS["gguf"]
    flags = [flag.format(root=ROOT) for flag in target.flags]
    fuzzer = build_native("fuzz_gguf", [*target.sources, "tests/native/fuzz_driver.c"], flags)
    inputs = sorted(str(path) for path in corpus("gguf").iterdir())
    done = subprocess.run([str(fuzzer), "1", "10000", *inputs], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()


def test_kernels_multiply_as_the_formats_define(build_native):
    sources = [source for source in SOURCES if "kernels_" in source or source.endswith(("/pack.c", "/cpu.c"))]
    sources += [source for source in SOURCES if source.endswith(("/gguf.c", "/text.c"))]
    flags = ["-O0", f"-I{FOLDER}", *LIBM]
    program = build_native("llama_kernels", ["tests/native/llama_kernels.c", *sources], flags)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
