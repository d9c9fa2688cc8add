"""Writes Llama-architecture GGUF files with random weights in any shape, so that speed needs no download.

    python -m bench.llm.generate tinyllama-1.1b q4_0 /tmp/model.gguf
    python -m bench.llm.generate stories-15m f32 /tmp/model.gguf --output f32

Blocks are drawn once from a seeded generator and dealt out tensor by tensor: the same arguments give the same
bytes. Values have the variance that keeps activations near one. Formats: ggml, docs/gguf.md and ggml-common.h.
"""

from __future__ import annotations

import argparse
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ALIGNMENT = 32
POOL_BLOCKS = 4096
TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8, "q6_k": 14}
BLOCKS = {"f32": (1, 4), "f16": (1, 2), "q4_0": (32, 18), "q8_0": (32, 34), "q6_k": (256, 210)}
"""Type to (values, bytes) of a block."""


@dataclass(frozen=True)
class Shape:
    """What makes a Llama model's size; the names are those of its metadata."""

    embedding: int
    layers: int
    heads: int
    key_heads: int
    feed_forward: int
    vocabulary: int
    context: int


SHAPES = {
    "tiny": Shape(128, 4, 8, 2, 352, 512, 256),
    "stories-15m": Shape(288, 6, 6, 6, 768, 32000, 256),
    "tinyllama-1.1b": Shape(2048, 22, 32, 4, 5632, 32000, 2048),
}


def _half(value: float) -> bytes:
    return struct.pack("<e", value)


def make_pool(kind: str, columns: int, source: random.Random) -> bytes:
    """Return POOL_BLOCKS blocks of a type, or as many values, with a variance of 1 / columns."""
    deviation = columns**-0.5
    if kind in {"f32", "f16"}:
        code = "f" if kind == "f32" else "e"
        values = [source.gauss(0, deviation) for _ in range(POOL_BLOCKS * 8)]
        return struct.pack(f"<{len(values)}{code}", *values)
    if kind == "q6_k":  # scales of 16 and values of 18 on average
        blocks = [
            source.randbytes(192) + bytes([16] * 16) + _half(deviation / 18 / 16) for _ in range(POOL_BLOCKS // 8)
        ]
        return b"".join(blocks)
    spread, size = (4.6, 16) if kind == "q4_0" else (73.9, 32)
    return b"".join(
        _half(source.uniform(0.8, 1.2) * deviation / spread) + source.randbytes(size) for _ in range(POOL_BLOCKS)
    )


def tensors(shape: Shape, kind: str, output: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield name, type, columns and rows of every tensor in the order of the file; norms have no rows."""
    width, keys = shape.embedding, shape.embedding // shape.heads * shape.key_heads
    yield "token_embd.weight", kind, width, shape.vocabulary
    for layer in range(shape.layers):
        for name, columns, rows in (
            ("attn_q", width, width),
            ("attn_k", width, keys),
            ("attn_v", width, keys),
            ("attn_output", width, width),
            ("ffn_gate", width, shape.feed_forward),
            ("ffn_down", shape.feed_forward, width),
            ("ffn_up", width, shape.feed_forward),
        ):
            yield f"blk.{layer}.{name}.weight", kind, columns, rows
        yield f"blk.{layer}.attn_norm.weight", "f32", width, 0
        yield f"blk.{layer}.ffn_norm.weight", "f32", width, 0
    yield "output_norm.weight", "f32", width, 0
    if output != "tied":
        yield "output.weight", output, width, shape.vocabulary


def tensor_bytes(kind: str, columns: int, rows: int) -> int:
    """Return the size of a tensor's data in bytes."""
    values, size = BLOCKS[kind]
    return columns // values * size * max(rows, 1)


def _text(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def _key(name: str, kind: int, data: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + data


def _whole(name: str, value: int) -> bytes:
    return _key(name, 4, struct.pack("<I", value))


def _array(name: str, kind: int, items: list[bytes]) -> bytes:
    return _key(name, 9, struct.pack("<IQ", kind, len(items)) + b"".join(items))


def vocabulary(count: int) -> list[tuple[str, float, int]]:
    """Return (text, score, type) of made-up tokens: controls, all bytes, letters, then words in base 26."""
    known = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    known += [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
    letters = ["\u2581", *(chr(code) for code in range(33, 127))]
    words = [*letters, *(f"\u2581{a}" for a in letters[1:])]
    words += [f"{a}{b}{c}" for a in ("\u2581", "") for b in letters[1:] for c in letters[1:]]
    words += [f"\u2581{a}{b}{c}" for a in letters[33:] for b in letters[1:] for c in letters[1:]]
    unique = list(dict.fromkeys(words))[: count - len(known)]
    known += [(word, float(-at), 1) for at, word in enumerate(unique)]
    return known + [(f"\u2581word{at}", -1e6, 1) for at in range(len(known), count)]


def metadata(name: str, shape: Shape) -> list[bytes]:
    """Return the encoded key-value pairs."""
    tokens = vocabulary(shape.vocabulary)
    return [
        _key("general.architecture", 8, _text("llama")),
        _key("general.name", 8, _text(f"random {name}")),
        _whole("llama.context_length", shape.context),
        _whole("llama.embedding_length", shape.embedding),
        _whole("llama.block_count", shape.layers),
        _whole("llama.feed_forward_length", shape.feed_forward),
        _whole("llama.attention.head_count", shape.heads),
        _whole("llama.attention.head_count_kv", shape.key_heads),
        _key("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)),
        _whole("llama.rope.dimension_count", shape.embedding // shape.heads),
        _key("llama.rope.freq_base", 6, struct.pack("<f", 10000.0)),
        _whole("llama.vocab_size", shape.vocabulary),
        _key("tokenizer.ggml.model", 8, _text("llama")),
        _array("tokenizer.ggml.tokens", 8, [_text(text) for text, _, _ in tokens]),
        _array("tokenizer.ggml.scores", 6, [struct.pack("<f", score) for _, score, _ in tokens]),
        _array("tokenizer.ggml.token_type", 5, [struct.pack("<i", kind) for _, _, kind in tokens]),
        _whole("tokenizer.ggml.bos_token_id", 1),
        _whole("tokenizer.ggml.eos_token_id", 2),
        _whole("tokenizer.ggml.unknown_token_id", 0),
    ]


def _padding(size: int) -> bytes:
    return bytes(-size % ALIGNMENT)


def head(name: str, shape: Shape, kind: str, output: str) -> bytes:
    """Return everything before the tensors' data."""
    keys = metadata(name, shape)
    infos, offset = [], 0
    for tensor, type_name, columns, rows in tensors(shape, kind, output):
        sizes = (columns, rows) if rows else (columns,)
        infos.append(_text(tensor) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, TYPES[type_name], offset))
        size = tensor_bytes(type_name, columns, rows)
        offset += size + len(_padding(size))
    data = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys)) + b"".join(keys + infos)
    return data + _padding(len(data))


def _write_tensor(file: BinaryIO, pool: bytes, block: int, size: int, source: random.Random) -> None:
    left = size
    while left:
        start = source.randrange(len(pool) // block // 2) * block
        part = pool[start : start + min(left, len(pool) - start)]
        file.write(part)
        left -= len(part)
    file.write(_padding(size))


def write_model(path: Path, name: str, kind: str, output: str, seed: int = 1) -> None:
    """Write a model file.

    Args:
        path: the file.
        name: of a shape.
        kind: type of every matrix, "f32", "f16", "q4_0", "q8_0" or "q6_k".
        output: type of output.weight; "tied": leave it out.
        seed: for the weights.
    """
    shape, source = SHAPES[name], random.Random(seed)  # noqa: S311  reproducible, not secret
    pools: dict[tuple[str, int], bytes] = {}
    with path.open("wb") as file:
        file.write(head(name, shape, kind, output))
        for _, type_name, columns, rows in tensors(shape, kind, output):
            if not rows:
                file.write(struct.pack("<f", 1.0) * columns + _padding(4 * columns))
                continue
            pool = pools.setdefault((type_name, columns), b"") or make_pool(type_name, columns, source)
            pools[type_name, columns] = pool
            _write_tensor(file, pool, BLOCKS[type_name][1], tensor_bytes(type_name, columns, rows), source)


def main() -> None:
    """Parse the command line and write one file."""
    parser = argparse.ArgumentParser(description="Write a GGUF model with random weights.")
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("type", choices=TYPES)
    parser.add_argument("path", type=Path)
    parser.add_argument("--output", choices=[*TYPES, "tied"], help="type of output.weight (default: as the others)")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    write_model(chosen.path, chosen.shape, chosen.type, chosen.output or chosen.type, chosen.seed)


if __name__ == "__main__":
    main()
