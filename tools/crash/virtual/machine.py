"""A virtual machine with this machine's programs: a Linux kernel of Debian's in QEMU, without any image.

Nothing is downloaded and no rights are needed: the kernel in /boot, its modules, and this machine's root
shared read-only. Jobs are commands; they come and go through a folder that both sides see.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from virtual import initramfs

PACKAGES = "apt-get install qemu-system-x86 linux-image-amd64 nfs-kernel-server nfs-common busybox-static"
BOOT_SECONDS = 300.0
CODE = Path(__file__).resolve().parents[3]  # of the repository
COPIED = ("writer", "indexer", "query", "sdk", "tools/crash")
SBIN = os.pathsep + "/usr/sbin:/sbin"  # not in everybody's PATH

# Jobs are run by a shell, which is also what an orphan is given to and what ends the machine.
INIT = """
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t tmpfs tmpfs /run; mkdir -p /dev/shm /dev/pts; mount -t tmpfs tmpfs /dev/shm
{python} /share/agent.py
echo o > /proc/sysrq-trigger
"""

# In the guest: runs one script after the other, each in a fork of a process that has imported what is slow to import.
AGENT = """
import json, os, pathlib, runpy, shutil, sys, time, traceback
import numpy, orjson, rich.table, tantivy
share = pathlib.Path("/share")

def run(order, out):
    fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(fd, number)
    shutil.rmtree("/code", ignore_errors=True)
    shutil.copytree(share / "code", "/code")
    sys.path[:0] = [f"/code/{name}" for name in ("writer", "indexer", "query", "sdk")]
    sys.argv[:] = order
    runpy.run_path(order[0], run_name="__main__")

(share / "ready").touch()
while True:
    for job in sorted(share.glob("*.job")):
        order = json.loads(job.read_text())
        job.unlink()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                run(order, job.with_suffix(".out"))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, code = os.waitpid(pid, 0)
        job.with_suffix(".tmp").write_text(str(code))
        job.with_suffix(".tmp").rename(job.with_suffix(".code"))
    time.sleep(0.2)
"""


# If the process that started it is killed, the kernel kills the machine too.
_LEASH = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
os.nice(max(10 - os.nice(0), 0))
os.execvp(sys.argv[1], sys.argv[1:])
"""


class MachineError(Exception):
    """The machine did not start, or did not answer in time; the message ends with what its console says."""


@dataclass(frozen=True)
class Kernel:
    """A kernel in /boot, and the folder of its modules."""

    image: Path
    modules: Path


def newest_kernel(boot: Path = Path("/boot"), modules: Path = Path("/lib/modules")) -> Kernel | None:
    """Return the newest kernel that can be read and has its modules, whichever one is running here."""
    found = [
        Kernel(image, modules / image.name.removeprefix("vmlinuz-"))
        for image in boot.glob("vmlinuz-*")
        if os.access(image, os.R_OK)
    ]
    found = [kernel for kernel in found if (kernel.modules / "modules.dep").exists()]
    return max(found, key=lambda kernel: _numbers(kernel.image.name), default=None)


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]


def missing() -> str:
    """Return what this machine lacks to start a virtual one with NFS, and how to get it; empty if nothing."""
    tools = (
        "qemu-system-x86_64",
        "busybox",
        "exportfs",
        "rpc.nfsd",
        "rpc.mountd",
        "rpcbind",
        "mount.nfs",
        "ip",
    )
    path = os.environ.get("PATH", "") + SBIN
    found = [tool for tool in (*tools, "mkfs.ext4", "modprobe") if shutil.which(tool, path=path) is None]
    if newest_kernel() is None:
        found.append("kernel in /boot that can be read, with its modules in /lib/modules")
    return f"there is no {', '.join(found)} ({PACKAGES})" if found else ""


class Machine:
    """A running virtual machine. `with Machine() as machine: machine.run([...], seconds=60)`."""

    def __init__(self, memory: str = "3G", disk: str = "2G") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="crash-nfs-"))
        self.share = self._folder / "share"
        self._console = self._folder / "console"
        self._jobs = 0
        try:
            self._process = self._start(memory, disk)
            began = time.monotonic()
            self._wait((self.share / "ready").exists, BOOT_SECONDS, "it did not start")
            self.boot_seconds = time.monotonic() - began
        except BaseException:
            self.end()
            raise

    def run(self, command: list[str], seconds: float, stream: bool = False) -> str:
        """Run a Python script (of /code, with arguments) in the machine; return what it printed.

        Raises MachineError if it fails.
        """
        self._copy_code()
        self._jobs += 1
        job = self.share / f"{self._jobs:04}.job"
        out, code = job.with_suffix(".out"), job.with_suffix(".code")
        job.with_suffix(".new").write_text(json.dumps(command))
        job.with_suffix(".new").rename(job)
        self._wait(
            code.exists,
            seconds,
            f"{' '.join(command)} did not end within {seconds:.0f} s",
            out if stream else None,
        )
        text = out.read_text(errors="replace")
        if code.read_text() != "0":
            raise MachineError(
                f"{' '.join(command)} ended with {code.read_text()}:\n{text}\n{self.console()}"
            )
        return text

    def console(self, lines: int = 60) -> str:
        """Return the end of what the kernel said."""
        text = self._console.read_text(errors="replace") if self._console.exists() else ""
        return "\n".join(["--- the machine's console ends with", *text.splitlines()[-lines:]])

    def end(self) -> None:
        """Switch the machine off, and leave nothing behind."""
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _start(self, memory: str, disk: str) -> subprocess.Popen[bytes]:
        kernel = newest_kernel()
        busybox = shutil.which("busybox")
        if kernel is None or busybox is None:
            raise MachineError(missing())
        self.share.mkdir()
        (self.share / "init").write_text(INIT.format(python=sys.executable))
        (self.share / "agent.py").write_text(AGENT)
        (self._folder / "initramfs").write_bytes(initramfs.build(kernel.modules, Path(busybox)))
        with open(self._folder / "disk", "wb") as file:
            file.truncate(int(disk.removesuffix("G")) << 30)
        command = [
            *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", memory),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-kernel", str(kernel.image), "-initrd", str(self._folder / "initramfs")),
            *("-append", "console=ttyS0 rdinit=/init loglevel=5 panic=-1 mitigations=off nokaslr"),
            *("-serial", f"file:{self._console}", "-device", "virtio-rng-pci"),
            *("-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap"),
            *("-virtfs", f"local,path={self.share},mount_tag=share,security_model=none"),
            *("-drive", f"file={self._folder / 'disk'},format=raw,if=virtio,cache=unsafe"),
        ]
        return subprocess.Popen([sys.executable, "-c", _LEASH, *command], stdin=subprocess.DEVNULL)

    def _copy_code(self) -> None:
        """Put the code as it is now where the guest sees it: what it keeps of its root may be old."""
        for name in COPIED:
            target = self.share / "code" / name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(CODE / name, target, ignore=shutil.ignore_patterns("__pycache__"))

    def _wait(
        self, condition: Callable[[], bool], seconds: float, otherwise: str, out: Path | None = None
    ) -> None:
        deadline = time.monotonic() + seconds
        shown = 0
        while not condition():
            if self._process.poll() is not None:
                raise MachineError(f"{otherwise}: it ended with {self._process.returncode}\n{self.console()}")
            if time.monotonic() > deadline:
                raise MachineError(f"{otherwise}\n{self.console()}")
            if out is not None and out.exists():
                text = out.read_text(errors="replace")
                sys.stderr.write(text[shown:])
                shown = len(text)
            time.sleep(0.2)
