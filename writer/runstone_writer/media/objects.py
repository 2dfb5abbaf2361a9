"""Objects on their way into a log and out of it: what a point's value is, and what it is made into again."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..values import BLOB, decode, is_object
from .blob import StoredBlob
from .custom import BUILT_IN, CustomObject, class_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..layout import Layout
    from ..values import Marks
    from .blob import Blob

Encoded = tuple[str, Any, "list[Blob]"]  # type of the sequence, value of the point, blobs that it refers to


def encode_point(value: Any) -> Encoded | None:
    """Return what to log for an object or a list of objects; None for anything else.

    Raises UsageError for a list of several kinds.
    """
    blobs: list[Blob] = []
    if is_object(value):
        kind, state = value._state((), blobs)
        return kind, state, blobs
    if not isinstance(value, list | tuple) or not any(map(is_object, value)):
        return None
    states: list[Any] = []
    kinds: dict[str, None] = {}
    for item in value:
        if not is_object(item):
            raise UsageError(
                f"{item!r:.80} stands in a list of objects", hint="All of a list are of one kind."
            )
        kind, state = item._state((), blobs)
        kinds[kind] = None
        states.append(state)
    if len(kinds) > 1:
        raise UsageError(
            f"a list of {' and '.join(kinds)}: incompatible data types", hint="All of a list are of one kind."
        )
    return next(iter(kinds)), states, blobs


def restore_point(layout: Layout, kind: str, data: Any) -> Any:
    """Return the object, or the list of objects, that a point's value stands for. Reads no blob."""
    if isinstance(data, list):
        return [restore_point(layout, kind, item) for item in data]
    marks: Marks = {}
    state = decode(data, marks)
    if not isinstance(state, dict):
        return state  # somebody wrote it by hand
    return _object(layout, kind, state, marks)


def restore(layout: Layout, value: Any, marks: Marks) -> Any:
    """Return a copy of a decoded value in which dictionaries that are marked as objects are these objects."""
    if isinstance(value, list):
        return [restore(layout, item, marks) for item in value]
    if not isinstance(value, dict):
        return value
    mark = marks.get(id(value))
    if mark is None:
        return {key: restore(layout, item, marks) for key, item in value.items()}
    if mark[0] == BLOB:
        return StoredBlob(layout, value["blob"], value["size"])
    return _object(layout, mark[0], value, marks)


def _object(layout: Layout, kind: str, state: dict[Any, Any], marks: Marks) -> CustomObject:
    items = {key: restore(layout, item, marks) for key, item in state.items()}
    if kind not in BUILT_IN:
        return class_of(kind)._restored(kind, items)
    made: type[CustomObject] = getattr(import_module(f".{kind}", __package__), kind.capitalize())
    if isinstance(items.get("blob"), str):
        items["data"] = StoredBlob(layout, items.pop("blob"), items.pop("size", 0))
    if not all(name in items and is_sound(items[name]) for name, is_sound in FIELDS[kind].items()):
        made = CustomObject  # nothing that Runstone wrote: shown as it is
    return made._restored(kind, items)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int)


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(end, int | float) for end in value)


def _is_anything(value: Any) -> bool:
    return True


# What there is in the state of each kind (docs/format/log.md), next to the content, and what tells whether it is sound.
FIELDS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "image": {
        "caption": _is_text,
        "format": _is_text,
        "width": _is_whole,
        "height": _is_whole,
        "mode": _is_text,
        "source": _is_text,
        "data": _is_anything,
    },
    "audio": {
        "format": _is_text,
        "caption": _is_text,
        "rate": lambda value: value is None or _is_whole(value),
        "data": _is_anything,
    },
    "text": {"data": _is_anything},
    "distribution": {
        "bin_count": _is_whole,
        "range": _is_span,
        "dtype": _is_text,
        "data": _is_anything,
    },
    "figure": {"source": _is_text, "format": _is_text, "version": _is_text, "data": _is_anything},
}


def references(data: Any, kind: str = "") -> Iterator[tuple[str, int]]:
    """Yield (digest, size) of each blob that tagged JSON refers to; `kind` is that of a point's value."""
    if isinstance(data, list):
        for item in data:
            yield from references(item, kind)
    elif isinstance(data, dict):
        if kind in BUILT_IN and "blob" in data:
            yield data["blob"], data.get("size", 0)
        for tag, body in data.items():
            if tag == "$blob":
                yield body["blob"], body["size"]
            elif tag == "$object":
                yield from references(body[1], body[0])
            else:
                yield from references(body)


__all__ = ["FIELDS", "Encoded", "encode_point", "references", "restore", "restore_point"]
