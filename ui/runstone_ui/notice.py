"""A notice: a page of a few words, for when there is no other to show."""

from __future__ import annotations

HTML = "text/html; charset=utf-8"

_FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Runstone</title>
<h1>{heading}</h1>
{paragraphs}
</html>
"""


def notice(heading: str, *paragraphs: str) -> str:
    """Return a document; what is given is HTML."""
    return _FRAME.format(heading=heading, paragraphs="\n".join(f"<p>{text}</p>" for text in paragraphs))
