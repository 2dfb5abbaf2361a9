"""The Tantivy index over parameters: one document per run, found by the terms of `terms.py`.

Fields: `run` is the run's number; `n` holds numbers and `s` strings by parameter token; `has` holds a
token for every path that exists, every sequence name and every value in a context; `words` the words of its
texts; `document` is a digest of all these, by which the index is compared with the state files.

The words that a run prints to its terminal or logs come in documents of their own, one whenever there are new ones:
their `run` is the number's complement, so that nothing else finds them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import orjson
import tantivy
from numpy.typing import NDArray

from runstone_writer.layout import is_link, open_file, read_file
from runstone_writer.mounts import may_vanish
from runstone_writer.state import RunState
from runstone_writer.values import decode

from . import terms
from .states import NO_DOCUMENT
from .words import terms_of, texts_of

WRITER_MEMORY = 64_000_000  # bytes; Tantivy wants at least 15 million a thread
COPY_ATTEMPTS = 5
_FOOTER_MAGIC = 1337
_LONGEST_META = 64 * 1024 * 1024  # bytes
_KINDS = ("fast", "fieldnorm", "idx", "pos", "store", "term")  # of the files of a segment

Documents = tuple[NDArray[np.int64], NDArray[np.int64]]
_LOCKS = (".tantivy-meta.lock", ".tantivy-writer.lock")


class DamagedParametersError(ValueError):
    """Tantivy's files are not (all) what was written. They are derived: make them anew."""


def schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    # integer, not unsigned: deleting by an unsigned term silently deletes nothing in tantivy-py 0.27.
    builder.add_integer_field("run", indexed=True, fast=True)
    builder.add_integer_field("document", fast=True)
    builder.add_json_field("n", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_json_field("s", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("has", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("words", tokenizer_name="raw", index_option="basic")
    return builder.build()


class Document(NamedTuple):
    """What the index has of a run. Two runs with equal digests have equal fields."""

    digest: int
    fields: dict[str, Any]


def document(state: RunState) -> Document | None:
    """Return the document of a run; None for one that no query may find."""
    if state.deleted or not state.known:
        return None
    numbers: dict[str, list[float]] = {}
    texts: dict[str, list[str]] = {}
    has: set[str] = set()
    for path, value in _leaves(state.params.tree(), ()):
        token = terms.param_token(path)
        has.add(token)
        if isinstance(value, str):
            texts.setdefault(token, []).append(terms.text_term(value))
        elif isinstance(value, int | float):
            number = terms.number_term(value)
            if number is not None:
                numbers.setdefault(token, []).append(number)
    for name, text in _properties(state):
        token = terms.property_token(name)
        has.add(token)
        texts.setdefault(token, []).append(terms.text_term(text))
    for sequence in state.sequences:
        has.update(_label_tokens(*sequence.identity[:2]))
    fields: dict[str, Any] = {"has": sorted(has), "words": sorted(terms_of(texts_of(state)))}
    if numbers:
        fields["n"] = numbers
    if texts:
        fields["s"] = texts
    data = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    digest = int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)
    return Document(digest or ~NO_DOCUMENT, fields)


@lru_cache(maxsize=4_096)
def _label_tokens(name: str, context: str) -> tuple[str, ...]:
    """Return the tokens of a sequence's identity: the runs of an experiment have the same sequences."""
    tokens = (terms.context_token(path, value) for path, value in _leaves(decode(orjson.loads(context)), ()))
    return (terms.sequence_token(name), *(token for token in tokens if token is not None))


def _properties(state: RunState) -> Iterator[tuple[str, str]]:
    yield "hash", state.run
    yield "name", state.name
    yield "experiment", state.experiment
    description = state.prop("description")
    if description is not None:
        yield "description", description
    for tag in state.tags:
        yield "tags", tag
    yield "archived", str(state.archived)


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield (path, value) for a value and everything inside its dictionaries; lists are leaves."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))


_SCHEMA = schema()


class ParameterWriter:
    """The one writer of the Tantivy index of an epoch."""

    def __init__(self, folder: str) -> None:
        """Open the index, or make it. Raises DamagedParametersError, and OSError if nothing can be written."""
        os.makedirs(folder, exist_ok=True)
        self._folder = folder
        for name in os.listdir(folder):
            if name.startswith(".tmp"):  # left by a killed writer, and Tantivy never removes them
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))
        _refuse_damaged(folder, set())
        with _panics_raised(folder):
            self._index = tantivy.Index(_SCHEMA, path=folder)
            self._index.config_reader("manual", 1)
            self._writer = self._index.writer(WRITER_MEMORY, 1)
            self._writer.garbage_collect_files()  # segments that a killed writer did not commit
        self._changed = False

    def put(self, run: int, found: Document | None, *, replaces: bool) -> None:
        """Set the document of a run; with `replaces` there is an older one."""
        with _failures_raised():
            if replaces:
                self._writer.delete_documents_by_term("run", run)
            if found is None:
                self._writer.delete_documents_by_term("run", ~run)
            else:
                fields = {"run": run, "document": found.digest, **found.fields}
                # from_dict: add_json is off by an ulp on some floats
                self._writer.add_document(tantivy.Document.from_dict(fields, _SCHEMA))
        self._changed = True

    def put_said(self, run: int, words: set[str]) -> None:
        """Add words that a run has printed to its terminal, or logged."""
        with _failures_raised():
            fields = {"run": ~run, "document": NO_DOCUMENT, "words": sorted(words)}
            self._writer.add_document(tantivy.Document.from_dict(fields, _SCHEMA))
        self._changed = True

    def commit(self) -> int:
        """Make everything that was put durable; return the stamp of the index, which only ever grows."""
        if self._changed:
            with _failures_raised():
                self._writer.commit()
            self._changed = False
        return stamp_of(self._folder)

    def documents(self) -> Documents:
        """Return the runs that have a document, and its digest."""
        with _panics_raised(self._folder):
            self._index.reload()
            return _documents(self._index.searcher())

    def close(self) -> None:
        """Finish merges and release Tantivy's lock. What was put and not committed is dropped."""
        self._writer.wait_merging_threads()


class ParameterReader:
    """A view of the Tantivy index of an epoch, as of the last `refresh`."""

    def __init__(self, folder: str) -> None:
        """Open the index. Raises DamagedParametersError if its files are not (all) there."""
        self.folder = folder
        self._forget_shadow: weakref.finalize[..., ParameterReader] | None = None
        self._shadow = ""  # where copies of its files are
        self._verified: set[str] = set()
        self._open()

    def _open(self) -> None:
        if may_vanish(self.folder):
            self._open_copy()
            return
        self.stamp = stamp_of(self.folder)  # before the index is opened: so that is at least as new
        try:
            self._load(self.folder)
        except DamagedParametersError:
            if os.access(self.folder, os.W_OK) and not _is_read_only(self.folder):
                raise
            self._open_shadow()

    def _open_copy(self) -> None:
        """Another host may remove Tantivy's files while they are mapped: open copies, of which each is made once."""
        if self._forget_shadow is None:
            self._shadow = self._new_shadow()
        for attempt in range(COPY_ATTEMPTS):
            try:
                self._copy_files()
                self.stamp = stamp_of(self._shadow)
                self._load(self._shadow)
            except (OSError, DamagedParametersError) as error:  # merged away in the meantime, as a rule
                if attempt == COPY_ATTEMPTS - 1:
                    raise DamagedParametersError(f"{self.folder}: {error}") from error
            else:
                return

    def _copy_files(self) -> None:
        with open(os.path.join(self.folder, "meta.json"), "rb") as file:
            meta = file.read()
        named, there = _files_of(self.folder, meta), set(os.listdir(self._shadow))
        for name in named - there:
            target = os.path.join(self._shadow, name)
            with contextlib.suppress(FileNotFoundError):  # not every segment has all kinds: Tantivy knows
                shutil.copyfile(os.path.join(self.folder, name), f"{target}.part")
                os.replace(f"{target}.part", target)
        with open(os.path.join(self._shadow, "meta.json"), "wb") as file:
            file.write(meta)
        for name in there - named:
            if not name.endswith((".json", ".lock")):
                os.unlink(os.path.join(self._shadow, name))

    def _new_shadow(self) -> str:
        shadow = tempfile.mkdtemp(prefix="runstone-")
        self._forget_shadow = weakref.finalize(self, shutil.rmtree, shadow, ignore_errors=True)
        return shadow

    def _open_shadow(self) -> None:
        """Tantivy makes a lock file to open an index: one on read-only media is opened through links to it."""
        if self._forget_shadow is not None:
            self._forget_shadow()
        shadow = self._new_shadow()
        for name in os.listdir(self.folder):
            source, target = os.path.join(self.folder, name), os.path.join(shadow, name)
            if name.endswith(".json"):
                shutil.copyfile(source, target)
            elif name not in _LOCKS:
                os.symlink(os.path.abspath(source), target)
        self._load(shadow)

    def _load(self, folder: str) -> None:
        _refuse_damaged(folder, self._verified)
        with _panics_raised(folder):
            self._index = tantivy.Index.open(folder)
            self._index.config_reader("manual", 1)  # otherwise it reloads by itself after each commit
            if self._index.schema != _SCHEMA:
                raise DamagedParametersError(f"{folder} has another schema")
            self._index.reload()
            self._searcher = self._index.searcher()

    @property
    def schema(self) -> tantivy.Schema:
        return self._index.schema

    def parse(self, text: str) -> tantivy.Query:
        """Return the query that `text` is in Tantivy's syntax, the only way to ask for a range in JSON."""
        return self._index.parse_query(text, ["has"])

    def refresh(self) -> None:
        """See what was committed since. Raises DamagedParametersError."""
        if self._forget_shadow is not None:
            self._open()
            return
        self.stamp = stamp_of(self.folder)
        _refuse_damaged(self.folder, self._verified)
        with _panics_raised(self.folder):
            self._index.reload()
            self._searcher = self._index.searcher()

    def documents(self) -> Documents:
        """Return the runs that have a document, and its digest."""
        with _panics_raised(self.folder):
            return _documents(self._searcher)

    @property
    def count(self) -> int:
        """How many runs have a document."""
        return int(self._searcher.num_docs)

    def with_word(self, term: str, limit: int) -> NDArray[np.int64] | None:
        """Return the numbers of the runs with a word in their texts or their terminals, sorted; see `search`."""
        query = tantivy.Query.term_query(self.schema, "words", term)
        found = self.search(query, limit)
        return None if found is None else np.unique(np.where(found < 0, ~found, found))

    def search(self, query: tantivy.Query, limit: int) -> NDArray[np.int64] | None:
        """Return the numbers of the runs that match.

        None if there are more than `limit`, or if Tantivy stumbles over damage in its files: then every
        run has to be looked at.
        """
        try:
            with _panics_raised(self.folder):
                result = self._searcher.search(query, limit=limit + 1, count=False)
                hits = result.hits
                if len(hits) > limit:
                    return None
                addresses = [address for _, address in hits]
                if not addresses:
                    return np.zeros(0, np.int64)
                return np.array(self._searcher.fast_field_values("run", addresses), dtype=np.int64)
        except DamagedParametersError:
            return None


def _documents(searcher: tantivy.Searcher) -> Documents:
    if not searcher.num_docs:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    hits = searcher.search(tantivy.Query.all_query(), limit=searcher.num_docs, count=False).hits
    addresses = [address for _, address in hits]
    columns = (searcher.fast_field_values(name, addresses) for name in ("run", "document"))
    runs, digests = (np.array(column, dtype=np.int64) for column in columns)
    return runs[runs >= 0], digests[runs >= 0]


@contextlib.contextmanager
def _panics_raised(folder: str) -> Iterator[None]:
    """Turn what Tantivy makes of damaged files into an error: ValueErrors, values that are not there, and
    panics, which no `except Exception` would stop.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise DamagedParametersError(f"{folder}: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise DamagedParametersError(f"{folder}: {error}") from None


@contextlib.contextmanager
def _failures_raised() -> Iterator[None]:
    """Tantivy makes ValueErrors of what the disk refuses."""
    try:
        yield
    except ValueError as error:
        raise OSError(f"Tantivy: {error}") from error


def stamp_of(folder: str) -> int:
    """Return the stamp of the last commit in a folder, -1 if it has none that can be read."""
    try:
        stamp: int = _meta(folder)["opstamp"]
    except (OSError, ValueError, KeyError, TypeError):
        return -1
    return stamp


def _meta(folder: str) -> Any:
    """Tantivy's own manifest."""
    return orjson.loads(read_file(os.path.join(folder, "meta.json"), _LONGEST_META))


def _files_of(folder: str, meta: bytes) -> set[str]:
    """Return the names that the files of a commit have. A listing of the folder may be older than the commit."""
    names = set()
    try:
        for segment in orjson.loads(meta)["segments"]:
            kinds = [*_KINDS, *([f"{segment['deletes']['opstamp']}.del"] if segment["deletes"] else [])]
            names |= {f"{segment['segment_id'].replace('-', '')}.{kind}" for kind in kinds}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedParametersError(f"{folder}/meta.json is not as it was written: {error!r}") from error
    return names


def _refuse_damaged(folder: str, verified: set[str]) -> None:
    """Tantivy must never meet damage: it aborts the whole process, or finds too little."""
    if is_link(folder):
        raise DamagedParametersError(f"{folder} is a symbolic link")
    damage = damaged_file(folder, verified)
    if damage is not None:
        raise DamagedParametersError(f"checksum mismatch in {damage}")


def damaged_file(folder: str, verified: set[str] | None = None) -> str | None:
    """Verify the checksums of the files of the last commit; return the path of the first bad one, or None.

    Files in `verified` are passed over, others are added, and those that are gone are forgotten. One that is missing
    is left to be found by Tantivy.
    """
    verified = set() if verified is None else verified
    try:
        segments = _meta(folder)["segments"]
        ids = {segment["segment_id"].replace("-", ""): segment["deletes"] for segment in segments}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return os.path.join(folder, "meta.json")
    there = sorted(os.listdir(folder))
    verified.intersection_update(there)
    for name in there:
        segment, _, kind = name.partition(".")
        if segment not in ids or name in verified:
            continue
        deletes = ids[segment]
        if kind.endswith("del") and (deletes is None or kind != f"{deletes['opstamp']}.del"):
            continue  # of an older commit
        try:
            if not _holds(os.path.join(folder, name)):
                return os.path.join(folder, name)
        except FileNotFoundError:  # merged away a moment ago
            continue
        verified.add(name)
    return None


def _holds(path: str) -> bool:
    """Each file ends in a footer: JSON with the CRC-32 of what stands before it, its length, a magic number."""
    with open(open_file(path), "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 8, 0))
        length, magic = (int.from_bytes(file.read(4), "little") for _ in range(2))
        body = end - 8 - length
        if magic != _FOOTER_MAGIC or body < 0:
            return False
        file.seek(body)
        try:
            expected = orjson.loads(file.read(length))["crc"]
        except (ValueError, KeyError, TypeError):
            return False
        file.seek(0)
        crc = 0
        while body:
            data = file.read(min(body, 1 << 20))
            if not data:
                return False
            crc, body = crc32(data, crc), body - len(data)
        return bool(crc == expected)


def _is_read_only(folder: str) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
