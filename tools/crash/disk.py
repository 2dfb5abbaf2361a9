"""A disk that fails on demand: a file system in an image, mounted by a loop device, for campaigns that are root.

`cut()` is a power cut: the kernel forgets whatever it has not handed to the device, and takes nothing more.
`freeze()` is storage that hangs. Whatever happens to the campaign, its mounts go: at the end, or when the next
one begins.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from campaign import lacking

SHUTDOWN, FREEZE, THAW = 0x8004587D, 0xC0045877, 0xC0045878  # FS_IOC_SHUTDOWN, FIFREEZE, FITHAW
FLUSH_LOG, NO_FLUSH = 1, 2  # `xfs_io -x -c "shutdown -f"`, and without -f
PREFIX = "runstone-disk-"
PATIENCE = 60.0
KINDS = {
    "ext4": ("ext4", "", 96),
    "ext4 nodelalloc,data=writeback": ("ext4", "nodelalloc,data=writeback", 96),
    "xfs": ("xfs", "", 320),
}  # kind: file system, mount options, MiB
_NAME = re.compile(rf"{PREFIX}(\d+)-")


def unusable(*tools: str) -> str:
    """Return why no disk can be mounted here; empty if one can."""
    why = lacking("mount", "umount", "mkfs.ext4", "mkfs.xfs", *tools, root=True)
    return why or ("" if os.path.exists("/dev/loop-control") else "there are no loop devices")


class Disk:
    """One file system, mounted at `mounted`. A context manager: at the end nothing of it is left."""

    def __init__(self, kind: str, *, device: str = "") -> None:
        self.kind = kind
        self.system, self.options, self.size = KINDS[kind]
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.device = device  # a block device, or none yet: then a loop device of its own
        self.journal = ""  # the device that it is on, if on another
        self.mounted = self.folder / "disk"
        self.mounted.mkdir()

    def __enter__(self) -> Disk:
        try:
            if not self.device:
                self.device = loop_device(self.folder / "image", self.size)
            self.format()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        clear(self.folder)

    def format(self) -> None:
        """Begin with an empty file system."""
        if os.path.ismount(self.mounted):
            self.unmount()
        quick = ["-F", "-b", "4096"] if self.system == "ext4" else ["-f"]
        if self.journal and self.system == "ext4":
            run("mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "journal_dev", self.journal)
            quick += ["-J", f"device={self.journal}"]
        elif self.journal:
            quick += ["-l", f"logdev={self.journal}"]
        run(f"mkfs.{self.system}", "-q", *quick, self.device)
        self.mount()

    def mount(self) -> None:
        options = self.options or "defaults"
        if self.journal and self.system == "xfs":
            options += f",logdev={self.journal}"
        run("mount", "-t", self.system, "-o", options, self.device, str(self.mounted))

    def unmount(self, patience: float = PATIENCE) -> None:
        """Unmount; whoever still has a file open there is about to die."""
        deadline = time.monotonic() + patience
        while (done := subprocess.run(["umount", self.mounted], capture_output=True, check=False)).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"cannot unmount {self.mounted}: {done.stderr.decode()}")
            time.sleep(0.005)
        while (
            self._is_held()
        ):  # in a namespace that somebody has made meanwhile: it would be mounted as it was cut
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.device} is mounted elsewhere, too")
            time.sleep(0.005)

    def _is_held(self) -> bool:
        try:
            os.close(os.open(self.device, os.O_RDONLY | os.O_EXCL))
        except OSError:
            return True
        return False

    def cut(self, how: int) -> None:
        """Cut the power: nothing more reaches the device. FLUSH_LOG lets the journal's metadata through."""
        _ioctl(self.mounted, SHUTDOWN, struct.pack("I", how))

    def freeze(self) -> None:
        """Let every write hang until `thaw()`, which a process of its own does should this one be killed."""
        _ioctl(self.mounted, FREEZE, bytes(4))

    def thaw(self) -> None:
        with contextlib.suppress(OSError):  # it is not frozen
            _ioctl(self.mounted, THAW, bytes(4))


@contextlib.contextmanager
def frozen(disk: Disk, seconds: float) -> Iterator[None]:
    """Freeze a disk. A watchdog thaws it after so many seconds at the latest, and if this process dies."""
    reader, writer = os.pipe()
    watchdog = os.fork()
    if watchdog == 0:
        os.setsid()  # Ctrl-C is not for the watchdog
        os.close(writer)
        import select

        select.select([reader], [], [], seconds)
        disk.thaw()
        os._exit(0)
    os.close(reader)
    try:
        disk.freeze()
        yield
    finally:
        disk.thaw()
        os.close(writer)
        os.waitpid(watchdog, 0)


def clear_leftovers() -> None:
    """Remove what campaigns that were killed have left."""
    for name in os.listdir(tempfile.gettempdir()):
        found = _NAME.match(name)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            clear(Path(tempfile.gettempdir(), name))


def clear(folder: Path) -> None:
    """Unmount what is mounted in a disk's folder, and remove it."""
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        place = line.split()[1]
        if place.startswith(f"{folder}/"):
            with contextlib.suppress(OSError):
                _ioctl(Path(place), THAW, bytes(4))
            subprocess.run(["umount", "-l", place], capture_output=True, check=False)
    for line in subprocess.run(
        ["losetup", "-nO", "NAME,BACK-FILE"], capture_output=True, text=True, check=False
    ).stdout.splitlines():
        name, _, backing = line.partition(" ")
        if backing.strip().startswith(f"{folder}/"):
            subprocess.run(["losetup", "-d", name], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def loop_device(image: Path, size: int = 0) -> str:
    """Return a loop device of its own for an image, which is made with so many MiB if it is not there."""
    if size:
        with open(image, "wb") as file:
            file.truncate(size * 1024 * 1024)
    return run("losetup", "--find", "--show", str(image)).strip()


def _ioctl(folder: Path, request: int, argument: bytes) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, request, argument)
    finally:
        os.close(fd)


def run(*command: str) -> str:
    for _ in range(100):  # others look for a free loop device as well; a device is busy for a moment longer
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.returncode:
            return done.stdout
        time.sleep(0.1)
    raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


class Child:
    """A forked process that does one thing. It dies with its parent, and without the end of an interpreter."""

    def __init__(self, work: Callable[[], None], log: Path) -> None:
        self.log = log
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
                out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                os.dup2(out, 1)
                os.dup2(out, 2)
                work()
                code = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                with contextlib.suppress(Exception):
                    sys.stdout.flush()
                    sys.stderr.flush()
                os._exit(code)

    def is_alive(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is None

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def wait(self) -> bool:
        """Wait for its end; return whether it went well."""
        if self.status is None:
            _, self.status = os.waitpid(self.pid, 0)
        return self.status == 0

    def said(self) -> str:
        return self.log.read_text(errors="replace").strip()
