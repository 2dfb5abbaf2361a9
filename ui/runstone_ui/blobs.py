"""Blobs as replies: verified before a byte is sent, with a type by what they begin with, and a name made by us."""

from __future__ import annotations

import asyncio
import os
import re
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from starlette.types import Receive, Scope, Send

from runstone_writer.layout import Layout, is_digest, is_link, open_file
from runstone_writer.media.blob import StoredBlob

from .endpoints import BYTES
from .headers import SANDBOXED
from .refusals import RefusedError

if TYPE_CHECKING:
    from runstone_query.repo import Repo

PIECE = 256 * 1024
READERS = 4  # blobs that are read at once
PROVEN = 4096  # blobs of which it is remembered that they were right
FOREVER = "private, max-age=31536000, immutable"

_Stamp = tuple[int, int, int, int]

_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
_ODD = re.compile(r"[^A-Za-z0-9_-]+")


class Kind(NamedTuple):
    """A type that a browser may show or play."""

    media_type: str
    suffix: str


_PNG, _JPEG = Kind("image/png", ".png"), Kind("image/jpeg", ".jpg")
_GIF, _WEBP = Kind("image/gif", ".gif"), Kind("image/webp", ".webp")
_WAV, _MP3 = Kind("audio/wav", ".wav"), Kind("audio/mpeg", ".mp3")
_OGG, _FLAC = Kind("audio/ogg", ".ogg"), Kind("audio/flac", ".flac")
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", _PNG),
    (b"\xff\xd8\xff", _JPEG),
    (b"GIF87a", _GIF),
    (b"GIF89a", _GIF),
    (b"OggS", _OGG),
    (b"fLaC", _FLAC),
    (b"ID3", _MP3),
)
_RIFF = {b"WEBP": _WEBP, b"WAVE": _WAV}


def kind_of(head: bytes) -> Kind | None:
    """Return the type of what begins with `head`; None if it is nothing that is shown."""
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    is_frame = len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2  # of layer III
    return _MP3 if is_frame and head[2] >> 4 not in (0, 15) else None


class Blobs:
    """The blobs of one repository."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._proven: OrderedDict[str, _Stamp] = OrderedDict()
        self._threads = ThreadPoolExecutor(READERS, "runstone-blobs")

    def close(self) -> None:
        """End the threads, without waiting for what nobody is sent any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def blob(self, digest: str) -> BlobReply:
        """Return a reply with a blob. Raises RefusedError or DamagedBlobError."""
        file, size = await self._run(self._opened, digest)
        kind = kind_of(os.pread(file.fileno(), 16, 0))
        name = f"{digest[:16]}{kind.suffix if kind else '.bin'}"
        return BlobReply(self._threads, file, size, digest, kind, name)

    async def artifact(self, digest: str, name: str) -> BlobReply:
        """Return a reply with an artifact, as a download."""
        file, size = await self._run(self._opened, digest)
        return BlobReply(self._threads, file, size, digest, None, file_name(name, digest))

    async def _run(self, do: Callable[[str], tuple[BinaryIO, int]], digest: str) -> tuple[BinaryIO, int]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, do, digest)

    def _opened(self, digest: str) -> tuple[BinaryIO, int]:
        """Open a blob; its content is compared with its name unless that was done, and the file is the same."""
        path = self._layout.blob_path(digest)
        file = _file(path)
        status = os.fstat(file.fileno())
        if self._proven.get(digest) != _stamp(status):
            file.close()
            file = StoredBlob(self._layout, digest, status.st_size).open()
            self._remember(digest, _stamp(os.fstat(file.fileno())))
        return file, status.st_size

    def _remember(self, digest: str, stamp: _Stamp) -> None:
        self._proven[digest] = stamp
        while len(self._proven) > PROVEN:
            self._proven.popitem(last=False)


class BlobReply:
    """Sends a blob, or the range of it that is asked for, as an ASGI reply."""

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        file: BinaryIO,
        size: int,
        digest: str,
        kind: Kind | None,
        name: str,
    ) -> None:
        self._threads = threads
        self._file = file
        self._size = size
        shown = "inline" if kind else "attachment"
        self._headers = {
            "content-type": kind.media_type if kind else BYTES,
            "content-disposition": f'{shown}; filename="{name}"',
            "content-security-policy": SANDBOXED,
            "cache-control": FOREVER,
            "accept-ranges": "bytes",
            "etag": f'"{digest}"',
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            asked = dict(scope["headers"])
            if self._headers["etag"].encode() in asked.get(b"if-none-match", b""):
                await self._start(send, 304, {})
                await send({"type": "http.response.body", "body": b""})
                return
            status, start, end = _range_of(asked.get(b"range", b""), self._size)
            extra = {"content-length": str(end - start)}
            if status != 200:
                span = f"{start}-{end - 1}" if status == 206 else "*"
                extra["content-range"] = f"bytes {span}/{self._size}"
            await self._start(send, status, extra)
            await self._pieces(send, start, end if scope["method"] != "HEAD" else start)

    async def _start(self, send: Send, status: int, extra: dict[str, str]) -> None:
        headers = [(name.encode(), value.encode()) for name, value in {**self._headers, **extra}.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})

    async def _pieces(self, send: Send, start: int, end: int) -> None:
        loop = asyncio.get_running_loop()
        while start < end:
            wanted = min(PIECE, end - start)
            data = await loop.run_in_executor(self._threads, os.pread, self._file.fileno(), wanted, start)
            if not data:
                raise OSError("a blob has become shorter while it was sent")
            start += len(data)
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _range_of(header: bytes, size: int) -> tuple[int, int, int]:
    """Return (status, start, end) of what is asked for; a header that asks for several ranges is passed over."""
    found = _RANGE.fullmatch(header.decode("latin-1").strip()) if len(header) < 64 else None
    if found is None or not (found[1] or found[2]):
        return 200, 0, size
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
    else:
        start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < int(found[1]):
            return 200, 0, size
    return (206, start, end) if start < end else (416, 0, 0)


def file_name(name: str, digest: str) -> str:
    """Return a name for a download: what is harmless of the artifact's own, or of its content."""
    stem, suffix = os.path.splitext(name.rpartition("/")[2])
    stem = _ODD.sub("-", stem).strip("-")[:80] or digest[:16]
    return stem + (suffix if _SUFFIX.fullmatch(suffix) else "")


def artifact_digest(repo: Repo, run: str, name: str) -> str:
    """Return the blob in which an artifact of a run is kept. Raises MissingRunError or RefusedError.

    The address of one that is kept elsewhere was written by whoever wrote the log: the server follows none.
    """
    found = repo.record(run).state.artifact_marks.get(name)
    if found is None:
        raise RefusedError("MissingError", "the run has no artifact of that name")
    digest = found[1].get("blob")
    if not is_digest(digest):
        raise RefusedError(
            "MissingError",
            "the artifact is not kept in the repository",
            hint="Its uri says where it is; `run.artifacts[name].download()` fetches it from there.",
        )
    return str(digest)


def _file(path: str) -> BinaryIO:
    try:
        if is_link(os.path.dirname(path)):
            raise FileNotFoundError(path)
        return open(open_file(path), "rb")
    except OSError:
        raise RefusedError("MissingError", "there is no such blob") from None


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
