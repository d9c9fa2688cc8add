"""Makes the C headers and the documentation pages of every layout.

`python -m bareflow.layouts.gen_c` rewrites runtime/include/bareflow/gen/*.h and docs/formats/*.md;
a test regenerates them in memory and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bareflow.layouts import ALL
from bareflow.layouts.record import Constant, Enumeration, Field, Layout, Record

_C_TYPES = {
    "u8": "uint8_t",
    "u16": "uint16_t",
    "u32": "uint32_t",
    "u64": "uint64_t",
    "i32": "int32_t",
    "i64": "int64_t",
    "f64": "double",
    "bytes": "uint8_t",
}


def _number(value: int) -> str:
    """A literal that C and the assembler both read: no suffix, hexadecimal from 4096 on."""
    return str(value) if 0 <= value < 4096 else hex(value)


def _constants(constants: tuple[Constant, ...]) -> list[str]:
    lines: list[str] = []
    for constant in constants:
        lines += [f"/* {constant.doc} */", f"#define {constant.name} {_number(constant.value)}"]
    return lines


def _enumeration(enumeration: Enumeration) -> list[str]:
    lines = ["", f"/* {enumeration.doc} */"]
    for name, (value, doc) in enumeration.members.items():
        c_name = f"{enumeration.prefix}_{name.upper().replace('-', '_')}"
        lines.append(f"#define {c_name} {_number(value)} /* {doc} */")
    return lines


def _offsets(record: Record) -> list[str]:
    upper = record.name.upper()
    lines = ["", f"/* {record.doc} */"]
    lines += [f"#define {upper}_{name.upper()}_OFFSET {at}" for name, at in record.offsets.items()]
    lines.append(f"#define {upper}_SIZEOF {record.size}")
    return lines


def _member(member: Field) -> str:
    array = f"[{member.count}]" if member.count > 1 or member.kind == "bytes" else ""
    return f"    {_C_TYPES[member.kind]} {member.name}{array}; /* {member.doc} */"


def _structure(record: Record) -> list[str]:
    name, upper = record.name, record.name.upper()
    lines = ["", f"struct {name} {{"]
    lines += [_member(member) for member in record.fields]
    lines.append("};")
    for member in record.fields:
        lines.append(
            f"_Static_assert(offsetof(struct {name}, {member.name}) == "
            f'{upper}_{member.name.upper()}_OFFSET, "{member.name}");'
        )
    lines.append(f'_Static_assert(sizeof(struct {name}) == {upper}_SIZEOF, "{name}");')
    return lines


def header_text(layout: Layout) -> str:
    """The C header of a layout; its macros serve preprocessed assembly and linker scripts too."""
    guard = f"BAREFLOW_GEN_{layout.name.upper()}_H"
    lines = [
        "/* SPDX-License-Identifier: MIT */",
        f"/* {layout.title}. Generated from bareflow/layouts/{layout.name}.py: do not edit. */",
        "/* clang-format off */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
    ]
    lines += _constants(layout.constants)
    for enumeration in layout.enumerations:
        lines += _enumeration(enumeration)
    for record in layout.records:
        lines += _offsets(record)
    if layout.records:
        lines += ["", "#if !defined(__ASSEMBLER__) && !defined(BAREFLOW_LINKER_SCRIPT)"]
        lines += ["#include <stddef.h>", "#include <stdint.h>"]
        for record in layout.records:
            lines += _structure(record)
        lines += ["", "#endif"]
    lines += ["", "#endif", ""]
    return "\n".join(lines)


def _doc_record(record: Record) -> list[str]:
    lines = ["", f"## {record.name} ({record.size} bytes)", "", record.doc, "", "| offset | type | field | meaning |"]
    lines.append("| ---: | --- | --- | --- |")
    for member in record.fields:
        array = f"[{member.count}]" if member.count > 1 or member.kind == "bytes" else ""
        lines.append(f"| {record.offsets[member.name]} | {member.kind}{array} | {member.name} | {member.doc} |")
    return lines


def page_text(layout: Layout) -> str:
    """The documentation page of a layout, in Markdown."""
    lines = [
        f"# {layout.title}",
        "",
        f"Generated from `bareflow/layouts/{layout.name}.py`: do not edit. All numbers are little-endian.",
        "",
        layout.doc,
    ]
    if layout.constants:
        lines += ["", "| constant | value | meaning |", "| --- | ---: | --- |"]
        lines += [f"| {c.name} | {_number(c.value)} | {c.doc} |" for c in layout.constants]
    for enumeration in layout.enumerations:
        lines += ["", f"## {enumeration.name}", "", enumeration.doc, "", "| value | name | meaning |"]
        lines.append("| ---: | --- | --- |")
        lines += [f"| {_number(v)} | {name} | {doc} |" for name, (v, doc) in enumeration.members.items()]
    for record in layout.records:
        lines += _doc_record(record)
    return "\n".join([*lines, ""])


def outputs(root: Path) -> dict[Path, str]:
    """Every generated file under the checkout `root` with the text it must have."""
    files: dict[Path, str] = {}
    for layout in ALL:
        files[root / "runtime/include/bareflow/gen" / f"{layout.name}.h"] = header_text(layout)
        files[root / "docs/formats" / f"{layout.name}.md"] = page_text(layout)
    return files


def stale(root: Path) -> dict[Path, str]:
    """The generated files of a checkout that are not as they should be, and how they should be."""
    return {path: text for path, text in outputs(root).items() if not path.exists() or path.read_text() != text}


def rewrite(files: Mapping[Path, str]) -> None:
    """Write generated files."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main() -> None:
    """Rewrite this checkout's."""
    files = stale(Path(__file__).resolve().parents[2])
    rewrite(files)
    for path in files:
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
