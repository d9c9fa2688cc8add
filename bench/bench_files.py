"""How fast a large file is loaded, beside `dd` of the same drive in a Linux guest of the same machine.

Ours is counted from the loader's first instruction to the end of the workload, which reads the file by mebibytes:
the firmware's, the loader's and the kernel's reading all lie in between. Linux is Debian's kernel with busybox, in the
same QEMU machine on the same drive: what `time dd bs=1M` of the whole drive says. Both under emulation.

    python -m bench.bench_files [--size-mib 600] [--runs 3] [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bareflow.build import build_image
from bareflow.errors import BareFlowError, MachineError, ToolError
from bareflow.image.recipe import PackedFile, recipe_for_workload
from bareflow.machine import MachineSpec, boot_
from bareflow.machine.floor import bare_command
from bareflow.toolchain import cache_dir, ensure_program, run

WORKLOAD = Path(__file__).with_name("files") / "read.c"
NAME = "data.bin"
SIZE_MIB, RUNS = 600, 3
MEMORY_MIB = 2048  # UEFI holds the file twice
LIMIT_S = 240.0
MIB = 1 << 20
CLOCK_S = 0.01  # the resolution of the guest's `time`
# The way in, how the drive is attached, and Linux's drivers and name for it.
WAYS: tuple[tuple[str, dict[str, Any], tuple[str, ...], str], ...] = (
    ("PVH, virtio-blk", {"firmware": "pvh", "drive": "virtio"}, ("virtio_pci", "virtio_blk"), "vda"),
    ("BIOS, virtio-blk", {"drive": "virtio"}, ("virtio_pci", "virtio_blk"), "vda"),
    ("BIOS, AHCI", {"drive": "ahci"}, ("ahci", "sd_mod"), "sda"),
    ("BIOS, USB 3", {"drive": "usb"}, ("xhci_pci", "usb_storage", "sd_mod"), "sda"),
    ("BIOS, IDE", {"drive": "ide"}, ("ata_piix", "sd_mod"), "sda"),
    ("UEFI, AHCI", {"firmware": "uefi", "machine": "q35", "drive": "ahci"}, ("ahci", "sd_mod"), "sda"),
)
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
for module in {modules}; do modprobe $module; done
until [ -b /dev/{device} ]; do sleep 0.1; done
for run in {runs}; do
  echo 3 > /proc/sys/vm/drop_caches
  time dd if=/dev/{device} of=/dev/null bs=1M count={count}
done 2>&1
poweroff -f
"""


def linux_folder() -> Path:
    """Debian's kernel and modules, unpacked in the cache; apt fetches the package once, and nothing is installed.

    Raises:
        ToolError: there is no apt, or it has no such package.
    """
    folder = cache_dir() / "linux"
    if not (folder / "complete").exists():
        apt = ensure_program("apt-get", "apt")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shown = run(["apt-cache", "depends", "linux-image-amd64"], what="looking for Debian's kernel").stdout
        package = re.search(r"Depends: (linux-image-\S+)", shown)
        if package is None:
            raise ToolError("apt knows no linux-image-amd64.", "This part of the bench needs Debian.")
        run([apt, "download", package[1]], what="fetching Debian's kernel", cwd=folder)
        run(["dpkg-deb", "-x", next(folder.glob("*.deb")), folder], what="unpacking Debian's kernel")
        busybox = ensure_program("busybox", "busybox-static")
        modules = next((folder / "lib/modules").iterdir())
        run([busybox, "depmod", "-b", folder, modules.name], what="listing the kernel's modules")
        (folder / "complete").touch()
    return folder


def initramfs(linux: Path, modules: Sequence[str], device: str, count: int, runs: int, out: Path) -> None:
    """Write an initramfs that reads `count` MiB of a device `runs` times and switches the machine off."""
    busybox = ensure_program("busybox", "busybox-static")
    tree = next((linux / "lib/modules").iterdir())
    index: dict[str, tuple[str, list[str]]] = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        name, _, needed = line.partition(":")
        index[Path(name).stem.replace("-", "_")] = (name, needed.split())
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        root = Path(folder)
        for name in ("bin", "dev", "proc", "sys"):
            (root / name).mkdir()
        shutil.copy(busybox, root / "bin/busybox")
        for module in modules:
            own, others = index[module]
            for path in (own, *others):
                to = root / "lib/modules" / tree.name / path
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(tree / path, to)
        run([busybox, "depmod", "-b", root, tree.name], what="listing modules")
        counts = " ".join(map(str, range(runs)))
        text = INIT.format(modules=" ".join(modules), device=device, runs=counts, count=count)
        (root / "init").write_text(text)
        (root / "init").chmod(0o755)
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        packed = subprocess.run(
            [busybox, "cpio", "-o", "-H", "newc"], input=names.encode(), cwd=root, capture_output=True, check=True
        )
        out.write_bytes(gzip.compress(packed.stdout, 1))


def linux_rates(image: Path, settings: dict[str, Any], modules: Sequence[str], device: str, runs: int) -> list[float]:
    """MB/s of each `dd` in the Linux guest.

    Raises:
        MachineError: the guest did not say them.
    """
    linux = linux_folder()
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        initrd = Path(folder) / "initrd"
        initramfs(linux, modules, device, image.stat().st_size // MIB, runs, initrd)
        spec = MachineSpec(image, accel="tcg", memory_mib=MEMORY_MIB, **{**settings, "firmware": "bios"})
        command = [
            word.replace(",bootindex=0", "").replace("null,id=com1", "stdio,id=com1") for word in bare_command(spec)
        ]
        command += ["-kernel", str(next((linux / "boot").glob("vmlinuz*"))), "-initrd", str(initrd)]
        command[command.index("-action") + 1] = "reboot=shutdown,shutdown=poweroff"
        command += ["-append", "console=ttyS0 quiet panic=-1"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    text = done.stdout.decode(errors="replace")
    size = image.stat().st_size // MIB * MIB
    times = [60 * int(found[1]) + float(found[2]) for found in re.finditer(r"real\s+(\d+)m\s*([\d.]+)s", text)]
    rates = [size / max(seconds, CLOCK_S) / 1e6 for seconds in times]
    if len(rates) != runs:
        raise MachineError("The Linux guest did not read its drive.", detail=text[-2000:])
    return rates


def our_rate(image: Path, settings: dict[str, Any], size: int) -> float:
    """MB/s from the loader's first instruction to the workload's end.

    Raises:
        MachineError: it did not read the whole file.
    """
    result = boot_(MachineSpec(image, accel="tcg", memory_mib=MEMORY_MIB, timeout_s=LIMIT_S, **settings))
    if not result.stdout.startswith(f"{size} ".encode()) or not result.tsc_hz:
        raise MachineError("The image did not read its file.", detail="\n".join(result.explain()))
    return size / ((result.stamps["end"] - result.stamps["loader"]) / result.tsc_hz) / 1e6


def bench_files(
    *, size_mib: int = SIZE_MIB, runs: int = RUNS, way: str = "", on_step: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Measure every way in whose name holds `way`; rates in MB/s, medians."""
    say = on_step or (lambda _text: None)
    rows = []
    with tempfile.TemporaryDirectory(prefix="bareflow-", dir=cache_dir()) as name:
        data, image = Path(name) / NAME, Path(name) / "files.img"
        with data.open("wb") as stream:
            for index in range(size_mib):
                stream.write(index.to_bytes(8, "little") * (MIB // 8))
        recipe = recipe_for_workload(WORKLOAD, [PackedFile(data, NAME)])
        build_image(replace(recipe, arguments=(NAME,)), image)
        data.unlink()
        for label, settings, modules, device in (row for row in WAYS if way.lower() in row[0].lower()):
            say(label)
            ours = [our_rate(image, settings, size_mib * MIB) for _ in range(runs)]
            say(f"{label}, Linux")
            linux = linux_rates(image, settings, modules, device, runs)
            rows.append({
                "way": label,
                "ours_mb_s": round(statistics.median(ours), 1),
                "linux_mb_s": round(statistics.median(linux), 1),
                "ratio": round(statistics.median(ours) / statistics.median(linux), 2),
                "ours_runs": [round(rate, 1) for rate in ours],
                "linux_runs": [round(rate, 1) for rate in linux],
            })  # fmt: skip
    return {"size_mib": size_mib, "runs": runs, "rows": rows}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size-mib", type=int, default=SIZE_MIB)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--way", default="", help="only those whose name holds this")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        result = bench_files(
            size_mib=chosen.size_mib,
            runs=chosen.runs,
            way=chosen.way,
            on_step=lambda text: print(text, file=sys.stderr),
        )
    except BareFlowError as problem:
        sys.stderr.write(f"{problem}\n{problem.detail}\n")
        return problem.exit_status
    if chosen.json:
        print(json.dumps(result, indent=2))
        return 0
    for row in result["rows"]:
        rates = f"{row['ours_mb_s']:8.1f} MB/s   Linux's dd {row['linux_mb_s']:8.1f}"
        print(f"{row['way']:18} {rates}   ratio {row['ratio']:5.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
