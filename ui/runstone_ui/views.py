"""Saved views, as the API has them."""

from __future__ import annotations

from typing import Any

from runstone_writer.errors import UsageError
from runstone_writer.layout import Layout
from runstone_writer.views import Views


def listed(layout: Layout) -> dict[str, Any]:
    """Return all views."""
    return {"views": [view._asdict() for view in Views(layout).all()]}


def added(layout: Layout, asked: dict[str, Any]) -> dict[str, Any]:
    """Save a view."""
    return {"id": Views(layout).add(asked["name"], asked["address"])}


def changed(layout: Layout, view: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Change a view, or take it away. Raises MissingKeyError if there is none with that id."""
    if asked.get("deleted"):
        Views(layout).remove(view)
    elif "name" in asked or "address" in asked:
        Views(layout).change(view, name=asked.get("name"), address=asked.get("address"))
    else:
        raise UsageError("nothing is to be changed", hint="Give a name, an address, or deleted.")
    return {"id": view}
