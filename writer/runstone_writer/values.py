"""Values as JSON that reads back exactly: what docs/format/log.md calls *tagged JSON*.

JSON has no NaN, no infinities, no integers beyond 64 bits (in orjson), no bytes and only string keys.
Those become an object with the single key ``$...``; an object that could be mistaken for one is
written as a list of pairs. Everything else is plain JSON.

An object (an image, ...) is written as its kind and its state, with large contents in blobs beside the logs.
Read back it is the dictionary of its state, which is all that a query may see; whoever wants the object
itself asks `decode` for marks, and `media.restoring` for the object.
"""

from __future__ import annotations

import math
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from . import kinds
from .errors import UsageError, ValueTypeError

if TYPE_CHECKING:
    from .media.blob import Blob

Key = tuple[str | int, ...]
LONGEST_KEY = 250  # parts: what is nested deeper than Python can follow is in nobody's parameters
# By the id of a decoded dictionary: the kind of the object that it is the state of, and the dictionary itself
# (as long as that lives, nothing else has its id).
Marks = dict[int, tuple[str, dict[Any, Any]]]
BLOB = "$blob"  # in place of a kind: bytes that a blob holds

_INT_LOW, _INT_HIGH = -(2**63), 2**64 - 1
_DEPTH_LIMIT = 100  # orjson itself gives up at 255


def encode(value: Any, path: Key = (), strict: bool = True, blobs: list[Blob] | None = None) -> Any:
    """Return `value` as tagged JSON, or raise ValueTypeError naming the `path` to what cannot be kept.

    With ``strict=False`` such a part is kept as its ``repr``. Objects are taken only where `blobs` is given:
    the blobs that the JSON refers to are added to it.
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _encode_str(value)
    if kind is float:
        return value if value - value == 0.0 else {"$float": repr(value)}
    if kind is bool or value is None:
        return value
    if kind is int:
        return value if _INT_LOW <= value <= _INT_HIGH else {"$int": hex(value)}
    if len(path) > _DEPTH_LIMIT:
        raise UsageError(
            f"parameter {show_key(path[:4])}... is nested more than {_DEPTH_LIMIT} levels deep",
            hint="Flatten it, or keep it as text.",
        )
    if kind is dict:
        return _encode_dict(value, path, strict, blobs)
    if kind is list or kind is tuple:
        return [encode(item, (*path, i), strict, blobs) for i, item in enumerate(value)]
    return _encode_other(value, path, strict, blobs)


def decode(data: Any, marks: Marks | None = None) -> Any:
    """Return the value that `encode` made `data` from (a tuple comes back as a list).

    Of an object it is the dictionary of its state, noted in `marks`.
    """
    if type(data) is dict:
        if len(data) == 1:
            tag, body = next(iter(data.items()))
            if tag[:1] == "$":
                return _DECODERS[tag](body, marks)
        return {key: decode(item, marks) for key, item in data.items()}
    if type(data) is list:
        return [decode(item, marks) for item in data]
    return data


def normal_key(key: Any) -> Key:
    """Return a parameter key as a path: ``"a"`` is ``("a",)``, ``("a", "b")`` is itself, ``...`` is ``()``.

    Raises UsageError for a key that is neither a string nor an integer, or of more than LONGEST_KEY parts.
    """
    if key is Ellipsis:
        return ()
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) > LONGEST_KEY:
        raise UsageError(
            f"a parameter key has at most {LONGEST_KEY} parts, not {len(parts):,}",
            hint="Keep what is nested deeper as text, or as a file.",
        )
    for part in parts:
        if type(part) is not str and type(part) is not int:
            raise UsageError(
                f"parameter keys are strings or integers, not {type(part).__name__}: {part!r}",
                hint='Write run["name"], or run["a", "b"] for a nested one.',
            )
    return parts


def show_key(key: Key) -> str:
    """Return a key the way that one would write it: ``hparams.lr``, ``hparams['a b']``, ``layers[0]``."""
    text = ""
    for part in key:
        if isinstance(part, str) and part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text or "..."


def _encode_str(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates: valid in Python, refused by UTF-8
        return {"$str": _base64(value.encode("utf-8", "surrogatepass"))}
    return value


def _base64(data: bytes | bytearray) -> str:
    return b2a_base64(data, newline=False).decode()


def _encode_dict(value: dict[Any, Any], path: Key, strict: bool, blobs: list[Blob] | None) -> Any:
    plain = True
    encoded: dict[str | int, Any] = {}
    for given, item in value.items():
        key = given
        if type(key) is str:
            plain = plain and key[:1] != "$" and (key.isascii() or type(_encode_str(key)) is str)
        elif type(key) is int:
            plain = False
        else:
            key = repr(key)
        if type(given) is not type(key) and (strict or key in value):
            raise ValueTypeError(
                f"parameter {show_key(path)} has a key of type {type(given).__name__}: {given!r}",
                hint="Keys are strings or integers.",
            )
        encoded[key] = encode(item, (*path, key), strict, blobs)
    if plain:
        return encoded
    return {"$dict": [[encode(key), item] for key, item in encoded.items()]}


def _encode_other(value: Any, path: Key, strict: bool, blobs: list[Blob] | None) -> Any:
    """Subclasses of the plain types, numpy and torch scalars, objects, OmegaConf, and what cannot be kept."""
    if isinstance(value, bytes | bytearray):
        return {"$bytes": _base64(value)}
    if isinstance(value, str):
        return encode(str.__str__(value))
    if isinstance(value, int):
        return encode(int(value))
    if isinstance(value, float):
        return encode(float(value))
    if isinstance(value, dict):
        return _encode_dict(value, path, strict, blobs)
    if isinstance(value, list | tuple):
        return encode(list(value), path, strict, blobs)
    if blobs is not None and is_object(value):
        kind, state = value._state(path, blobs)
        return {"$object": [kind, state]}
    number = (
        as_number(value) if getattr(value, "ndim", 0) == 0 else None
    )  # an array would come back as a number
    if number is not None:
        return encode(number, path, strict)
    container = getattr(value, "_content", None)
    if container is not None and type(value).__module__.startswith("omegaconf"):
        from omegaconf import OmegaConf  # noqa: PLC0415 - only where the caller has it already

        return encode(OmegaConf.to_container(value, resolve=True), path, strict, blobs)
    return _encode_kind(value, path, strict, blobs)


def _encode_kind(value: Any, path: Key, strict: bool, blobs: list[Blob] | None) -> Any:
    try:
        return kinds.tagged(value, partial(encode, path=path))
    except (kinds.UnkeepableError, ValueTypeError) as error:
        why = "" if isinstance(error, ValueTypeError) else str(error)
    try:
        form = kinds.plain_form(value)
    except kinds.UnkeepableError:
        if not strict:
            return encode(repr(value))
        raise kinds.refuse(show_key(path), value, why) from None
    return encode(form, path, strict, blobs)


def as_number(value: Any) -> int | float | None:
    """Return a numpy, torch or similar scalar (also an array of one element) as a Python number, or None."""
    item: Callable[[], Any] | None = getattr(value, "item", None)
    if item is None or isinstance(value, str | bytes):
        return None
    if getattr(getattr(value, "dtype", None), "kind", "f") not in "biuf":  # numpy's dates give nanoseconds
        return None
    try:
        number = item()
    except (
        ValueError,
        TypeError,
        RuntimeError,
    ):  # more than one element: numpy and torch raise different ones
        return None
    if isinstance(number, bool):
        return bool(number)
    return number if isinstance(number, int | float) else None


def is_object(value: Any) -> bool:
    """Tell whether a value is an Image or another CustomObject, without loading what these need."""
    return hasattr(type(value), "_state") and hasattr(type(value), "AIM_NAME")


def _decode_float(text: str) -> float:
    return math.nan if text == "nan" else float(text)


def _decode_object(body: Any, marks: Marks | None) -> dict[Any, Any]:
    kind, data = body
    state = decode(data, marks)
    if type(kind) is not str or type(state) is not dict:
        raise TypeError(f"{body!r:.80} is no object")
    if marks is not None:
        marks[id(state)] = kind, state
    return state


def _decode_blob(body: Any, marks: Marks | None) -> dict[Any, Any]:
    return _decode_object([BLOB, {"blob": body["blob"], "size": body["size"]}], marks)


_DECODERS: dict[str, Callable[[Any, Marks | None], Any]] = {
    "$float": lambda text, _: _decode_float(text),
    "$int": lambda text, _: int(text, 16),
    "$str": lambda text, _: a2b_base64(text).decode("utf-8", "surrogatepass"),
    "$bytes": lambda text, _: a2b_base64(text),
    "$dict": lambda pairs, marks: {decode(key): decode(item, marks) for key, item in pairs},
    "$object": _decode_object,
    "$blob": _decode_blob,
    **kinds.PLAIN,
}
TAGS = tuple(_DECODERS)
