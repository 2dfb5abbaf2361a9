"""An initial file system for a kernel: busybox, the modules it needs to reach its root, and a script.

Its root is the root of this machine, shared by 9p and covered by a tmpfs: every program and every Python
environment of this machine is there, at its own path, and nothing that the guest does comes back.
"""

from __future__ import annotations

import gzip
from pathlib import Path

MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")  # to reach the root; modprobe gets the others

SCRIPT = """#!/bin/busybox sh
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
for module in $($busybox cat /modules); do $busybox insmod $module; done
plan9=trans=virtio,version=9p2000.L,msize=512000
$busybox mount -t 9p -o $plan9,ro,cache=loose root /lower || exec $busybox poweroff -f
$busybox mount -t tmpfs tmpfs /cover
$busybox mkdir /cover/upper /cover/work
folders=lowerdir=/lower,upperdir=/cover/upper,workdir=/cover/work
$busybox mount -t overlay -o $folders overlay /root || exec $busybox poweroff -f
for folder in proc sys dev; do $busybox mount --move /$folder /root/$folder; done
$busybox mkdir -p /root/share
$busybox mount -t 9p -o $plan9,cache=none share /root/share
exec $busybox switch_root /root /bin/sh /share/init
"""


def modules(folder: Path, names: tuple[str, ...] = MODULES) -> list[Path]:
    """Return the files of modules, each behind those it needs."""
    needs: dict[str, list[str]] = {}
    by_name: dict[str, str] = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        needs[file] = others.split()
        by_name[Path(file).name.split(".")[0].replace("-", "_")] = file
    found: list[str] = []

    def add(file: str) -> None:
        for other in needs[file]:
            add(other)
        if file not in found:
            found.append(file)

    for name in names:
        if name in by_name:  # else it is built in
            add(by_name[name])
    return [folder / file for file in found]


def build(folder: Path, busybox: Path) -> bytes:
    """Return an initramfs for the kernel whose modules are in `folder`."""
    archive = _Archive()
    for name in ("bin", "lib", "proc", "sys", "dev", "lower", "cover", "root"):
        archive.folder(name)
    archive.file("bin/busybox", busybox.read_bytes(), 0o755)
    names = []
    for file in modules(folder):
        names.append(f"/lib/{file.name}")
        archive.file(f"lib/{file.name}", file.read_bytes(), 0o644)
    archive.file("modules", "\n".join(names).encode(), 0o644)
    archive.file("init", SCRIPT.encode(), 0o755)
    return archive.bytes()


class _Archive:
    """A cpio archive as the kernel takes it ("newc")."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._inode = 0

    def folder(self, name: str) -> None:
        self._add(name, 0o040755, b"")

    def file(self, name: str, content: bytes, mode: int) -> None:
        self._add(name, 0o100000 | mode, content)

    def bytes(self) -> bytes:
        self._add("TRAILER!!!", 0, b"")
        return gzip.compress(bytes(self._data), 1)

    def _add(self, name: str, mode: int, content: bytes) -> None:
        self._inode += 1
        # inode, mode, user, group, links, time, size, device and its own (2 each), length of the name, checksum
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        self._data += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        self._pad()
        self._data += content
        self._pad()

    def _pad(self) -> None:
        self._data += b"\0" * (-len(self._data) % 4)
