"""A training run: the program with counters in it, run once as a Linux process; what it counted is a profile."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import Bitcode
from bareflow.compile.split import split_module
from bareflow.compile.text import module_text
from bareflow.compile.tiers import compile_object
from bareflow.errors import BareFlowError, ProfileError
from bareflow.profile.values import Profile
from bareflow.trials.executable import link_executable
from bareflow.trials.instrument import Instrumented, decode, instrument

TIER = "O1"
TIMEOUT_S = 120.0


def function_digests(text: str) -> dict[str, str]:
    """Digests of the functions' bodies by name, as growth knows them; empty where the module cannot be split."""
    try:
        return {function.name: function.digest for function in split_module(text).functions.values()}
    except BareFlowError:
        return {}


def train(
    bitcode: Bitcode,
    arguments: Sequence[str] = (),
    *,
    cpu: str = "native",
    stdin: bytes = b"",
    timeout_s: float = TIMEOUT_S,
) -> Profile:
    """Profile a program by running it.

    Args:
        bitcode: the program.
        arguments: of the run, without argv[0].
        cpu: what the instrumented program is compiled for.
        stdin: what it reads.
        timeout_s: seconds after which the run is given up.

    Raises:
        CompileError, LinkError: the instrumented program cannot be built.
        ProfileError: the run did not end in time, or ended without its counts.
    """
    text = module_text(bitcode)
    program = instrument(text)
    code = compile_object(replace(bitcode, data=program.text.encode()), tier=TIER, target=target_by_name(cpu))
    with tempfile.TemporaryDirectory(prefix="bareflow-") as temporary:
        folder = Path(temporary)
        path = link_executable([code.data], folder / "train", name=bitcode.name, runtime="train")
        data = _run(path, [bitcode.name, *arguments], folder, stdin, timeout_s)
    profile = _checked(data, program, bitcode.name)
    return replace(decode(profile, program, function_digests(text)), cpus=frozenset([cpu]))


def with_reads(profile: Profile, bitcode: Bitcode, arguments: Sequence[str], stdin: bytes = b"") -> Profile:
    """Add to a profile what only a training run counts: values of fields, globals and call results.

    A profile that has some, and a program that cannot be trained, stay as they are.
    """
    if any(function.sites for function in profile.functions.values()):
        return profile
    try:
        counted = train(bitcode, arguments, stdin=stdin)
    except BareFlowError:
        return profile
    functions = dict(profile.functions)
    for key, function in counted.functions.items():
        functions[key] = replace(functions[key], sites=function.sites) if key in functions else function
    return replace(profile, functions=functions)


def _run(path: Path, arguments: list[str], folder: Path, stdin: bytes, timeout_s: float) -> bytes:
    """Run in a folder of its own; return what the training runtime wrote, empty if nothing."""
    place, out = folder / "run", folder / "counts"
    place.mkdir()
    environment = {**os.environ, "BAREFLOW_TRAIN_OUT": str(out)}
    try:
        subprocess.run(
            arguments,
            executable=path,
            input=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=place,
            env=environment,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProfileError(
            f"The training run of {arguments[0]} did not end within {timeout_s:g} s.", "Give it smaller arguments."
        ) from None
    return out.read_bytes() if out.exists() else b""


def _checked(data: bytes, program: Instrumented, name: str) -> bytes:
    if len(data) != program.size:
        raise ProfileError(
            f"The training run of {name} ended without its counts.", "It was killed, or left by _exit: see if it runs."
        )
    return data
