"""The Tantivy index over parameters: one document per run, found by the terms of `terms.py`.

Fields: `run` is the run's number; `n` holds numbers and `s` strings by parameter token; `has` holds a
token for every path that exists, every sequence name and every value in a context.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray

from runstone_writer.state import RunState
from runstone_writer.values import decode

from . import terms

WRITER_MEMORY = 64_000_000  # bytes; Tantivy wants at least 15 million a thread
PROPERTIES = ("name", "experiment", "description", "hash")


def schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    # integer, not unsigned: deleting by an unsigned term silently deletes nothing in tantivy-py 0.27.
    builder.add_integer_field("run", indexed=True, fast=True)
    builder.add_json_field("n", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_json_field("s", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("has", tokenizer_name="raw", index_option="basic")
    return builder.build()


def document(run: int, state: RunState) -> tantivy.Document:
    """Return the document of a run. Made with from_dict: add_json is off by an ulp on some floats."""
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
        has.add(terms.sequence_token(sequence.name))
        for path, value in _leaves(decode(sequence.context), ()):
            context = terms.context_token(path, value)
            if context is not None:
                has.add(context)
    fields: dict[str, Any] = {"run": run, "has": sorted(has)}
    if numbers:
        fields["n"] = numbers
    if texts:
        fields["s"] = texts
    return tantivy.Document.from_dict(fields, _SCHEMA)


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
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            if name.startswith(".tmp"):  # left by a killed writer, and Tantivy never removes them
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))
        self._index = tantivy.Index(_SCHEMA, path=folder)
        self._writer = self._index.writer(WRITER_MEMORY, 1)
        self._changed = False

    def put(self, run: int, state: RunState, *, known: bool) -> None:
        """Replace the document of a run (or add it, if it is not `known` yet)."""
        if known:
            self._writer.delete_documents_by_term("run", run)
        if not state.deleted and state.known:
            self._writer.add_document(document(run, state))
        self._changed = True

    def commit(self) -> None:
        if self._changed:
            self._writer.commit()
            self._changed = False

    def close(self) -> None:
        """Finish merges and release Tantivy's lock."""
        self._writer.wait_merging_threads()


class ParameterReader:
    """A view of the Tantivy index of an epoch, as of the last `refresh`."""

    def __init__(self, folder: str) -> None:
        """Open the index. Raises ValueError if its files are not (all) there."""
        self._shadow: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._index = tantivy.Index.open(folder)
            self.refresh()
        except ValueError:
            if os.access(folder, os.W_OK) and not _is_read_only(folder):
                raise
            self._shadow = _shadow_of(folder)
            self._index = tantivy.Index.open(self._shadow.name)
            self.refresh()

    @property
    def schema(self) -> tantivy.Schema:
        return self._index.schema

    def parse(self, text: str) -> tantivy.Query:
        """Return the query that `text` is in Tantivy's syntax, the only way to ask for a range in JSON."""
        return self._index.parse_query(text, ["has"])

    def refresh(self) -> None:
        self._index.reload()
        self._searcher = self._index.searcher()

    @property
    def count(self) -> int:
        """How many runs have a document."""
        return int(self._searcher.num_docs)

    def search(self, query: tantivy.Query, limit: int) -> NDArray[np.int64] | None:
        """Return the numbers of the runs that match, or None if there are more than `limit`."""
        result = self._searcher.search(query, limit=limit + 1, count=False)
        hits = result.hits
        if len(hits) > limit:
            return None
        addresses = [address for _, address in hits]
        if not addresses:
            return np.zeros(0, np.int64)
        return np.array(self._searcher.fast_field_values("run", addresses), dtype=np.int64)


def _is_read_only(folder: str) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _shadow_of(folder: str) -> tempfile.TemporaryDirectory[str]:
    """Tantivy makes a lock file to open an index, so one on read-only media is opened through links to it."""
    shadow = tempfile.TemporaryDirectory(prefix="runstone-")
    for name in os.listdir(folder):
        source, target = os.path.join(folder, name), os.path.join(shadow.name, name)
        if name.endswith(".json"):
            shutil.copyfile(source, target)
        elif not name.endswith(".lock"):
            os.symlink(os.path.abspath(source), target)
    return shadow
