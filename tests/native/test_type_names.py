"""What a compiler worker has read before leaves no trace in what it makes."""

from __future__ import annotations

from bareflow.compile.frontend import compile_sources
from bareflow.compile.pool import CompilePool
from bareflow.compile.split import split_module
from bareflow.compile.text import module_text

RING = "struct ring {{ int at, size; }};\nint {name}(struct ring *r) {{ return r[1].at + r->size; }}\n"


def digests(folder):
    split = split_module(module_text(compile_sources([folder], name="rings")))
    return {one.name: one.digest for one in split.functions.values()}


def test_types_keep_their_names_when_another_file_has_one_of_the_same_name(tmp_path):
    alone, both = tmp_path / "alone", tmp_path / "both"
    for folder in (alone, both):
        folder.mkdir()
        (folder / "b.c").write_text(RING.format(name="second") + "int main(void) { return 0; }\n")
    (both / "a.c").write_text(RING.format(name="first"))
    assert digests(both)["second"] == digests(alone)["second"]


def test_a_worker_compiles_alike_whatever_it_compiled_before(tmp_path):
    source = tmp_path / "ring.c"
    source.write_text(RING.format(name="second") + "int main(void) { return 0; }\n")
    data = compile_sources([source], name="ring").data
    link = {"op": "link", "names": ["ring"], "name": "ring"}
    with CompilePool(1) as pool:
        first, second = (pool.request(link, [data])[1][0] for _ in range(2))
    assert first == second
