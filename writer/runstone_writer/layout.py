"""Where things are in a repository folder, and the version of its format (docs/format/repository.md)."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from zlib import crc32

import orjson

from .errors import FormatVersionError, MissingRepoError, StoreError, UsageError

FOLDER = ".runstone"
REPOSITORY_FORMAT = 1
LOG_SUFFIX = ".jsonl"
_LONGEST_FORMAT = 65_536  # bytes that are read of format.json

_SAFE_HASH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,127}")
_DIGEST = re.compile("[0-9a-f]{64}")
_LOG_NAME = re.compile(r"([0-9a-f]{11}-[0-9a-f]{12})(?:\.([1-9][0-9]{0,5}))?\.jsonl")


class Layout:
    """The paths inside one ``.runstone`` folder. Makes nothing by itself."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.logs = os.path.join(root, "logs")
        self.live = os.path.join(root, "live")
        self.blobs = os.path.join(root, "blobs")
        self.index = os.path.join(root, "index")
        self.views = os.path.join(root, "views")

    def run_folder(self, run: str) -> str:
        return (
            f"{self.logs}{os.sep}{shard(run)}{os.sep}{run}"  # asked for several times for each run of a query
        )

    def log_path(self, run: str, name: str) -> str:
        return f"{self.run_folder(run)}{os.sep}{name}"

    def blob_path(self, digest: str) -> str:
        return os.path.join(self.blobs, digest[:2], digest)

    def view_path(self, name: str) -> str:
        return os.path.join(self.views, name)

    def hint_path(self, run: str, writer: str) -> str:
        return os.path.join(self.live, f"{run}.{writer}")

    def holds(self, run: str) -> bool:
        """Tell whether a run has a folder. Raises StoreError if that cannot be found out."""
        folder = self.run_folder(run)
        try:
            return stat.S_ISDIR(os.stat(folder).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise StoreError(
                f"cannot look for run {run} at {folder}: {error.strerror}",
                path=folder,
                hint="Whose folder is it, and does its file system answer?",
            ) from error

    def runs(self) -> list[str]:
        """Return every run hash that has a folder, in no order. Costs one listing per shard."""
        found = []
        for folder in _listed(self.logs):
            found += [entry.name for entry in _listed(folder.path) if is_safe_hash(entry.name)]
        return found

    def log_names(self, run: str) -> list[str]:
        """Return the names of a run's log files, in the order in which they apply within each writer."""
        folder = self.run_folder(run)
        if is_link(folder) or is_link(os.path.dirname(folder)):
            return []
        return sorted((entry.name for entry in _listed(folder) if is_log(entry)), key=log_order)

    def foreign_names(self, run: str) -> list[str]:
        """Return the names in a run's folder that are not logs'. Nothing ever reads such files."""
        return sorted(entry.name for entry in _listed(self.run_folder(run)) if not is_log(entry))


def shard(run: str) -> str:
    """Return the two hex digits of the folder that a run's folder lies in; even for any choice of hashes."""
    return f"{crc32(run.encode()) & 0xFF:02x}"


def is_safe_hash(run: str) -> bool:
    """Tell whether `run` may be a run's hash: a plain file name, so that it can't lead out of the repository."""
    return _SAFE_HASH.fullmatch(run) is not None


def is_digest(name: object) -> bool:
    """Tell whether `name` may be a blob's: a SHA-256 in lower-case hex, so that it can't lead out of the repository."""
    return isinstance(name, str) and _DIGEST.fullmatch(name) is not None


def check_hash(run: str) -> str:
    """Return `run`, or raise UsageError if it could not be a run's hash."""
    if not isinstance(run, str) or not is_safe_hash(run):
        raise UsageError(
            f"not a run hash: {run!r}",
            hint="A hash is 1 to 128 letters, digits, '_' or '-', and does not start with '-'.",
        )
    return run


def new_hash() -> str:
    """Return a fresh run hash: 24 hex digits, as in Aim."""
    return os.urandom(12).hex()


def new_writer(now: int | None = None) -> str:
    """Return a fresh writer id: its creation time in ms (11 hex digits), a dash, 12 random hex digits.

    Ids sort by creation time, and the time base of a log can be read off its name alone. `now` is in
    nanoseconds since the epoch.
    """
    return f"{(time.time_ns() if now is None else now) // 1_000_000:011x}-{os.urandom(6).hex()}"


def writer_time(writer: str) -> int:
    """Return the time base of a writer's log: microseconds since the epoch."""
    return int(writer[:11], 16) * 1000


def log_name(writer: str, part: int) -> str:
    return f"{writer}.{part}{LOG_SUFFIX}" if part else writer + LOG_SUFFIX


def parse_log_name(name: str) -> tuple[str, int] | None:
    """Return (writer, part) of a log's file name, or None for a foreign file."""
    found = _LOG_NAME.fullmatch(name)
    return None if found is None else (found[1], int(found[2] or 0))


def is_log(entry: os.DirEntry[str]) -> bool:
    """Tell whether something in a run's folder is a log: what only has the name of one is nobody's."""
    return parse_log_name(entry.name) is not None and entry.is_file(follow_symlinks=False)


def is_link(path: str) -> bool:
    """Tell whether a path is a symbolic link: none is followed in a repository, for it may lead out of it."""
    return os.path.islink(path)


def open_file(path: str) -> int:
    """Open a file of a repository to be read, and return the descriptor.

    Raises OSError for what is no file: a symbolic link may lead out of the repository, a FIFO answers never.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a file", path)
    return fd


def read_file(path: str, longest: int) -> bytes:
    """Return what is in a file of a repository, or its first `longest` bytes. Raises OSError."""
    with open(open_file(path), "rb", buffering=0) as file:  # asked for more, read() would allocate that first
        return file.read(min(os.fstat(file.fileno()).st_size, longest))


def log_order(name: str) -> tuple[str, int]:
    return parse_log_name(name) or (name, 0)


def host() -> str:
    """Return the name of this host; what in it is no text (a kernel takes any bytes) as question marks."""
    return os.uname().nodename.encode(errors="replace").decode()


def find_repo(start: str | os.PathLike[str] | None = None) -> str | None:
    """Return the nearest ``.runstone`` folder at or above `start` (default: the current folder), or None."""
    here = os.path.abspath(os.fspath(start) if start is not None else os.curdir)
    while True:
        candidate = os.path.join(here, FOLDER)
        if os.path.isfile(os.path.join(candidate, "format.json")):
            return candidate
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent


def repo_root(path: str | os.PathLike[str]) -> str:
    """Return the ``.runstone`` folder that `path` means: itself, or the one inside it.

    Raises UsageError for an address such as ``aim://host:53800``: a folder of that name is nobody's wish.
    """
    given = os.fspath(path)
    if isinstance(given, str) and "://" in given:
        raise UsageError(
            f"a repository is a folder, and this is an address: {given}",
            hint="Log to a folder, and copy it by `runstone backup` or rsync, while runs are being written or later.",
        )
    text = os.path.abspath(os.path.expanduser(given))
    return text if os.path.basename(text) == FOLDER else os.path.join(text, FOLDER)


def open_repo(path: str | os.PathLike[str], *, create: bool = False) -> Layout:
    """Return the layout of the repository at `path`, after a check of its format version.

    With ``create`` a missing one is made; otherwise MissingRepoError. A newer one is a FormatVersionError.
    """
    root = repo_root(path)
    version = _read_version(root)
    _refuse_links(root)
    if version is None:
        if not create:
            raise MissingRepoError(
                f"there is no Runstone repository at {os.path.dirname(root)}",
                path=root,
                hint="Create one with `runstone init`, or give the folder that holds `.runstone`.",
            )
        _create(root)
    return Layout(root)


def _refuse_links(root: str) -> None:
    for name in ("logs", "live", "blobs", "views", "incoming", "trash", "damaged"):
        path = os.path.join(root, name)
        try:
            mode = os.lstat(path).st_mode
        except OSError:  # not there; or whoever uses it is told what is wrong with it
            continue
        if not stat.S_ISDIR(mode):
            raise StoreError(
                f"{path} is not a folder",
                path=path,
                hint="Nothing inside of a repository may lead out of it: link or mount the whole of .runstone.",
            )


def _read_version(root: str) -> int | None:
    path = os.path.join(root, "format.json")
    try:
        with open(open_file(path), "rb") as file:
            data = orjson.loads(file.read(_LONGEST_FORMAT))
        version = data["format"]
        if type(version) is not int or version < 1:
            raise TypeError(f"format {version!r}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(
            f"cannot read {path}: {error.strerror}",
            path=path,
            hint="Whose folder is it, and may you read it?",
        ) from error
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} does not say which format the repository has: {error!r}",
            path=path,
            hint=f'If the logs beside it are intact, write {{"format":{REPOSITORY_FORMAT}}} into the file.',
        ) from error
    if version > REPOSITORY_FORMAT:
        raise FormatVersionError(
            f"{root} has repository format {version}; this Runstone reads up to {REPOSITORY_FORMAT}",
            path=path,
            hint="Upgrade with `pip install --upgrade runstone`. Nothing was changed.",
        )
    return version


def _create(root: str) -> None:
    try:
        above = os.path.dirname(root)
        while not os.path.isdir(above):
            above = os.path.dirname(above)
        for name in ("logs", "live"):
            os.makedirs(os.path.join(root, name), exist_ok=True)
        write_whole(os.path.join(root, "format.json"), b'{"format":%d}\n' % REPOSITORY_FORMAT)
        folder = root
        while folder != above:  # every folder that was made is a name in the one above it
            folder = os.path.dirname(folder)
            sync_folder(folder)
    except OSError as error:
        raise StoreError(
            f"cannot create a repository at {root}: {error.strerror}",
            path=root,
            hint="Give a folder that you may write to: Run(repo=...) or `runstone init DIR`.",
        ) from error


def write_whole(path: str, data: bytes) -> None:
    """Put a file in place so that it is there whole or not at all, also after a power cut."""
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


def make_folder(path: str) -> None:
    """Make a folder, and those above it, unless it is there."""
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    except FileNotFoundError:
        os.makedirs(path, exist_ok=True)


def sync_folder(path: str) -> None:
    """Make the names in a folder durable."""
    sync(path, os.O_DIRECTORY)


def sync(path: str, flags: int = 0) -> None:
    """Make what is in a file durable, whoever wrote it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error, FileNotFoundError) and os.path.lexists(folder):
            raise  # it is there after all, and nothing is known of what is in it
        return []
