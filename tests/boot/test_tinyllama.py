"""The tinyllama image in a machine: the reference's ids and logits in every type, frozen within its size."""

from __future__ import annotations

import dataclasses
import os
import pty
import select
import signal
import struct
import sys

import pytest

from bareflow.build import build_image
from bareflow.image.recipe import load_recipe, packed_file
from tests.boot.conftest import TIMEOUT_S
from tests.native.llama_files import REFERENCE, logits, tiny
from tests.port_machine import ENVIRONMENT

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


@pytest.fixture
def terminal(images):
    """A chat on a terminal of its own: its process, and the terminal's other end."""
    pid, end = pty.fork()
    if not pid:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job inherits it ignored
        words = ("boot-qemu", "--image", str(images["q8_0"]), "--chat", "--accel", "tcg")
        os.execve(sys.executable, [sys.executable, "-m", "bareflow", *words], ENVIRONMENT)  # noqa: S606  no shell
    yield pid, end
    os.close(end)
    if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def read_until(end, text, seen=b""):
    """Read until `text` has come; at the end of everything, where it is None."""
    while text is None or text not in seen:
        assert select.select([end], [], [], TIMEOUT_S)[0], seen.decode(errors="replace")
        try:
            data = os.read(end, 4096)
        except OSError:  # nobody has the terminal any more
            data = b""
        if not data:
            assert text is None, seen.decode(errors="replace")
            return seen
        seen += data
    return seen


@pytest.mark.parametrize("answered", [True, False])
def test_control_c_on_the_terminal_ends_a_chat(terminal, answered):
    pid, end = terminal
    read_until(end, b"> ")
    os.write(end, b"Once upon\n")
    seen = read_until(end, b"tokens/s (" if answered else b"Once upon a time")
    seen = read_until(end, b"> ", seen[-20:]) if answered else seen
    os.write(end, b"\x03")
    seen = read_until(end, None, seen)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0), seen
    assert b"Traceback" not in seen


def test_a_model_that_is_too_large_for_the_machine_is_said(images, boot):
    result = boot(images["f32"], args=("tinyllama", "--prompt", "Once"), memory_mib=16)
    assert result.exit_status == 2, result.explain()
    assert b"tinyllama: There is not enough memory for " in result.stderr


def test_frozen_for_an_emulated_machine_it_keeps_within_its_size(small, boot):
    assert small.payload_bytes <= PAYLOAD_LIMIT
    result = boot(small.image)
    assert result.stdout.decode() == REFERENCE["models"]["tiny-q8_0"]["prompts"][0]["text"] + "\n"


@pytest.mark.parametrize(("variant", "kind"), [("avx2", "q4_0"), ("avx512", "q4_0")])
def test_frozen_for_a_real_machine_the_largest_keep_within_the_size(variant, kind, tmp_path):
    recipe = load_recipe("tinyllama")
    chosen = (f"-DTINYLLAMA_VARIANT={variant}", "-DTINYLLAMA_AHEAD=4096", f"-DTINYLLAMA_TYPES={TYPES[kind]}")
    report = build_image(dataclasses.replace(recipe, flags=(*recipe.flags, *chosen)), tmp_path / "frozen.img")
    assert report.payload_bytes <= PAYLOAD_LIMIT
