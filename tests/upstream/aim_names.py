"""A package `aim` that is Runstone under Aim's names, for tests and scripts that import Aim's modules one by one.

`install()` puts it into `sys.modules`. The table says which name of which module of Aim is what here.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

import runstone
from runstone_query.aimql import parse
from runstone_writer.system import Sampler

OBJECTS = "Audio Distribution Figure Image Text"
SEQUENCES = "Audios Distributions Figures Images Metric Texts"

# module of Aim: names that stand in `runstone`, or "module:name" where they stand elsewhere
MODULES = {
    "aim": f"Repo {OBJECTS} {SEQUENCES} {__name__}:Run",
    "aim.sdk": f"Repo {OBJECTS} {SEQUENCES} {__name__}:Run",
    "aim.sdk.configs": "runstone_writer.run:DEFAULT_SYSTEM_TRACKING_INTERVAL",
    "aim.sdk.errors": "MissingRunError",
    "aim.sdk.objects": OBJECTS,
    "aim.sdk.objects.artifact": "runstone_writer.artifacts:Artifact",
    "aim.sdk.objects.audio": "Audio",
    "aim.sdk.objects.distribution": "Distribution",
    "aim.sdk.objects.figure": "Figure",
    "aim.sdk.objects.image": "Image",
    "aim.sdk.objects.text": "Text",
    "aim.sdk.repo": f"Repo {__name__}:Run",
    "aim.sdk.run": f"{__name__}:Run",
    "aim.sdk.sequences": "",
    "aim.sdk.sequences.audio_sequence": "Audios",
    "aim.sdk.sequences.distribution_sequence": "Distributions",
    "aim.sdk.sequences.figure_sequence": "Figures",
    "aim.sdk.sequences.image_sequence": "Images",
    "aim.sdk.sequences.metric": "Metric",
    "aim.sdk.sequences.text_sequence": "Texts",
    "aim.sdk.types": "QueryReportMode",
    "aim.storage": "",
    "aim.storage.context": "Context",
    "aim.storage.object": "CustomObject",
    "aim.storage.query": f"{__name__}:syntax_error_check",
}

# What is inside of Aim and has no counterpart: a name of these modules may be imported, and raises when it is called.
ABSENT = (
    "aim.sdk.utils",
    "aim.storage.containertreeview",
    "aim.storage.hashing",
    "aim.storage.rockscontainer",
)


class Run(runstone.Run):
    """A Run with the inside attribute that Aim's own tests look at."""

    @property
    def _system_resource_tracker(self) -> Sampler | None:
        return next((extra for extra in self._extras if isinstance(extra, Sampler)), None)


def syntax_error_check(query: str) -> None:
    """Raise SyntaxError for what cannot be an expression, with Aim's idea of the place: inside of parentheses."""
    parse(f"({query})", "metric")


def install() -> None:
    """Make the modules, and put them where `import` finds them."""
    for module, names in MODULES.items():
        _add(module, {name.rpartition(":")[2]: _found(name) for name in names.split()})
    for module in ABSENT:
        _add(module, {"__getattr__": _absent})


def _found(name: str) -> Any:
    place, _, attribute = name.rpartition(":")
    return getattr(import_module(place or "runstone"), attribute)


def _add(name: str, content: dict[str, Any]) -> None:
    module = sys.modules[name] = ModuleType(name)
    module.__path__ = []
    vars(module).update(content)
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, module)


def _absent(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(f"Runstone has no {name}: it is inside of Aim")

    return missing
