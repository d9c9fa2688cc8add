"""The tiny model in its four types, changed at will: GGUF files as values."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data/llama"
STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
REFERENCE = json.loads((DATA / "reference.json").read_text())
VECTORS = json.loads((DATA / "tokenizer_vectors.json").read_text())


@dataclass
class Tensor:
    """A tensor: its sizes, type and data."""

    sizes: list[int]
    type: int
    data: bytes


@dataclass
class Model:
    """A GGUF file taken apart: keys hold (type, encoded value)."""

    keys: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The file's bytes."""
        out = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.keys))
        for name, (kind, value) in self.keys.items():
            out += text(name) + struct.pack("<I", kind) + value
        offset, data = 0, b""
        for name, tensor in self.tensors.items():
            sizes = tensor.sizes
            out += text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, tensor.type, offset)
            data += tensor.data + bytes(-len(tensor.data) % 32)
            offset = len(data)
        return out + bytes(-len(out) % 32) + data


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def whole(value: int) -> tuple[int, bytes]:
    return 4, struct.pack("<I", value)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, code: str) -> int:
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def text(self) -> str:
        return self.take(self.number("Q")).decode()

    def skip(self, kind: int, count: int = 1) -> None:
        for _ in range(count if kind == STRING else 0):
            self.text()
        if kind != STRING:
            self.take(SIZES[kind] * count)


def decode(data: bytes) -> Model:
    """Take a right GGUF file apart."""
    reader, model = _Reader(data), Model()
    reader.take(8)
    tensors, keys = reader.number("Q"), reader.number("Q")
    for _ in range(keys):
        name, kind = reader.text(), reader.number("I")
        start = reader.at
        reader.skip(*((reader.number("I"), reader.number("Q")) if kind == ARRAY else (kind, 1)))
        model.keys[name] = (kind, data[start : reader.at])
    infos = []
    for _ in range(tensors):
        name = reader.text()
        sizes = [reader.number("Q") for _ in range(reader.number("I"))]
        infos.append((name, sizes, reader.number("I"), reader.number("Q")))
    base = reader.at + -reader.at % 32
    starts = [offset for *_, offset in infos] + [len(data) - base]
    for (name, sizes, kind, offset), end in zip(infos, starts[1:], strict=True):
        size = _bytes_of(sizes, kind)
        assert offset + size <= end
        model.tensors[name] = Tensor(sizes, kind, data[base + offset :][:size])
    return model


def _bytes_of(sizes: list[int], kind: int) -> int:
    values, size = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34)}[kind]
    count = 1
    for part in sizes:
        count *= part
    return count // values * size


def tiny(kind: str) -> bytes:
    """Return the model's file in a type: "f32", "f16", "q8_0" or "q4_0"."""
    if kind == "q8_0":
        return (ROOT / "images/models/tiny-q8_0.gguf").read_bytes()
    if kind != "f16":
        return (DATA / f"tiny-{kind}.gguf").read_bytes()
    model = decode(tiny("f32"))
    model.keys["general.file_type"] = whole(1)
    for tensor in model.tensors.values():
        if len(tensor.sizes) == 2:
            values = struct.unpack(f"<{len(tensor.data) // 4}f", tensor.data)
            tensor.type, tensor.data = 1, struct.pack(f"<{len(values)}e", *values)
    return model.encode()


def logits(kind: str, prompt: int) -> tuple[float, ...]:
    """Return the exact logits of the 64 steps of a prompt, 512 a step, from an .npy file (format 1.0)."""
    data = (DATA / f"tiny-{kind}.logits.npy").read_bytes()
    start = 10 + struct.unpack_from("<H", data, 8)[0] + prompt * 64 * 512 * 4
    return struct.unpack_from(f"<{64 * 512}f", data, start)
