"""Which block devices may be written to, on a made-up /sys and /proc."""

from __future__ import annotations

from pathlib import Path

import pytest

from bareflow.errors import UsageError
from bareflow.machine.devices import Devices, human_size
from bareflow.machine.flash import check_device, check_room

GIB = 1 << 30


class FakeDevices(Devices):
    """Devices on a tree of our own; a node's number is the content of a file."""

    def __init__(self, root):
        super().__init__(root)
        self.root = root

    def number(self, path):
        node = self.root / str(path).lstrip("/")
        return node.read_text() if node.exists() else super().number(path)


class Host:
    """A machine's /sys, /proc and /dev."""

    def __init__(self, root):
        self.root = root
        for folder in ("sys/block", "sys/dev/block", "proc/self", "dev"):
            (root / folder).mkdir(parents=True)
        self.devices = FakeDevices(root)
        self.mounts("")

    def mounts(self, text):
        (self.root / "proc/self/mountinfo").write_text(text)

    def swaps(self, *nodes):
        lines = ["Filename Type Size Used Priority", *(f"{node} partition 1 0 -2" for node in nodes)]
        (self.root / "proc/swaps").write_text("\n".join(lines) + "\n")

    def add(self, name, number, bus="usb1/1-1", **files):
        """A disk with its files; `device__model` is device/model."""
        folder = self.root / "sys/devices" / bus / "host0/block" / name
        self._fill(folder, {"dev": number, "size": 8 * GIB // 512, "removable": 1, "ro": 0, **files})
        (self.root / "sys/block" / name).symlink_to(folder)
        return self._register(folder, name, number)

    def part(self, disk, name, number):
        folder = (self.root / "sys/block" / disk).resolve() / name
        self._fill(folder, {"dev": number, "size": 2048, "ro": 0, "partition": 1})
        return self._register(folder, name, number)

    def hold(self, name, holder):
        target = (self.root / "sys/block" / holder).resolve()
        folder = next((self.root / "sys/devices").rglob(f"block/**/{name}"))
        (folder / "holders").mkdir()
        (folder / "holders" / holder).symlink_to(target)

    def _fill(self, folder, files):
        for name, value in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")

    def _register(self, folder, name, number):
        (self.root / "sys/dev/block" / number).symlink_to(folder)
        (self.root / "dev" / name).write_text(number)
        return Path("/dev") / name


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


@pytest.fixture
def stick(host):
    usb = host.root / "sys/devices/usb1/1-1"
    usb.mkdir(parents=True)
    (usb / "idVendor").write_text("0951\n")
    (usb / "serial").write_text("60A44C413FAE\n")
    return host.add("sdb", "8:16", device__vendor="Kingston", device__model="DataTraveler 3.0", diskseq=9)


def check(host, path, **allowed):
    check_device(host.devices.find(path), **{"allow_fixed": False, "allow_large": False, **allowed})


def test_a_stick_is_described_and_accepted(host, stick):
    device = host.devices.find(stick)
    assert (device.model, device.serial, device.bus) == ("Kingston DataTraveler 3.0", "60A44C413FAE", "usb")
    assert (device.size_bytes, device.removable, device.sequence) == (8 * GIB, True, 9)
    assert device.title == "/dev/sdb: Kingston DataTraveler 3.0, serial 60A44C413FAE, 8.6 GB"
    check(host, stick)


def test_the_list_has_removable_disks_with_a_medium_only(host, stick):
    assert stick.name == "sdb"
    host.add("sda", "8:0", bus="ata1", removable=0)
    host.add("sdc", "8:32", bus="usb1/1-2", size=0)
    host.add("sr0", "11:0", bus="ata2")
    host.add("loop0", "7:0", bus="virtual")
    host.add("mmcblk0", "179:0", bus="mmc0", removable=0, device__type="SD", device__name="SU08G")
    host.add("mmcblk1", "179:8", bus="mmc1", removable=0, device__type="MMC")
    assert [device.path for device in host.devices.removable()] == ["/dev/mmcblk0", "/dev/sdb"]


def test_a_partition_is_refused_and_its_disk_named(host, stick):
    part = host.part(stick.name, "sdb1", "8:17")
    with pytest.raises(UsageError, match=r"/dev/sdb1 is a partition\. Name the whole disk: /dev/sdb\."):
        check(host, part)


@pytest.mark.parametrize(
    "line",
    [
        "30 1 8:17 / /media/me/My\\040stick rw - vfat /dev/sdb1 rw",
        "30 1 0:44 / /media/me/My\\040stick rw - btrfs /dev/sdb1 rw",
        "30 1 8:16 / /media/me/My\\040stick rw shared:1 - vfat /dev/other rw",
    ],
    ids=["by the number of a partition", "by its source alone", "the whole disk"],
)
def test_a_mounted_stick_is_refused(host, stick, line):
    host.part("sdb", "sdb1", "8:17")
    host.mounts(line + "\n")
    with pytest.raises(UsageError, match=r"in use: .* is mounted on /media/me/My stick"):
        check(host, stick)


def test_the_running_systems_disk_is_refused_even_if_removable_or_fixed_is_allowed(host, stick):
    host.part("sdb", "sdb2", "8:18")
    host.mounts("25 1 8:18 / / rw - ext4 /dev/root rw\n")
    with pytest.raises(UsageError, match="holds the running system"):
        check(host, stick, allow_fixed=True, allow_large=True)


def test_a_system_on_lvm_is_found_through_what_is_stacked_on_the_partition(host, stick):
    host.part("sdb", "sdb3", "8:19")
    host.add("dm-0", "253:0", bus="virtual", removable=0)
    host.hold("sdb3", "dm-0")
    host.mounts("25 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n")
    with pytest.raises(UsageError, match="holds the running system"):
        check(host, stick)


def test_a_member_of_a_raid_is_refused_though_nothing_is_mounted(host, stick):
    host.part("sdb", "sdb3", "8:19")
    host.add("md0", "9:0", bus="virtual", removable=0)
    host.hold("sdb3", "md0")
    with pytest.raises(UsageError, match="/dev/sdb3 belongs to md0"):
        check(host, stick)


def test_swap_is_refused(host, stick):
    host.part("sdb", "sdb1", "8:17")
    host.swaps("/dev/sdb1")
    with pytest.raises(UsageError, match="/dev/sdb1 is swap"):
        check(host, stick)


def test_a_fixed_disk_is_refused_unless_allowed(host):
    disk = host.add("sda", "8:0", bus="ata1", removable=0, device__model="Samsung SSD")
    with pytest.raises(UsageError, match=r"not removable \(Samsung SSD\)\. .*--allow-fixed"):
        check(host, disk)
    check(host, disk, allow_fixed=True)


def test_more_than_256_gib_is_refused_unless_allowed(host):
    exact = host.add("sdc", "8:32", bus="usb1/1-2", size=256 * GIB // 512)
    large = host.add("sdd", "8:48", bus="usb1/1-3", size=256 * GIB // 512 + 1)
    check(host, exact)
    with pytest.raises(UsageError, match="more than 256 GiB"):
        check(host, large)
    check(host, large, allow_large=True)


@pytest.mark.parametrize(("file", "said"), [({"ro": 1}, "write-protected"), ({"size": 0}, "no medium")])
def test_what_cannot_be_written_is_refused(host, file, said):
    with pytest.raises(UsageError, match=said):
        check(host, host.add("sdc", "8:32", bus="usb1/1-2", **file))


def test_a_device_must_hold_the_image(host, stick):
    device = host.devices.find(stick)
    check_room(device, Path("x.img"), 8 * GIB)
    with pytest.raises(UsageError, match=r"512 bytes too small for x\.img"):
        check_room(device, Path("x.img"), 8 * GIB + 512)


def test_a_missing_node_a_file_and_a_character_device_are_refused(host, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    for path, said in ((tmp_path / "none", "No such file"), (plain, "--file"), (Path("/dev/null"), "no block device")):
        with pytest.raises(UsageError, match=said):
            Devices(host.root).find(path)


def test_a_node_whose_device_is_gone_is_refused(host, stick):
    (host.root / "sys/dev/block/8:16").unlink()
    with pytest.raises(UsageError, match="node without a device"):
        host.devices.find(stick)


def test_sizes_are_written_as_labels_write_them():
    assert [human_size(n) for n in (0, 999, 1000, 8_589_934_592, 2 * 10**12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "8.6 GB",
        "2.0 TB",
    ]
