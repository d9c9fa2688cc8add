"""The tinyllama image in a machine: the reference's ids and logits in every type, frozen within its size."""

from __future__ import annotations

import dataclasses
import struct

import pytest

from bareflow.build import build_image
from bareflow.image.recipe import load_recipe, packed_file
from tests.native.llama_files import REFERENCE, logits, tiny

TOLERANCE = {"f32": 5e-4, "f16": 0.05, "q8_0": 0.45, "q4_0": 0.45}
PAYLOAD_LIMIT = 65_536
CHOICE = ("-DTINYLLAMA_VARIANT=scalar", "-DTINYLLAMA_AHEAD=2048")  # what an emulated machine chooses
TYPES = {"f32": 1, "f16": 2, "q4_0": 4, "q8_0": 256}  # bits of GGUF's numbers


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Images by the type of their model."""
    folder = tmp_path_factory.mktemp("tinyllama")
    for kind in TOLERANCE:
        model = folder / f"{kind}.gguf"
        model.write_bytes(tiny(kind))
        recipe = dataclasses.replace(load_recipe("tinyllama"), files=(packed_file(str(model), "MODEL.GGUF"),))
        build_image(recipe, folder / f"{kind}.img")
    return {kind: folder / f"{kind}.img" for kind in TOLERANCE}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The report of a build with the choice made."""
    recipe = load_recipe("tinyllama")
    chosen = dataclasses.replace(recipe, flags=(*recipe.flags, *CHOICE))
    return build_image(chosen, tmp_path_factory.mktemp("small") / "frozen.img")


@pytest.mark.parametrize("kind", TOLERANCE)
def test_ids_and_logits_are_the_reference(images, boot, kind):
    prompt = REFERENCE["models"][f"tiny-{kind}"]["prompts"][0]
    words = ("tinyllama", "--prompt", prompt["prompt"], "--tokens", "64", "--endless")
    result = boot(images[kind], args=(*words, "--ids"))
    assert result.exit_status == 0, result.explain()
    encoded, generated = ([int(word) for word in line.split()] for line in result.stdout.splitlines())
    assert encoded == prompt["prompt_ids"]
    assert generated == prompt["ids"]
    forced = " ".join(map(str, prompt["ids"]))
    raw = boot(images[kind], args=(*words, "--force", forced, "--logits", "-")).stdout
    found = struct.unpack(f"<{64 * 512}f", raw)
    assert max(abs(a - b) for a, b in zip(found, logits(kind, 0), strict=True)) < TOLERANCE[kind]


def test_chat_answers_each_line_and_ends_with_the_input(images, boot):
    result = boot(images["q8_0"], args=("tinyllama", "--chat", "--tokens", "5"), stdin=b"Once upon a time\nTom was\n")
    assert result.exit_status == 0, result.explain()
    assert result.stdout.startswith(b"> Once upon a time, there was a l\n> Tom was ")


def test_a_model_that_is_too_large_for_the_machine_is_said(images, boot):
    result = boot(images["f32"], args=("tinyllama", "--prompt", "Once"), memory_mib=16)
    assert result.exit_status == 2, result.explain()
    assert b"tinyllama: There is not enough memory for " in result.stderr


def test_frozen_for_an_emulated_machine_it_keeps_within_its_size(small, boot):
    assert small.payload_bytes <= PAYLOAD_LIMIT
    result = boot(small.image)
    assert result.stdout.decode() == REFERENCE["models"]["tiny-q8_0"]["prompts"][0]["text"] + "\n"


@pytest.mark.parametrize(("variant", "kind"), [("avx2", "q8_0"), ("avx512", "q4_0")])
def test_frozen_for_a_real_machine_it_keeps_within_its_size(variant, kind, tmp_path):
    recipe = load_recipe("tinyllama")
    chosen = (f"-DTINYLLAMA_VARIANT={variant}", "-DTINYLLAMA_AHEAD=4096", f"-DTINYLLAMA_TYPES={TYPES[kind]}")
    report = build_image(dataclasses.replace(recipe, flags=(*recipe.flags, *chosen)), tmp_path / "frozen.img")
    assert report.payload_bytes <= PAYLOAD_LIMIT
