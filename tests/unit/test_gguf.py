"""The host's check of models: what runs is taken, what does not is refused by its tensor or key."""

from __future__ import annotations

import random
import struct

import pytest

from bareflow.errors import ImageError
from bareflow.image.gguf import check_llama
from bench.llm.generate import SHAPES, head, tensor_bytes, tensors
from tests.native.llama_files import Tensor, decode, text, tiny, whole


@pytest.fixture
def model():
    return decode(tiny("q8_0"))


def refusal(path, data):
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        check_llama(path)
    assert str(path) in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("kind", ["f32", "q8_0", "q4_0"])
def test_the_tiny_model_is_taken_in_every_type(tmp_path, kind):
    (tmp_path / "m").write_bytes(tiny(kind))
    shape = check_llama(tmp_path / "m")
    assert (shape.block_count, shape.vocabulary, shape.head_size) == (4, 512, 16)


@pytest.mark.parametrize(("name", "output"), [("stories-15m", "tied"), ("tinyllama-1.1b", "q6_k")])
def test_generated_models_are_taken(tmp_path, name, output):
    data = head(name, SHAPES[name], "q4_0", output)
    sizes = [tensor_bytes(kind, columns, rows) for _, kind, columns, rows in tensors(SHAPES[name], "q4_0", output)]
    with (tmp_path / "m").open("wb") as out:
        out.write(data)
        out.truncate(len(data) + sum(size + -size % 32 for size in sizes))
    assert check_llama(tmp_path / "m").embedding_length == SHAPES[name].embedding


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("general.architecture", (8, text("mamba"))),
        ("tokenizer.ggml.model", (8, text("gpt2"))),
        ("llama.rope.scaling.type", (8, text("yarn"))),
        ("llama.rope.scaling.factor", (6, struct.pack("<f", 2.0))),
        ("llama.expert_count", whole(8)),
        ("llama.context_length", whole(0)),
        ("llama.attention.head_count_kv", whole(9)),
        ("llama.attention.layer_norm_rms_epsilon", whole(1)),
        ("llama.rope.dimension_count", whole(5)),
        ("tokenizer.ggml.eos_token_id", whole(512)),
        ("general.alignment", whole(33)),
    ],
)
def test_a_key_that_stands_in_the_way_is_named(tmp_path, model, key, value):
    model.keys[key] = value
    assert f'"{key}"' in refusal(tmp_path / "m", model.encode())


@pytest.mark.parametrize("key", ["tokens", "scores"])
def test_a_vocabulary_that_is_missing_is_named(tmp_path, model, key):
    del model.keys[f"tokenizer.ggml.{key}"]
    assert f"tokenizer.ggml.{key}" in refusal(tmp_path / "m", model.encode())


def test_a_tensor_that_stands_in_the_way_is_named(tmp_path, model):
    model.tensors["blk.1.ffn_up.weight"].type = 12
    assert '"blk.1.ffn_up.weight" has type 12 (Q4_K)' in refusal(tmp_path / "m", model.encode())
    model.tensors["blk.1.ffn_up.weight"].type = 8
    model.tensors["blk.0.attn_q.bias"] = Tensor([128], 0, bytes(512))
    assert '"blk.0.attn_q.bias" has no place' in refusal(tmp_path / "m", model.encode())
    del model.tensors["blk.0.attn_q.bias"]
    norm = model.tensors.pop("blk.3.ffn_norm.weight")
    assert 'no tensor "blk.3.ffn_norm.weight"' in refusal(tmp_path / "m", model.encode())
    model.tensors["blk.3.ffn_norm.weight"] = Tensor([64], 0, norm.data[:256])
    assert "1 by 64" in refusal(tmp_path / "m", model.encode())


def test_a_big_endian_file_is_called_so(tmp_path):
    sound = tiny("q8_0")
    assert "big-endian" in refusal(tmp_path / "m", sound[:4] + struct.pack(">I", 3) + sound[8:])


def test_files_cut_off_or_damaged_are_refused_or_taken(tmp_path):
    source, sound = random.Random(4), tiny("q8_0")  # noqa: S311  reproducible
    path = tmp_path / "m"
    for size in (0, 3, 20, 13000, len(sound) - 1):
        refusal(path, sound[:size])
    for _ in range(100):
        data = bytearray(sound)
        for _ in range(source.choice([1, 3])):
            data[source.randrange(source.choice([64, 1024, 14000]))] = source.choice([0, 0xFF, source.randrange(256)])
        path.write_bytes(data)
        try:
            check_llama(path)
        except ImageError as error:
            assert error.message.count("\n") == 0  # noqa: PT017  either end is right, a traceback is not


def test_a_huge_count_takes_no_memory(tmp_path):
    data = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("k") + struct.pack("<IIQ", 9, 8, 1 << 60)
    assert "cut off" in refusal(tmp_path / "m", data)
