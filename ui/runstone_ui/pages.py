"""The page: its files are listed once, so no path from outside ever reaches the file system."""

from __future__ import annotations

import html
import mimetypes
import os
import re
import secrets
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from runstone_writer.layout import is_safe_hash

from .headers import STREAM_WORKER, figure_policy, page_policy
from .notice import HTML, notice

ROUTES = (
    "/", "/runs", "/metrics", "/compare", "/images", "/audios", "/texts", "/figures", "/distributions", "/views",
)  # fmt: skip
# What stands in the built page where the base path goes, and the word by which a style, or a figure's script, is known.
BASE, NONCE = "/__BASE__/", "__NONCE__"
FOREVER = "public, max-age=31536000, immutable"
LARGEST = 64 * 1024 * 1024  # bytes of a file of the page

_RUN = "/run/"
_FIGURE = "/figure.html"
_FIGURE_SCRIPT = re.compile(r"/assets/figure-[A-Za-z0-9_-]+\.js")
_STREAM_WORKER = re.compile(r"/assets/streamWorker-[A-Za-z0-9_-]+\.js")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_REFUSED = re.compile(r";\s*q=0(?:\.0*)?\s*$")
_PACKED = {"br": ".br", "gzip": ".gz"}
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": HTML,
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}

_MISSING = notice(
    "Runstone is up, without its page",
    """The API works: <a href="{base}/api/project">{base}/api/project</a> says what is served, and
<a href="{base}/api/openapi.json">{base}/api/openapi.json</a> what else there is.""",
    """This is a source tree in which the page has not been built. <code>make page</code> builds it; that needs Node.js 20
or newer, with npm. Wheels carry the page.""",
)


class _File(NamedTuple):
    kind: str
    bodies: dict[str, bytes]  # by content coding; "" for none


class Pages:
    """What is served besides the API."""

    def __init__(self, folder: str, base_path: str) -> None:
        self._base_path = base_path
        self._files = dict(_listed(folder))
        self._document, self._figure = map(self._template, ("/index.html", _FIGURE))

    @property
    def is_built(self) -> bool:
        """Whether there is a page."""
        return bool(self._document)

    def is_page(self, path: str) -> bool:
        """Tell whether a path is that of a document."""
        return path in ROUTES or (path.startswith(_RUN) and is_safe_hash(path.removeprefix(_RUN)))

    def is_public(self, path: str) -> bool:
        """Tell whether a path is a part of the page, which says nothing of the repository."""
        return self.is_page(path) or path in self._files or (path == _FIGURE and bool(self._figure))

    def is_figure_script(self, path: str) -> bool:
        """Tell whether a path is that of the script which draws figures, in a frame that has no origin."""
        return path in self._files and _FIGURE_SCRIPT.fullmatch(path) is not None

    def answer(self, request: Request) -> Response | None:
        """Return the document or the file at a path; None if there is none."""
        path = request.scope["path"]
        if self.is_page(path):
            return self._page()
        if path == _FIGURE and self._figure:
            return self._frame()
        file = self._files.get(path)
        return None if file is None else _sent(file, path, request.headers.get("accept-encoding", ""))

    def lost(self) -> Response:
        """Return what somebody sees who has mistyped an address: the page says so."""
        found = self._page()
        found.status_code = 404
        return found

    def _page(self) -> Response:
        if not self.is_built:
            text, nonce = _MISSING.format(base=html.escape(self._base_path)), ""
        else:
            nonce = _new_nonce()
            text = self._document.replace(BASE, html.escape(f"{self._base_path}/")).replace(NONCE, nonce)
            nonce = nonce if NONCE in self._document else ""
        headers = {
            "content-security-policy": page_policy(nonce, has_base="<base " in self._document),
            "cache-control": "no-cache",
        }
        return Response(text, headers=headers, media_type=HTML)

    def _frame(self) -> Response:
        nonce = _new_nonce()
        headers = {
            "content-security-policy": figure_policy(nonce),
            "cache-control": "no-cache",
            "x-frame-options": "SAMEORIGIN",
        }
        return Response(self._figure.replace(NONCE, nonce), headers=headers, media_type=HTML)

    def _template(self, path: str) -> str:
        """Take a document in which something is filled in each time from among the files; empty if it is not there."""
        file = self._files.pop(path, None)
        return "" if file is None else file.bodies[""].decode()


def _new_nonce() -> str:
    return secrets.token_urlsafe(18)


def _sent(file: _File, path: str, accepted: str) -> Response:
    headers = {
        "cache-control": FOREVER if path.startswith("/assets/") else "no-cache",
        "vary": "accept-encoding",
        **_own_headers(path),
    }
    taken = {
        coding.partition(";")[0].strip() for coding in accepted.split(",") if not _REFUSED.search(coding)
    }
    for coding in (*_PACKED, ""):
        if coding in file.bodies and (not coding or coding in taken):
            if coding:
                headers["content-encoding"] = coding
            return Response(file.bodies[coding], headers=headers, media_type=file.kind)
    raise AssertionError("a file has its own bytes")


def _own_headers(path: str) -> dict[str, str]:
    """Return what the script of figures and the worker have in place of the headers of all replies."""
    if _FIGURE_SCRIPT.fullmatch(path):
        return {"cross-origin-resource-policy": "cross-origin"}  # what has no origin is of another site
    if _STREAM_WORKER.fullmatch(path):
        return {"content-security-policy": STREAM_WORKER}
    return {}


def _listed(folder: str) -> list[tuple[str, _File]]:
    """Read the files of a built page: whole, as there are few and they are small."""
    found: dict[str, bytes] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _NAME.fullmatch(name)]
        for name in names:
            path = os.path.join(place, name)
            if _NAME.fullmatch(name) and os.path.isfile(path) and os.path.getsize(path) <= LARGEST:
                with open(path, "rb") as file:
                    found["/" + os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
    packed = tuple(_PACKED.values())
    return [
        (path, _File(_type_of(path), {"": data, **_packed(found, path)}))
        for path, data in found.items()
        if not (path.endswith(packed) and path.rpartition(".")[0] in found)
    ]


def _packed(found: dict[str, bytes], path: str) -> dict[str, bytes]:
    return {coding: found[path + suffix] for coding, suffix in _PACKED.items() if path + suffix in found}


def _type_of(path: str) -> str:
    known = _TYPES.get(os.path.splitext(path)[1])
    return known or mimetypes.guess_type(path)[0] or "application/octet-stream"
