"""Artifacts: files that belong to a run, kept in the repository, in another folder or in an S3-compatible store."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from .errors import CorruptionError, StoreError, UsageError
from .properties import Properties, checked_name
from .values import decode, encode

if TYPE_CHECKING:
    from .layout import Layout
    from .uploads import Uploads

# Nobody's mistake: storing the file says what became of it, and training goes on.
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE)


class Artifact:
    """A file of a run: `name`, the `path` that it came from, the `uri` where it is, its `size` and `sha256`.

    If it could not be stored, `error` says why, and `size` and `sha256` are None.
    """

    def __init__(self, run: Artifacts, name: str, fields: dict[str, Any]) -> None:
        self._run = run
        self.name = name
        self.path: str = decode(fields.get("path", ""))
        self.size: int | None = fields.get("size")
        self.sha256: str | None = fields.get("blob", fields.get("sha256"))
        self.error: str | None = decode(fields["error"]) if "error" in fields else None
        self._blob: str | None = fields.get("blob")
        self._uri: str = decode(fields.get("uri", ""))

    @property
    def uri(self) -> str:
        """Where the file is: ``file://...`` or ``s3://bucket/key``."""
        if self._blob is None:
            return self._uri
        from .stores import folder_uri  # noqa: PLC0415 - few scripts read artifacts

        return folder_uri(self._run._layout.blob_path(self._blob))

    def download(self, dest_dir: str | os.PathLike[str] | None = None) -> str:
        """Copy the file into a folder (a new temporary one by default), verify it, return its path there.

        Raises CorruptionError if it is not what was stored, and then leaves nothing behind; StoreError if it cannot
        be read or written; UsageError if it was never stored.
        """
        if self.sha256 is None or self.size is None:
            raise UsageError(
                f"artifact {self.name!r} of run {self._run.hash} was not stored: {self.error}",
                hint=f"Store it again from {self.path}: run.log_artifact(path, name).",
            )
        if not is_safe_name(self.name):  # the log may come from anybody
            raise CorruptionError(self.uri, 0, self.size, f"{self.name!r:.80} is no name of an artifact")
        from .stores import fetch  # noqa: PLC0415

        return fetch(self.uri, self.name, dest_dir, self.size, self.sha256)

    def upload(self, *, block: bool = True) -> None:
        """Store the file again, from the path that it came from: for one that could not be stored."""
        self._run.log_artifact(self.path, self.name, block=block)

    def __repr__(self) -> str:
        state = f"{self.size:,} bytes" if self.error is None else f"not stored: {self.error}"
        return f"<Artifact {self.name!r} at {self.uri}, {state}>"


class Artifacts(Properties):
    """The part of a run that keeps files."""

    _layout: Layout

    def _uploading(self) -> Uploads:
        raise NotImplementedError

    def set_artifacts_uri(self, uri: str | os.PathLike[str]) -> None:
        """Say where artifacts go from now on: a folder, ``file://...`` or ``s3://bucket/prefix``.

        Each run has a folder of its own in it. Where it is not said, they go into the repository itself. An
        S3-compatible store is found as boto3 does it: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and so on. Raises
        UsageError for another scheme, and where boto3 is missing.
        """
        from .stores import checked_uri  # noqa: PLC0415

        self._edit("prop", name="artifacts_uri", value=encode(checked_uri(uri)))

    @property
    def artifacts_uri(self) -> str | None:
        """Where the artifacts of this run go, or None: into the repository itself."""
        base = self._fresh_state().prop("artifacts_uri")
        return None if base is None else f"{base}/{self.hash}"

    def log_artifact(
        self, path: str | os.PathLike[str], name: str | None = None, *, block: bool = False
    ) -> None:
        """Keep a file under `name` (its own name by default); one of that name is replaced.

        It is copied in the background, with its size and SHA-256; close() waits for that. With `block` it is there
        on return: for a file that is about to be overwritten. If it cannot be stored, a warning says so, the run
        goes on and ``run.artifacts[name].error`` has the reason. Raises UsageError for a file that is not there.
        """
        source = os.path.abspath(os.fspath(path))
        name = os.path.basename(source) if name is None else os.fspath(name)
        if not is_safe_name(checked_name(name, "name of an artifact")):
            raise UsageError(
                f"not a name for an artifact: {name!r}",
                hint="A relative path without '..' will do: 'out/model.pt'.",
            )
        uploads = self._uploading()
        try:
            with open(source, "rb"):
                pass
        except OSError as error:
            if error.errno not in _PASSING:
                raise UsageError(
                    f"cannot read the artifact {source}: {error.strerror}", hint="Give the path of a file."
                ) from error
        uploads.put(name, source, self.artifacts_uri, block=block)

    def log_artifacts(
        self, path: str | os.PathLike[str], name: str | None = None, *, block: bool = False
    ) -> None:
        """Keep every file in a folder and below it, under its path in it; with `name` that goes before it.

        The rest is as in ``log_artifact()``. Raises UsageError if there is no such folder.
        """
        folder = os.path.abspath(os.fspath(path))
        if not os.path.isdir(folder):
            raise UsageError(f"there is no folder {folder}", hint="log_artifact() keeps a single file.")
        found = [os.path.join(place, file) for place, _, files in os.walk(folder) for file in files]
        for file in sorted(filter(os.path.isfile, found)):
            inside = os.path.relpath(file, folder)
            self.log_artifact(file, inside if name is None else os.path.join(name, inside))
        if block:
            self._uploading().wait()

    @property
    def artifacts(self) -> dict[str, Artifact]:
        """The artifacts that have been stored, or could not be, by name."""
        marks = self._fresh_state().artifact_marks
        return {name: Artifact(self, name, fields) for name, (_, fields) in sorted(marks.items())}


def is_safe_name(name: str) -> bool:
    """Tell whether a name is a relative path that stays below the folder that it is put into."""
    parts = name.split("/")
    return "\0" not in name and all(part not in ("", ".", "..") for part in parts)


__all__ = ["Artifact", "Artifacts", "StoreError"]
