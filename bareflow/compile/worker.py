"""The compiler's child process: requests on stdin, replies on stdout, one at a time, until stdin ends.

LLVM aborts, exits or hangs on some inputs; here it takes only this process with it. A message is two
32-bit little-endian lengths (JSON, blobs), the JSON object, then the blobs that its "blobs" list measures.
LLVM's own messages go to stderr. LLVM's global options can be set once in a process: a request that has some is
served by a fork of this one, which is cheaper than another start.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any, BinaryIO

from bareflow.compile import cover, ir

HEAD = struct.Struct("<II")
TRIPLE = "x86_64-unknown-linux-musl"
PR_SET_PDEATHSIG = 1
SPEED = {"O0": 0, "O1": 1, "O2": 2, "O3": 3, "frozen": 3}
SIZE = {1: "optsize", 2: "minsize"}
# What makes llvmlite's LLVM emit the code of the wheel's clang, a later release of the same version: its choice of
# the first lane of straight-line vectors was mended in between, and cost SHA-256 a quarter of its speed.
GLOBAL_OPTIONS = ("-slp-max-root-look-ahead-depth=1",)

_WARM_UP = """
define i64 @sum(ptr %p, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %s = phi i64 [ 0, %entry ], [ %t, %loop ]
  %at = getelementptr i64, ptr %p, i64 %i
  %v = load i64, ptr %at
  %t = add i64 %s, %v
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret i64 %t
}
"""

Message = dict[str, Any]


def encode(message: Message, blobs: Sequence[bytes] = ()) -> bytes:
    """One message's bytes."""
    text = json.dumps({**message, "blobs": [len(blob) for blob in blobs]}).encode()
    return HEAD.pack(len(text), sum(map(len, blobs))) + text + b"".join(blobs)


def send(stream: BinaryIO, message: Message, blobs: Sequence[bytes] = ()) -> None:
    """Write one message and flush it."""
    stream.write(encode(message, blobs))
    stream.flush()


def receive(stream: BinaryIO) -> tuple[Message, list[bytes]] | None:
    """Read one message; None where the other side is gone."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    text_size, blob_size = HEAD.unpack(head)
    body = stream.read(text_size + blob_size)
    if len(body) < text_size + blob_size:
        return None
    message = json.loads(body[:text_size])
    blobs, at = [], text_size
    for size in message.pop("blobs"):
        blobs.append(body[at : at + size])
        at += size
    return message, blobs


def die_with_parent() -> None:
    """Have the kernel end this process when the one that forked it ends: the pool kills only the worker (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Compiler:
    """Serves requests with llvmlite, imported here so that only child processes carry LLVM."""

    def __init__(self) -> None:
        llvm = cover.load_llvm()  # 180 MB that the parent does not need
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.initialize_native_asmparser()
        self.llvm = llvm
        self.context = llvm.create_context()
        self._machines: dict[tuple[str, str, int], Any] = {}  # by CPU, features, level: a sixth of a small compilation

    def _parse_text(self, text: str) -> Any:
        """Parse a module's text, its types named as it names them: in a context that has seen no others."""
        self.context = self.llvm.create_context()
        return self.llvm.parse_assembly(text, self.context)

    def serve(self, message: Message, blobs: list[bytes]) -> tuple[Message, list[bytes]]:
        """Answer one request; an input that LLVM refuses politely becomes {"error": text}."""
        if message.get("llvm"):
            return self._in_fork(message, blobs)
        self.context = self.llvm.create_context()  # a type's name must not depend on what was read before
        handler = {
            "link": self.link,
            "compile": self.compile,
            "demote": self.demote,
            "facts": self.facts,
            "host": self.host,
            "warm": self.warm,
        }[message["op"]]
        try:
            return handler(message, blobs)
        except (RuntimeError, ValueError, UnicodeDecodeError) as problem:
            return {"error": str(problem).strip() or type(problem).__name__}, []
        except Exception:  # noqa: BLE001  a bug of ours: the parent raises it with this traceback
            return {"bug": traceback.format_exc()}, []

    def _in_fork(self, message: Message, blobs: list[bytes]) -> tuple[Message, list[bytes]]:
        """Have a child of this process answer with the options set. If it dies, so does this process, likewise."""
        readable, writable = os.pipe()
        child = os.fork()
        if not child:
            os.close(readable)
            die_with_parent()
            self._machines.clear()  # they may depend on options
            for option in message.pop("llvm"):
                self.llvm.set_option("", option)
            with os.fdopen(writable, "wb") as stream:
                send(stream, *self.serve(message, blobs))
            os._exit(0)
        os.close(writable)
        with os.fdopen(readable, "rb") as stream:
            reply = receive(stream)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            os.kill(os.getpid(), -code)
        if code or reply is None:
            os._exit(code or 1)
        return reply

    def host(self, _message: Message, _blobs: list[bytes]) -> tuple[Message, list[bytes]]:
        """Name this machine's CPU and its features as LLVM does."""
        features = dict(self.llvm.get_host_cpu_features())
        return {"cpu": self.llvm.get_host_cpu_name(), "features": sorted(k for k, on in features.items() if on)}, []

    def demote(self, message: Message, blobs: list[bytes]) -> tuple[Message, list[bytes]]:
        """Keep in memory what some functions need beyond one block; reply with the module's text."""
        module = self.parse(blobs[0], "module")
        builder = self.llvm.create_pass_builder(
            self.llvm.Target.from_triple(TRIPLE).create_target_machine(), self.llvm.create_pipeline_tuning_options(0)
        )
        manager = self.llvm.create_new_function_pass_manager()
        manager.add_register_to_memory_pass()
        for name in message["functions"]:
            manager.run(module.get_function(name), builder)
        return {}, [str(module).encode()]

    def warm(self, _message: Message, _blobs: list[bytes]) -> tuple[Message, list[bytes]]:
        """Compile next to nothing at every level, so that LLVM's own code is in memory when it is wanted."""
        options = {"opt": None, "slp": True, "vectorize": True, "unroll": True, "inline_threshold": None}
        for tier in ("O0", "O1", "O3"):
            message = {"tier": tier, "cpu": "x86-64-v2", "features": "", "options": options}
            module, machine = self._parse_text(_WARM_UP), self._machine(message)
            self._optimise(module, machine, message)
            machine.emit_object(module)
        return {}, []

    def parse(self, data: bytes, name: str) -> Any:
        """Parse bitcode or text, verify it, and refuse another machine's.

        Raises:
            RuntimeError: LLVM's message, with the file's name before it.
        """
        try:
            if data[:4] in (b"BC\xc0\xde", b"\xde\xc0\x17\x0b"):
                module = self.llvm.parse_bitcode(data, self.context)
            else:
                module = self.llvm.parse_assembly(data.decode(), self.context)
            module.verify()
        except (RuntimeError, UnicodeDecodeError) as problem:
            raise RuntimeError(f"{name}: {str(problem).strip()}") from None
        if module.triple and not module.triple.startswith(("x86_64", "amd64")):
            raise RuntimeError(f"{name}: it is made for {module.triple}, not for x86-64")
        return module

    def link(self, message: Message, blobs: list[bytes]) -> tuple[Message, list[bytes]]:
        """Merge modules into one without the frontend's CPU; reply with its bitcode and its facts."""
        names: list[str] = message["names"]
        modules = [self.parse(data, name) for data, name in zip(blobs, names, strict=True)]
        owners: dict[str, str] = {}
        for module, name in zip(modules, names, strict=True):
            for symbol in _strong_definitions(module):
                if symbol in owners:
                    return {"error": "duplicate", "symbol": symbol, "files": [owners[symbol], name]}, []
                owners[symbol] = name
        for module in modules:
            self._retarget(module)
        whole = modules[0]
        for module in modules[1:]:
            whole.link_in(module)
        # Bitcode keeps the order of uses, text does not: parse the text so that equal modules are equal bytes.
        text = ir.with_init_arrays(ir.strip_cpu(str(whole)))
        whole = self._parse_text(ir.name_source(text, f"workload:{message['name']}"))
        whole.name = message["name"]
        whole.verify()
        return self._facts(whole), [whole.as_bitcode()]

    def _retarget(self, module: Any) -> None:
        """Give a module our triple and data layout, so that modules of other frontends link with ours."""
        machine = self.llvm.Target.from_triple(TRIPLE).create_target_machine()
        module.triple = TRIPLE
        module.data_layout = str(machine.target_data)

    def facts(self, _message: Message, blobs: list[bytes]) -> tuple[Message, list[bytes]]:
        """What one module defines and needs."""
        return self._facts(self.parse(blobs[0], "bitcode")), []

    def _facts(self, module: Any) -> Message:
        text = str(module)
        defined = [f for f in module.functions if not f.is_declaration]
        return {
            "functions": [f.name for f in defined],
            "external": [f.name for f in defined if f.linkage.name in ("external", "weak_any", "weak_odr")],
            "undefined": [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")],
            "lines": text.count("\n"),
            "intrinsics": ir.uses_intrinsics(text),
            "own_features": ir.has_own_features(text),
        }

    def compile(self, message: Message, blobs: list[bytes]) -> tuple[Message, list[bytes]]:
        """Compile one module at a tier; reply with the object and the CPU time it took."""
        started = time.process_time()
        module = self.parse(blobs[0], message.get("name", "bitcode"))
        options: Message = message["options"]
        text = str(module) if message["own_features"] or not options["contract"] else None
        if text is not None:
            text = ir.add_target_features(text, message["features"])
            module = self._parse_text(text if options["contract"] else ir.split_fmuladd(text))
        keep = message.get("keep")
        _narrow(module, (text or str(module)) if keep is not None else "", keep, message.get("only"))
        for function in module.functions if options["size"] else ():
            if not function.is_declaration:
                function.add_function_attribute(SIZE[options["size"]])
        machine = self._machine(message)
        self._optimise(module, machine, message)
        if message.get("sections"):
            module = self._parse_text(ir.add_sections(str(module), message.get("cold") or ()))
        data = machine.emit_object(module)
        functions = [f.name for f in module.functions if not f.is_declaration]
        return {"compile_ms": (time.process_time() - started) * 1000, "functions": functions}, [data]

    def _machine(self, message: Message) -> Any:
        level = SPEED[message["tier"]] if message["options"]["opt"] is None else message["options"]["opt"]
        key = (message["cpu"], message["features"], level)
        if key not in self._machines:
            self._machines[key] = self.llvm.Target.from_triple(TRIPLE).create_target_machine(
                cpu=key[0], features=key[1], opt=level, reloc="static", codemodel="small"
            )
        return self._machines[key]

    def _optimise(self, module: Any, machine: Any, message: Message) -> None:
        options = message["options"]
        level = SPEED[message["tier"]] if options["opt"] is None else options["opt"]
        tuning = self.llvm.create_pipeline_tuning_options(level)
        tuning.slp_vectorization = options["slp"] and level > 1
        tuning.loop_vectorization = options["vectorize"] and level > 1
        tuning.loop_interleaving = options["vectorize"] and level > 1
        tuning.loop_unrolling = options["unroll"] and level > 0
        if options["inline_threshold"] is not None and options["inline_threshold"] < 256:
            tuning.inlining_threshold = options["inline_threshold"]
        builder = self.llvm.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)


def _strong_definitions(module: Any) -> list[str]:
    values = [*module.functions, *module.global_variables]
    return [v.name for v in values if not v.is_declaration and v.linkage.name == "external"]


def _narrow(module: Any, text: str, keep: list[str] | None, only: list[str] | None) -> None:
    """Make all but `keep` internal (whole program), or emit nothing but `only` (one function's code)."""
    if keep is not None:
        kept = {*keep, *ir.named_in_assembly(text), *ir.named_by_section(text)}
        for value in [*module.functions, *module.global_variables]:
            ours = not value.is_declaration and value.linkage.name == "external"
            if ours and value.name not in kept and not value.name.startswith("llvm."):
                value.linkage = "internal"
    if only is not None:
        wanted = set(only)
        for function in module.functions:
            if not function.is_declaration and function.name not in wanted:
                function.linkage = "available_externally"


def main() -> int:
    """Serve until stdin ends. LLVM may print to stdout: the replies go to a duplicate of it."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    compiler = Compiler()
    for option in (*GLOBAL_OPTIONS, *sys.argv[1:]):
        compiler.llvm.set_option("", option)
    while (request := receive(sys.stdin.buffer)) is not None:
        message, blobs = compiler.serve(*request)
        send(replies, message, blobs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
