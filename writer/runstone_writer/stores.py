"""Where artifacts are kept: the blobs of the repository, a folder, an S3-compatible store. Streams, both ways."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote

from .errors import CorruptionError, StoreError, UsageError
from .layout import sync_folder

if TYPE_CHECKING:
    from .layout import Layout

PIECE = 1024 * 1024
ATTEMPTS = 3  # to read a file that changes in the meantime


class Measured:
    """A file that counts and hashes what is read from it, or written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        return self._seen(self._file.read(size))

    def write(self, data: bytes) -> int:
        self._seen(data)
        return self._file.write(data)

    def _seen(self, data: bytes) -> bytes:
        self._hash.update(data)
        self.size += len(data)
        return data


# -- storing -------------------------------------------------------------------------------------------


def store(layout: Layout, source: str, uri: str | None) -> dict[str, Any]:
    """Put a file to `uri` (None: among the repository's blobs); return what the log says of it. Raises OSError.

    Errors of the library for S3 are raised as OSError as well.
    """
    for _ in range(ATTEMPTS):
        with open(source, "rb") as file:
            before = _stamp(file)
            measured = Measured(file)
            if uri is None:
                _into_blobs(layout, measured)
            else:
                _send(uri, measured)
            if _stamp(file) == before == _stamp_of(source):
                known = "blob" if uri is None else "sha256"
                return {"size": measured.size, known: measured.digest}
    raise OSError(f"{source} changed each time that it was read")


def _stamp(file: BinaryIO) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns


def _stamp_of(path: str) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _into_blobs(layout: Layout, source: Measured) -> None:
    # Its name is known when it has been read. Whatever begins with a dot is nobody's, should this be killed.
    folder = os.path.join(layout.blobs, os.urandom(1).hex())
    partial = os.path.join(folder, f".{os.urandom(8).hex()}.partial")
    with _whole(partial, source):
        path = layout.blob_path(source.digest)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(partial, path)  # one that is there may not be durable, or have been emptied by a power cut
        for place in (os.path.dirname(path), layout.blobs, layout.root):
            sync_folder(place)


@contextlib.contextmanager
def _whole(partial: str, source: Measured) -> Any:
    """Write `partial`, durable, for the caller to put in place; what is left there afterwards is removed."""
    os.makedirs(os.path.dirname(partial), exist_ok=True)
    try:
        with open(partial, "xb") as file:
            shutil.copyfileobj(source, file, PIECE)
            file.flush()
            os.fsync(file.fileno())
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)


def _send(uri: str, source: Measured) -> None:
    if uri.startswith("s3://"):
        bucket, key = _bucket_of(uri)
        with _as_os_error(uri):
            _client().upload_fileobj(source, bucket, key)
        return
    path = _path_of(uri)
    partial = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}.partial")
    with _whole(partial, source):
        os.replace(partial, path)
        sync_folder(os.path.dirname(path))


# -- fetching ------------------------------------------------------------------------------------------


def fetch(uri: str, name: str, folder: str | os.PathLike[str] | None, size: int, digest: str) -> str:
    """Copy what is at `uri` to `name` in a folder and verify it; return the path.

    Raises StoreError and CorruptionError.
    """
    if folder is None:
        import tempfile  # noqa: PLC0415 - slow to import

        folder = tempfile.mkdtemp(prefix="runstone-artifact-")
    path = os.path.join(os.path.abspath(os.fspath(folder)), name)
    partial = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}.partial")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(partial, "xb") as file:
            measured = Measured(file)
            _receive(uri, measured)
        if (measured.size, measured.digest) != (size, digest):
            raise CorruptionError(
                uri, 0, measured.size, "the content is not what was stored", hint="Restore it from a copy."
            )
        os.replace(partial, path)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"cannot copy {uri} to {path}: {error.strerror or error}",
            path=path,
            hint="Is it there, and may it be read? May the folder be written to?",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)
    return path


def _receive(uri: str, file: Measured) -> None:
    if uri.startswith("s3://"):
        bucket, key = _bucket_of(uri)
        with _as_os_error(uri):
            answer = _client().get_object(Bucket=bucket, Key=key)["Body"]
            with contextlib.closing(answer):
                shutil.copyfileobj(answer, file, PIECE)
        return
    with open(_path_of(uri), "rb") as source:
        shutil.copyfileobj(source, file, PIECE)


# -- addresses -----------------------------------------------------------------------------------------


def checked_uri(uri: str | os.PathLike[str]) -> str:
    """Return an address for artifacts with its scheme and without a slash at the end. Raises UsageError."""
    text = os.fspath(uri)
    scheme, found, rest = text.partition("://")
    if not found:
        return folder_uri(os.path.abspath(os.path.expanduser(text)))
    if scheme == "file" and rest.startswith("/"):
        return text.rstrip("/")
    if scheme == "s3" and rest.strip("/"):
        if importlib.util.find_spec("boto3") is None:
            raise UsageError(
                f"artifacts cannot go to {text}: boto3 is not installed", hint="pip install 'runstone[s3]'"
            )
        return text.rstrip("/")
    raise UsageError(
        f"artifacts cannot go to {text!r}", hint="Give a folder, file:///folder or s3://bucket/prefix."
    )


def folder_uri(path: str) -> str:
    """Return the address of a folder or file."""
    return Path(path).as_uri()


def address(base: str, name: str) -> str:
    """Return the address of an artifact below that of its run."""
    return f"{base}/{name if base.startswith('s3://') else quote(name)}"


def _path_of(uri: str) -> str:
    return unquote(uri.removeprefix("file://"))


def _bucket_of(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _client() -> Any:
    import boto3  # noqa: PLC0415 - an extra, and slow to import

    return boto3.session.Session().client("s3")  # one for each thread: the default session is shared


@contextlib.contextmanager
def _as_os_error(uri: str) -> Any:
    from boto3.exceptions import Boto3Error  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise OSError(f"{uri}: {error}") from error
