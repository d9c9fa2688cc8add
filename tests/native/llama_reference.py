"""A Llama model's logits in double precision from a GGUF file's stored weights: slow, plain, and right."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from tests.native.llama_files import Model, Tensor

Matrix = list[list[float]]
BASE, EPSILON = 10000.0, 1e-5


def halves(data: bytes, at: int) -> float:
    """The half-precision number at a place."""
    return float(struct.unpack_from("<e", data, at)[0])


def _q4(block: bytes) -> list[float]:
    nibbles = [byte & 15 for byte in block[2:]] + [byte >> 4 for byte in block[2:]]
    return [halves(block, 0) * (nibble - 8) for nibble in nibbles]


def _q8(block: bytes) -> list[float]:
    return [halves(block, 0) * value for value in struct.unpack("<32b", block[2:])]


def _q6(block: bytes) -> list[float]:
    scales, out = struct.unpack("<16b", block[192:208]), []
    for i in range(256):
        low, high = block[i // 128 * 64 + i % 64], block[128 + i // 128 * 32 + i % 32]
        nibble = low & 15 if i % 128 < 64 else low >> 4
        value = (nibble | (high >> i % 128 // 32 * 2 & 3) << 4) - 32
        out.append(halves(block, 208) * scales[i // 16] * value)
    return out


BLOCKS = {2: (18, _q4), 8: (34, _q8), 14: (210, _q6)}


def values(tensor: Tensor) -> list[float]:
    """A tensor's numbers (types F32, F16, Q4_0, Q8_0, Q6_K: ggml-common.h)."""
    if tensor.type in (0, 1):
        code, size = ("f", 4) if tensor.type == 0 else ("e", 2)
        return list(struct.unpack(f"<{len(tensor.data) // size}{code}", tensor.data))
    size, decode = BLOCKS[tensor.type]
    return [value for at in range(0, len(tensor.data), size) for value in decode(tensor.data[at : at + size])]


def rows(tensor: Tensor) -> Matrix:
    """A matrix, row by row."""
    flat, columns = values(tensor), tensor.sizes[0]
    return [flat[at : at + columns] for at in range(0, len(flat), columns)]


def _times(matrix: Matrix, x: Sequence[float]) -> list[float]:
    return [math.sumprod(row, x) if hasattr(math, "sumprod") else sum(map(float.__mul__, row, x)) for row in matrix]


def _norm(x: Sequence[float], weights: Sequence[float]) -> list[float]:
    factor = 1 / math.sqrt(sum(value * value for value in x) / len(x) + EPSILON)
    return [value * factor * weight for value, weight in zip(x, weights, strict=True)]


def _turn(x: list[float], size: int, position: int) -> list[float]:
    out = []
    for at in range(0, len(x), 2):
        angle = position * BASE ** (-(at % size) / size)
        a, b, cosine, sine = x[at], x[at + 1], math.cos(angle), math.sin(angle)
        out += [a * cosine - b * sine, a * sine + b * cosine]
    return out


def _attend(queries: list[float], keys: Matrix, cached: Matrix, heads: int, size: int) -> list[float]:
    out = []
    share = heads * size // len(keys[0])
    for head in range(heads):
        own, at = queries[head * size : (head + 1) * size], head // share * size
        scores = [sum(map(float.__mul__, own, key[at : at + size])) / math.sqrt(size) for key in keys]
        weights = [math.exp(score - max(scores)) for score in scores]
        total = sum(weights)
        seen = list(zip(weights, cached, strict=True))
        out += [sum(weight * value[i] for weight, value in seen) / total for i in range(at, at + size)]
    return out


def logits(model: Model, ids: Sequence[int], heads: int) -> Matrix:
    """The logits after each of `ids`."""
    names = {name.removesuffix(".weight"): tensor for name, tensor in model.tensors.items()}
    w = {name: rows(tensor) if len(tensor.sizes) == 2 else values(tensor) for name, tensor in names.items()}
    layers = sum(name.endswith("attn_q") for name in w)
    size = len(w["token_embd"][0]) // heads
    cache: list[tuple[Matrix, Matrix]] = [([], []) for _ in range(layers)]
    out = []
    for position, token in enumerate(ids):
        x = list(w["token_embd"][token])
        for layer, (keys, cached) in enumerate(cache):
            part = {name.split(".")[2]: value for name, value in w.items() if name.startswith(f"blk.{layer}.")}
            h = _norm(x, part["attn_norm"])
            keys.append(_turn(_times(part["attn_k"], h), size, position))
            cached.append(_times(part["attn_v"], h))
            mixed = _attend(_turn(_times(part["attn_q"], h), size, position), keys, cached, heads, size)
            x = [a + b for a, b in zip(x, _times(part["attn_output"], mixed), strict=True)]
            h = _norm(x, part["ffn_norm"])
            gate = [g / (1 + math.exp(-g)) for g in _times(part["ffn_gate"], h)]
            inner = [g * u for g, u in zip(gate, _times(part["ffn_up"], h), strict=True)]
            x = [a + b for a, b in zip(x, _times(part["ffn_down"], inner), strict=True)]
        out.append(_times(w.get("output", w["token_embd"]), _norm(x, w["output_norm"])))
    return out
