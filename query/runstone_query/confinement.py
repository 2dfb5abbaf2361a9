"""Confining a process that evaluates other people's queries: no memory, time or rights but what it needs.

Three fences, each of which would do. Limits of the operating system hold even inside C code. On Linux a
system call filter takes away starting processes, the network and changing files. An audit hook takes the same
away from Python code, on every system.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import struct
import sys
from typing import Any

# Numbers of system calls: (x86_64, aarch64); -1 where there is none.
_DENIED = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "socketpair": (53, 199),
    "fork": (57, -1), "vfork": (58, -1), "execve": (59, 221), "execveat": (322, 281), "kill": (62, 129),
    "tkill": (200, 130), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "creat": (85, -1),
    "truncate": (76, 45), "ftruncate": (77, 46), "rename": (82, -1), "renameat": (264, 38),
    "renameat2": (316, 276), "unlink": (87, -1), "unlinkat": (263, 35), "rmdir": (84, -1), "mkdir": (83, -1),
    "mkdirat": (258, 34), "link": (86, -1), "linkat": (265, 37), "symlink": (88, -1), "symlinkat": (266, 36),
    "mknod": (133, -1), "mknodat": (259, 33), "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53),
    "chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54), "setxattr": (188, 5),
    "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "io_uring_setup": (425, 425), "keyctl": (250, 219),
}  # fmt: skip
_CLONE, _CLONE3 = (56, 220), (435, 435)
_OPEN, _OPENAT, _OPENAT2 = (2, -1), (257, 56), (437, 437)
_SECCOMP = (317, 277)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # instructions of the Berkeley packet filter
_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in what the filter looks at
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000

_FORBIDDEN_EVENTS = (
    "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn", "os.spawn", "os.startfile",
    "os.system", "subprocess.Popen", "socket.", "pty.spawn", "os.remove", "os.rename", "os.rmdir", "os.mkdir",
    "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.putenv", "os.unsetenv", "os.setxattr",
    "shutil.", "ctypes.", "webbrowser.", "urllib.", "sqlite3.",
)  # fmt: skip


def confine_calls() -> bool:
    """Install the system call filter, for all threads. Returns whether this system has one."""
    known = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or known is None:
        return False
    column, architecture = known
    program = _program(column, architecture)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HL", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, filter_mode, all_threads = 38, 1, 1
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.syscall(_SECCOMP[column], filter_mode, all_threads, header) == 0)


def _program(column: int, architecture: int) -> bytes:
    made = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, architecture, 1, 0), _step(_RETURN, _EPERM)]
    made.append(_step(_LOAD, _NUMBER))
    if column == 0:
        made += [_step(_ANY_BIT, _X32, 0, 1), _step(_RETURN, _EPERM)]
    for numbers in _DENIED.values():
        if numbers[column] >= 0:
            made += [_step(_EQUAL, numbers[column], 0, 1), _step(_RETURN, _EPERM)]
    for numbers in (
        _CLONE3,
        _OPENAT2,
    ):  # their arguments cannot be seen; the C library then uses the older ones
        made += [_step(_EQUAL, numbers[column], 0, 1), _step(_RETURN, _ENOSYS)]
    made += [_step(_EQUAL, _CLONE[column], 0, 4), _step(_LOAD, _ARGUMENTS)]
    made += [_step(_ANY_BIT, _CLONE_THREAD, 1, 0), _step(_RETURN, _EPERM), _step(_RETURN, _ALLOW)]
    # Tantivy opens its (empty) lock file for writing; nothing is ever written, and no file is emptied.
    emptying = os.O_TRUNC | os.O_APPEND
    for numbers, argument in ((_OPEN, 1), (_OPENAT, 2)):
        if numbers[column] >= 0:
            made += [_step(_EQUAL, numbers[column], 0, 4), _step(_LOAD, _ARGUMENTS + 8 * argument)]
            made += [_step(_ANY_BIT, emptying, 0, 1), _step(_RETURN, _EPERM), _step(_RETURN, _ALLOW)]
    return b"".join([*made, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def use_one_heap() -> None:
    """Ask the C library not to set 64 MiB of addresses aside for each thread: they would all be usable later."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc
        largest_number_of_arenas = -8
        libc.mallopt(largest_number_of_arenas, 1)


class MemoryLimit:
    """How much memory of its own the process may have: `memory` bytes more with each question than before it.

    Counted is what the process itself fills (RLIMIT_DATA). Files that are mapped to be read are not: an index that
    grows takes no more memory, whatever there is of it. What questions leave behind adds up to `memory` bytes at
    most: then the process has to be replaced, and tells so.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._first = _own_memory()
        self._most = self._first + 2 * memory
        if self._first:
            _limit("RLIMIT_DATA", self._most, self._most)
        else:
            _limit_addresses(memory)

    def allow(self) -> None:
        """Let the next question use that much."""
        if self._first:
            _limit("RLIMIT_DATA", min(_own_memory() + self._memory, self._most), self._most)

    def is_used_up(self) -> bool:
        """Tell whether another question might find too little."""
        return bool(self._first) and _own_memory() > self._first + self._memory


def _own_memory() -> int:
    """Return how many bytes the process has mapped to be filled by itself; 0 if that cannot be told."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _limit_addresses(memory: int) -> None:
    """Where there is no /proc: what is mapped counts, and there is no second time."""
    import psutil  # noqa: PLC0415

    most = psutil.Process().memory_info().vms + memory
    _limit("RLIMIT_AS", most, most)


def _limit(name: str, soft: int, hard: int) -> None:
    with contextlib.suppress(ValueError, OSError, AttributeError):  # macOS has no RLIMIT_AS to speak of
        resource.setrlimit(getattr(resource, name), (soft, hard))


def go_first() -> None:
    """Where the machine's memory runs out, let this process be killed before the server, which can start another one.

    To be called before `confine_calls`: nothing can be written afterwards.
    """
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def confine_resources(memory: int) -> MemoryLimit:
    """Limit the process's memory, and let it write nothing to any file."""
    _limit("RLIMIT_CORE", 0, 0)
    _limit("RLIMIT_FSIZE", 0, 0)
    if sys.platform != "linux":  # there threads count too
        _limit("RLIMIT_NPROC", 0, 0)
    return MemoryLimit(memory)


def allow_seconds(seconds: float) -> None:
    """Let the process use the processor for `seconds` more, and then be killed by the kernel."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def confine_python() -> None:
    """Refuse to Python code, for good, what the system call filter refuses to all. Raises PermissionError."""
    write = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            opens_to_write = isinstance(flags, int) and flags & write
            if opens_to_write or (isinstance(mode, str) and set(mode) & set("wax+")):
                raise PermissionError("a confined process writes no file")
        elif event.startswith(_FORBIDDEN_EVENTS):
            raise PermissionError(f"a confined process may not use {event}")

    sys.addaudithook(refuse)
