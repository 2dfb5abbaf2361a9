"""What may be mapped where it is, and what another host may take away."""

import os
from pathlib import Path

import pytest

from runstone_writer import mounts

LINE = "36 35 {device} / /somewhere rw,relatime shared:1 - {kind} server:/export rw,vers=3\n"


@pytest.fixture(autouse=True)
def forgotten():
    mounts.is_remote.cache_clear()
    yield
    mounts.is_remote.cache_clear()


def mounted(monkeypatch, folder: Path, kind: str) -> None:
    device = os.stat(folder).st_dev
    table = folder / "mountinfo"
    number = f"{os.major(device)}:{os.minor(device)}"
    table.write_text("20 1 0:0 / / rw - ext4 /dev/vda rw\n" + LINE.format(device=number, kind=kind))
    monkeypatch.setattr(mounts, "_MOUNTS", str(table))


@pytest.mark.parametrize(
    ("kind", "remote"), [("nfs", True), ("nfs4", True), ("fuse.sshfs", True), ("ext4", False)]
)
def test_a_file_may_vanish_where_another_host_may_remove_it(monkeypatch, tmp_path, kind, remote):
    mounted(monkeypatch, tmp_path, kind)
    assert mounts.may_vanish(str(tmp_path)) is remote


def test_where_mounts_are_not_listed_files_are_taken_to_stay(monkeypatch, tmp_path):
    monkeypatch.setattr(mounts, "_MOUNTS", str(tmp_path / "nothing"))
    assert mounts.may_vanish(str(tmp_path)) is False
