"""Checks a GGUF file while an image is built: what the tinyllama workload would refuse is refused here first.

The same rules as images/workloads/tinyllama (gguf.c, shape.c, tensors.c, tokenizer.c), by tensor or key. Format:
ggml, docs/gguf.md. Only the head is read; the weights themselves are checked when the machine loads them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from bareflow.errors import ImageError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
FAT16_LIMIT = (1 << 31) - 1  # bytes of a file that every FAT16 reader takes
MAX_KEYS = MAX_TENSORS = 65536
MAX_DIMENSION = 1 << 31
MAX_TOKEN_BYTES = 512
BOOL, STRING, ARRAY = 7, 8, 9
FLOAT32, INT32 = 6, 5
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
WHOLE = frozenset({0, 1, 2, 3, 4, 5, 10, 11})
TYPES = {0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 8: ("Q8_0", 32, 34), 14: ("Q6_K", 256, 210)}
"""Number of a type to its name, and values and bytes of a block."""
OTHER_TYPES = {3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 30: "BF16"}
"""Types that files often hold and the workload does not run (ggml.h), to be refused by their name."""
UNKNOWN_KEYS = ("llama.rope.scale_linear", "llama.attention.sliding_window")


@dataclass(frozen=True)
class Value:
    """A metadata value: its kind (of the elements, if an array), and the number, flag, bytes or list."""

    kind: int
    data: Any
    array: bool = False


@dataclass(frozen=True)
class Tensor:
    """A tensor's description; `offset` counts from the beginning of the tensors' data."""

    name: str
    columns: int
    rows: int
    type: str
    offset: int
    size: int


@dataclass(frozen=True)
class GgufFile:
    """A head that is right.

    Attributes:
        keys: the metadata.
        tensors: in the order of the file.
        data_at: where the tensors' data begins, in bytes.
        size: of the file in bytes.
    """

    keys: dict[str, Value]
    tensors: tuple[Tensor, ...]
    data_at: int
    size: int


def _refuse(path: Path, problem: str) -> ImageError:
    return ImageError(
        f"{path} cannot run on the tinyllama image: {problem}",
        "It takes GGUF files of Llama models in F32, F16, Q8_0, Q4_0 and Q6_K.",
    )


def _shown(data: bytes) -> str:
    """A name fit for a sentence: short, with ? for what cannot be printed."""
    text = "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in data[:64])
    return text + "..." * (len(data) > 64)


class _Reader:
    """Reads forward and refuses to read beyond the end."""

    def __init__(self, path: Path, stream: BinaryIO, size: int) -> None:
        self.path, self.stream, self.left = path, stream, size

    def take(self, count: int) -> bytes:
        data = self.stream.read(count) if count <= self.left else b""
        if len(data) < count:
            raise _refuse(self.path, "it is cut off or damaged.")
        self.left -= count
        return data

    def number(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def text(self) -> bytes:
        return self.take(self.number("Q"))

    def value(self, key: str) -> Value:
        kind, count, array = self.number("I"), 1, False
        if kind == ARRAY:
            kind, count, array = self.number("I"), self.number("Q"), True
        if kind == STRING:
            if count > self.left // 8:
                raise _refuse(self.path, "it is cut off or damaged.")
            items: list[Any] = [self.text() for _ in range(count)]
        elif kind in NUMBERS:
            data = self.take(count * struct.calcsize(NUMBERS[kind]))
            items = list(struct.unpack(f"<{count}{NUMBERS[kind]}", data))
        else:
            raise _refuse(self.path, f'the key "{key}" has a value of unknown kind {kind}.')
        return Value(kind, items if array else items[0], array)

    def tensor(self) -> Tensor:
        name = _shown(self.text())
        dimensions = self.number("I")
        if not 1 <= dimensions <= 4:
            raise _refuse(self.path, f'the tensor "{name}" has {dimensions} dimensions.')
        sizes = [self.number("Q") for _ in range(dimensions)] + [1, 1, 1]
        number, offset = self.number("I"), self.number("Q")
        if number not in TYPES:
            known = "F32, F16, Q4_0, Q8_0 and Q6_K"
            called = f"{number} ({OTHER_TYPES[number]})" if number in OTHER_TYPES else str(number)
            raise _refuse(self.path, f'the tensor "{name}" has type {called}; known are {known}.')
        type_name, values, block = TYPES[number]
        if sizes[2] != 1 or sizes[3] != 1 or not all(0 < size < MAX_DIMENSION for size in sizes):
            raise _refuse(self.path, f'the tensor "{name}" has an impossible shape.')
        if sizes[0] % values:
            raise _refuse(self.path, f'the tensor "{name}" has rows of {sizes[0]} values, no multiple of {values}.')
        return Tensor(name, sizes[0], sizes[1], type_name, offset, sizes[0] // values * block * sizes[1])


def read_gguf(path: Path) -> GgufFile:
    """Read and check the head of a GGUF file.

    Raises:
        ImageError: it cannot be read, is no GGUF, is cut off, or has a tensor that no reader can place.
    """
    try:
        with path.open("rb") as stream:
            return _read_head(path, stream, path.stat().st_size)
    except OSError as error:
        raise ImageError(f"The model {path} cannot be read: {error.strerror}.") from error


def _read_head(path: Path, stream: BinaryIO, size: int) -> GgufFile:
    reader = _Reader(path, stream, size)
    if reader.take(4) != MAGIC:
        raise _refuse(path, "it is not GGUF.")
    version, tensor_count, key_count = reader.number("I"), reader.number("Q"), reader.number("Q")
    if int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS:
        raise _refuse(path, "it is big-endian GGUF; known is little-endian.")
    if version not in VERSIONS:
        raise _refuse(path, f"it is GGUF version {version}; known are little-endian 2 and 3.")
    if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        raise _refuse(path, f"it claims {tensor_count} tensors and {key_count} keys.")
    keys: dict[str, Value] = {}
    for _ in range(key_count):
        name = _shown(reader.text())
        keys.setdefault(name, reader.value(name))
    tensors = tuple(reader.tensor() for _ in range(tensor_count))
    alignment = _whole(path, keys, "general.alignment", 32)
    if not 8 <= alignment <= 65536 or alignment & (alignment - 1):
        raise _refuse(path, f'the key "general.alignment" is {alignment}.')
    data_at = -(-(size - reader.left) // alignment) * alignment
    for tensor in tensors:
        if tensor.offset % alignment:
            raise _refuse(path, f'the tensor "{tensor.name}" does not start at a multiple of {alignment} bytes.')
        if data_at + tensor.offset + tensor.size > size:
            raise _refuse(path, f'it is too short: the tensor "{tensor.name}" ends beyond it.')
    return GgufFile(keys, tensors, data_at, size)


def _whole(path: Path, keys: dict[str, Value], key: str, default: int) -> int:
    value = keys.get(key)
    if value is None:
        return default
    if value.array or value.kind not in WHOLE or value.data < 0:
        raise _refuse(path, f'the key "{key}" is not a whole number from 0.')
    return int(value.data)


@dataclass(frozen=True)
class LlamaShape:
    """The sizes of a Llama model, by the names of its keys."""

    context_length: int
    embedding_length: int
    block_count: int
    feed_forward_length: int
    head_count: int
    head_count_kv: int
    head_size: int
    vocabulary: int


def check_llama(path: Path) -> LlamaShape:
    """Check that the tinyllama workload can run a file.

    Args:
        path: a GGUF file.

    Returns:
        The model's sizes.

    Raises:
        ImageError: it cannot; the message names the tensor or the key that stands in the way.
    """
    file = read_gguf(path)
    if file.size > FAT16_LIMIT:
        raise _refuse(path, f"it has {file.size} bytes and a FAT16 volume holds files below 2 GiB.")
    _check_keys(path, file.keys)
    shape = _read_shape(path, file.keys, _check_vocabulary(path, file.keys))
    _check_tensors(path, file, shape)
    return shape


def _check_keys(path: Path, keys: dict[str, Value]) -> None:
    texts = (
        ("general.architecture", b"", b"llama"),
        ("tokenizer.ggml.model", b"", b"llama"),
        ("llama.rope.scaling.type", b"none", b"none"),
    )
    for key, default, expected in texts:
        value = keys.get(key, Value(STRING, default))
        if value.array or value.kind != STRING or value.data != expected:
            shown = _shown(value.data) if isinstance(value.data, bytes) else "no string"
            raise _refuse(path, f'the key "{key}" is {shown!r}; known is {expected.decode()!r}.')
    if _whole(path, keys, "llama.expert_count", 0):
        raise _refuse(path, 'the key "llama.expert_count" is not 0.')
    for key in UNKNOWN_KEYS:
        if key in keys:
            raise _refuse(path, f'the key "{key}" is not known.')
    for key, start, low, high in (
        ("llama.attention.layer_norm_rms_epsilon", 0.0, 1e-30, 1.0),
        ("llama.rope.freq_base", 10000.0, 1.0, 1e12),
    ):
        value = keys.get(key, Value(FLOAT32, start))
        if value.array or value.kind != FLOAT32 or not low <= value.data < high:
            raise _refuse(path, f'the key "{key}" is missing or impossible.')
    factor = keys.get("llama.rope.scaling.factor", Value(FLOAT32, 1.0))
    if factor.array or factor.kind != FLOAT32 or factor.data != 1:  # without a type llama.cpp scales linearly
        raise _refuse(path, 'the key "llama.rope.scaling.factor" is not 1.')


def _check_numbers(path: Path, keys: dict[str, Value], key: str, kind: int, count: int) -> None:
    value = keys.get(key)
    if value is None or not value.array or value.kind != kind or len(value.data) != count:
        raise _refuse(path, f'the key "{key}" does not have a number for each of {count} tokens.')


def _check_vocabulary(path: Path, keys: dict[str, Value]) -> int:
    """Return the number of tokens."""
    tokens = keys.get("tokenizer.ggml.tokens")
    if tokens is None or not tokens.array or tokens.kind != STRING or len(tokens.data) < 3:
        raise _refuse(path, 'the key "tokenizer.ggml.tokens" is missing or not an array of strings.')
    count = len(tokens.data)
    for at, token in enumerate(tokens.data):
        if len(token) > MAX_TOKEN_BYTES:
            raise _refuse(path, f"its token {at} is {len(token)} bytes long.")
    _check_numbers(path, keys, "tokenizer.ggml.scores", FLOAT32, count)
    if "tokenizer.ggml.token_type" in keys:
        _check_numbers(path, keys, "tokenizer.ggml.token_type", INT32, count)
        for at, kind in enumerate(keys["tokenizer.ggml.token_type"].data):
            if not 1 <= kind <= 6:
                raise _refuse(path, f"its token {at} has type {kind}.")
    for name, default in (("bos", 1), ("eos", 2), ("unknown", 0)):
        key = f"tokenizer.ggml.{name}_token_id"
        if _whole(path, keys, key, default) >= count:
            raise _refuse(path, f'the key "{key}" is no token.')
    return count


def _read_shape(path: Path, keys: dict[str, Value], vocabulary: int) -> LlamaShape:
    def whole(name: str, low: int, high: int, default: int = 0) -> int:
        value = _whole(path, keys, f"llama.{name}", default)
        if not low <= value <= high:
            raise _refuse(path, f'the key "llama.{name}" is missing or {value}.')
        return value

    limit = 1 << 20
    width, heads = whole("embedding_length", 1, limit), whole("attention.head_count", 1, 4096)
    key_heads = whole("attention.head_count_kv", 1, heads, heads)
    if heads % key_heads:
        raise _refuse(path, f"its {heads} heads do not share {key_heads} key heads evenly.")
    head_size = whole("attention.key_length", 1, 4096, width // heads)
    whole("attention.value_length", head_size, head_size, head_size)
    if whole("rope.dimension_count", 2, head_size, head_size) % 2:
        raise _refuse(path, 'the key "llama.rope.dimension_count" is odd.')
    return LlamaShape(
        context_length=whole("context_length", 1, limit),
        embedding_length=width,
        block_count=whole("block_count", 1, 1024),
        feed_forward_length=whole("feed_forward_length", 1, limit),
        head_count=heads,
        head_count_kv=key_heads,
        head_size=head_size,
        vocabulary=vocabulary,
    )


def _expected(shape: LlamaShape) -> Iterator[tuple[str, int, int, bool]]:
    """Yield name, rows and columns of every tensor, and whether it is a vector."""
    width, inner = shape.embedding_length, shape.feed_forward_length
    queries, keys = shape.head_count * shape.head_size, shape.head_count_kv * shape.head_size
    yield "token_embd.weight", shape.vocabulary, width, False
    yield "output.weight", shape.vocabulary, width, False
    yield "output_norm.weight", 1, width, True
    for layer in range(shape.block_count):
        for name, rows, columns in (
            ("attn_q", queries, width),
            ("attn_k", keys, width),
            ("attn_v", keys, width),
            ("attn_output", width, queries),
            ("ffn_gate", inner, width),
            ("ffn_up", inner, width),
            ("ffn_down", width, inner),
        ):
            yield f"blk.{layer}.{name}.weight", rows, columns, False
        yield f"blk.{layer}.attn_norm.weight", 1, width, True
        yield f"blk.{layer}.ffn_norm.weight", 1, width, True


def _check_tensors(path: Path, file: GgufFile, shape: LlamaShape) -> None:
    there = {tensor.name: tensor for tensor in file.tensors}
    if len(there) < len(file.tensors):
        raise _refuse(path, "a tensor is there twice.")
    expected = {name: (rows, columns, vector) for name, rows, columns, vector in _expected(shape)}
    for name, tensor in there.items():
        if name not in expected:
            raise _refuse(path, f'the tensor "{name}" has no place in a Llama model of {shape.block_count} layers.')
        rows, columns, vector = expected[name]
        if (tensor.rows, tensor.columns) != (rows, columns):
            found = f"{tensor.rows} by {tensor.columns}"
            raise _refuse(path, f'the tensor "{name}" is {found} where the keys ask for {rows} by {columns}.')
        if vector and tensor.type != "F32":
            raise _refuse(path, f'the tensor "{name}" is {tensor.type} where only F32 is known.')
    missing = [name for name in expected if name not in there and name != "output.weight"]
    if missing:
        raise _refuse(path, f'it has no tensor "{missing[0]}".')
    for one, next_one in pairwise(sorted(file.tensors, key=lambda tensor: tensor.offset)):
        if one.offset + one.size > next_one.offset:
            raise _refuse(path, f'the tensors "{one.name}" and "{next_one.name}" overlap.')
