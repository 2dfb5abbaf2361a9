"""`CustomObject`: the base of everything that can be tracked besides numbers, and of classes of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, ClassVar, Self, TypeVar

from ..errors import UsageError, ValueTypeError
from ..kinds import has_kind, refuse
from ..values import Key, encode
from .blob import Blob, MemoryBlob, is_blob

INLINE_LIMIT = 16 * 1024  # bytes; what is longer is kept in a blob and not in the log
BUILT_IN = ("image", "audio", "text", "distribution", "figure")  # "aim.image" is their AIM_NAME
RESERVED = ("number", "log_line", "log_record", *BUILT_IN)

_classes: dict[str, type[CustomObject]] = {}
_Class = TypeVar("_Class", bound="type[CustomObject]")


class Storage(MutableMapping[str | int, Any]):
    """The state of an object: a dictionary of numbers, strings, bytes, lists, dictionaries and other objects.

    Long bytes are kept in a blob, and read when they are asked for. A value that cannot be kept raises
    ValueTypeError when it is set.
    """

    def __init__(self) -> None:
        self._items: dict[str | int, Any] = {}

    def __getitem__(self, key: str | int) -> Any:
        value = self._items[key]
        return value.read() if is_blob(value) else value

    def __setitem__(self, key: str | int, value: Any) -> None:
        if type(key) is not str and type(key) is not int:
            raise ValueTypeError(f"the keys of an object's storage are strings or integers, not {key!r}")
        if isinstance(value, bytes | bytearray | memoryview):
            data = bytes(value)
            value = data if len(data) <= INLINE_LIMIT else MemoryBlob(data)
        elif not is_blob(value) and has_kind(encode(value, (key,), blobs=[])):
            raise refuse(repr(key), value, "an object holds texts, numbers, bytes, lists and dictionaries")
        self._items[key] = value

    def __delitem__(self, key: str | int) -> None:
        del self._items[key]

    def __iter__(self) -> Iterator[str | int]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"<Storage {list(self._items)}>"

    def raw(self, key: str | int, default: Any = None) -> Any:
        """Return what is kept under a key without reading a blob: that itself."""
        return self._items.get(key, default)

    def encoded(self, path: Key, blobs: list[Blob]) -> dict[str, Any]:
        """Return everything as tagged JSON; `blobs` gets what that refers to."""
        content = {key: item for key, item in self._items.items() if is_blob(item)}
        data: dict[str, Any] = encode({**self._items, **dict.fromkeys(content)}, path, blobs=blobs)
        for place, key in enumerate(self._items):
            if key in content:
                found = {"$blob": reference(content[key])}
                if "$dict" in data:
                    data["$dict"][place][1] = found
                else:
                    data[str(key)] = found
        blobs.extend(content.values())
        return data


class CustomObject:
    """An object that can be tracked, and kept as a parameter. Its state lives in ``storage``.

    Make classes of your own from it::

        @CustomObject.alias("mylab.molecule")
        class Molecule(CustomObject):
            def __init__(self, smiles):
                super().__init__()
                self.storage["smiles"] = smiles

    ``storage`` is a dictionary of numbers, strings, bytes, lists, dictionaries and other objects. On reading
    the object is made without a call of ``__init__`` and given its storage. Where its class is not known, a
    plain CustomObject stands for it.
    """

    AIM_NAME: ClassVar[str] = ""
    storage: Storage

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Give every object a storage, also where a subclass forgets ``super().__init__()``."""
        del args, kwargs
        made = super().__new__(cls)
        made.storage = Storage()
        return made

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "AIM_NAME" in cls.__dict__:
            _register(cls, cls.AIM_NAME)

    @classmethod
    def alias(cls, name: str, exist_ok: bool = False) -> Callable[[_Class], _Class]:
        """Return a decorator that registers a class under `name`, which logs then speak of.

        Raises UsageError if another class has that name, unless `exist_ok`.
        """

        def register(made: _Class) -> _Class:
            _register(made, name, exist_ok)
            made.AIM_NAME = name
            return made

        return register

    def json(self) -> dict[str | int, Any]:
        """Return what there is to know of the object without its contents: here, all of its storage."""
        return dict(self.storage)

    def __eq__(self, other: object) -> bool:
        """Whether the other is of the same kind and has the same state."""
        if not isinstance(other, CustomObject):
            return NotImplemented
        mine, others = self._state((), []), other._state((), [])
        return mine == others

    __hash__ = None  # type: ignore[assignment] # it can be changed until it is tracked

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._kind()}>"

    # -- inside ----------------------------------------------------------------------------------------

    def _kind(self) -> str:
        """Return the type that sequences of such objects have in a log."""
        kind = self.AIM_NAME.removeprefix("aim.")
        if not kind:
            raise UsageError(
                f"the class {type(self).__qualname__} has no name that a log could speak of",
                hint='Decorate it: @CustomObject.alias("mylab.something").',
            )
        return kind if kind in BUILT_IN else self.AIM_NAME

    def _state(self, path: Key, blobs: list[Blob]) -> tuple[str, Any]:
        """Return the kind, and the state as tagged JSON; `blobs` gets the blobs that it refers to."""
        return self._kind(), self.storage.encoded(path, blobs)

    @classmethod
    def _restored(cls, kind: str, state: dict[str | int, Any]) -> Self:
        made = cls.__new__(cls)
        if not cls.AIM_NAME:
            made.AIM_NAME = kind  # type: ignore[misc] # so that it may be tracked again
        made.storage._items = state
        return made


class Content(CustomObject):
    """The base of the kinds that Runstone knows: the content stands under "data", in the log or in a blob."""

    def __init__(self, data: Any, **state: Any) -> None:
        super().__init__()
        self.storage._items.update(state, data=data)

    def _state(self, path: Key, blobs: list[Blob]) -> tuple[str, Any]:
        state = dict(self.storage._items)
        data = state["data"]
        if not is_blob(data):
            return self._kind(), encode(state, path)
        blobs.append(data)
        del state["data"]
        return self._kind(), encode(state, path) | reference(data)

    @property
    def _blob(self) -> Blob:
        data: Blob = self.storage.raw("data")
        return data


def reference(blob: Blob) -> dict[str, Any]:
    """Return how a log refers to a blob."""
    return {"blob": blob.digest, "size": blob.size}


def class_of(name: str) -> type[CustomObject]:
    """Return the class that was registered under a name; CustomObject itself if none was."""
    return _classes.get(name, CustomObject)


def _register(made: type[CustomObject], name: str, exist_ok: bool = False) -> None:
    if not isinstance(name, str) or not name or name in RESERVED:
        raise UsageError(
            f"a class of objects cannot be called {name!r}", hint='Take a name such as "mylab.molecule".'
        )
    known = _classes.get(name)
    same = known is None or (known.__module__, known.__qualname__) == (made.__module__, made.__qualname__)
    if not (same or exist_ok):
        raise UsageError(
            f"the name {name!r} belongs to {known!r} already", hint="Take another, or give exist_ok=True."
        )
    _classes[name] = made
