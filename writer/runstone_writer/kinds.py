"""Kinds of values that JSON has no word for: dates, arrays, sets, ... (docs/parameters.md has the table).

Those that come back as what they were have a tag. Queries see a plain view of them: a number, a text or a
list, made without numpy. Others take a plain form when they are kept: a dataclass is a dictionary.
"""

from __future__ import annotations

import dataclasses
import os
import struct
import sys
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from functools import partial
from math import prod
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .errors import ValueTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

ARRAY_BYTES = 256 * 1024  # of the largest array that a parameter may be

_CODES = {
    "b1": "?", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
    "f2": "e", "f4": "f", "f8": "d", "c8": "ff", "c16": "dd",
}  # fmt: skip

Encode = Callable[[Any], Any]


class UnkeepableError(Exception):
    """A value is of no kind that can be kept; the text says why, if there is more to say."""


# -- writing -------------------------------------------------------------------------------------------


def plain_form(value: Any) -> Any:
    """Return what a value is kept as that does not come back as itself. Raises UnkeepableError for others."""
    if isinstance(value, Enum):
        return value.name if value.name is not None else value.value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    argparse = sys.modules.get("argparse")
    if isinstance(value, SimpleNamespace) or (argparse and isinstance(value, argparse.Namespace)):
        return dict(vars(value))
    if isinstance(value, Mapping):
        return dict(value)
    raise UnkeepableError


def tagged(value: Any, encode: Encode) -> Any:
    """Return a value of a kind that comes back as itself as tagged JSON. Raises UnkeepableError for others.

    `encode` is asked for what is inside of it.
    """
    kind = type(value)
    write = _WRITERS.get((kind.__module__, kind.__qualname__))
    if write is not None:
        return write(value, encode)
    array = _as_array(value)
    if array is None:
        raise UnkeepableError
    if array.ndim == 0 and array.dtype.kind == "c":
        return _write_complex(complex(array), encode)
    return {"$array": _array_body(array)}


def _write_datetime(value: datetime, _encode: Encode) -> Any:
    zone = getattr(value.tzinfo, "key", None)  # zoneinfo's; of another zone the offset is kept
    text = value.isoformat()
    if datetime.fromisoformat(text).utcoffset() != value.utcoffset():  # Python's own reading of it
        raise UnkeepableError(f"the offset of {text} is not a number of seconds")
    return {"$datetime": text + (f"[{zone}]" if zone else "")}


def _write_complex(value: complex, encode: Encode) -> Any:
    return {"$complex": [encode(value.real), encode(value.imag)]}


def _write_set(value: set[Any] | frozenset[Any], encode: Encode) -> Any:
    items = [encode(item) for item in value]
    for item in items:
        try:
            hash(exact(item))
        except TypeError:
            raise UnkeepableError("a set may hold texts, numbers and the like, no lists or tuples") from None
    return {"$set": sorted(items, key=repr)}  # always the same, so that equal sets are equal JSON


_WRITERS: dict[tuple[str, str], Callable[[Any, Encode], Any]] = {
    ("datetime", "datetime"): _write_datetime,
    ("datetime", "date"): lambda value, _: {"$date": value.isoformat()},
    ("datetime", "timedelta"): lambda value, encode: {"$timedelta": encode(value // timedelta(microseconds=1))},
    ("decimal", "Decimal"): lambda value, _: {"$decimal": str(value)},
    ("uuid", "UUID"): lambda value, _: {"$uuid": str(value)},
    ("builtins", "complex"): _write_complex,
    ("builtins", "range"): lambda value, encode: {"$range": list(map(encode, (value.start, value.stop, value.step)))},
    ("builtins", "set"): _write_set,
    ("builtins", "frozenset"): _write_set,
}  # fmt: skip


def _as_array(value: Any) -> Any:
    """Return an array of numpy, torch, jax or tensorflow as numpy's, or None."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.complexfloating):
        whole = type(value) is numpy.ndarray or isinstance(value, numpy.memmap | numpy.complexfloating)
        return numpy.asarray(value) if whole else None  # a masked array is more than its data
    if not all(hasattr(value, name) for name in ("shape", "dtype", "__array__")):
        return None
    library = type(value).__module__.partition(".")[0]
    try:
        if hasattr(value, "detach"):  # torch: a tensor may be on a GPU, and part of a graph
            return value.detach().cpu().numpy()
        if library in ("jax", "jaxlib", "tensorflow"):
            import numpy as np  # noqa: PLC0415 - these have loaded it already

            return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UnkeepableError(f"it cannot be turned into an array of numpy: {error}") from error
    return None


def _array_body(array: Any) -> list[Any]:
    dtype, shape = array.dtype.str, list(array.shape)
    if not _is_kept(dtype):
        raise UnkeepableError(f"an array of {array.dtype} cannot be kept")
    if max(array.nbytes, _spread(shape)) > ARRAY_BYTES:
        raise UnkeepableError(
            f"it has {array.nbytes:,} bytes, and a parameter may have {ARRAY_BYTES:,}: track it, or keep it as an "
            "artifact"
        )
    return [dtype, shape, b2a_base64(array.tobytes(), newline=False).decode()]


def _is_kept(dtype: str) -> bool:
    return (
        dtype[1:] in _CODES
        or (dtype[1:2] in ("U", "S") and dtype[2:].isdecimal())
        or dtype[1:3] in ("M8", "m8")
    )


def _spread(shape: list[int]) -> int:
    """Return how many lists and numbers an array takes: one of shape (10**9, 0) has no bytes."""
    return prod(max(length, 1) for length in shape)


# -- reading: the plain view -----------------------------------------------------------------------------


def _plain_decimal(text: str, *_: Any) -> Any:
    from decimal import Decimal  # noqa: PLC0415 - few runs have any

    number = Decimal(text)
    return str(number) if number.is_nan() else float(number)


def _plain_datetime(text: str, *_: Any) -> str:
    moment = text.partition("[")[0]
    datetime.fromisoformat(moment)
    return moment


def _plain_date(text: str, *_: Any) -> str:
    date.fromisoformat(text)
    return text


def _plain_uuid(text: str, *_: Any) -> str:
    return str(_exact_uuid(text))


def _plain_array(body: Any, *_: Any) -> Any:
    dtype, shape, raw = _checked_array(body)
    order, code = "<" if dtype[0] == "|" else dtype[0], dtype[1:]
    size = _item_size(dtype)
    if code[:1] in ("U", "S"):
        items: Sequence[Any] = [_text_of(raw[i : i + size], order, code) for i in range(0, len(raw), size)]
    elif code[:2] in ("M8", "m8"):
        items = struct.unpack(f"{order}{len(raw) // 8}q", raw)
    elif code[0] == "c":
        parts = struct.unpack(f"{order}{2 * len(raw) // size}{_CODES[code][0]}", raw)
        items = [str(complex(*pair)) for pair in zip(parts[::2], parts[1::2], strict=True)]
    else:
        items = struct.unpack(f"{order}{len(raw) // size}{_CODES[code]}", raw)
    return _nested(items, shape)


def _text_of(raw: bytes, order: str, code: str) -> str | bytes:
    if code[0] == "S":
        return raw.rstrip(b"\0")
    return raw.decode("utf-32-le" if order == "<" else "utf-32-be", "surrogatepass").rstrip("\0")


def _nested(items: Sequence[Any], shape: list[int]) -> Any:
    if not shape:
        return items[0]
    if len(shape) == 1:
        return list(items)
    step = prod(shape[1:])
    return [_nested(items[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def _checked_array(body: Any) -> tuple[str, list[int], bytes]:
    dtype, shape, text = body
    raw = a2b_base64(text)
    if any(type(length) is not int or length < 0 for length in shape) or _spread(shape) > ARRAY_BYTES:
        raise ValueError(f"an array of shape {shape!r:.80}")
    if dtype[:1] not in ("<", ">", "|") or not _is_kept(dtype) or len(raw) != prod(shape) * _item_size(dtype):
        raise ValueError(f"{len(raw)} bytes as an array of {dtype!r:.20}")
    return dtype, shape, raw


def _item_size(dtype: str) -> int:
    if dtype[1:2] == "U":
        return 4 * int(dtype[2:])
    return int(dtype[2:].partition("[")[0])


# -- reading: what was kept --------------------------------------------------------------------------------


def _exact_datetime(text: str) -> datetime:
    moment, _, zone = text.rstrip("]").partition("[")
    found = datetime.fromisoformat(moment)
    if zone:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few runs have any

        try:
            for fold in (0, 1):  # in the hour that comes twice in autumn, the offset tells which one it is
                there = found.replace(tzinfo=ZoneInfo(zone), fold=fold)
                if there.utcoffset() == found.utcoffset():
                    return there
        except (
            ZoneInfoNotFoundError,
            ValueError,
            OSError,
        ):  # not known here: the offset says the same moment
            pass
    return found


def _exact_decimal(text: str) -> Any:
    from decimal import Decimal  # noqa: PLC0415

    return Decimal(text)


def _exact_uuid(text: str) -> Any:
    from uuid import UUID  # noqa: PLC0415

    return UUID(text)


def _exact_array(body: Any) -> Any:
    import numpy as np  # noqa: PLC0415 - whoever kept an array has it

    dtype, shape, raw = _checked_array(body)
    return np.ndarray(shape, dtype, bytearray(raw)) if raw else np.zeros(shape, dtype)


def _exact_complex(body: Any) -> complex:
    real, imaginary = _numbers(body)
    return complex(float(real), float(imaginary))


def _numbers(items: list[Any]) -> list[Any]:
    return [exact(item) for item in items]


_EXACT: dict[str, Callable[[Any], Any]] = {
    "$datetime": _exact_datetime,
    "$date": date.fromisoformat,
    "$timedelta": lambda body: timedelta(microseconds=exact(body)),
    "$decimal": _exact_decimal,
    "$uuid": _exact_uuid,
    "$complex": _exact_complex,
    "$range": lambda body: range(*_numbers(body)),
    "$set": lambda body: {exact(item) for item in body},
    "$array": _exact_array,
}


def exact(data: Any, *marks: Any) -> Any:
    """Return what tagged JSON stands for: a date is a date again, an array an array of numpy.

    `marks` are passed on to `values.decode`.
    """
    from .values import decode  # noqa: PLC0415 - which has the plain views of this module

    if type(data) is dict:
        if len(data) == 1:
            tag, body = next(iter(data.items()))
            if tag in _EXACT:
                return _EXACT[tag](body)
            if tag == "$dict":
                return {decode(key): exact(item, *marks) for key, item in body}
            if tag[:1] == "$":
                return decode(data, *marks)
        return {key: exact(item, *marks) for key, item in data.items()}
    if type(data) is list:
        return [exact(item, *marks) for item in data]
    return data


def copied(value: Any) -> Any:
    """Return a value that shares nothing that can be changed with the one given."""
    kind = type(value)
    if kind is dict:
        return {key: copied(item) for key, item in value.items()}
    if kind is list:
        return [copied(item) for item in value]
    return value.copy() if kind is set or kind.__module__ == "numpy" else value


def has_kind(data: Any) -> bool:
    """Tell whether tagged JSON has a value in it that is something else in a plain view."""
    if type(data) is dict:
        return any(key in _EXACT or has_kind(item) for key, item in data.items())
    return type(data) is list and any(map(has_kind, data))


def refuse(shown: str, value: Any, why: str) -> ValueTypeError:
    """Return the error for a value that cannot be kept exactly, at a parameter's key."""
    kind = type(value)
    reason = f": {why}" if why else ""
    return ValueTypeError(
        f"parameter {shown} has a value of type {kind.__module__}.{kind.__qualname__}, which cannot be kept "
        f"exactly{reason}",
        hint="Convert it to numbers, strings, lists and dictionaries, or use run.set(key, value, strict=False) to "
        "keep its repr().",
    )


def _plain(read: Callable[[Any], Any], show: Callable[[Any], Any], body: Any, *_: Any) -> Any:
    return show(read(body))


# What a query sees. More arguments than the content of the tag are passed over.
PLAIN: dict[str, Callable[..., Any]] = {
    "$datetime": _plain_datetime,
    "$date": _plain_date,
    "$timedelta": partial(_plain, _EXACT["$timedelta"], timedelta.total_seconds),
    "$decimal": _plain_decimal,
    "$uuid": _plain_uuid,
    "$complex": partial(_plain, _EXACT["$complex"], str),
    "$range": partial(_plain, _EXACT["$range"], repr),
    "$set": lambda body, *_: [_plain_item(item) for item in body],
    "$array": _plain_array,
}


def _plain_item(data: Any) -> Any:
    from .values import decode  # noqa: PLC0415

    return decode(data)


__all__ = [
    "ARRAY_BYTES",
    "PLAIN",
    "UnkeepableError",
    "copied",
    "exact",
    "has_kind",
    "plain_form",
    "refuse",
    "tagged",
]
