"""What the campaigns on NFS need of this machine, and how they say what is missing. (They themselves need QEMU.)"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "crash"))

import nfs
from campaign import Options
from virtual import initramfs, machine


def kernel(folder: Path, version: str, *, modules: bool = True) -> None:
    (folder / "boot").mkdir(exist_ok=True)
    (folder / "boot" / f"vmlinuz-{version}").touch()
    if modules:
        (folder / "modules" / version).mkdir(parents=True)
        (folder / "modules" / version / "modules.dep").touch()


def test_the_newest_kernel_that_has_its_modules_is_taken(tmp_path):
    assert machine.newest_kernel(tmp_path / "boot", tmp_path / "modules") is None
    for version in ("6.1.0-9-amd64", "6.1.0-56-amd64", "5.10.0-99-amd64"):
        kernel(tmp_path, version)
    kernel(tmp_path, "6.9.0-1-amd64", modules=False)
    found = machine.newest_kernel(tmp_path / "boot", tmp_path / "modules")
    assert found is not None
    assert found.image.name == "vmlinuz-6.1.0-56-amd64"
    assert found.modules.name == "6.1.0-56-amd64"


def test_what_is_missing_is_named_with_the_packages_that_have_it(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda tool, path=None: None)
    monkeypatch.setattr(machine, "newest_kernel", lambda: None)
    row = nfs.CAMPAIGNS["writers-v3"](Options(seed=1, trials=1))
    assert row.verdict == "not run"
    assert "qemu-system-x86_64" in row.skipped
    assert "apt-get install qemu-system-x86 linux-image-amd64" in row.skipped


def test_modules_come_behind_those_they_need(tmp_path):
    (tmp_path / "modules.dep").write_text(
        "net/9p/9pnet.ko:\nfs/9p/9p.ko: net/9p/9pnet.ko fs/netfs.ko\nfs/netfs.ko:\n"
        "net/9p/9pnet_virtio.ko: net/9p/9pnet.ko\n"
    )
    found = [path.name for path in initramfs.modules(tmp_path, ("9p", "9pnet_virtio", "built_in"))]
    assert found == ["9pnet.ko", "netfs.ko", "9p.ko", "9pnet_virtio.ko"]


@pytest.mark.parametrize("text", ["", "words\n"])
def test_a_machine_that_fails_is_a_failure_that_says_what_repeats_it(text, monkeypatch):
    class Broken:
        def run(self, order: list[str], seconds: float, *, stream: bool) -> str:
            raise machine.MachineError(f"it did not start {text}")

        def end(self) -> None:
            pass

    monkeypatch.setattr(nfs, "missing", lambda: "")
    monkeypatch.setattr(nfs, "_machine", Broken())
    row = nfs.CAMPAIGNS["cut-v4.2"](Options(seed=7, trials=1))
    assert row.verdict == "failed"
    assert "seed 7" in row.failures[0]
    assert nfs._machine is None  # the next campaign gets a new one


def test_what_a_campaign_finds_comes_back_as_it_was_said(monkeypatch):
    said = {"key": "H1", "campaign": "x", "trials": 2, "failures": ["one"], "figures": {"a": 1.5}}

    class Answering:
        def run(self, order: list[str], seconds: float, *, stream: bool) -> str:
            assert order[1:] == ["held", "3", "7", "2"]
            return f"something\n{json.dumps(said)}\n"

    monkeypatch.setattr(nfs, "missing", lambda: "")
    monkeypatch.setattr(nfs, "_machine", Answering())
    row = nfs.CAMPAIGNS["held-v3"](Options(seed=7, trials=2))
    assert (row.key, row.trials, row.failures, row.figures) == ("H1", 2, ["one"], {"a": 1.5})
