"""Models as they come: types mixed, few key heads, tied embeddings, keys left out; against double precision."""

from __future__ import annotations

import asyncio
import random
import struct

import pytest

from bareflow.compile.pool import CompilePool
from bareflow.growth.local import grow_native
from bareflow.growth.program import prepare, restart
from bareflow.tiering import Policy
from bench.llm.generate import Shape, head, make_pool, tensor_bytes, tensors
from tests.native.llama_files import REFERENCE, Model, Tensor, decode, tiny
from tests.native.llama_reference import logits
from tests.native.test_tinyllama import FOLDER, VARIANTS, fast, models, numbers, run

__all__ = ["fast", "models"]

SHAPE = Shape(256, 2, 8, 2, 256, 320, 64)
TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8, "q6_k": 14}
FORCED = [300, 271, 319, 280]


def mixed(kinds, default, output):
    """A model of random weights: `kinds` gives the type of some matrices by the end of their name."""
    source, pools, found = random.Random(3), {}, {}  # noqa: S311  reproducible
    for name, usual, columns, count in tensors(SHAPE, default, output):
        if not count:
            found[name] = Tensor([columns], 0, struct.pack("<f", 1.0) * columns)
            continue
        kind = next((own for end, own in kinds.items() if name.endswith(f"{end}.weight")), usual)
        pool = pools.setdefault((kind, columns), b"") or make_pool(kind, columns, source)
        size = tensor_bytes(kind, columns, count)
        found[name] = Tensor([columns, count], TYPES[kind], (pool * (size // len(pool) + 1))[:size])
    # The head's own encoding of keys; its tensors are replaced.
    keys = decode(_whole(head("random", SHAPE, "f32", "f32"))).keys
    return Model(keys, found)


def _whole(data):
    sizes = [tensor_bytes(kind, columns, count) for _, kind, columns, count in tensors(SHAPE, "f32", "f32")]
    return data + bytes(sum(size + -size % 32 for size in sizes))


CASES = {
    "as TinyLlama's Q4_0 files": ({}, "q4_0", "q6_k", 0.06),
    "every type": ({"attn_v": "f16", "ffn_down": "q8_0", "attn_k": "f32", "ffn_up": "q6_k"}, "q4_0", "q8_0", 0.1),
    "Q6_K alone, tied": ({}, "q6_k", "tied", 0.12),
    "F32, tied": ({}, "f32", "tied", 1e-4),
}


@pytest.mark.parametrize("case", CASES)
def test_logits_are_those_of_double_precision(fast, tmp_path, case):
    kinds, default, output, tolerance = CASES[case]
    model = mixed(kinds, default, output)
    (tmp_path / "m").write_bytes(model.encode())
    ids = numbers(run(fast, tmp_path / "m", "--encode", "--prompt", "ab").stdout)
    expected = logits(model, [*ids, *FORCED[:-1]], SHAPE.heads)[len(ids) - 1 :]
    words = ["--prompt", "ab", "--tokens", "4", "--endless", "--logits", "-", "--force", " ".join(map(str, FORCED))]
    for variant in VARIANTS:
        done = run(fast, tmp_path / "m", *words, "--variant", variant)
        if b"does not offer" in done.stderr:
            continue
        found = struct.unpack(f"<{4 * SHAPE.vocabulary}f", done.stdout)
        flat = [value for step in expected for value in step]
        assert max(abs(a - b) for a, b in zip(found, flat, strict=True)) < tolerance, variant


@pytest.mark.parametrize(
    "key",
    [
        "general.name",
        "llama.vocab_size",
        "llama.rope.freq_base",
        "llama.rope.dimension_count",
        "tokenizer.ggml.bos_token_id",
        "tokenizer.ggml.eos_token_id",
        "tokenizer.ggml.unknown_token_id",
        "tokenizer.ggml.add_bos_token",
    ],
)
def test_a_key_with_a_usual_value_may_be_missing(fast, tmp_path, key):
    model = decode(tiny("q8_0"))
    model.keys.pop(key, None)
    (tmp_path / "m").write_bytes(model.encode())
    prompt = REFERENCE["models"]["tiny-q8_0"]["prompts"][0]
    done = run(fast, tmp_path / "m", "--prompt", prompt["prompt"], "--ids", "--endless")
    assert numbers(done.stdout.decode().splitlines()[1]) == prompt["ids"]


def test_flags_of_the_tokenizer_are_kept(fast, tmp_path):
    model = decode(tiny("q8_0"))
    (tmp_path / "m").write_bytes(model.encode())
    usual = numbers(run(fast, tmp_path / "m", "--encode", "--prompt", "Tom").stdout)
    model.keys["tokenizer.ggml.add_bos_token"] = (7, b"\0")
    (tmp_path / "m").write_bytes(model.encode())
    assert numbers(run(fast, tmp_path / "m", "--encode", "--prompt", "Tom").stdout) == usual[1:]
    model.keys["tokenizer.ggml.add_space_prefix"] = (7, b"\0")
    (tmp_path / "m").write_bytes(model.encode())
    assert numbers(run(fast, tmp_path / "m", "--encode", "--prompt", "\u2581Tom").stdout) == usual[1:]


def test_tells_what_loading_took_and_that_no_page_was_missing(fast, models):
    done = run(fast, models["q8_0"], "--prompt", "Once upon a time")
    assert b"loaded 906432 bytes in " in done.stderr
    assert b"page faults while generating: 0\n" in done.stderr
    assert b"bareflow: freeze with -DTINYLLAMA_VARIANT=" in done.stderr


@pytest.fixture(scope="module")
def growing():
    """The growing program, of which nothing rises by itself."""
    with CompilePool(2) as pool:
        yield prepare([FOLDER], pool, cpu="x86-64-v2", policy=Policy(thresholds=(1 << 40, 1 << 41, 1 << 42)))


@pytest.mark.parametrize(("tier", "steps"), [("interp", 3), ("O0", 64)])
@pytest.mark.parametrize("kind", ["f32", "q8_0"])
def test_low_tiers_give_the_references_ids(growing, models, kind, tier, steps):
    program = restart(growing, dict.fromkeys(growing.split.functions, tier))
    prompt = REFERENCE["models"][f"tiny-{kind}"]["prompts"][0]
    words = ("--model", models[kind], "--prompt", prompt["prompt"], "--variant", "sse", "--ids", "--tokens", steps)
    result = asyncio.run(grow_native(program, [*map(str, words)], timeout_s=60))
    assert result.exit_status == 0
    assert numbers(result.output.decode().splitlines()[1]) == prompt["ids"][:steps]
