"""An image with any bit of its payload changed never runs: it is refused with a reason, or its boot fails with one."""

from __future__ import annotations

import random

import pytest

from bareflow.image.disk import read_parts

# A boot sector checks itself, but a changed instruction may run before the check; and the disk packet's count is
# written before it is used, so what stood there does not matter.
ALLOWED = {
    "boot sector": {"boot-failed", "hang", "triple-fault", "no-verdict", "exited"},
    "stage 2": {"boot-failed"},
    "kernel": {"boot-failed"},
    "snapshot": {"refused"},
}
FLIPS = {"boot sector": 5, "stage 2": 12, "kernel": 15, "snapshot": 18}
CODE_SIZE = 440  # of a boot sector; behind it stand the disk's serial number and the partition table


@pytest.mark.parametrize("name", FLIPS)
def test_a_changed_bit_is_noticed(classic_image, boot, tmp_path, name: str):
    disk = classic_image.read_bytes()
    part = next(part for part in read_parts(classic_image) if part.name == name)
    start = disk.index(part.data)
    chance = random.Random(name)  # noqa: S311  the same flips at every run
    unchanged = boot(classic_image).stdout
    image = tmp_path / "changed.img"
    for _ in range(FLIPS[name]):
        offset = chance.randrange(min(part.size, CODE_SIZE) if name == "boot sector" else part.size)
        bit = 1 << chance.randrange(8)
        changed = bytearray(disk)
        changed[start + offset] ^= bit
        image.write_bytes(changed)
        result = boot(image, stall_s=1.0)
        what = f"{name}, byte {offset:#x}, bit {bit:#x}"
        assert result.verdict in ALLOWED[name], f"{what}: {result.explain()}"
        assert result.stdout in {b"", unchanged if name == "boot sector" else b""}, what
        assert result.transcript or name == "boot sector", f"{what}: no reason was given"
